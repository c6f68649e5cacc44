"""Worst cases of published schemes: their papers, and counting."""

import re
from itertools import combinations
from math import comb
from pathlib import Path

import pytest

from aspis_mpi.assignment import theory
from aspis_mpi.assignment.designs.bibd import Balanced
from aspis_mpi.assignment.designs.mols import LatinSquares
from aspis_mpi.assignment.designs.ramanujan import Ramanujan
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset

ROOT = Path(__file__).parents[2]

#: Of 15 workers and 455 files, 3 replicas each: q, the share of the baseline,
#: of DETOX, ByzShield's files of 25, Aspis, framed, and whatever is done.
PUBLISHED = [
    (2, .133, .2, 1, 2, 1, 0), (3, .2, .2, 3, 10, 10, 1),
    (4, .267, .4, 5, 28, 34, 4), (5, .333, .4, 8, 60, 80, 10),
    (6, .4, .6, 12, 110, 155, 20), (7, .467, .6, 14, 182, 266, 35)]


@pytest.mark.parametrize('q, plain, groups, squares, found, framed, silent',
                         PUBLISHED)
def test_the_published_table(q, plain, groups, squares, found, framed,
                             silent):
    assert round(theory.baseline(15, q).fraction, 3) == plain
    assert theory.detox(15, q).fraction == pytest.approx(groups)
    byzshield = theory.voted(LatinSquares(15), q)
    assert (byzshield.files, byzshield.exact) == (25, True)
    assert byzshield.bound == squares
    for scheme, wrong in ((theory.aspis, found), (theory.framing, framed),
                          (theory.certified, silent)):
        case = scheme(15, q)
        assert (case.files, case.bound, case.exact) == (455, wrong, True)
        assert case.fraction == wrong / 455


@pytest.mark.parametrize('q, wrong', [
    (3, 1), (4, 1), (5, 2), (6, 4), (7, 5)])
def test_published_bigraph_of_25_workers(q, wrong):
    case = theory.voted(Ramanujan(25, replication=5), q)
    assert (case.files, case.bound, case.exact) == (25, wrong, True)


def votes(n_workers, r, liars, inside):
    """Wrong files when liars meet honest holders only inside a set.

    Both sides of the vote are there: liars, and the honest holders.
    """
    wrong = 0
    for group in combinations(range(n_workers), r):
        lying = sum(worker in liars for worker in group)
        honest = [worker for worker in group if worker not in liars]
        wrong += (2 * lying > r) and all(it in inside for it in honest)
    return wrong


@pytest.mark.parametrize('k, q, r', [(7, 2, 3), (7, 3, 3), (9, 4, 3),
                                     (9, 3, 5), (11, 5, 5), (5, 2, 1)])
def test_aspis_is_what_the_attack_with_fixed_disagreement_wins(k, q, r):
    liars, disliked = set(range(q)), set(range(q, 2 * q))
    assert theory.aspis(k, q, r).bound == votes(k, r, liars, disliked)


@pytest.mark.parametrize('k, q, r', [(7, 2, 3), (9, 4, 3), (9, 3, 4),
                                     (11, 5, 5), (6, 1, 2)])
def test_framing_is_the_files_that_no_other_worker_holds(k, q, r):
    liars, framed = set(range(q)), set(range(q, 2 * q - 1))
    wrong = sum(set(group) <= liars | framed and bool(liars & set(group))
                for group in combinations(range(k), r))
    assert theory.framing(k, q, r).bound == wrong


@pytest.mark.parametrize('k, r', [(15, 3), (15, 5), (9, 3), (10, 1)])
def test_detox_is_a_vote_of_groups(k, r):
    for q in range((k + 1) // 2):
        closed = theory.detox(k, q, r)
        assert closed == theory.voted(Repetition(k, replication=r), q)
        assert closed.fraction == pytest.approx(
            min(1, q // ((r + 1) // 2) * r / k))


@pytest.mark.parametrize('q', range(4))
def test_draco_lets_nothing_through(q):
    r = 2 * q + 1
    k = 3 * r
    assert theory.draco(k, q, r).bound == 0
    assert theory.voted(Repetition(k, replication=r), q).bound == 0


def test_certified_is_what_liars_hold_alone():
    for q in range(5):
        assert theory.certified(9, q).bound == Subset(9).unanimous(q)


def test_a_vote_of_all_subsets_has_a_closed_form():
    for k, q, r in (9, 4, 3), (8, 3, 4), (9, 3, 5):
        expected = sum(comb(q, n) * comb(k - q, r - n)
                       for n in range(r // 2 + 1, r + 1))
        case = theory.voted(Subset(k, replication=r), q)
        assert case.exact and case.bound == expected


def test_a_vote_that_is_too_long_to_search_has_bounds():
    design = Balanced(57, replication=8)
    case = theory.voted(design, 20, most_work=1)
    assert not case.exact
    assert 0 < case.attained < case.bound < design.n_files
    assert case.fraction == case.bound / 57


def test_nobody_lies_and_nothing_is_wrong():
    for scheme in theory.SCHEMES.values():
        assert scheme(15, 0).bound == 0
    assert theory.voted(LatinSquares(15), 0).bound == 0


def test_more_liars_are_never_better():
    for name, scheme in theory.SCHEMES.items():
        r = {'baseline': 1, 'reactive': 1, 'draco': 15}.get(name, 3)
        wrong = [scheme(15, q, r).bound for q in range(8)]
        assert wrong == sorted(wrong)
    wrong = [theory.voted(Balanced(13), q).bound for q in range(14)]
    assert wrong == sorted(wrong) and wrong[-1] == 26


@pytest.mark.parametrize('make, told', [
    (lambda: theory.baseline(5, 6), 'q 6 .* 0 and .* 5'),
    (lambda: theory.baseline(5, 2, 3), 'replication 3 must be 1'),
    (lambda: theory.detox(15, 2, 4), 'replication 4 must be odd'),
    (lambda: theory.detox(16, 2, 3), 'replication 3 must divide .* 16'),
    (lambda: theory.draco(15, 2, 3), r'replication 3 .* 2 q \+ 1 = 5'),
    (lambda: theory.draco(16, 1, 3), 'replication 3 must divide .* 16'),
    (lambda: theory.aspis(15, 2, 4), 'replication 4 must be odd'),
    (lambda: theory.aspis(15, 8), 'q 8 .* half of 15'),
    (lambda: theory.framing(14, 7), 'q 7 .* half of 14'),
    (lambda: theory.certified(15, 2, 16), 'replication 16 .* 1 and .* 15')])
def test_what_has_no_worst_case_is_told(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_the_page_has_these_numbers():
    """docs/aspis.md: baseline, DETOX, two votes, Aspis, framed, unanimous."""
    text = (ROOT / 'docs' / 'aspis.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| (\d) \|(.*)\|$', text.partition(
        '## Worst cases')[2], re.MULTILINE)
    assert [int(q) for q, _ in rows] == list(range(2, 8))
    for q, cells in rows:
        cases = [theory.baseline(15, int(q)), theory.detox(15, int(q)),
                 theory.voted(LatinSquares(15), int(q)),
                 theory.voted(Balanced(15), int(q)),
                 theory.aspis(15, int(q)), theory.framing(15, int(q)),
                 theory.certified(15, int(q))]
        assert [int(cell) for cell in cells.split('|')] == [
            case.bound for case in cases]
