"""Files of excluded workers on the others, and what q workers hold alone."""

from itertools import combinations

import numpy as np
import pytest

from aspis_mpi.assignment.base import MOST_SETS, Assignment
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.assignment.ordering import matching, q_max
from aspis_mpi.assignment.pacing import by_speed
from aspis_mpi.assignment.reassignment import dealt, most_load, reassigned
from aspis_mpi.learning.sizes import zipf
from aspis_mpi.streams import generator


def irregular(seed, n_files=12, n_workers=7):
    random = generator(seed, 'irregular')
    held = random.random((n_files, n_workers)) < random.random(n_workers)
    held[np.arange(n_files), random.integers(n_workers, size=n_files)] = True
    rank = random.random((n_workers, n_files))
    design = Assignment(held)
    order = np.full_like(design.order, -1)
    for worker in range(n_workers):
        files = np.flatnonzero(held[:, worker])
        order[worker, :files.size] = files[rank[worker, files].argsort()]
    return design.reordered(order)


DESIGNS = [Subset(6, replication=3), Subset(7, replication=2),
           Subset(5, replication=5), Cyclic(7, load=3), Cyclic(8, load=5),
           Repetition(9, replication=3, load=2), Uncoded(5),
           RandomRegular(8, load=3), RandomRegular(9, load=7),
           *(irregular(seed) for seed in range(6))]
every_design = pytest.mark.parametrize('design', DESIGNS)


def subsets(n_workers, most):
    for n in range(most + 1):
        for chosen in combinations(range(n_workers), n):
            yield np.isin(np.arange(n_workers), chosen)


def plainly(design, excluded, most, work=None):
    """Who holds what, one place after the other, as the rule is written."""
    work = [1] * design.n_files if work is None else work.tolist()
    held = [set(np.flatnonzero(row & ~excluded).tolist())
            for row in design.incidence]
    places = np.count_nonzero(design.incidence & excluded, axis=1).tolist()
    while any(places):
        *_, file = min((len(held[file]), -work[file], file)
                       for file, left in enumerate(places) if left)
        theirs = [[file for file, holders in enumerate(held)
                   if worker in holders] for worker in range(design.n_workers)]
        able = [(sum(work[file] for file in files), worker)
                for worker, files in enumerate(theirs)
                if not excluded[worker] and file not in files
                and len(files) < most]
        places[file] -= 1
        if able:
            held[file].add(min(able)[1])
    return held


# --- who gets what -----------------------------------------------------

@every_design
def test_every_place_that_can_be_filled_is_filled(design):
    k, counts = design.n_workers, design.incidence.sum(axis=1)
    for q in range(min(4, k)):
        most = most_load(design, q)
        assert design.loads.max() <= most <= design.n_files
        for excluded in subsets(k, q):
            other = reassigned(design, excluded, most)
            there = k - np.count_nonzero(excluded)
            assert (other.incidence.sum(axis=1)
                    == np.minimum(counts, there)).all()
            assert not other.incidence[:, excluded].any()
            kept = design.incidence & ~excluded
            assert (other.incidence >= kept).all()
            assert other.loads.max() <= most == other.width


@every_design
def test_places_go_where_the_rule_says(design):
    k, tight = design.n_workers, int(design.loads.max())
    for excluded in subsets(k, 2):
        for most in tight + 1, tight + 3:
            held = plainly(design, excluded, most)
            if not all(held):
                with pytest.raises(ValueError, match='no worker left'):
                    reassigned(design, excluded, most)
                continue
            other = reassigned(design, excluded, most)
            assert [set(np.flatnonzero(row).tolist())
                    for row in other.incidence] == held


def uneven(design):
    """Sizes of files, some of them much larger than others."""
    return generator(7, 'uneven').permutation(zipf(
        20 * design.n_files, design.n_files))


@every_design
def test_where_files_are_uneven_places_go_by_work(design):
    k, work = design.n_workers, uneven(design)
    for excluded in subsets(k, 2):
        for most in int(design.loads.max()) + 3, most_load(design, 2):
            held = plainly(design, excluded, most, work)
            if not all(held):
                continue
            other = reassigned(design, excluded, most, work)
            assert [set(np.flatnonzero(row).tolist())
                    for row in other.incidence] == held


@every_design
def test_by_work_as_well_every_place_is_filled_that_can_be(design):
    """There is room enough, whichever workers have had files before."""
    k, work = design.n_workers, uneven(design)
    for q in range(min(4, k)):
        for excluded in subsets(k, q):
            other = reassigned(design, excluded, most_load(design, q), work)
            assert (other.incidence.sum(axis=1) == np.minimum(
                design.incidence.sum(axis=1),
                k - np.count_nonzero(excluded))).all()


def test_the_most_work_is_less_than_by_numbers_of_files():
    """On average over who is gone; the mean of all is the least there is."""
    design = Cyclic(15, load=5)
    work = uneven(design)
    most = [[], []]
    for excluded in subsets(15, 2):
        if excluded.sum() == 2:
            for found, sizes in zip(most, (None, work)):
                other = reassigned(design, excluded, 15, sizes)
                found.append((work @ other.incidence).max())
    by_number, by_work = map(np.mean, most)
    # Nobody gives away what it has, so the design's own most stays.
    least = (work @ design.incidence).max()
    assert by_work < least + 0.6 * (by_number - least)


@every_design
def test_old_files_come_first_in_the_old_order(design):
    for excluded in subsets(design.n_workers, 2):
        other = reassigned(design, excluded, design.n_files)
        for worker in np.flatnonzero(~excluded):
            mine = design.files(worker)
            assert np.array_equal(other.files(worker)[:mine.size], mine)
        assert (other.order[excluded] == -1).all()
        assert other.order.shape == (design.n_workers, design.n_files)


@every_design
def test_no_file_is_lost_exactly_while_there_is_room(design):
    """However many are excluded; never where a worker may hold all files."""
    k, tight = design.n_workers, int(design.loads.max())
    for excluded in subsets(k, k - 1):
        if design.n_files > 15 and excluded.sum() not in (k - 2, k - 1):
            continue
        kept = design.incidence & ~excluded
        needed = kept.sum() + np.count_nonzero(~kept.any(axis=1))
        for most in range(tight, design.n_files + 1):
            if needed <= most * np.count_nonzero(~excluded):
                reassigned(design, excluded, most)
                break
            with pytest.raises(ValueError, match='no worker left'):
                reassigned(design, excluded, most)


def test_nobody_is_excluded():
    for design in DESIGNS:
        other = reassigned(design, np.zeros(design.n_workers, dtype=bool),
                           design.n_files)
        assert np.array_equal(other.incidence, design.incidence)
        assert np.array_equal(other.order[:, :design.load], design.order)


@pytest.mark.parametrize('k, q', [(15, 2), (15, 4), (15, 7)])
def test_the_load_of_the_subset_design_stays_even(k, q):
    design = Subset(k)
    other = reassigned(design, np.arange(k) < q, most_load(design, q))
    even = design.n_files * 3 / (k - q)
    assert even <= other.loads.max() <= np.ceil(even) + 1


@every_design
def test_it_is_a_function_of_the_design_and_the_excluded(design):
    excluded = np.arange(design.n_workers) < 2
    before = design.incidence.copy(), design.order.copy()
    one, other = (reassigned(design, excluded, design.n_files)
                  for _ in range(2))
    assert np.array_equal(one.order, other.order)
    assert np.array_equal(before[0], design.incidence)
    assert np.array_equal(before[1], design.order)
    assert excluded.sum() == 2


@pytest.mark.parametrize('most', [1, 3, 40])
def test_some_files_are_dealt_out_in_turn_or_by_work(most):
    files, workers = list(range(5, 40, 2)), [0, 3, 4, 9]
    alike = dealt(files, workers, most)
    assert alike == {worker: files[place::4][:most]
                     for place, worker in enumerate(workers)}
    work = generator(3, 'dealt').permutation(zipf(400, 40))
    given = dealt(files, workers, most, work)
    assert all(some == sorted(some) for some in given.values())
    assert sum(map(len, given.values())) == min(len(files), 4 * most)
    assert max(map(len, given.values())) <= most
    if most == 40:
        # Graham 1969: the largest first is at most a third above the best.
        busiest = max(work[some].sum() for some in given.values())
        best = max(work[files].max(), work[files].sum() / 4)
        assert busiest <= (4 / 3 - 1 / 12) * best
    assert dealt([], workers, most, work) == {it: [] for it in workers}


# --- in which order ----------------------------------------------------

def rearranged(design, excluded, other, arrange):
    """`other` with the new files of each worker in another order."""
    order = other.order.copy()
    for worker in np.flatnonzero(~excluded):
        own, all_ = design.loads[worker], other.loads[worker]
        order[worker, own:all_] = arrange(order[worker, own:all_])
    return other.reordered(order)


@pytest.mark.parametrize('design, q', [
    (Cyclic(9, load=6), 4), (Repetition(12, replication=4, load=6), 2),
    (RandomRegular(20, load=9), 8), (Subset(8, replication=3), 4)],
    ids=['cyclic', 'repetition', 'regular', 'subset'])
def test_new_files_are_spread_over_positions(design, q):
    """Files come sooner, at the worst, than in random orders on average."""
    random = generator(2, 'spread')
    excluded = np.arange(design.n_workers) < q
    other = reassigned(design, excluded, most_load(design, q))
    drawn = [q_max(rearranged(design, excluded, other, random.permutation))
             for _ in range(100)]
    assert q_max(other) <= np.mean(drawn)


def test_two_workers_do_not_put_the_same_new_file_last():
    """Workers 2 and 3 get files 0 and 1 of two that are excluded."""
    design = Assignment([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
    other = reassigned(design, np.array([1, 1, 0, 0], dtype=bool), 3)
    assert other.order[2:].tolist() == [[2, 0, 1], [2, 1, 0]]


def test_orders_can_be_found_again_for_those_who_are_left():
    design = Cyclic(15, load=5)
    other = reassigned(design, np.arange(15) < 2, most_load(design, 2))
    for order in matching(other), by_speed(other, np.arange(15) + 1.0):
        again = other.reordered(order)
        assert q_max(again) <= other.loads.sum()
        assert (order[:2] == -1).all()


# --- the width of an order ---------------------------------------------

def test_an_order_may_be_wider_than_any_load():
    wide = Assignment([[1, 0], [1, 1]], width=4)
    assert wide.order.tolist() == [[0, 1, -1, -1], [1, -1, -1, -1]]
    assert wide.width == 4 and wide.loads.tolist() == [2, 1]
    assert wide.files(0).tolist() == [0, 1]
    again = wide.reordered([[1, 0, -1, -1], [1, -1, -1, -1]])
    assert again.width == 4
    with pytest.raises(ValueError, match=r'\(2, 2\).*\(2, 4\)'):
        wide.reordered([[1, 0], [1, -1]])
    with pytest.raises(ValueError, match=r'\(2, 4\).*\(2, 2\)'):
        Assignment([[1, 0], [1, 1]], wide.order)
    with pytest.raises(ValueError, match='width 1.*2'):
        Assignment([[1, 0], [1, 1]], width=1)


def test_a_worker_may_have_nothing_to_do():
    idle = Assignment([[1, 0, 1], [1, 0, 0]])
    assert idle.loads.tolist() == [2, 0, 1]
    assert idle.order.tolist() == [[0, 1], [-1, -1], [0, -1]]
    assert idle.files(1).size == 0


# --- what q workers hold alone -----------------------------------------

def held_alone(design, q):
    return max(int((~design.incidence[:, list(others)].any(axis=1)).sum())
                for others in combinations(range(design.n_workers),
                                           design.n_workers - q))


@every_design
def test_unanimous_is_exact_where_the_sets_can_be_tried(design):
    for excluded in subsets(design.n_workers, 2):
        if excluded.sum() == 2 and excluded.argmax():
            continue
        other = reassigned(design, excluded, design.n_files)
        for q in range(design.n_workers + 1):
            assert other.unanimous(q) == held_alone(other, q)


@pytest.mark.parametrize('k, r', [(15, 3), (9, 4), (6, 1), (7, 7)])
def test_the_closed_form_of_subsets_is_what_counting_finds(k, r):
    design = Subset(k, replication=r)
    for q in range(k + 1):
        assert Assignment.unanimous(design, q) == design.unanimous(q)


def test_too_many_sets_are_bounded():
    """Of 40 workers 10 can be chosen in 847,660,528 ways."""
    design = Cyclic(40, load=4)
    assert MOST_SETS < 847_660_528
    assert design.unanimous(10) == 7
    assert 7 <= Assignment.unanimous(design, 10) <= 40
    assert Assignment.unanimous(design, 3) == 0


def test_who_holds_nothing_is_no_choice():
    """Of 40 workers 6 have files: that is few enough to try."""
    incidence = np.zeros((6, 40), dtype=bool)
    incidence[:, 30:36] = Cyclic(6, load=4).incidence
    assert Assignment(incidence).unanimous(5) == 2
    assert Assignment(incidence).unanimous(0) == 0
    assert Assignment(incidence).unanimous(20) == 6


# --- bad arguments -----------------------------------------------------

@pytest.mark.parametrize('excluded, most, told', [
    ([1, 1, 1, 1, 1], 5, 'all 5 workers'), ([1, 0, 0], 5, r'\(3,\).*\(5,\)'),
    ([1, 0, 0, 0, 0], 2, 'most 2.*3'), ([0, 1, 1, 1, 1], 4, 'file 4.*4 of 5')])
def test_impossible_exclusions_are_named_with_their_bound(excluded, most,
                                                          told):
    with pytest.raises(ValueError, match=told):
        reassigned(Cyclic(5, load=3), np.array(excluded, dtype=bool), most)


@pytest.mark.parametrize('q', [-1, 5])
def test_not_all_workers_can_be_excluded(q):
    with pytest.raises(ValueError, match=f'{q} excluded.*5'):
        most_load(Cyclic(5, load=3), q)
