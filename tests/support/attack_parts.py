"""Parts of attacks by name, and what they do to the designs of tests."""


import pytest

from aspis_mpi import registry
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded

WHO = registry.parts('who')
FILES = registry.parts('files')
VALUES = registry.parts('value')
LIES = {name: part for name, part in VALUES.items() if part.lies}
PROTOCOLS = registry.parts('protocol')
SUBSET = Subset(15, replication=3)
DESIGNS = [SUBSET, Subset(7, replication=4), Uncoded(6),
           Repetition(12, replication=3, load=2)]

any_who = pytest.mark.parametrize('part', WHO.values(), ids=WHO)
any_files = pytest.mark.parametrize('part', FILES.values(), ids=FILES)
any_value = pytest.mark.parametrize('part', VALUES.values(), ids=VALUES)
any_lie = pytest.mark.parametrize('part', LIES.values(), ids=LIES)
any_protocol = pytest.mark.parametrize('part', PROTOCOLS.values(),
                                       ids=PROTOCOLS)
every_q = pytest.mark.parametrize('q', range(2, 8))


def adversaries_of(q, n_workers=15, seed=7):
    return WHO['fixed'](n_workers, q, seed).members(0)


def lies_of(name, q, seed=7, step=0):
    return FILES[name](SUBSET, seed).lies(step, adversaries_of(q))


def wrong_by_vote(lies):
    """Files whose strict majority of holders lies (equal liars)."""
    return int((2 * lies.sum(axis=1) > SUBSET.incidence.sum(axis=1)).sum())


def disagreements(lies, adversaries):
    """Pairs (adversary, honest) that differ on some file, (K, K)."""
    honest = SUBSET.incidence & ~adversaries
    return lies.T.astype(int) @ honest.astype(int) > 0
