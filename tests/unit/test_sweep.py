"""A sweep's records and states, one run of it, and its list."""

import shutil

import pytest

from aspis_mpi import load_run
from aspis_mpi.__main__ import main
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.backends import launcher
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.runlog.claims import Claim
from aspis_mpi.sweep import records, states
from aspis_mpi.sweep.reading import load
from aspis_mpi.sweep.states import look
from tests.support.sweep_files import NAMES, SWEEP, sweep_in

#: One of which the server gives up: nobody's values can be used.
HOPELESS = SWEEP.replace('adversary.count = 1, adversary.value = "reversed"',
                         'adversary.count = 5, adversary.value = "nan"')


@pytest.fixture(autouse=True)
def outside(monkeypatch, tmp_path):
    """No launcher around, and an empty folder."""
    for name in (*sum(launcher.VARIABLES, ()), 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def command(path, *words):
    """The exit code of `sweep` for the runs in the folder `runs`."""
    return main(['sweep', str(path), '--out', 'runs', *words])


def words_of(sweep):
    return {run.name: look(run).word for run in sweep.runs}


def test_one_run_by_its_number(tmp_path):
    path, sweep = sweep_in(tmp_path)
    assert command(path, '--index', '3') == 0
    with load_run(sweep.run(3).log) as log:
        assert log.attrs['clock'] == 'virtual' and log.n_steps == 4
        assert log.option('adversary', 'value') == 'reversed'
    assert words_of(sweep) == dict.fromkeys(NAMES, 'missing') | {
        'aspis-reversed-1': 'done'}


def test_every_job_is_recorded_before_the_first_is_run(tmp_path):
    path, sweep = sweep_in(tmp_path)
    assert command(path, '--index', '3') == 0
    for run in sweep.runs:
        assert loading.load(run.record).tables() == run.job.tables()
    assert [run.name for run in load('runs/sweep.toml').runs] == NAMES
    assert not list((tmp_path / 'runs').glob('.*'))


def test_a_record_is_a_job_that_goes_on_by_hand(tmp_path):
    path, sweep = sweep_in(tmp_path)
    run = sweep.run(1)
    records.submit(sweep)
    assert main(['simulate', str(run.record), '--out', str(run.log)]) == 0
    assert look(run).word == 'done'


def test_what_is_done_is_not_done_again(tmp_path, capsys):
    path, sweep = sweep_in(tmp_path)
    assert command(path, '--index', '1') == 0
    before = sweep.run(1).log.stat()
    capsys.readouterr()
    assert command(path, '--index', '1') == 0
    assert sweep.run(1).log.stat() == before
    assert capsys.readouterr().err == f'aspis_mpi: {path}: {NAMES[0]}: done\n'


@pytest.mark.parametrize('number', ['0', '8'])
def test_a_number_of_no_run_is_refused(tmp_path, capsys, number):
    path, _ = sweep_in(tmp_path)
    try:
        code = command(path, '--index', number)
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert 'must be' in capsys.readouterr().err


def test_the_list_tells_how_far_each_run_is(tmp_path, capsys):
    path, sweep = sweep_in(tmp_path)
    assert command(path, '--index', '1') == command(path, '--index', '2') == 0
    # Killed when the log was whole and the model was not there yet.
    sweep.run(2).model.unlink()
    capsys.readouterr()
    assert command(path, '--list') == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ['1', NAMES[0], 'done'],
        ['2', NAMES[1], 'partial,', '4', 'of', '4', 'steps'],
        ['3', NAMES[2], 'missing']]
    assert lines[-1] == '7 runs in runs: 1 done, 1 partial, 5 missing'


def test_the_list_alone_writes_nothing(tmp_path):
    path, _ = sweep_in(tmp_path)
    assert command(path, '--list') == 0
    assert not (tmp_path / 'runs').exists()


def test_a_log_without_its_last_steps_is_partial(tmp_path):
    path, sweep = sweep_in(tmp_path, SWEEP.replace('steps = 4', 'steps = 9'))
    run = sweep.run(1)
    short = loading.load(_recorded(sweep, run), ['run.steps=6'])
    assert simulate(short, out=run.log)[0] == 0
    # The same log as if it had been asked for nine.
    _pretend(run, 'steps = 6', 'steps = 9')
    state = look(run)
    assert (state.word, state.steps, state.of) == ('partial', 6, 9)
    assert command(path, '--index', '1') == 0
    assert look(run).word == 'done'


def _recorded(sweep, run):
    records.submit(sweep)
    return run.record


def _pretend(run, before, after):
    """Change the job that a log says it is of."""
    h5py = pytest.importorskip('h5py')
    with h5py.File(run.log, 'r+') as file:
        assert before in file.attrs['config']
        file.attrs['config'] = file.attrs['config'].replace(before, after)


def test_a_run_that_the_server_gives_up_has_failed(tmp_path, capsys):
    path, sweep = sweep_in(tmp_path, HOPELESS.replace('steps = 4',
                                                      'steps = 99'))
    number = 1 + NAMES.index('plain-reversed-1')
    assert command(path, '--index', str(number)) == 3
    state = look(sweep.run(number))
    assert state.word == states.FAILED and 'in a row' in state.reason
    # It would fail again, and is left as it is.
    before = sweep.run(number).log.stat()
    capsys.readouterr()
    assert command(path, '--index', str(number)) == 3
    assert 'failed' in capsys.readouterr().err
    assert sweep.run(number).log.stat() == before


# --- a changed job under an old name -----------------------------------

@pytest.fixture
def changed(tmp_path):
    """A sweep of which one run is done, and is another one by now."""
    path, _ = sweep_in(tmp_path)
    assert command(path, '--index', '3') == 0
    return sweep_in(tmp_path, SWEEP.replace('"reversed"}', '"constant"}'))


def test_a_changed_job_is_refused_and_said_how(changed, capsys):
    path, sweep = changed
    for words in (), ('--jobs', '2'), ('--index', '3'):
        with pytest.raises(JobError) as raised:
            records.refuse_changed(sweep.runs)
        capsys.readouterr()
        assert command(path, *words) == 2
        line, = capsys.readouterr().err.splitlines()
        assert line.startswith(
            f"aspis_mpi: {path}: {NAMES[2]}: adversary.value = 'constant', "
            f"but runs/{NAMES[2]}.toml has 'reversed'")
        assert '--fresh' in line and '--out' in line
    assert '(2 other runs have changed, too)' in str(raised.value)
    assert words_of(sweep)[NAMES[2]] == states.CHANGED


def test_what_has_not_changed_can_still_be_run(changed):
    path, sweep = changed
    assert command(path, '--index', '1') == 0
    assert words_of(sweep)[NAMES[0]] == states.DONE


def test_a_log_without_a_record_counts_as_well(changed):
    path, sweep = changed
    for run in sweep.runs:
        run.record.unlink()
    assert words_of(sweep)[NAMES[2]] == states.CHANGED
    assert words_of(sweep)[NAMES[3]] == states.MISSING
    assert command(path) == 2


def test_a_run_is_forgotten_where_it_is_asked_for(changed):
    path, sweep = changed
    kept = sweep.run(1)
    assert command(path, '--index', '1') == 0
    assert command(path, '--list', '--fresh', '*-reversed-*') == 0
    assert set(words_of(sweep).values()) == {'missing', 'done'}
    assert look(kept).word == 'done'
    assert not list(sweep.folder.glob('*reversed*'))
    assert command(path, '--index', '3') == 0


def test_a_name_of_no_run_cannot_be_forgotten(tmp_path, capsys):
    path, _ = sweep_in(tmp_path)
    assert command(path, '--fresh', 'aspis-none-4') == 2
    assert 'there is no such run; did you mean' in capsys.readouterr().err


def test_what_is_being_run_is_not_forgotten(tmp_path, capsys):
    path, sweep = sweep_in(tmp_path)
    assert command(path, '--index', '1') == 0
    held = Claim(sweep.run(1).log, again=True)
    try:
        assert command(path, '--list', '--fresh', NAMES[0]) == 2
        assert 'still running' in capsys.readouterr().err
        # Nor is it run by two.
        sweep.run(1).model.unlink()
        assert command(path, '--index', '1') == 2
        assert 'still running' in capsys.readouterr().err
    finally:
        held.close()
    assert command(path, '--index', '1') == 0


# --- nothing begins where not all of it can be ---------------------------

def test_a_wrong_job_is_refused_before_the_first_run(tmp_path, capsys):
    path, sweep = sweep_in(tmp_path, SWEEP.replace(
        '"reversed"}', '"alie", adversary.z = "big"}'))
    for words in (), ('--index', '1'):
        assert command(path, *words) == 2
        assert f"{path}: {NAMES[2]}: adversary.z = 'big': " in (
            capsys.readouterr().err)
    assert not sweep.folder.exists()


def test_hosts_that_simulated_ranks_lack_are_missed_before_the_first_run(
        tmp_path, capsys):
    """Ranks of a launcher have some; those of a simulation need a list."""
    path, sweep = sweep_in(tmp_path, SWEEP.replace(
        '[base]', '[base]\nassignment.placement = "hosts"'))
    for words in (), ('--index', '1'):
        assert command(path, *words) == 2
        assert f"{path}: {NAMES[0]}: assignment.placement = 'hosts': " in (
            capsys.readouterr().err)
    assert not sweep.folder.exists()
    records.submit(sweep, simulated=False)
    assert set(words_of(sweep).values()) == {'missing'}


def test_the_run_whose_part_raises_is_named(tmp_path, capsys, monkeypatch):
    """Of what is no line of ours, too: a traceback tells of no job."""
    (tmp_path / 'breaking.py').write_text(
        'from aspis_mpi.learning.problems.quadratic import Quadratic\n'
        'class Breaking(Quadratic):\n'
        '    def __init__(self, seed):\n'
        '        super().__init__(seed)\n'
        '        1 // (seed - 2)\n')
    monkeypatch.syspath_prepend(tmp_path)
    path, sweep = sweep_in(tmp_path, SWEEP.replace(
        '"quadratic"\nproblem.parameters = 12', '"breaking:Breaking"'))
    assert command(path) == 3
    said = capsys.readouterr().err
    assert 'ZeroDivisionError' in said
    assert said.splitlines()[-1] == f'This is of {path}: {NAMES[1]}.'
    assert not sweep.folder.exists()


def test_a_damaged_record_of_the_whole_is_made_anew(tmp_path):
    path, sweep = sweep_in(tmp_path)
    records.submit(sweep)
    record = sweep.folder / 'sweep.toml'
    before = record.read_bytes()
    record.write_bytes(b'\xff\xfe\xfa')
    records.submit(sweep)
    assert record.read_bytes() == before


@pytest.mark.parametrize('words', [(), ('--index', '1')])
def test_an_unwritable_folder_is_a_line(tmp_path, capsys, words):
    path, _ = sweep_in(tmp_path)
    (tmp_path / 'file').touch()
    code = main(['sweep', str(path), '--out', 'file/runs', *words])
    assert code == 2
    line, = capsys.readouterr().err.splitlines()
    assert line == ('aspis_mpi: file/runs: it cannot be written: Not a '
                    'directory; name another folder by --out')


def test_ranks_of_a_launcher_do_one_run_together(tmp_path, monkeypatch,
                                                 capsys):
    path, sweep = sweep_in(tmp_path)
    monkeypatch.setenv('PMI_RANK', '0')
    monkeypatch.setenv('PMI_SIZE', '6')
    assert command(path) == 2
    assert '--index' in capsys.readouterr().err
    assert not sweep.folder.exists()


def test_a_number_goes_with_nothing_that_is_of_several_runs(tmp_path, capsys):
    path, _ = sweep_in(tmp_path)
    for words in ['--list'], ['--fresh', '*'], ['--jobs', '2']:
        assert command(path, '--index', '1', *words) == 2
        assert '--index goes with neither' in capsys.readouterr().err


def test_a_folder_that_was_moved_is_the_same_sweep(tmp_path):
    path, sweep = sweep_in(tmp_path)
    assert command(path, '--index', '1') == 0
    shutil.move('runs', 'moved')
    again = load('moved/sweep.toml')
    assert words_of(again)[NAMES[0]] == 'done'


def test_all_forms_of_a_model_are_forgotten(tmp_path, monkeypatch):
    """A problem may write its model in a form of its own as well."""
    (tmp_path / 'writing.py').write_text('''
from aspis_mpi.learning.problems.quadratic import Quadratic

class Writing(Quadratic):
    saves = '.own',

    def write(self, file, arrays):
        file.write(b'model')
''')
    monkeypatch.syspath_prepend(tmp_path)
    path, sweep = sweep_in(tmp_path, SWEEP.replace('"quadratic"',
                                                   '"writing:Writing"'))
    assert command(path, '--index', '1') == 0
    own = sweep.run(1).model.with_suffix('.own')
    assert own.read_bytes() == b'model'
    assert command(path, '--list', '--fresh', NAMES[0]) == 0
    assert not list(sweep.folder.glob(f'{NAMES[0]}*'))
