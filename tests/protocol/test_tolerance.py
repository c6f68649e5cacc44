"""Machines that compute almost the same, and audits of what all agree on."""

import os
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from aspis_mpi.aggregation.aggregators.mean import Mean
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.classes import sort
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.detection.evidence import Evidence
from aspis_mpi.detection.rules.certified import Certified
from aspis_mpi.detection.rules.clique import Clique
from aspis_mpi.detection.rules.core import Core
from aspis_mpi.schemes.audit import audited, drawn
from aspis_mpi.schemes.closing import Closing
from aspis_mpi.schemes.decision import Detection
from aspis_mpi.schemes.resolution import resolve
from aspis_mpi.schemes.scheme import Scheme
from aspis_mpi.schemes.transfer.replicas import Replicas
from tests.support.replica_tables import (
    EVERYBODY, NEAR, SUBSET, D, K, filled, gradients, nudged)

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))


def one_file(values, equality=NEAR, floor=0.0, order=None):
    """The table of a single file of several workers."""
    only = Subset(len(values), replication=len(values))
    values = [np.asarray(value, dtype='f4') for value in values]
    return filled(only, lambda worker, _: values[worker], equality, floor,
                  order)


# --- tables ------------------------------------------------------------

def test_a_table_of_distances():
    one = gradients()[0]
    random = np.random.default_rng(1)
    table = one_file([one, nudged(one, 1e-6, random), one,
                      nudged(one, 5e-4, random), nudged(one, 0.1, random),
                      np.full(D, np.nan), np.full(D, np.inf)])
    evidence = table.evidence()
    assert evidence.labels.tolist() == [[0, 0, 0, 2, 3, 1, 1]]
    assert evidence.finite.tolist() == [[True] * 5 + [False] * 2]
    pairs = np.argwhere(np.triu(evidence.close[0])).tolist()
    assert pairs == [[0, 3], [1, 3], [2, 3]]
    alike, apart = table.margin()
    assert alike == pytest.approx(1e-6, rel=0.1)
    assert apart == pytest.approx(0.1, rel=0.02)


def test_classes_do_not_depend_on_who_came_first():
    one = gradients()[0]
    values = [one * np.float32(1 + shift) for shift in
              (0, 0.9e-5, 1.8e-5, 0.02)]
    told = [one_file(values, order=order).evidence()
            for order in permutations(range(4))]
    for evidence in told:
        assert evidence.labels.tolist() == [[0, 0, 0, 1]]
        assert np.array_equal(evidence.close, told[0].close)
        assert evidence.support.argmax() == 1


def test_bits_make_no_distances():
    one = gradients()[0]
    table = one_file([one, one, np.nextafter(one, np.float32(9))], BITS)
    evidence = table.evidence()
    assert evidence.labels.tolist() == [[0, 0, 1]]
    assert evidence.close is None
    assert 0 < table.margin()[1] < 1e-6


@pytest.mark.parametrize('equality', [BITS, NEAR])
def test_a_table_passes_on_what_is_known(equality):
    known = np.zeros((K, K), dtype=bool)
    known[3, 5] = known[5, 3] = True
    table = Replicas(SUBSET).begin(equality, known=known)
    assert np.array_equal(table.evidence().disagreements, known)
    table = Replicas(SUBSET).begin(equality)
    assert not table.evidence().disagreements.any()


@pytest.mark.parametrize(('floor', 'labels'), [
    (0.0, [0, 1, 2]), (np.nan, [0, 1, 2]), (1.0, [0, 0, 0])])
def test_gradients_that_vanish_agree_below_the_floor(floor, labels):
    tiny = np.full(D, 1e-8, dtype='f4')
    table = one_file([tiny, -tiny, np.zeros(D)], NEAR, floor)
    evidence = table.evidence()
    assert evidence.labels.tolist() == [labels]
    supports, disagrees = table.against(0, np.arange(3), tiny)
    assert supports.tolist() == [label == 0 for label in labels]
    assert disagrees.tolist() == [label != 0 for label in labels]


def test_who_is_near_the_server():
    one = gradients()[0]
    random = np.random.default_rng(3)
    values = [one, nudged(one, 5e-6, random), nudged(one, 5e-4, random),
              nudged(one, 0.1, random), np.full(D, np.nan)]
    table = one_file(values)
    supports, disagrees = table.against(0, np.arange(5), one)
    assert supports.tolist() == [True, True, False, False, False]
    assert disagrees.tolist() == [False, False, False, True, True]
    supports, disagrees = table.against(0, np.array([4, 1]), values[4])
    assert supports.tolist() == [True, False]
    assert disagrees.tolist() == [False, True]

    table = one_file(values, BITS)
    supports, disagrees = table.against(0, np.arange(5), one)
    assert supports.tolist() == [True] + [False] * 4
    assert np.array_equal(disagrees, ~supports)


# --- noise of honest machines ------------------------------------------

def pairwise(values):
    """Relative distances of the replicas of each file, (f, r, r)."""
    wide = values.astype(float)
    norms = np.linalg.norm(wide, axis=2)
    apart = np.linalg.norm(wide[:, :, None] - wide[:, None], axis=3)
    return apart / np.minimum(norms[:, :, None], norms[:, None])


def noisy_step(random, liars, share, noise=1e-6, outlier=5e-4):
    """Replicas with honest noise and lies, (f, r, d), and the truth."""
    truth = random.standard_normal((SUBSET.n_files, 1, D))
    norms = np.linalg.norm(truth, axis=2, keepdims=True)
    way = random.standard_normal((SUBSET.n_files, 3, D))
    way /= np.linalg.norm(way, axis=2, keepdims=True)
    size = np.full((SUBSET.n_files, 3, 1), noise)
    odd = np.flatnonzero(random.random(SUBSET.n_files) < 5e-3)
    size[odd, random.integers(0, 3, odd.size)] = outlier
    values = truth + way * size * norms
    lies = liars[SUBSET.holders] & (random.random(
        SUBSET.holders.shape) < share)
    # Some lie alike, some hardly.
    scale = random.choice([-1.0, 1 + 5e-3, 1 + 2e-5, 1 + 0.9e-5])
    values = np.where(lies[..., None], scale * truth, values).astype('f4')
    return values, truth


def error_of(verdict, values, truth):
    """Largest relative error of what is used of the certified files."""
    files = np.flatnonzero(verdict.certified)
    if not files.size:
        return 0.0
    places = (SUBSET.holders[files] == verdict.source[files, None]).argmax(1)
    wrong = values[files, places] - truth[files, 0]
    return (np.linalg.norm(wrong, axis=1)
            / np.linalg.norm(truth[files, 0], axis=1)).max()


def evidence_of(values, equality):
    present = np.ones(SUBSET.holders.shape, dtype=bool)
    labels, close, _, support = sort(pairwise(values), present, equality)
    return Evidence(SUBSET.holders, labels, present, K, close,
                    support=support)


@pytest.mark.timeout(900)
def test_noise_exposes_nobody_honest():
    random = np.random.default_rng(7)
    steps, odd, certified = 10_000 if THOROUGH else 2000, 0, 0
    for _ in range(steps):
        q = int(random.integers(1, 8))
        liars = np.zeros(K, dtype=bool)
        liars[random.permutation(K)[:random.integers(0, q + 1)]] = True
        share = random.choice([0, 0.02, 0.3, 1])
        values, truth = noisy_step(random, liars, share)
        evidence = evidence_of(values, NEAR)
        assert not evidence.disagreements[~liars][:, ~liars].any()
        verdict = Certified(q).decide(evidence)
        assert not verdict.contradiction
        assert not (verdict.exposed & ~liars).any()
        # An honest supporter is off by 5e-4, and others by two tolerances.
        assert error_of(verdict, values, truth) < 5.3e-4
        odd += evidence.contested.any()
        certified += verdict.certified.any()
    assert odd > 0.8 * steps and certified > 0.3 * steps


def test_with_one_threshold_the_same_noise_would():
    random = np.random.default_rng(7)
    once = Equality(False, NEAR.tolerance, NEAR.tolerance)
    nobody, wrong = np.zeros(K, dtype=bool), 0
    for _ in range(40):
        values, _ = noisy_step(random, nobody, 0)
        verdict = Certified(1).decide(evidence_of(values, once))
        wrong += bool(verdict.contradiction) or verdict.exposed.any()
    assert wrong > 20


def test_a_table_of_noise_is_sorted_like_its_distances():
    random = np.random.default_rng(9)
    liars = np.arange(K) < 4
    values, _ = noisy_step(random, liars, 0.3)
    place = {(int(worker), file): column
             for file, row in enumerate(SUBSET.holders)
             for column, worker in enumerate(row)}
    table = filled(SUBSET, lambda worker, file:
                   values[file, place[worker, file]], NEAR)
    found, told = table.evidence(), evidence_of(values, NEAR)
    assert np.array_equal(found.labels, told.labels)
    assert np.array_equal(found.close, told.close)
    assert np.array_equal(found.disagreements, told.disagreements)


def tolerant_scheme(**options):
    rule = Mean(SUBSET.n_files, 4, 0)
    return Scheme(assignment=SUBSET, collection=None,
                  transfer=Replicas(SUBSET), detection=Detection(Certified, 4),
                  aggregator=rule, mean=rule, equality=NEAR, **options)


def resolved(scheme, table, compute):
    out = np.zeros(D, dtype='f4')
    samples = np.ones(SUBSET.n_files, dtype=int)
    return resolve(table, Closing(scheme, EVERYBODY, samples, out, 1,
                                  lambda: 0.0, compute)), out


def test_a_step_with_noise_uses_what_is_near_the_truth():
    truth, random = gradients(), np.random.default_rng(2)
    liars = np.arange(K) < 4

    def value(worker, file):
        if liars[worker]:
            return -truth[file]
        odd = worker == 14 and file % 20 == 0
        return nudged(truth[file], 5e-4 if odd else 1e-6, random)
    table = filled(SUBSET, value, NEAR)
    found, out = resolved(tolerant_scheme(), table, truth.__getitem__)
    assert np.array_equal(found.verdict.exposed, liars)
    used = found.verdict.source >= 0
    assert used.sum() == SUBSET.n_files - 4     # nobody honest holds four
    assert np.allclose(out, truth[used].mean(axis=0), atol=1e-3)
    norms = np.linalg.norm(truth[used], axis=1)
    assert found.floor == pytest.approx(norms.mean(), rel=1e-3)
    alike, apart = found.margin
    assert alike <= NEAR.tolerance and apart > 1


@pytest.mark.parametrize('q', [1, 2, 4, 7])
@pytest.mark.parametrize('share', [0.3, 0.95])
def test_what_replicas_within_tolerance_hide_is_never_more_than_is_said(
        q, share):
    """Liars that are right but for the same shift, the largest that passes.

    Fails where the lowest-numbered replica of a class is used: these have
    the lowest numbers.  Where most are right, a right one is the middle.
    """
    truth, random = gradients(), np.random.default_rng(q)
    shift = random.standard_normal(D).astype('f4')
    shift /= np.linalg.norm(shift)

    def value(worker, file):
        if worker >= q:
            return nudged(truth[file], 1e-8, random)
        norm = np.linalg.norm(truth[file])
        return truth[file] + shift * np.float32(
            share * NEAR.tolerance * norm)
    table = filled(SUBSET, value, NEAR)
    scheme = replace(tolerant_scheme(), detection=Detection(Certified, q))
    found, out = resolved(scheme, table, None)
    assert (found.verdict.source >= 0).all()
    few = SUBSET.incidence[:, :q].sum(axis=1) < 2
    assert (found.verdict.source[few] >= q).all()
    hidden = np.linalg.norm(out - truth.mean(axis=0, dtype='f8'))
    rounding = 1e-7 * np.linalg.norm(out)
    assert hidden <= found.hidden_bias + rounding
    assert q < 4 or hidden > share * found.hidden_bias / 12
    # All distances are 0 where bits have to be equal.
    bits = replace(scheme, equality=BITS)
    table = filled(SUBSET, lambda _, file: truth[file])
    assert resolved(bits, table, None)[0].hidden_bias == 0


def test_audits_with_tolerance_expose_only_beyond_disagreement():
    """Honest outliers split files; an audit of one exposes nobody."""
    truth, random = gradients(), np.random.default_rng(2)
    far = {(0, 3): 0.5, (1, 3): 5e-4, (2, 60): 5e-4, (2, 300): 5e-4}
    far = {(int(SUBSET.holders[file, place]), file): by
           for (place, file), by in far.items()}
    table = filled(SUBSET, lambda worker, file: nudged(
        truth[file], far.get((worker, file), 1e-6), random), NEAR)
    found, _ = resolved(tolerant_scheme(), table, truth.__getitem__)
    liar = SUBSET.holders[3, 0]
    assert np.flatnonzero(found.verdict.exposed).tolist() == [liar]
    assert found.audits == 3 and not found.remarks
    for file in (3, 60, 300):
        assert found.verdict.certified[file]
        source = found.verdict.source[file]
        assert (source, file) not in far


# --- random audits -----------------------------------------------------

def quiet(adversaries):
    """Files that only adversaries hold."""
    return ~(SUBSET.incidence & ~adversaries).any(axis=1)


def lying(adversaries):
    """The table in which these lie alike where nobody can contradict."""
    truth, wrong = gradients(), quiet(adversaries)
    return filled(SUBSET, lambda worker, file:
                  -truth[file] if wrong[file] else truth[file])


def chosen_by(seed):
    random = np.random.default_rng(seed)
    return lambda files, count: random.choice(
        files, min(count, len(files)), replace=False)


def steps_until_harmless(detection, seed, count=1):
    """Steps with random audits until no wrong file is used any more."""
    random = np.random.default_rng(seed)
    adversaries = np.isin(np.arange(K), random.permutation(K)[:7])
    table, wrong = lying(adversaries), quiet(adversaries)
    believed, choose = EVERYBODY, chosen_by(seed)
    for step in range(2000):
        verdict = detection.decide(table.evidence(), believed)
        if not (wrong & (verdict.source >= 0)).any():
            return step, int((~believed).sum())
        found = audited(detection, table, believed, verdict,
                        gradients().__getitem__, count, choose)
        assert 1 <= found.audits <= count and not found.remarks
        assert not (found.verdict.exposed & ~adversaries).any()
        believed = believed & ~found.verdict.exposed
    return step, int((~believed).sum())


def test_who_is_quiet_is_found_by_random_audits(record_property):
    """35 of 455 files are wrong; with 5 liars exposed none is any more."""
    seeds = 60 if THOROUGH else 12
    found = [steps_until_harmless(Detection(Certified, 7), seed)
             for seed in range(seeds)]
    steps = [step for step, _ in found]
    record_property('mean steps', np.mean(steps))
    assert all(5 <= exposed <= 7 for _, exposed in found)
    # Two findings are needed at least, each after 13 steps on average.
    assert 13 < np.mean(steps) < 90
    several = [steps_until_harmless(Detection(Certified, 7), seed, 10)[0]
               for seed in range(seeds)]
    assert np.mean(several) < np.mean(steps) / 3


@pytest.mark.parametrize('rule', [Clique, Core])
def test_rules_without_certificates_are_audited_as_well(rule):
    adversaries = np.arange(K) < 7
    table, wrong = lying(adversaries), quiet(adversaries)
    verdict = Detection(rule, 7).decide(table.evidence(), EVERYBODY)
    file = int(np.flatnonzero(wrong)[0])
    pools = []

    def choose(files, count):
        pools.append(files)
        return np.array([file, 454])
    found = audited(Detection(rule, 7), table, EVERYBODY, verdict,
                    gradients().__getitem__, 2, choose)
    assert pools[0].tolist() == list(range(455))
    exposed = SUBSET.incidence[file]
    assert np.array_equal(found.verdict.exposed, exposed)
    assert found.verdict.certified[454] and found.audits == 2
    assert len(found.verdict.proofs) == 3


def test_only_what_nothing_proves_right_is_drawn():
    truth, adversaries = gradients(), np.arange(K) < 7
    table = filled(SUBSET, lambda worker, file: -truth[file]
                   if worker < 5 and file % 3 else truth[file])
    detection = Detection(Certified, 7)
    verdict = detection.decide(table.evidence(), EVERYBODY)
    pools = []

    def choose(files, count):
        pools.append(files)
        return files[:count]
    found = audited(detection, table, EVERYBODY, verdict,
                    truth.__getitem__, 5, choose)
    contested = table.evidence().without(found.verdict.exposed).contested
    for file in pools[0].tolist():
        assert verdict.source[file] >= 0 and not verdict.certified[file]
        assert not contested[file]
    assert not (found.verdict.exposed & ~adversaries).any()


def test_what_is_drawn_is_any_of_the_files():
    files = np.arange(10, 30)
    seen = [drawn(files, 5) for _ in range(400)]
    for draw in seen:
        assert len(set(draw.tolist())) == 5 and set(draw) <= set(files)
    counts = np.bincount(np.concatenate(seen) - 10, minlength=20)
    assert counts.sum() == 2000 and 40 < counts.min() < counts.max() < 170
    assert drawn(files[:3], 5).tolist() != []
    assert drawn(files[:0], 5).size == 0


# --- audits that settle nothing ----------------------------------------

def audit_of(file, table, compute, q=7, believed=EVERYBODY):
    detection = Detection(Certified, q)
    verdict = detection.decide(table.evidence(), believed)
    return audited(detection, table, believed, verdict, compute, 1,
                   lambda files, count: np.array([file]))


def truthful(equality=BITS):
    truth = gradients()
    return truth, filled(SUBSET, lambda _, file: truth[file], equality)


def test_a_server_that_is_not_sure_of_itself_exposes_nobody():
    truth, table = truthful()
    calls = []

    def flipping(file):
        calls.append(file)
        return truth[file] + np.float32(len(calls))
    found = audit_of(8, table, flipping)
    assert calls == [8, 8] and found.audits == 1
    assert not found.verdict.exposed.any()
    assert 'the server itself finds two different' in found.remarks[0]
    assert not found.verdict.certified[8]


def test_a_server_that_is_sure_exposes_all_senders():
    truth, table = truthful()
    buffer = np.empty(D, dtype='f4')

    def compute(file):
        """One buffer for all answers, as the auditor has it."""
        buffer[:] = -truth[file]
        return buffer
    found = audit_of(8, table, compute)
    assert np.array_equal(found.verdict.exposed, SUBSET.incidence[8])
    assert found.verdict.source[8] < 0 and not found.remarks


@pytest.mark.parametrize('before', [0, 2])
def test_more_than_q_are_never_exposed(before):
    truth, table = truthful()
    holders = SUBSET.holders[8]
    others = np.flatnonzero(~np.isin(np.arange(K), holders))[:before]
    believed = ~np.isin(np.arange(K), others)
    found = audit_of(8, table, lambda file: -truth[file], 2 + before,
                     believed)
    assert not found.verdict.exposed.any()
    assert f'q = {2 + before}' in found.remarks[0]


def test_between_the_thresholds_nobody_is_exposed():
    truth, table = truthful(NEAR)
    random = np.random.default_rng(0)
    found = audit_of(8, table, lambda file: nudged(truth[file], 1e-3,
                                                   random))
    assert not found.verdict.exposed.any()
    assert 'within tolerance' in found.remarks[0]
    found = audit_of(8, table, lambda file: -truth[file])
    assert np.array_equal(found.verdict.exposed, SUBSET.incidence[8])
    found = audit_of(8, table, lambda file: nudged(truth[file], 5e-6,
                                                   random))
    assert found.verdict.certified[8] and not found.remarks


def test_a_contested_file_needs_somebody_who_bears_the_server_out():
    truth = gradients()
    told = ~SUBSET.incidence[:, 9:].any(axis=1)     # victims are 7 and 8
    table = filled(SUBSET, lambda worker, file: -truth[file]
                   if worker < 7 and told[file] else truth[file])
    detection = Detection(Certified, 7)
    verdict = detection.decide(table.evidence(), EVERYBODY)
    assert verdict.contested.sum() > 7
    found = audited(detection, table, EVERYBODY, verdict,
                    lambda file: 2 * truth[file])
    assert not (found.verdict.exposed & ~verdict.exposed).any()
    assert found.audits == len(found.remarks) == 7
