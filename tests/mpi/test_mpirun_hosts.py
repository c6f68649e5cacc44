"""What rank 0 knows of where the ranks are, and what that is worth."""

import platform

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.runlog import ledger
from tests.support.commands import Command

#: One liar of three workers, found out in the first step.
LIAR = {'scheme.name': None, 'scheme.adversaries': 1, 'adversary.count': 1,
        'adversary.workers': [1], 'detection.name': 'certified',
        'detection.budget': 'fixed', 'run.checkpoint_every': 3}

FROM = {'openmpi': 'pmix', 'mpich': 'hydra'}

#: A worker that says that it is somewhere else.
ELSEWHERE = '''
from aspis_mpi.backends.mpi import ranks as mpi

def gathered(comm, text, room=512, gather=mpi.gather_text):
    return gather(comm, 'elsewhere' if comm.rank == 2 else text, room)

patch(mpi, 'gather_text', gathered)
'''


def excluded(log):
    """Workers without work, in each step."""
    with load_run(log) as run:
        return [np.flatnonzero(row).tolist() for row in run.excluded]


#: The first steps of a run, and the others after the same ranks have begun
#: anew.  Both are in one folder and so have one job file.
COMMANDS = {(word, renamed): command
            for renamed, first in ((False, ''), (True, ELSEWHERE))
            for word, command in {
                'begun': Command(LIAR, words=(
                    *Command().words, '--set', 'run.steps=3')),
                'resumed': Command(
                    LIAR, words=(*Command().words, '--resume', '--set',
                                 'run.ledger=nodes'), first=first,
                    after=('begun', renamed))}.items()}


@pytest.mark.parametrize('renamed', [False, True])
def test_on_one_host_a_liar_does_not_get_rid_of_its_exposure(
        mpi, answers, renamed):
    done = answers(4, COMMANDS)
    assert done['begun', renamed].code == 0, done['begun', renamed].err
    ended = done['resumed', renamed]
    assert ended.code == 0, ended.err
    assert excluded(ended.log) == [[]] + [[1]] * 5
    with load_run(ended.log) as run:
        assert run.attrs['hosts_from'] == FROM[mpi]
        assert len(run.attrs['hosts']) == 4
        identity, starts = run.attrs['identity'], run.starts

    # The ledger has both starts, and what was found before it was named.
    (presences, (proof,)), _ = ledger.read(ended.folder / 'nodes')
    assert [(it.run, it.began) for it in presences] == [
        (identity, start.began) for start in starts]
    assert [it.step for it in starts] == [0, 3]
    assert {it.hosts for it in presences} == {(proof.host,)}
    assert proof.host.partition('.')[0] == platform.node().partition('.')[0]
    assert (proof.key, proof.vouched) == (
        (identity, starts[0].began, 1, 'exposed'), True)
