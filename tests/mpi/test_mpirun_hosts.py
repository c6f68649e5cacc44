"""What rank 0 knows of where the ranks are, and what that is worth."""

import platform
import shutil

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.runlog import ledger
from aspis_mpi.runlog.checkpoints import Checkpoints

#: One liar of five workers, found out in the first step.
LIAR = {'scheme.name': None, 'scheme.adversaries': 1, 'adversary.count': 1,
        'adversary.workers': [1], 'detection.name': 'certified',
        'detection.budget': 'fixed', 'run.checkpoint_every': 3}

FROM = {'openmpi': 'pmix', 'mpich': 'hydra'}

#: A worker that says that it is somewhere else.
ELSEWHERE = '''
from aspis_mpi.backends.mpi import ranks as mpi

def gathered(comm, text, room=512):
    return gather(comm, 'elsewhere' if comm.rank == 2 else text, room)

gather, mpi.gather_text = mpi.gather_text, gathered
'''


def excluded(log):
    """Workers without work, in each step."""
    with load_run(log) as run:
        return [np.flatnonzero(row).tolist() for row in run.excluded]


#: The first steps of the run.
BEGUN = {'begun': LIAR | {'run.steps': 3}}


@pytest.mark.parametrize('renamed', [False, True])
def test_on_one_host_a_liar_does_not_get_rid_of_its_exposure(
        mpi, job, series, launch, folder, renamed):
    begun, log = series(6, BEGUN).logs['begun'], folder / 'run.h5'
    shutil.copy(begun, log)
    shutil.copytree(Checkpoints(begun).folder, Checkpoints(log).folder)
    (folder / 'mine.py').write_text(
        (ELSEWHERE if renamed else '') + 'from aspis_mpi.__main__ import main'
        '\nimport sys\nsys.exit(main(sys.argv[1:]))\n')
    second = launch(mpi, 6, 'run', job(LIAR | {'run.ledger': 'nodes'}),
                    '--out', log, '--resume', script='mine.py')
    assert second.code == 0, second.err
    assert excluded(log) == [[]] + [[1]] * 5
    with load_run(log) as run:
        assert run.attrs['hosts_from'] == FROM[mpi]
        assert len(run.attrs['hosts']) == 6
        identity, starts = run.attrs['identity'], run.starts

    # The ledger has both starts, and what was found before it was named.
    (presences, (proof,)), _ = ledger.read(folder / 'nodes')
    assert [(it.run, it.began) for it in presences] == [
        (identity, start.began) for start in starts]
    assert [it.step for it in starts] == [0, 3]
    assert {it.hosts for it in presences} == {(proof.host,)}
    assert proof.host.partition('.')[0] == platform.node().partition('.')[0]
    assert (proof.key, proof.vouched) == (
        (identity, starts[0].began, 1, 'exposed'), True)
