"""Classes that are stars, and what close values prove."""

from itertools import combinations_with_replacement, permutations

import numpy as np
import pytest

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.coding.scrutiny import SKETCHED
from aspis_mpi.detection.classes import sort
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.detection.evidence import Evidence
from aspis_mpi.detection.rules.certified import Certified, without_holders
from aspis_mpi.detection.rules.clique import Clique
from aspis_mpi.detection.rules.core import Core
from aspis_mpi.detection.rules.none import Alone
from tests.support.designs import evidence_of, strategy

LINE = Equality(False, 1.0, 3.0)
FINE = SKETCHED['float64'].thresholds


def on_a_line(points):
    """Distances of numbers, and where there is one; NaN is none."""
    points = np.atleast_2d(np.asarray(points, dtype=float))
    return (np.abs(points[:, :, None] - points[:, None]),
            ~np.isnan(points))


# --- classes -----------------------------------------------------------

@pytest.mark.parametrize(('points', 'labels'), [
    ([0, 0.9, -0.9], [0, 0, 0]),            # a star
    ([0, 0.9, 1.8], [0, 0, 0]),             # around its middle
    ([0, 0.9, 1.8, 2.7], [0, 0, 0, 1]),     # and no chain
    ([0, 5, 0.5, 5.5, 9], [0, 1, 0, 1, 2]),
    ([9, 0, 0.5], [1, 0, 0]),               # the most supported is first
    ([4, 4, 0, 0], [0, 0, 1, 1]),           # of equal ones the lowest place
    ([0, 0, 1.5, 0.8], [0, 0, 1, 0]),       # in reach of both: the first
    ([np.nan, 7, np.nan, 7], [-1, 0, -1, 0]),
    ([np.nan, np.nan], [-1, -1])])
def test_support_is_a_star_around_one_replica(points, labels):
    found, *_ = sort(*on_a_line(points), LINE)
    assert found.tolist() == [labels]
    assert found.dtype == np.int16


def test_what_is_between_the_thresholds_is_close():
    labels, close, margin, _ = sort(*on_a_line([0, 2, 9, 0.5]), LINE)
    assert labels.tolist() == [[0, 1, 2, 0]]
    assert np.argwhere(close[0]).tolist() == [[0, 1], [1, 0], [1, 3], [3, 1]]
    assert margin.tolist() == [0.5, 7.0]


def test_margin_of_nothing_is_unknown():
    for points, margin in (([0, np.nan], [np.nan, np.nan]),
                           ([0, 0], [0, np.nan]), ([0, 2], [np.nan] * 2),
                           ([0, 4], [np.nan, 4])):
        assert np.array_equal(sort(*on_a_line(points), LINE)[2], margin,
                              equal_nan=True)


def brute_sort(distances, present, equality):
    """The same for one file, by the words of the rule."""
    labels, found = [-1] * len(present), [0.0] * len(present)
    support, against = [np.nan], [np.nan]
    left, label = np.flatnonzero(present).tolist(), 0
    while left:
        of = {i: sum(1 - distances[i, j] / equality.tolerance for j in left
                     if distances[i, j] <= equality.tolerance) for i in left}
        star = max(left, key=of.get)
        for j in left:
            if distances[j, star] <= equality.tolerance:
                labels[j], found[j] = label, of[j]
                support += [distances[j, star]] * (j != star)
        left, label = [j for j in left if labels[j] < 0], label + 1
    close = np.zeros(distances.shape, dtype=bool)
    for a in np.flatnonzero(present):
        for b in np.flatnonzero(present):
            if labels[a] == labels[b]:
                continue
            close[a, b] = distances[a, b] <= equality.disagreement
            if not close[a, b]:
                against.append(distances[a, b])
    return (labels, close, np.fmax.reduce(support),
            np.fmin.reduce(against), found)


@pytest.mark.parametrize('r', [1, 2, 3, 5])
def test_sorting_against_brute_force(r):
    random = np.random.default_rng(r)
    for _ in range(60):
        # Any numbers at all: a liar's sketches obey no triangle inequality.
        n = int(random.integers(1, 6))
        distances = random.choice([0, 0.5, 1, 2, 3, 4, np.inf], (n, r, r))
        distances = np.triu(distances, 1)
        distances += distances.transpose(0, 2, 1)
        present = random.random((n, r)) < 0.8
        labels, close, margin, support = sort(distances, present, LINE)
        told = [brute_sort(*one, LINE) for one in zip(distances, present)]
        assert labels.tolist() == [one[0] for one in told]
        assert np.array_equal(close, [one[1] for one in told])
        assert np.array_equal(margin, [
            np.fmax.reduce([one[2] for one in told]),
            np.fmin.reduce([one[3] for one in told])], equal_nan=True)
        assert support.tolist() == [one[4] for one in told]


def test_distances_of_who_is_absent_do_not_matter():
    distances, present = on_a_line([[0, 0.5, 2, 9]])
    present[0, 1] = False
    distances[0, 1] = distances[0, :, 1] = np.nan
    labels, close, margin, _ = sort(distances, present, LINE)
    assert labels.tolist() == [[0, -1, 1, 2]]
    assert not close[0, 1].any() and not close[0, :, 1].any()
    assert np.array_equal(margin, [np.nan, 7], equal_nan=True)


def test_sketches_of_equal_bits_have_two_thresholds_of_their_own():
    equality = BITS.of_sketches(FINE)
    assert (equality.tolerance, equality.disagreement) == (1e-9, 1e-8)
    labels, close, *_ = sort(*on_a_line([0, 1e-12, 2e-9, 2e-8]), equality)
    assert labels.tolist() == [[0, 0, 1, 2]]
    assert np.argwhere(np.triu(close[0])).tolist() == [[0, 2], [1, 2]]


def all_orders(truth, liars):
    """Right values and those that liars can take, in all orders, (n, r)."""
    sides = [-2.6, -1.8, -0.9, -0.4, 0.4, 0.9, 1.8, 5.0]
    return np.array([
        order for points in combinations_with_replacement(sides, liars)
        for order in sorted(set(permutations([*truth, *points])))])


@pytest.mark.parametrize('right', [1, 2, 3])
def test_where_most_are_right_a_right_one_begins_the_class(right):
    """Wherever liars stand, and wherever the right ones are among them.

    Fails where the lowest place begins, and where each supporter counts
    the same: then three liars outside a right value can move the class off a
    fourth one, or even cut through those that are right.
    """
    for liars in range(right):
        orders = all_orders([0.0] * right, liars)
        labels, close, _, support = sort(*on_a_line(orders), LINE)
        near, far = abs(orders) <= 1, abs(orders) > 3
        assert np.array_equal(labels == 0, near)
        assert (orders[np.arange(len(orders)), support.argmax(1)] == 0).all()
        assert not (close & near[:, :, None] & far[:, None]).any()


def test_liars_on_either_side_of_the_right_value_disagree_with_nobody():
    """Nor do those that a third one stands between."""
    orders = np.array([*permutations([0, 0, 0, 0, 0.9, 1.8, -0.9])])
    labels, _, margin, _ = sort(*on_a_line(orders), LINE)
    assert np.array_equal(labels == 0, abs(orders) < 1)
    assert np.isnan(margin[1])


@pytest.mark.parametrize('honest, liars', [(1, 1), (1, 2), (2, 1), (2, 2),
                                           (3, 1), (3, 2), (1, 3)])
def test_no_certificate_is_wrong_wherever_liars_stand(honest, liars):
    """What is certified is near a right value, however these are spread by
    noise; who is listed as apart is so; nobody right is exposed."""
    holders = np.arange(honest + liars)[None].astype(np.int32)
    truth, certified = [0.0, 1e-3, -1e-3][:honest], 0
    orders = all_orders(truth, liars)
    orders = np.random.default_rng(0).permutation(orders)[:300]
    for order, labels, close, support in zip(orders, *(
            sort(*on_a_line(orders), LINE)[i] for i in (0, 1, 3))):
        evidence = Evidence(holders, labels[None], labels[None] >= 0,
                            holders.size, close[None], support=support[None])
        for a, b in np.argwhere(evidence.seen).tolist():
            assert abs(order[a] - order[b]) > LINE.disagreement
        verdict = Certified(liars).decide(evidence)
        assert not np.isin(order[verdict.exposed], truth).any()
        if not verdict.certified[0]:
            continue
        certified += 1
        used = order[verdict.source[0]]
        assert min(abs(used - right) for right in truth) <= 2
        # A right one, or as near as those are to each other.
        if honest > liars and not verdict.exposed.any():
            assert abs(used) <= 1e-3
    assert certified > 5


def test_the_middle_of_a_class_is_its_source():
    points = [[0.9, 0.0, 0.1, -0.9], [0.5, 0.5, 0.5, 0.5]]
    distances, present = on_a_line(points)
    labels, close, _, support = sort(distances, present, LINE)
    holders = np.arange(4)[None].repeat(2, axis=0).astype(np.int32)
    evidence = Evidence(holders, labels, present, 4, close, support=support)
    assert Certified(1).decide(evidence).source.tolist() == [1, 0]
    for rule in Clique(1), Core(1), Alone(1):
        assert rule.decide(evidence).source.tolist() == [1, 0]
    # Next to it, where it does not count itself.
    gone = np.arange(4) == 1
    assert Core(1).decide(evidence.without(gone)).source.tolist() == [2, 0]
    # Those of equal bits have none.
    evidence = Evidence(holders, labels, present, 4, close)
    assert Certified(1).decide(evidence).source.tolist() == [0, 0]


# --- evidence ----------------------------------------------------------

def test_close_values_are_neither_support_nor_evidence():
    labels, close, *_ = sort(*on_a_line([[0, 2, 9], [0, 2, 0.5]]), LINE)
    holders = np.array([[0, 1, 2], [1, 2, 3]], dtype=np.int32)
    evidence = Evidence(holders, labels, labels >= 0, 5, close)
    assert np.argwhere(np.triu(evidence.disagreements)).tolist() == [
        [0, 2], [1, 2]]
    assert evidence.contested.tolist() == [True, True]
    assert evidence.disputed.tolist() == [True, False]


def test_evidence_keeps_what_is_known_until_somebody_leaves():
    random = np.random.default_rng(2)
    assignment = Subset(7, replication=3)
    for _ in range(50):
        _, story = strategy(assignment, 3, random)
        base = evidence_of(assignment, story)
        close = random.random((*base.labels.shape, 3)) < 0.5
        close = close | close.transpose(0, 2, 1)
        known = np.triu(random.random((7, 7)) < 0.1, 1)
        known = known | known.T
        evidence = Evidence(base.holders, base.labels, base.finite, 7,
                            close, known)
        told = known.copy()
        for holders, labels, near in zip(base.holders, base.labels, close):
            for a, b in np.argwhere(~near).tolist():
                if labels[a] != labels[b] and min(labels[a], labels[b]) >= 0:
                    told[holders[a], holders[b]] = True
        assert np.array_equal(evidence.disagreements, told)
        assert evidence.disputed.tolist() == [
            any(told_ and min(row[a], row[b]) >= 0 and row[a] != row[b]
                for (a, b), told_ in np.ndenumerate(~near))
            for row, near in zip(base.labels, close)]

        gone = random.random(7) < 0.3
        stay = ~gone
        for left in (evidence.without(gone), without_holders(evidence, gone)):
            assert np.array_equal(left.disagreements,
                                  told & stay & stay[:, None])
            assert left.known is None or not left.known[gone].any()


def test_what_is_known_already_certifies():
    """Earlier disagreements with q others certify what no step could."""
    assignment = Subset(7, replication=3)
    story = np.zeros(assignment.incidence.shape, dtype=int)
    base = evidence_of(assignment, story)
    assert not Certified(3).decide(base).certified.any()
    known = np.zeros((7, 7), dtype=bool)
    known[0, 1] = known[1, 0] = True
    verdict = Certified(3).decide(Evidence(
        base.holders, base.labels, base.finite, 7, known=known))
    both = assignment.incidence[:, [0, 1]].any(axis=1)
    assert np.array_equal(verdict.certified, ~both)


def between(assignment, liars, value):
    """Liars that tell one and the same value near the truth, everywhere."""
    lies = np.take_along_axis(assignment.incidence & liars,
                              assignment.holders, axis=1)
    distances, present = on_a_line(np.where(lies, value, 0.0))
    labels, close, *_ = sort(distances, present, LINE)
    return Evidence(assignment.holders, labels, present,
                    assignment.n_workers, close)


@pytest.mark.parametrize('q', [2, 3, 4])
def test_lies_between_the_thresholds_are_never_certified(q):
    assignment = Subset(9, replication=3)
    liars = np.arange(9) < q
    evidence = between(assignment, liars, 2.0)
    assert not evidence.disagreements.any()
    verdict = Certified(q).decide(evidence)
    assert not verdict.exposed.any() and not verdict.contradiction
    wrong = verdict.contributors[:, liars].any(axis=1)
    held = (assignment.incidence & ~liars).any(axis=1)
    assert not (wrong & verdict.certified).any() and not (wrong & held).any()
    for rule in (Clique(q), Core(q)):
        verdict = rule.decide(evidence)
        assert not verdict.flagged.any() and not verdict.contradiction
    # The same a little farther away is a lie like any other.
    verdict = Certified(q).decide(between(assignment, liars, 3.5))
    assert np.array_equal(verdict.exposed, liars)
