"""The closed forms of completion, against events played one by one."""

import heapq
import time

import numpy as np
import pytest

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.coding import completion
from aspis_mpi.coding.completion import (
    coefficient_error, coverage_seconds, full_count_seconds,
    full_workers_seconds, optimal_error, wait_for_all_seconds)
from tests.support.memory import takes_less

COMPLETIONS = coverage_seconds, full_workers_seconds
either = pytest.mark.parametrize('seconds', COMPLETIONS)


def cyclic(n_workers, load, shift=1):
    """File j on workers j, j-1, ...: position p is file w + p."""
    order = (np.arange(n_workers)[:, None] + shift * np.arange(load)
             ) % n_workers
    incidence = np.zeros((n_workers, n_workers), dtype=bool)
    incidence[order, np.arange(n_workers)[:, None]] = True
    return Assignment(incidence, order)


def irregular(seed, n_files=7, n_workers=5):
    """Random holders and order; a worker with all files, or with none."""
    rng = np.random.default_rng(seed)
    incidence = rng.random((n_files, n_workers)) < 0.4
    for row in incidence:
        row[rng.permutation(n_workers)[:2]] = True
    incidence[:, seed % n_workers] = seed % 2
    rows = [rng.permutation(np.flatnonzero(column))
            for column in incidence.T]
    order = np.full((n_workers, max(map(len, rows))), -1)
    for worker, files in enumerate(rows):
        order[worker, :len(files)] = files
    return Assignment(incidence, order)


SMALL = [cyclic(6, 3), cyclic(7, 5, shift=2), Subset(5, replication=3),
         Repetition(6, replication=3, load=4), *map(irregular, range(6))]
any_small = pytest.mark.parametrize('assignment', SMALL)
per = pytest.mark.parametrize('per', ['worker', 'file'])


def draw(assignment, per, n=40, seed=0, dead=1):
    """Exponential paces, some workers dead in each trial."""
    rng = np.random.default_rng(seed)
    shape = (n, assignment.n_workers, assignment.load)
    paces = rng.standard_exponential(shape)
    if per == 'worker':
        paces[:] = paces[:, :, :1]
    for trial in paces:
        trial[rng.permutation(assignment.n_workers)[:dead]] = np.inf
    return paces[:, :, 0] if per == 'worker' else paces


def least(assignment):
    return int(assignment.incidence.sum(axis=1).min())


def events(assignment, pace):
    """(seconds, worker, files finished so far) as they happen, one trial."""
    def next_of(worker, done, now):
        return now + np.atleast_1d(pace[worker])[done % np.size(pace[worker])]
    queue = [(next_of(w, 0, 0.0), w, 1) for w in range(assignment.n_workers)
             if assignment.loads[w]]
    heapq.heapify(queue)
    while queue:
        now, worker, done = heapq.heappop(queue)
        if np.isinf(now):
            return
        yield now, worker, done
        if done < assignment.loads[worker]:
            heapq.heappush(queue, (next_of(worker, done, now), worker,
                                   done + 1))


def played(assignment, pace, satisfied):
    """When `satisfied(finished, full)` first holds, played event by event."""
    finished = np.zeros(assignment.incidence.shape, dtype=bool)
    full = assignment.loads == 0
    if satisfied(finished, full):
        return 0.0
    for now, worker, done in events(assignment, pace):
        finished[assignment.files(worker)[done - 1], worker] = True
        full[worker] = done == assignment.loads[worker]
        if satisfied(finished, full):
            return now
    return np.inf


def compare(assignment, paces, got, satisfied):
    expected = [played(assignment, pace, satisfied) for pace in paces]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


# --- against events ----------------------------------------------------

@any_small
@per
def test_coverage_equals_the_events(assignment, per):
    paces = draw(assignment, per, n=20)
    for copies in range(1, least(assignment) + 1):
        def covered(finished, full):
            return finished.sum(axis=1).min() >= copies

        def covered_by_full_workers(finished, full):
            return (assignment.incidence & full).sum(axis=1).min() >= copies
        compare(assignment, paces,
                coverage_seconds(assignment, paces, copies), covered)
        compare(assignment, paces,
                full_workers_seconds(assignment, paces, copies),
                covered_by_full_workers)


@any_small
@per
@pytest.mark.parametrize('stragglers', [0, 1, 3])
def test_a_count_of_full_workers_equals_the_events(assignment, per,
                                                   stragglers):
    paces = draw(assignment, per)
    needed = assignment.n_workers - stragglers
    compare(assignment, paces,
            full_count_seconds(assignment, paces, stragglers),
            lambda finished, full: full.sum() >= needed)


@any_small
@per
@pytest.mark.parametrize('deadline', [0.0, 0.7, 2.0, np.inf])
def test_the_error_counts_what_the_events_finished(assignment, per,
                                                   deadline):
    paces = draw(assignment, per, n=20)
    for full in (False, True):
        for copies in (1, 2, 4):
            got = coefficient_error(assignment, paces, copies, deadline,
                                    full=full)
            np.testing.assert_allclose(got, [
                played_error(assignment, pace, copies, deadline, full)
                for pace in paces])


def played_error(assignment, pace, copies, deadline, full):
    finished = np.zeros(assignment.incidence.shape, dtype=bool)
    for now, worker, done in events(assignment, pace):
        if now <= deadline:
            files = assignment.files(worker)[:done]
            finished[files, worker] = (
                not full or done == assignment.loads[worker])
    return np.sqrt(np.maximum(copies - finished.sum(axis=1), 0).sum())


def played_full(assignment, pace, deadline):
    """Workers that have finished everything by the deadline."""
    full = assignment.loads == 0
    for now, worker, done in events(assignment, pace):
        full[worker] |= (done == assignment.loads[worker]
                         and now <= deadline)
    return full


@any_small
@per
@pytest.mark.parametrize('deadline', [0.0, 1.0, 3.0, np.inf])
def test_optimal_decoding_equals_least_squares(assignment, per, deadline):
    paces = draw(assignment, per, n=20)
    expected = []
    for pace in paces:
        full = played_full(assignment, pace, deadline)
        matrix = assignment.incidence[:, full].astype(float)
        best = np.linalg.lstsq(matrix, np.ones(len(matrix)), rcond=None)[0]
        expected.append(np.linalg.norm(matrix @ best - 1))
    np.testing.assert_allclose(optimal_error(assignment, paces, deadline),
                               expected, atol=1e-7)


# --- what must hold ----------------------------------------------------

@any_small
@either
@per
def test_times_scale_with_the_paces(assignment, seconds, per):
    paces = draw(assignment, per)
    np.testing.assert_allclose(seconds(assignment, 60 * paces),
                               60 * seconds(assignment, paces))


@any_small
@either
@per
def test_more_copies_take_longer(assignment, seconds, per):
    paces = draw(assignment, per)
    ends = [seconds(assignment, paces, copies)
            for copies in range(1, least(assignment) + 1)]
    assert (np.diff(np.where(np.isinf(ends), 1e9, ends), axis=0) >= 0).all()


@any_small
@per
def test_whoever_waits_for_more_waits_longer(assignment, per):
    """Every file, by whole workers, by all workers."""
    paces = draw(assignment, per, dead=0)
    ends = [coverage_seconds(assignment, paces),
            full_workers_seconds(assignment, paces),
            wait_for_all_seconds(assignment, paces)]
    assert (np.diff(ends, axis=0) >= 0).all() and np.isfinite(ends).all()


@any_small
@per
def test_one_file_at_a_time_is_the_same_where_speeds_are_equal(assignment,
                                                               per):
    by_worker = draw(assignment, 'worker')
    by_file = np.repeat(by_worker[:, :, None], assignment.load, axis=2)
    for seconds in COMPLETIONS:
        np.testing.assert_allclose(seconds(assignment, by_file),
                                   seconds(assignment, by_worker))


@pytest.mark.parametrize('n_workers, load', [(6, 3), (9, 9), (20, 8)])
def test_equal_workers_cover_in_copies_files(n_workers, load):
    """A cyclic shift is peeled: position p alone holds every file once."""
    assignment = cyclic(n_workers, load)
    paces = np.full((3, n_workers), 0.25)
    for copies in range(1, load + 1):
        assert (coverage_seconds(assignment, paces, copies)
                == 0.25 * copies).all()
        assert (full_workers_seconds(assignment, paces, copies)
                == 0.25 * load).all()


def test_a_common_order_is_the_worst_and_a_rotated_one_the_best():
    rotated = Repetition(6, replication=3, load=3)
    common = Assignment(rotated.incidence)
    paces = np.ones((1, 6))
    assert coverage_seconds(rotated, paces)[0] == 1
    assert coverage_seconds(common, paces)[0] == 3


@pytest.mark.parametrize('r, load', [(2, 1), (3, 4)])
def test_fractional_repetition_needs_one_full_worker_a_group(r, load):
    assignment = Repetition(4 * r, replication=r, load=load)
    paces = draw(assignment, 'worker')
    groups = paces.reshape(-1, 4, r)
    np.testing.assert_allclose(full_workers_seconds(assignment, paces),
                               load * groups.min(axis=2).max(axis=1))


def test_the_dead_are_waited_for_in_vain():
    assignment = cyclic(6, 2)
    paces = draw(assignment, 'worker', dead=2)
    assert np.isinf(wait_for_all_seconds(assignment, paces)).all()
    assert np.isfinite(full_count_seconds(assignment, paces, 2)).all()
    both = np.ones((1, 6))
    both[0, assignment.holders[3]] = np.inf
    assert np.isinf(coverage_seconds(assignment, both)).all()


@per
def test_nothing_is_missing_once_covered(per):
    assignment = cyclic(12, 4)
    paces = draw(assignment, per)
    for copies in (1, 2, 3):
        ends = coverage_seconds(assignment, paces, copies)
        just_before = np.nextafter(ends, 0)
        assert (coefficient_error(assignment, paces, copies, ends) == 0).all()
        assert (coefficient_error(assignment, paces, copies, just_before)
                >= 1).all()


def test_optimal_decoding_of_everybody_misses_nothing():
    assignment = cyclic(15, 4)
    paces = draw(assignment, 'worker', dead=0)
    late = wait_for_all_seconds(assignment, paces)
    assert optimal_error(assignment, paces, late).max() < 1e-7
    assert optimal_error(assignment, paces, 0.0) == pytest.approx(15 ** 0.5)


@either
@per
def test_trials_do_not_see_each_other(seconds, per, monkeypatch):
    assignment = irregular(3)
    paces = draw(assignment, per)
    before = paces.copy()
    together = seconds(assignment, paces, 2)
    assert np.array_equal(paces, before)
    monkeypatch.setattr(completion, 'SCRATCH', 1)
    assert np.array_equal(seconds(assignment, paces, 2), together)
    assert seconds(assignment, paces[:0], 2).shape == (0,)


# --- what is refused ---------------------------------------------------

@either
@pytest.mark.parametrize('copies', [0, -1, 4])
def test_copies_out_of_bounds(seconds, copies):
    with pytest.raises(ValueError, match=f'copies {copies} must be between '
                                         '1 and 3'):
        seconds(cyclic(6, 3), np.ones((1, 6)), copies)


@either
@pytest.mark.parametrize('paces, complaint', [
    (np.ones((2, 5)), r'\(2, 5\) must be \(n, 6\) or \(n, 6, 3\)'),
    (np.ones((2, 6, 4)), r'\(2, 6, 4\) must be'),
    (np.ones(6), r'\(6,\) must be'),
    (np.full((1, 6), np.nan), 'must be at least 0'),
    (-np.ones((1, 6)), 'must be at least 0')])
def test_paces_that_do_not_fit(seconds, paces, complaint):
    with pytest.raises(ValueError, match=complaint):
        seconds(cyclic(6, 3), paces)


def test_stragglers_and_copies_out_of_bounds():
    with pytest.raises(ValueError, match='stragglers 6 must be between 0 '
                                         'and 5'):
        full_count_seconds(cyclic(6, 3), np.ones((1, 6)), 6)
    with pytest.raises(ValueError, match='copies 0 must be at least 1'):
        coefficient_error(cyclic(6, 3), np.ones((1, 6)), 0, 1.0)


# --- cost --------------------------------------------------------------

@pytest.mark.parametrize('copies', [1, 3])
def test_two_thousand_trials_take_less_than_a_second(copies):
    assignment = cyclic(200, 8)
    paces = draw(assignment, 'worker', n=2000, dead=7)
    began = time.process_time()
    coverage_seconds(assignment, paces, copies)
    full_workers_seconds(assignment, paces, copies)
    assert time.process_time() - began < 1


@pytest.mark.parametrize('n_workers, n', [(200, 4000), (2000, 400)])
@per
def test_memory_does_not_grow_with_the_trials(per, n_workers, n):
    assignment = cyclic(n_workers, 8)
    paces = draw(assignment, per, n=n)
    assert takes_less(
        1 << 26, lambda: coverage_seconds(assignment, paces, 2))
