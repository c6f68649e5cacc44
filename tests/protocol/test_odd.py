"""Values between the thresholds: who sent them does not count for a step."""

import numpy as np
import pytest

from aspis_mpi.aggregation.aggregators.mean import Mean
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.detection.equality import BITS
from aspis_mpi.detection.rules.certified import Certified
from aspis_mpi.schemes.closing import Closing
from aspis_mpi.schemes.decision import Detection
from aspis_mpi.schemes.odd import oddities
from aspis_mpi.schemes.resolution import resolve
from aspis_mpi.schemes.scheme import Scheme
from aspis_mpi.schemes.transfer.replicas import Replicas
from tests.support.replica_tables import (
    EVERYBODY, NEAR, SUBSET, K, filled, gradients, nudged)

RING = Cyclic(K, load=5)


def scheme_of(assignment, q, equality=NEAR):
    rule = Mean(assignment.n_files, q, 0)
    return Scheme(assignment=assignment, collection=None,
                  transfer=Replicas(assignment),
                  detection=Detection(Certified, q),
                  aggregator=rule, mean=rule, equality=equality,
                  worst_case=Certified(q).worst_case(assignment))


def resolved(scheme, table, compute=None):
    out = np.zeros(8, dtype='f4')
    found = resolve(table, Closing(
        scheme, EVERYBODY, np.ones(scheme.assignment.n_files, dtype=int), out,
        1, lambda: 0.0, compute))
    return found, out


def picking(truth, liars, assignment=SUBSET, by=1e-3):
    """Liars near the truth, on files that they want to be lost.

    Those that have most to do with the mean of all.
    """
    random, mean = np.random.default_rng(1), truth.mean(axis=0)
    theirs = assignment.incidence[:, liars].any(axis=1)
    wanted = truth @ mean > np.median(truth[theirs] @ mean)
    wanted &= theirs
    return wanted, filled(assignment, lambda worker, file: nudged(
        truth[file], by if liars[worker] and wanted[file] else 1e-7,
        random), NEAR)


def pulled(d=8, pull=0.3):
    """Gradients that have a mean besides what tells them apart."""
    truth = gradients(d=d)
    truth[:, 0] += np.float32(pull)
    return truth


@pytest.mark.parametrize('q', [2, 4])
def test_who_is_near_the_truth_does_not_choose_what_is_lost(q):
    """A mean of what is left is that of any files, not of chosen ones."""
    truth, liars = pulled(), np.arange(K) < q
    wanted, table = picking(truth, liars)
    found, out = resolved(scheme_of(SUBSET, q), table, truth.__getitem__)
    assert not found.verdict.exposed.any() and found.audits <= q
    assert np.array_equal(table.odd, liars)
    used = found.verdict.source >= 0
    honest = ~SUBSET.incidence[:, liars].any(axis=1)
    # Besides: the audited ones, and the largest where nothing is certified.
    assert not (used & ~honest).sum() > q
    mean = truth.mean(axis=0)
    projection = out @ mean / (mean @ mean)
    assert 0.75 < projection < 1.25
    alone = truth[~wanted].mean(axis=0) @ mean / (mean @ mean)
    assert alone < projection - 0.2


def test_a_certified_class_finds_them_as_well():
    """Nothing is audited; on some files liars are few, on others many."""
    truth, random = gradients(n_files=K), np.random.default_rng(1)
    liars = np.isin(np.arange(K), (0, 2))
    table = filled(RING, lambda worker, file: None if
                   liars[worker] and file % 5 == 4 else nudged(
                       truth[file], 1e-3 if liars[worker] else 1e-7, random),
                   NEAR)
    # On one file only q honest ones have answered.
    scheme = scheme_of(RING, 2)
    file = int(np.flatnonzero(RING.incidence[:, liars].all(axis=1))[0])
    late = np.flatnonzero(RING.incidence[file] & ~liars)[-1]
    table._labels[file, table._places[file][int(late)]] = -1
    table._sorted = None
    before = scheme.detection.decide(table.evidence(), EVERYBODY)
    assert before.contested[file]
    found, _ = resolved(scheme, table)
    assert np.array_equal(table.odd, liars)
    # More of it has to come; nothing is lost of the others.
    assert np.flatnonzero(~found.verdict.certified).tolist() == [file]
    lacks = scheme.detector.lacking(table.evidence())
    assert lacks[file] == 1


def test_who_is_in_nobodys_way_counts():
    """Honest outliers cost the files on which they are, and no others."""
    truth, random = gradients(n_files=K), np.random.default_rng(1)
    table = filled(RING, lambda worker, file: nudged(
        truth[file], 5e-4 if worker == file else 1e-7, random), NEAR)
    found, _ = resolved(scheme_of(RING, 2), table)
    assert found.verdict.certified.all() and not table.odd.any()


def test_no_more_are_odd_than_can_be_wrong():
    """Noise that makes many odd does not leave a step without files."""
    truth, random = gradients(), np.random.default_rng(1)
    table = filled(SUBSET, lambda worker, file: nudged(
        truth[file], 1e-3 if random.random() < 0.1 else 1e-7, random), NEAR)
    found, _ = resolved(scheme_of(SUBSET, 2), table, truth.__getitem__)
    assert table.odd.sum() <= 2 and found.audits <= 2
    assert (found.verdict.source >= 0).sum() > 200


@pytest.mark.parametrize('audits', [False, True])
def test_liars_make_nobody_honest_odd(audits):
    """They are anywhere near the truth, alike or each for itself."""
    random, truth = np.random.default_rng(3), gradients(n_files=K)
    cases = 0
    for _ in range(60):
        liars = np.isin(np.arange(K), random.permutation(K)[:2])
        ways = random.standard_normal((2, *truth.shape))
        sizes = random.choice([0.9e-5, 1.05e-5, 2e-5, 1e-3, 1.0], 3)

        def value(worker, file):
            if not liars[worker]:
                return nudged(truth[file], 1e-6, random)
            alike = random.random() < 0.7
            way = ways[0 if alike else int(worker == liars.argmax()), file]
            size = random.choice(sizes) / np.linalg.norm(way)
            return (truth[file] + size * way * np.linalg.norm(truth[file])
                    ).astype('f4')
        table = filled(RING, lambda worker, file: None if random.random()
                       < 0.3 else value(worker, file), NEAR)
        found, _ = resolved(scheme_of(RING, 2), table,
                            truth.__getitem__ if audits else None)
        assert not (table.odd & ~liars).any()
        assert not (found.verdict.exposed & ~liars).any()
        cases += table.odd.any()
    assert cases > 8


def test_a_class_around_a_liar_makes_nobody_odd():
    """Its source is a tolerance off; an honest one is beyond it, just so."""
    truth = gradients(n_files=K)
    table = filled(RING, lambda worker, file: (truth[file] * np.float32(
        1 + {0: 0.95e-5, 2: -0.1e-5}.get(worker, 0))), NEAR)
    evidence = table.evidence()
    verdict = Detection(Certified, 2).decide(evidence, EVERYBODY)
    assert verdict.certified.all()
    assert not oddities(evidence, table.beyond, verdict).any()


def test_with_bits_nobody_is_odd():
    truth = gradients()
    table = filled(SUBSET, lambda worker, file: truth[file] * np.float32(
        1.001 if worker < 2 and file % 2 else 1))
    found, _ = resolved(scheme_of(SUBSET, 2, BITS), table, truth.__getitem__)
    assert not table.odd.any() and found.verdict.exposed.any()
