"""Rules of detection against combinatorics, brute force and the paper."""

from itertools import combinations
from math import comb

import networkx as nx
import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import DROPPED, MISSING, use
from aspis_mpi.detection.contradiction import ContradictionKind
from aspis_mpi.detection.evidence import Evidence, matching_exceeds
from aspis_mpi.detection.rules.clique import Clique
from aspis_mpi.detection.rules.core import Core
from aspis_mpi.schemes.decision import Detection
from tests.support.designs import families
from tests.support.wrong_counts import BOUND, PUBLISHED

#: Those that decide by replicas.
RULES = {name: rule for name, rule in registry.parts('detection').items()
         if not rule.spot_checks}


def evidence_of(assignment, lies, silent=()):
    """Evidence of a step in which equal liars send equal bits."""
    holders = assignment.holders
    labels = np.take_along_axis(lies, holders, axis=1).astype(np.int16)
    labels[np.isin(holders, list(silent))] = -1
    return Evidence(holders, labels, np.ones(labels.shape, dtype=bool),
                    assignment.n_workers)


def wrong_files(verdict, lies):
    return int((verdict.contributors & lies).any(axis=1).sum())


def lies_of(assignment, files, n_adversaries, seed=0):
    adversaries = np.zeros(assignment.n_workers, dtype=bool)
    chosen = np.random.default_rng(seed).permutation(assignment.n_workers)
    adversaries[chosen[:n_adversaries]] = True
    rule = registry.find('files', files)(assignment, seed)
    return adversaries, rule.lies(0, adversaries)


@pytest.mark.parametrize('q', range(2, 8))
@pytest.mark.parametrize('files', PUBLISHED)
def test_clique_lets_through_what_the_attack_predicts(files, q):
    assignment = Subset(15, replication=3)
    adversaries, lies = lies_of(assignment, files, q)
    verdict = Clique(q).decide(evidence_of(assignment, lies))
    assert wrong_files(verdict, lies) == PUBLISHED[files][q - 2]
    if files in ('all', 'majorities'):
        assert np.array_equal(verdict.flagged, adversaries)
        assert verdict.mean_is_right


@pytest.mark.parametrize('q', range(2, 8))
@pytest.mark.parametrize('files', PUBLISHED)
def test_core_keeps_the_published_bound_and_every_honest_worker(files, q):
    assignment = Subset(15, replication=3)
    adversaries, lies = lies_of(assignment, files, q)
    evidence = evidence_of(assignment, lies)
    verdict = Core(q).decide(evidence)
    assert wrong_files(verdict, lies) <= BOUND[q - 2]
    assert not (verdict.flagged & ~adversaries).any()

    # Every file whose survivors agree is in use.
    left = evidence.without(verdict.flagged)
    agreed = left.present.any(axis=1) & ~left.contested
    assert (verdict.source[agreed] >= 0).all()


@pytest.mark.parametrize(('n_workers', 'q'), [(5, 2), (6, 2), (7, 2), (7, 3)])
def test_every_family_of_disagreements(n_workers, q):
    most = {'clique': 0, 'core': 0}
    for assignment, story in families(n_workers, q):
        lies = story.astype(bool)
        evidence = evidence_of(assignment, lies)
        for rule in (Clique(q), Core(q)):
            verdict = rule.decide(evidence)
            wrong = wrong_files(verdict, lies)
            most[rule.name] = max(most[rule.name], wrong)
            assert not verdict.contradiction
            if rule.name == 'core':
                assert not verdict.flagged[q:].any()
                assert wrong <= comb(2 * q, 3) // 2
    assignment = Subset(n_workers, replication=3)
    assert most['clique'] == Clique(q).worst_case(assignment)
    assert most['core'] <= Core(q).worst_case(assignment)


@pytest.mark.parametrize('q', range(2, 8))
def test_predicted_worst_case_covers_every_attack(q):
    assignment = Subset(15, replication=3)
    for name, rule in RULES.items():
        rule = rule(q)
        for files in PUBLISHED:
            _, lies = lies_of(assignment, files, q)
            verdict = rule.decide(evidence_of(assignment, lies))
            assert wrong_files(verdict, lies) <= rule.worst_case(assignment)


@pytest.mark.parametrize('name', RULES)
def test_silence_breaks_the_worst_case_of_rules_that_say_so(name):
    assignment, rule = Subset(6, replication=3), registry.parts(
        'detection')[name](2)
    most = 0
    for files in PUBLISHED:
        _, lies = lies_of(assignment, files, 2)
        for silent in combinations(range(6), 2):
            verdict = rule.decide(evidence_of(assignment, lies, silent))
            most = max(most, wrong_files(verdict, lies))
    assert rule.bounds_silence == (most <= rule.worst_case(assignment))


@pytest.mark.parametrize('name', RULES)
def test_nothing_is_dropped_when_nobody_lies(name):
    assignment = Subset(7, replication=3)
    lies = np.zeros(assignment.incidence.shape, dtype=bool)
    verdict = registry.find('detection', name)(2).decide(
        evidence_of(assignment, lies))
    assert np.array_equal(verdict.source, assignment.holders[:, 0])
    assert np.array_equal(verdict.contributors, assignment.incidence)
    assert not verdict.flagged.any() and not verdict.voted


@pytest.mark.parametrize('name', ['clique', 'core', 'none'])
def test_silent_workers_cost_files_and_nothing_else(name):
    """`certified` asks for more replies: see test_certified."""
    assignment = Subset(6, replication=3)
    lies = np.zeros(assignment.incidence.shape, dtype=bool)
    verdict = registry.find('detection', name)(2).decide(
        evidence_of(assignment, lies, silent=(0, 1, 2)))
    missing = verdict.source == MISSING
    assert missing.sum() == 1       # the one file that only they hold
    assert not verdict.flagged.any()
    assert (verdict.source[~missing] >= 3).all()


@pytest.mark.parametrize('name', ['clique', 'core'])
def test_more_liars_than_assumed_contradict_the_premise(name):
    assignment = Subset(9, replication=3)
    _, lies = lies_of(assignment, 'all', 4)
    verdict = registry.find('detection', name)(2).decide(
        evidence_of(assignment, lies))
    assert verdict.contradiction.kind is ContradictionKind.DISAGREEMENTS
    assert 'more than' in verdict.contradiction.text
    assert (verdict.source == DROPPED).all() and not verdict.flagged.any()


@pytest.mark.parametrize('name', RULES)
def test_values_that_are_not_finite_are_never_used(name):
    assignment = Subset(5, replication=3)
    lies = np.zeros(assignment.incidence.shape, dtype=bool)
    lies[assignment.incidence[:, 0], 0] = True
    lies[assignment.incidence[:, 1], 1] = True
    evidence = evidence_of(assignment, lies)
    evidence = Evidence(evidence.holders, evidence.labels,
                        evidence.labels == 0, 5)
    verdict = registry.find('detection', name)(2).decide(evidence)
    assert not (verdict.contributors & lies).any()
    diverged = registry.find('detection', name)(1).decide(evidence)
    assert diverged.contradiction.kind is ContradictionKind.NOT_FINITE
    assert 'not finite' in diverged.contradiction.text


def test_matching_bound_agrees_with_the_blossom_algorithm():
    random = np.random.default_rng(5)
    for _ in range(60):
        n = int(random.integers(2, 12))
        graph = np.triu(random.random((n, n)) < random.random(), 1)
        graph |= graph.T
        exact = len(nx.max_weight_matching(nx.from_numpy_array(graph), True))
        for bound in range(-1, n):
            assert matching_exceeds(graph, bound) == (exact > bound)


def test_rules_keep_no_state():
    assignment = Subset(9, replication=3)
    clean = evidence_of(assignment, np.zeros((84, 9), dtype=bool))
    for name, rule in RULES.items():
        used, fresh = rule(3), rule(3)
        for files in PUBLISHED:
            used.decide(evidence_of(assignment, lies_of(assignment, files,
                                                        3)[1]))
        a, b = used.decide(clean), fresh.decide(clean)
        assert np.array_equal(a.source, b.source)
        assert np.array_equal(a.flagged, b.flagged)


def test_one_pair_of_liars_a_group_is_decided_group_by_group():
    # One liar in each of 24 groups would give 2^24 maximal cliques at once.
    assignment = Repetition(72, replication=3)
    lies = np.zeros(assignment.incidence.shape, dtype=bool)
    lies[np.arange(24), np.arange(0, 72, 3)] = True
    verdict = Clique(24).decide(evidence_of(assignment, lies))
    assert np.array_equal(verdict.flagged, lies.any(axis=0))
    assert verdict.mean_is_right and wrong_files(verdict, lies) == 0


def test_exposed_workers_are_some_of_the_q():
    assignment = Subset(7, replication=3)
    lies = np.zeros(assignment.incidence.shape, dtype=bool)
    lies[:, 0] = assignment.incidence[:, 0]
    believed = np.arange(7) != 1
    evidence = evidence_of(assignment, lies).without(~believed)
    found = Detection(Core, 2).decide(evidence, believed)
    assert found.mean_is_right
    assert np.flatnonzero(found.flagged).tolist() == [0]
    lies[:, 2] = assignment.incidence[:, 2]
    evidence = evidence_of(assignment, lies).without(~believed)
    found = Detection(Core, 2).decide(evidence, believed).contradiction
    assert found.kind is ContradictionKind.DISAGREEMENTS
    found = Detection(Core, 2).decide(evidence, np.arange(7) > 2)
    assert found.contradiction.kind is ContradictionKind.EXPOSED
    assert found.contradiction.text == '3 workers are exposed, more than q = 2'


# --- a degree over several steps ---------------------------------------

def test_a_degree_counts_what_was_seen_before():
    """Of steps in which a liar disagreed with no more than q workers."""
    assignment = Subset(7, replication=3)
    lies = np.zeros(assignment.incidence.shape, dtype=bool)
    # Worker 0 disagrees with 1 and 2 alone, in the file of these three.
    lies[0, 0] = True
    evidence = evidence_of(assignment, lies)
    rule = registry.find('detection', 'degree')(2)
    assert not rule.decide(evidence).flagged.any()
    known = np.zeros((7, 7), dtype=bool)
    known[0, 5] = known[5, 0] = True
    verdict = rule.decide(Evidence(evidence.holders, evidence.labels,
                                   evidence.finite, 7, known=known))
    assert verdict.flagged.tolist() == [True] + 6 * [False]
    assert not verdict.contributors[:, 0].any()


def test_an_honest_worker_has_no_degree_above_the_number_of_liars():
    assignment = Subset(9, replication=3)
    for files in PUBLISHED:
        liars, lies = lies_of(assignment, files, 4)
        flagged = registry.find('detection', 'degree')(4).decide(
            evidence_of(assignment, lies)).flagged
        assert not (flagged & ~liars).any()
        if files == 'all':
            assert (flagged == liars).all()


# --- a majority that q liars cannot win --------------------------------

def test_a_majority_of_more_than_q_is_right_whoever_lies_or_is_silent():
    """All sets of two liars among five holders, silent as they may be."""
    assignment = Repetition(5, replication=5)
    rule = registry.find('detection', 'majority')(2)
    for liars in combinations(range(5), 2):
        lies = np.zeros((1, 5), dtype=bool)
        lies[0, list(liars)] = True
        for n in range(4):
            for silent in combinations(range(5), n):
                verdict = rule.decide(evidence_of(assignment, lies, silent))
                right = 5 - len({*liars, *silent})
                assert (verdict.source[0] >= 0) == (right > 2)
                assert not (verdict.contributors & lies).any()
                assert verdict.mean_is_right and not verdict.flagged.any()


def test_single_holders_are_judged_as_files_with_an_empty_place():
    """One that is absent, not finite or not believed, among others."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        n_files, n_workers = rng.integers(1, 7, 2)
        holders = rng.integers(0, n_workers, (n_files, 1)).astype(np.int32)
        labels = rng.integers(-1, 1, (n_files, 1)).astype(np.int16)
        finite, nobody = rng.random((n_files, 1)) < 0.8, np.zeros(
            n_workers, dtype=bool)
        left_out = rng.random(n_workers) < 0.3
        one, two = (
            use(it, it.without(left_out), nobody) for it in (
                Evidence(holders, labels, finite, n_workers),
                Evidence(*(np.hstack([each, np.full_like(each, absent)])
                           for each, absent in ((holders, -1), (labels, -1),
                                                (finite, True))),
                         n_workers)))
        assert one.source.tolist() == two.source.tolist()
        assert one.source.dtype == two.source.dtype
        assert np.array_equal(one.contributors, two.contributors)
        assert one.voted == two.voted == 0
