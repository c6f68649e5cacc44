"""When the server stops waiting, against brute force."""

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.coding.codes.least_squares import LeastSquares
from aspis_mpi.coding.codes.tandon import Tandon
from aspis_mpi.schemes.collection.adaptive import Adaptive
from aspis_mpi.schemes.collection.all import All
from aspis_mpi.schemes.collection.coverage import Coverage
from aspis_mpi.schemes.collection.deadline import Deadline
from aspis_mpi.schemes.collection.full_workers import FullWorkers
from aspis_mpi.schemes.speeds import Speeds
from tests.support.decoded_sums import IRREGULAR

ASSIGNMENTS = [
    pytest.param(IRREGULAR, 1, id='irregular-1'),
    pytest.param(IRREGULAR, 2, id='irregular-2'),
    pytest.param(Cyclic(7, load=3), 1, id='cyclic-1'),
    pytest.param(Cyclic(7, load=3), 3, id='cyclic-3'),
    pytest.param(RandomRegular(8, load=4), 2, id='regular-2'),
    pytest.param(Repetition(6, replication=3, load=2), 2, id='groups-2')]
every_assignment = pytest.mark.parametrize('assignment, copies', ASSIGNMENTS)
COLLECTIONS = [All, Coverage, FullWorkers]
every_collection = pytest.mark.parametrize(
    'cls', COLLECTIONS, ids=lambda cls: cls.name)
both = pytest.mark.parametrize('lenient', [False, True],
                               ids=['strict', 'lenient'])


def speeds(n_workers, seconds=None):
    it = Speeds(n_workers)
    if seconds is not None:
        it.seconds = np.array(seconds, dtype=float)
    return it


def begun(cls, assignment, copies, lenient, living=None, **options):
    code = LeastSquares(assignment, copies)
    if living is None:
        living = np.ones(assignment.n_workers, dtype=bool)
    collection = cls(assignment, copies, code, **options)
    return collection.begin(living, lenient, speeds(assignment.n_workers))


def enough(cls, assignment, copies, lenient, finished, living):
    """The definition: whether the step has all that it waits for."""
    counted, may = finished & living, assignment.incidence & living
    if cls is All:
        return not (may & ~counted).any()
    if cls is FullWorkers:
        full = living & ((assignment.incidence & ~counted).sum(axis=0) == 0)
        if lenient and np.array_equal(full, living):
            return True
        counted = assignment.incidence & full
    needed = np.full(assignment.n_files, copies)
    if lenient and cls is Coverage:
        needed = np.minimum(needed, may.sum(axis=1))
    return bool((counted.sum(axis=1) >= needed).all())


def possible(cls, assignment, copies, living):
    """Whether the living could ever bring every file often enough."""
    return bool(((assignment.incidence & living).sum(axis=1)
                 >= copies).all())


# --- against the definition --------------------------------------------

@both
@every_collection
@every_assignment
def test_random_reports_and_losses_against_the_definition(
        assignment, copies, cls, lenient):
    for seed in range(15):
        rng = np.random.default_rng(seed)
        k = assignment.n_workers
        living = rng.random(k) < rng.choice([1.0, 0.8])
        if not living.any():
            continue
        it = begun(cls, assignment, copies, lenient, living)
        assert not it.finished.any() and np.array_equal(it.living, living)
        places = np.zeros(k, dtype=int)
        finished = np.zeros_like(assignment.incidence)
        for _ in range(60):
            worker = int(rng.integers(k))
            if rng.random() < 0.04:
                it.lose(worker)
                living[worker] = False
                finished[:, worker] = False
            elif living[worker] and places[worker] < assignment.loads[worker]:
                more = int(rng.integers(
                    1, assignment.loads[worker] - places[worker] + 1))
                files = assignment.order[
                    worker, places[worker]:places[worker] + more]
                places[worker] += more
                finished[files, worker] = True
                it.finish(worker, files.tolist())
            assert np.array_equal(it.finished, finished)
            assert np.array_equal(it.living, living)
            assert it.satisfied == enough(cls, assignment, copies, lenient,
                                          finished, living)
            hopeless = not lenient and not possible(
                cls, assignment, copies, living)
            assert bool(it.hopeless) == hopeless
            assert not (it.state() & ~finished).any()


@both
@every_assignment
def test_whoever_lives_finishes_what_is_waited_for(assignment, copies,
                                                   lenient):
    """Unless it is hopeless, all files of all living workers are enough."""
    rng = np.random.default_rng(1)
    for cls in COLLECTIONS:
        for _ in range(20):
            living = rng.random(assignment.n_workers) < 0.7
            it = begun(cls, assignment, copies, lenient, living)
            for worker in np.flatnonzero(living):
                it.finish(int(worker), assignment.files(worker).tolist())
            assert it.satisfied or it.hopeless
            assert not (lenient and it.hopeless)


@every_assignment
def test_files_are_told_once_when_they_have_enough(assignment, copies):
    it = begun(Coverage, assignment, copies, False)
    rng, told = np.random.default_rng(0), []
    for worker in rng.permutation(assignment.n_workers).tolist():
        before = it.finished.sum(axis=1) >= copies
        new = it.finish(worker, assignment.files(worker).tolist())
        after = it.finished.sum(axis=1) >= copies
        assert sorted(new) == np.flatnonzero(after & ~before).tolist()
        told += new
    assert sorted(told) == list(range(assignment.n_files))


@every_assignment
def test_a_loss_tells_which_files_lack_copies_again(assignment, copies):
    it = begun(Coverage, assignment, copies, False)
    for worker in range(assignment.n_workers):
        it.finish(worker, assignment.files(worker).tolist())
    for worker in np.random.default_rng(0).permutation(
            assignment.n_workers).tolist():
        before = it.finished.sum(axis=1) >= copies
        lacking = it.lose(worker)
        after = it.finished.sum(axis=1) >= copies
        assert lacking.tolist() == np.flatnonzero(before & ~after).tolist()
        assert it.lose(worker).size == 0                # only once


def test_hopeless_says_which_file_and_whose():
    assignment = Cyclic(7, load=3)
    for copies in (1, 2, 3):
        it = begun(Coverage, assignment, copies, False)
        holders = np.flatnonzero(assignment.incidence[4]).tolist()
        for left, worker in enumerate(holders[::-1]):
            assert bool(it.hopeless) == (left > 3 - copies)
            it.lose(worker)
        if copies == 1:
            assert 'file 4 can have 0 of the 1 copies' in it.hopeless
            assert str(holders) in it.hopeless


def test_a_code_of_its_own_says_when_whole_workers_are_enough():
    assignment = Cyclic(7, load=3)
    code = Tandon(assignment, 1)
    it = FullWorkers(assignment, 1, code).begin(
        np.ones(7, dtype=bool), False, speeds(7))
    for worker in range(5):
        assert not it.satisfied
        it.finish(worker, assignment.files(worker).tolist())
    assert it.satisfied
    it.finish(5, assignment.files(5)[:2].tolist())      # partial: nothing
    assert not it.state()[:, 5].any()
    assert it.state()[:, :5].sum() == 15
    it.lose(0)
    assert not it.satisfied and not it.hopeless
    it.lose(6)
    assert not it.hopeless
    it.lose(5)
    assert '4 workers that answer cannot be decoded' in it.hopeless


# --- time --------------------------------------------------------------

def test_a_deadline_ends_a_step_as_it_is():
    it = begun(Deadline, Cyclic(7, load=3), 1, True, deadline=2.5)
    assert it.seconds == 2.5 and not it.satisfied and not it.hopeless
    it.expire()
    assert it.satisfied and not it.hopeless and not it.state().any()
    it.lose(3)
    assert it.satisfied and not it.hopeless


def test_a_deadline_is_lenient_and_ends_early_when_covered():
    assignment = Cyclic(7, load=3)
    it = begun(Deadline, assignment, 1, True, deadline=2.5)
    for worker in (0, 3, 6):
        it.finish(worker, assignment.files(worker).tolist())
    assert it.satisfied and not it.expired
    it = begun(Deadline, assignment, 1, True, deadline=2.5)
    for worker in np.flatnonzero(assignment.incidence[2]).tolist():
        it.lose(worker)
    assert not it.hopeless
    for worker in range(7):
        if it.living[worker]:
            it.finish(worker, assignment.files(worker).tolist())
    assert it.satisfied and not it.state()[2].any()


def test_a_deadline_with_a_code_of_whole_workers():
    assignment = Cyclic(7, load=3)
    collection = Deadline(assignment, 1, Tandon(assignment, 1), deadline=1.0)
    assert collection.asks_whole_workers
    assert not Deadline(assignment, 1, LeastSquares(assignment, 1),
                        deadline=1.0).asks_whole_workers
    it = collection.begin(np.ones(7, dtype=bool), True, speeds(7))
    it.finish(0, assignment.files(0).tolist())
    it.finish(1, assignment.files(1)[:2].tolist())
    it.expire()
    assert it.state().sum(axis=0).tolist() == [3] + [0] * 6


@pytest.mark.parametrize('seconds, living, expected', [
    ([np.nan] * 7, range(7), 10.0),             # nothing is known
    ([1.0] * 7, range(7), 3.0),                 # no spread
    ([1, 1, 1, 2, 2, 2, 3], range(7), 6 + 3 * 3.0),
    ([0.5, 0.6, 0.7, np.nan, 99, np.nan, np.nan], range(3), 1.8 + 0.9),
    ([5.0] * 7, range(7), 10.0),                # at most `deadline`
    ([np.inf] * 3 + [1.0] * 4, range(7), 3.0)], ids=str)
def test_an_adaptive_deadline_is_median_and_deviations(seconds, living,
                                                       expected):
    assignment = Cyclic(7, load=3)
    there = np.zeros(7, dtype=bool)
    there[list(living)] = True
    it = Adaptive(assignment, 1, None, deadline=10.0).begin(
        there, True, speeds(7, seconds))
    assert it.seconds == pytest.approx(min(expected, 10.0))


def test_deviations_widen_an_adaptive_deadline():
    assignment, it = Cyclic(7, load=3), []
    for deviations in (0.0, 1.0, 5.0):
        collection = Adaptive(assignment, 1, None, deadline=1e9,
                              deviations=deviations)
        it.append(collection.begin(
            np.ones(7, dtype=bool), True,
            speeds(7, [1, 2, 3, 4, 5, 6, 7])).seconds)
    assert it == [12.0, 18.0, 42.0]


# --- arguments ---------------------------------------------------------

@pytest.mark.parametrize('cls', [Deadline, Adaptive],
                         ids=lambda cls: cls.name)
@pytest.mark.parametrize('deadline', [0.0, -1.0, np.nan])
def test_deadlines_must_be_above_zero(cls, deadline):
    with pytest.raises(ValueError, match=f'deadline {deadline:g} must'):
        cls(Cyclic(7, load=3), 1, None, deadline=deadline)


@pytest.mark.parametrize('deviations', [-0.5, np.nan])
def test_deviations_must_not_be_negative(deviations):
    with pytest.raises(ValueError, match=f'deviations {deviations:g} must'):
        Adaptive(Cyclic(7, load=3), 1, None, deadline=1.0,
                 deviations=deviations)


def test_whole_workers_need_a_code():
    with pytest.raises(ValueError, match='needs a transfer with a code'):
        FullWorkers(Cyclic(7, load=3), 1, None)


def test_every_collection_is_tested_here():
    assert set(registry.parts('collection')) == {
        cls.name for cls in (*COLLECTIONS, Deadline, Adaptive)}
