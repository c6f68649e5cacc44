"""Certificates against brute force, every small case, and attacks."""

import os
import time
from itertools import combinations, product
from math import comb

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import DROPPED, MISSING
from aspis_mpi.detection.contradiction import ContradictionKind
from aspis_mpi.detection.matching import doubled, doubled_without
from aspis_mpi.detection.rules.certified import (
    Certified, certificates, expose, without_holders)
from tests.support.designs import (
    SILENT, bose, evidence_of, families, pairs_of, shared, strategy,
    triples_told)

#: Files certified before anybody is exposed, K = 15, r = 3, q = 2 ... 7.
BEFORE = {
    'all': (455, 454, 451, 445, 435, 420),
    'fixed-disagreement': (451, 435, 399, 335, 235, 91),
    'majorities': (455, 454, 451, 445, 435, 420),
    'framing': (454, 435, 396, 335, 250, 139),
    'sacrifice': (454, 451, 445, 435, 420, 399),
}
#: Random strategies for each q: 1,000 where there is time for it.
THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
STRATEGIES = 1000 if THOROUGH else 150


def attack(assignment, files, q, seed=0):
    adversaries = np.zeros(assignment.n_workers, dtype=bool)
    chosen = np.random.default_rng(seed).permutation(assignment.n_workers)
    adversaries[chosen[:q]] = True
    rule = registry.find('files', files)(assignment, seed)
    return adversaries, rule.lies(0, adversaries).astype(int)


def check(assignment, story, adversaries, q):
    """What holds for every story with at most q liars; wrong files used."""
    evidence = evidence_of(assignment, story)
    wrong = evidence_wrong(evidence, story)
    before = certificates(evidence, q)
    assert not (label_entries(evidence, before) & wrong).any()

    verdict = Certified(q).decide(evidence)
    assert not verdict.contradiction
    assert not (verdict.exposed & ~adversaries).any()
    assert len(verdict.proofs) == verdict.exposed.sum()
    used = (verdict.contributors & (story > 0)).any(axis=1)
    assert not (used & verdict.certified).any()
    assert (verdict.certified >= before.any(axis=1)).all()
    states = [verdict.certified, verdict.presumed, verdict.contested]
    assert np.sum(states, axis=0).max() <= 1

    # Whoever is named as the source is the lowest that sent the value.
    chosen = verdict.source >= 0
    assert np.array_equal(verdict.contributors.any(axis=1), chosen)
    assert np.array_equal(verdict.contributors[chosen].argmax(axis=1),
                          verdict.source[chosen])
    return int(used.sum()), verdict


def evidence_wrong(evidence, story):
    return np.take_along_axis(story, evidence.holders, axis=1) > 0


def label_entries(evidence, right):
    """Entries (file, place) whose value is certified."""
    return evidence.present & np.take_along_axis(
        right, evidence.labels, axis=1)


@pytest.mark.parametrize('q', range(2, 8))
@pytest.mark.parametrize('files', BEFORE)
def test_no_wrong_file_is_used_under_the_known_attacks(files, q):
    assignment = Subset(15, replication=3)
    for seed in range(3):
        adversaries, story = attack(assignment, files, q, seed)
        wrong, verdict = check(assignment, story, adversaries, q)
        assert wrong == 0
        before = certificates(evidence_of(assignment, story), q)
        assert before.any(axis=1).sum() == BEFORE[files][q - 2]
        assert verdict.mean_is_right


@pytest.mark.parametrize('q', range(2, 8))
def test_files_that_only_liars_hold_are_the_limit(q):
    assignment = Subset(15, replication=3)
    adversaries, story = attack(assignment, 'quiet', q)
    wrong, verdict = check(assignment, story, adversaries, q)
    assert wrong == comb(q, 3) == Certified(q).worst_case(assignment)
    assert verdict.mean_is_right == (q < 3)

    # All liars contest the same q - 3 honest workers and lie in secret.
    honest = np.flatnonzero(~adversaries)
    for count in range(max(q - 3, 0) + 1):
        victims = np.isin(np.arange(15), honest[:count])
        inside = ~(assignment.incidence & ~adversaries & ~victims).any(1)
        story = assignment.incidence & adversaries & inside[:, None]
        wrong, _ = check(assignment, story.astype(int), adversaries, q)
        assert wrong <= comb(q, 3)

    # Some are bold and exposed, the others quiet.
    for bold in range(q + 1):
        loud = np.isin(np.arange(15), np.flatnonzero(adversaries)[:bold])
        _, story = attack(assignment, 'quiet', q)
        story |= assignment.incidence & loud
        wrong, _ = check(assignment, story, adversaries, q)
        assert wrong <= comb(q, 3)


@pytest.mark.parametrize('q', range(2, 8))
def test_random_strategies(q):
    assignment = Subset(15, replication=3)
    random = np.random.default_rng(q)
    for _ in range(STRATEGIES):
        adversaries, story = strategy(assignment, q, random)
        wrong, _ = check(assignment, story, adversaries, q)
        assert wrong <= comb(q, 3)


@pytest.mark.parametrize('q', [2, 4, 7])
def test_a_search_for_wrong_files_finds_no_more_than_the_limit(q):
    assignment = Subset(15, replication=3)
    random = np.random.default_rng(q)
    adversaries, story = strategy(assignment, q, random)
    files, workers = np.nonzero(assignment.incidence & adversaries)
    best = -np.inf
    for _ in range(1500 if THOROUGH else 200):
        tried = story.copy()
        for place in random.integers(0, len(files), random.integers(1, 30)):
            tried[files[place], workers[place]] = random.integers(-1, 3)
        wrong, verdict = check(assignment, tried, adversaries, q)
        assert wrong <= comb(q, 3)
        # More wrong files, or else fewer certified ones.
        score = wrong - 0.01 * verdict.certified.sum()
        if score >= best:
            best, story = score, tried


@pytest.mark.parametrize(('n_workers', 'q'), [(5, 2), (6, 2), (7, 2)])
def test_every_graph_that_liars_can_draw(n_workers, q):
    # Whatever is said or withheld, D is covered by the liars, and a wrong
    # value is supported by liars: this is every choice of lies at once.
    possible = [(a, b) for a in range(q) for b in range(a + 1, n_workers)]
    liars = np.arange(n_workers) < q
    told = [c for k in range(1, q + 1) for c in combinations(range(q), k)]
    sets = np.array([c + (-1,) * (q - len(c)) for c in told])
    for drawn in product((False, True), repeat=len(possible)):
        graph = np.zeros((n_workers, n_workers), dtype=bool)
        for edge, there in zip(possible, drawn):
            graph[edge] = there
        graph |= graph.T
        exposed, proofs = expose(graph, q)
        assert not (exposed & ~liars).any()
        left = q - len(proofs)
        for stay, bound in ((np.ones_like(exposed), q), (~exposed, left)):
            believed = graph & stay & stay[:, None]
            kept = np.where(stay[sets] & (sets >= 0), sets, -1)
            needed = (2 * (kept >= 0).sum(axis=1)
                      + doubled_without(believed, kept))
            assert (needed <= 2 * bound).all()


@pytest.mark.timeout(900)
def test_every_choice_of_lies_of_two_in_five():
    liars = np.arange(5) < 2
    random = None if THOROUGH else np.random.default_rng(1)
    for assignment, story in triples_told(random):
        wrong, _ = check(assignment, story, liars, 2)
        assert wrong == 0


@pytest.mark.parametrize(('n_workers', 'q'), [(5, 2), (6, 2), (7, 2), (7, 3)])
def test_every_family_of_disagreements(n_workers, q):
    liars = np.arange(n_workers) < q
    for assignment, story in families(n_workers, q):
        wrong, _ = check(assignment, story, liars, q)
        assert wrong <= comb(q, 3)


@pytest.mark.parametrize(('n_workers', 'q'), [(5, 2), (6, 2)])
def test_every_family_with_silent_honest_workers(n_workers, q):
    liars = np.arange(n_workers) < q
    absent = [c for k in range(3)
              for c in combinations(range(q, n_workers), k)]
    for assignment, story in families(n_workers, q):
        for silent in absent:
            told = story.copy()
            told[:, list(silent)] = SILENT
            told[~assignment.incidence] = 0
            wrong, _ = check(assignment, told, liars, q)
            assert wrong == 0


def covers_of(graph, q):
    """All vertex covers of at most q workers, by trying all sets."""
    edges = np.argwhere(np.triu(graph))
    return [set(chosen) for size in range(q + 1)
            for chosen in combinations(range(len(graph)), size)
            if np.isin(edges, chosen).any(axis=1).all()]


def test_certificates_are_some_of_those_that_brute_force_gives():
    random = np.random.default_rng(3)
    given, missed = 0, 0
    for _ in range(250):
        n_workers = int(random.integers(4, 10))
        q = int(random.integers(1, (n_workers - 1) // 2 + 1))
        assignment = Subset(n_workers, replication=int(random.integers(2, 4)))
        _, story = strategy(assignment, q, random)
        evidence = evidence_of(assignment, story)
        covers = covers_of(evidence.disagreements, q)
        right = certificates(evidence, q)
        for file, labels in enumerate(evidence.labels):
            for label in set(labels[labels >= 0].tolist()):
                supporters = set(assignment.holders[file, labels == label])
                true = not any(supporters <= cover for cover in covers)
                assert true or not right[file, label]
                given += right[file, label]
                missed += true and not right[file, label]
        exposed, _ = expose(evidence.disagreements, q)
        assert all(set(np.flatnonzero(exposed)) <= c for c in covers)
    assert given > 20 * missed


def test_more_liars_than_assumed_never_make_two_values_right():
    random = np.random.default_rng(5)
    assignment = Subset(9, replication=3)
    contradictions = 0
    for _ in range(300):
        _, story = strategy(assignment, int(random.integers(3, 8)), random)
        evidence = evidence_of(assignment, story)
        verdict = Certified(2).decide(evidence)
        contradictions += bool(verdict.contradiction)
        if verdict.contradiction:
            assert (verdict.source == DROPPED).all()
            assert not (verdict.exposed | verdict.flagged).any()
            continue
        left = 2 - int(verdict.exposed.sum())
        right = certificates(without_holders(evidence, verdict.exposed), left)
        assert right.sum(axis=1).max() <= 1
    assert 0 < contradictions < 300


def test_silence_is_no_evidence():
    assignment = Subset(7, replication=3)
    story = np.zeros(assignment.incidence.shape, dtype=int)
    story[:, [0, 1]] = SILENT
    verdict = Certified(2).decide(evidence_of(assignment, story))
    assert not verdict.exposed.any() and not verdict.contradiction
    silent = assignment.incidence[:, :2].any(axis=1)
    assert (verdict.source[silent] == MISSING).all()
    assert np.array_equal(verdict.certified, ~silent)


def test_presumed_files_are_used_only_where_few_are_certified():
    assignment = Subset(7, replication=3)
    story = np.zeros(assignment.incidence.shape, dtype=int)
    evidence = evidence_of(assignment, story)
    used = Certified(3).decide(evidence)
    assert used.presumed.all() and (used.source >= 0).all()
    assert not used.mean_is_right
    never = Certified(3, presume_below=0.0).decide(evidence)
    assert never.presumed.all() and (never.source == DROPPED).all()

    # Many are certified once somebody lies.
    _, story = attack(assignment, 'fixed-disagreement', 3)
    evidence = evidence_of(assignment, story)
    for share in (0.05, 1.0):
        verdict = Certified(3, presume_below=share).decide(evidence)
        assert verdict.presumed.any() and verdict.contested.any()
        assert (verdict.source[verdict.presumed] >= 0).all() == (share == 1)
        assert (verdict.source[verdict.contested] == DROPPED).all()
        assert verdict.mean_is_right == (share < 1)


def test_a_presumed_file_needs_all_its_believed_holders():
    assignment = Subset(7, replication=3)
    story = np.zeros(assignment.incidence.shape, dtype=int)
    story[0, assignment.holders[0, 0]] = SILENT
    verdict = Certified(3).decide(evidence_of(assignment, story))
    assert verdict.source[0] == MISSING and not verdict.presumed[0]
    gone = np.arange(7) == assignment.holders[0, 0]
    evidence = without_holders(evidence_of(assignment, story), gone)
    verdict = Certified(3).decide(evidence)
    assert verdict.presumed[0]
    assert verdict.source[0] == assignment.holders[0, 1]


def test_workers_known_to_lie_make_one_copy_enough():
    assignment = Subset(7, replication=3)
    _, story = attack(assignment, 'all', 2)
    liars = (story > 0).any(axis=0)
    story[:, 6] = np.where(assignment.incidence[:, 6], SILENT, 0)
    evidence = without_holders(evidence_of(assignment, story), liars)
    verdict = Certified(0).decide(evidence)
    held = (assignment.incidence & ~liars)[:, :6].any(axis=1)
    assert np.array_equal(verdict.certified, held)
    assert np.array_equal(verdict.source >= 0, held) and verdict.mean_is_right


def test_values_that_are_not_finite_are_divergence_or_lies():
    assignment = Subset(7, replication=3)
    story = np.zeros(assignment.incidence.shape, dtype=int)
    finite = np.ones(assignment.holders.shape, dtype=bool)
    finite[0] = False
    diverged = evidence_of(assignment, story, finite)
    found = Certified(2).decide(diverged).contradiction
    assert found.kind is ContradictionKind.NOT_FINITE
    assert 'not finite' in found.text
    presumed = Certified(3).decide(diverged)
    assert presumed.source[0] == DROPPED and not presumed.contradiction

    # Exposed liars are some of the q who may send such values.
    story[:, 0] = assignment.incidence[:, 0]
    finite = (assignment.holders != 0) & (assignment.holders != 1)
    evidence = evidence_of(assignment, story, finite)
    found = Certified(1).decide(evidence).contradiction
    assert found.kind is ContradictionKind.NOT_FINITE


def test_of_four_that_all_disagree_no_two_can_be_the_wrong_ones():
    assignment = Subset(4, replication=3)
    story = np.where(assignment.incidence, np.arange(4), 0)
    found = Certified(2).decide(evidence_of(assignment, story)).contradiction
    assert found.kind is ContradictionKind.EXPOSED
    assert found.text == ('besides 4 exposed workers: 2 workers more are '
                          'exposed than can be wrong')
    found = Certified(1).decide(evidence_of(assignment, story)).contradiction
    assert found.kind is ContradictionKind.DISAGREEMENTS
    assert not Certified(3).decide(
        evidence_of(assignment, story)).contradiction


def test_options_outside_their_range_are_refused():
    for share in (-0.1, 1.1, float('nan')):
        with pytest.raises(ValueError, match='presume_below'):
            Certified(2, presume_below=share)


@pytest.mark.parametrize(('n_workers', 'seconds'),
                         [(15, 0.1), (99, 0.4), (201, 1.0)])
def test_verdict_of_a_step_is_fast(n_workers, seconds):
    design = Subset(15) if n_workers == 15 else bose(n_workers)
    q = (n_workers - 1) // 2
    random = np.random.default_rng(n_workers)
    stories = [pairs_of(design, q)]
    for rate in (0.02, 0.1, 0.5, 1.0):
        liars = np.arange(n_workers) < q
        lies = random.random(design.incidence.shape) < rate
        stories.append(design.incidence & liars & lies)
    assert doubled(evidence_of(design, stories[0]).disagreements) == 2 * q
    for story in stories:
        assert best_time(design, story.astype(int), q) < seconds


def best_time(design, story, q):
    """Processor seconds of a verdict, the least of some."""
    times = []
    for _ in range(5):
        evidence = evidence_of(design, story)
        start = time.process_time()
        verdict = Certified(q).decide(evidence)
        times.append(time.process_time() - start)
        assert not verdict.contradiction
    return min(times)


def test_bose_construction_puts_each_pair_into_one_file():
    for n_workers in (9, 15, 99):
        together = shared(bose(n_workers))
        assert (together[~np.eye(n_workers, dtype=bool)] == 1).all()
