"""One run of a sweep between real ranks."""

from aspis_mpi import load_run, simulate
from aspis_mpi.sweep.states import look
from tests.support.sweep_files import SWEEP, parameters_of, sweep_in


def test_ranks_do_one_run_of_a_sweep(mpi, launch, folder):
    """Once; and a changed job is refused by all of them, in one line."""
    path, sweep = sweep_in(folder)
    run = sweep.run(3)
    words = 'sweep', path, '--index', '3', '--out', run.folder
    ended = launch(mpi, 6, *words)
    assert ended.code == 0, ended.err
    assert look(run).word == 'done'
    with load_run(run.log) as log:
        assert log.attrs['clock'] == 'wall' and len(log.attrs['hosts']) == 6
    ours = parameters_of(run)

    ended = launch(mpi, 6, *words)
    assert (ended.code, ended.lines) == (0, [f'aspis_mpi: {run.title}: done'])

    sweep_in(folder, SWEEP.replace('"reversed"}', '"constant"}'))
    ended = launch(mpi, 6, *words)
    assert ended.code == 2
    line, = ended.lines
    assert "adversary.value = 'constant'" in line and '--fresh' in line

    assert simulate(run.record, out=run.log, overwrite=True)[0] == 0
    assert parameters_of(run) == ours
