"""Least-squares codes: every finished file counts, and none comes nearer."""

from itertools import combinations, product

import numpy as np
import pytest

from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.coding import matrices
from aspis_mpi.coding.codes.least_squares import LeastSquares
from tests.support.decoded_sums import (
    IRREGULAR, bench, decoded, full_sets, payload, random_states, shares,
    small_gradients)

SYSTEMS = [(Cyclic(5, load=3), 1), (Cyclic(5, load=3), 2),
           (Cyclic(4, load=3), 3), (Repetition(4, replication=2, load=2), 1),
           (Repetition(4, replication=2, load=2), 2),
           (Repetition(6, replication=3), 2), (Subset(4, replication=2), 1),
           (Subset(4, replication=2), 2), (IRREGULAR, 1), (IRREGULAR, 2)]


def every_state(incidence):
    """All states of a small assignment."""
    places = np.argwhere(incidence)
    for bits in product((False, True), repeat=len(places)):
        state = np.zeros_like(incidence)
        state[tuple(places.T)] = bits
        yield state


def states_with(assignment, least):
    """All states in which each file has at least `least` finishers."""
    rows = []
    for holders in assignment.holders:
        holders = holders[holders >= 0].tolist()
        rows.append([list(some) for n in range(least, len(holders) + 1)
                     for some in combinations(holders, n)])
    for choice in product(*rows):
        state = np.zeros_like(assignment.incidence)
        for file, finishers in enumerate(choice):
            state[file, finishers] = True
        yield state


@pytest.mark.parametrize('assignment, copies', SYSTEMS)
def test_the_decoded_sum_is_the_plain_sum_in_every_covering_state(
        assignment, copies):
    """Payloads depend on a worker's own rows alone, so they are kept."""
    code, known = LeastSquares(assignment, copies), {}
    gradients = small_gradients(assignment.n_files)
    exact = gradients.sum(axis=0)
    for state in states_with(assignment, copies):
        payloads = {}
        for worker in np.flatnonzero(state.any(axis=0)).tolist():
            own = worker, state[assignment.incidence[:, worker]].tobytes()
            if own not in known:
                known[own] = payload(code, worker, state, gradients)
            payloads[worker] = known[own]
        np.testing.assert_allclose(
            decoded(code, payloads, state, exact.size), exact, atol=3e-5)


@pytest.mark.parametrize('assignment, copies', [
    (Cyclic(4, load=2), 1), (Cyclic(4, load=2), 2),
    (Repetition(4, replication=2, load=2), 1),
    (Repetition(4, replication=2, load=2), 2), (Cyclic(3, load=3), 3)])
@pytest.mark.parametrize('matrix', ['structured', 'gaussian'])
def test_coefficients_of_every_state_are_the_nearest_to_exact(
        assignment, copies, matrix):
    """R_P C is the projection on the columns of R_P: none comes nearer."""
    code = LeastSquares(assignment, copies, matrix=matrix)
    for state in every_state(assignment.incidence):
        found = shares(code, state)
        for file, row in enumerate(state):
            columns = code.matrix[:, row]
            nearest = columns @ np.linalg.pinv(columns)
            np.testing.assert_allclose(found[file], nearest, atol=1e-9)
        wrong = ((found - np.eye(copies)) ** 2).sum(axis=(1, 2))
        lacking = np.maximum(copies - state.sum(axis=1), 0)
        np.testing.assert_allclose(wrong, lacking, atol=1e-9)
        decoding = code.decoding(state)
        assert abs(decoding.residual ** 2 - wrong.sum()) < 1e-9
        np.testing.assert_allclose(
            decoding.cover, found.trace(axis1=1, axis2=2) / copies,
            atol=1e-9)


@pytest.mark.parametrize('assignment', [
    Cyclic(200, load=8), RandomRegular(200, load=8), Cyclic(15, load=4)])
@pytest.mark.parametrize('copies', [1, 2, 3])
def test_identity_from_enough_and_the_least_error_below(assignment, copies):
    code = LeastSquares(assignment, copies)
    rng = np.random.default_rng(copies)
    for _ in range(3):
        state = assignment.incidence & (
            rng.random(assignment.incidence.shape) < 0.4)
        found = shares(code, state) - np.eye(copies)
        count = state.sum(axis=1)
        assert np.abs(found[count >= copies]).max() < 1e-10
        squares = (found ** 2).sum(axis=(1, 2))
        np.testing.assert_allclose(squares, np.maximum(copies - count, 0),
                                   atol=1e-9)


@pytest.mark.parametrize('copies', [1, 2])
@pytest.mark.parametrize('assignment', [Cyclic(7, load=4), IRREGULAR,
                                        Subset(5, replication=3)])
def test_encoding_looks_only_at_own_rows(assignment, copies):
    code = LeastSquares(assignment, copies)
    rng = np.random.default_rng(0)
    for state in random_states(assignment, 20):
        for worker in range(assignment.n_workers):
            files, weights = code.encoding(worker, state)
            np.testing.assert_array_equal(files,
                                          np.flatnonzero(state[:, worker]))
            garbled = rng.random(state.shape) < 0.5
            own = assignment.incidence[:, worker]
            garbled[own] = state[own]
            again = code.encoding(worker, garbled)
            np.testing.assert_array_equal(again[0], files)
            np.testing.assert_array_equal(again[1], weights)


def transitions(assignment):
    """Pairs of states: unrelated, losing, gaining, equal."""
    for before, other in zip(random_states(assignment, 60, 1),
                             random_states(assignment, 60, 2)):
        for after in (other, before & other, before | other, before):
            yield before, after


def resent(code, before, after):
    """Who has something to send after, and has not sent it before."""
    return np.array([
        after[:, worker].any() and not all(
            np.array_equal(a, b)
            for a, b in zip(code.encoding(worker, before),
                            code.encoding(worker, after)))
        for worker in range(code.assignment.n_workers)])


@pytest.mark.parametrize('assignment', [Cyclic(6, load=3), IRREGULAR])
def test_changed_are_those_who_would_send_something_else(assignment):
    code = LeastSquares(assignment, 1)
    for before, after in transitions(assignment):
        np.testing.assert_array_equal(code.changed(before, after),
                                      resent(code, before, after))


@pytest.mark.parametrize('assignment', [Cyclic(6, load=3), IRREGULAR])
def test_changed_with_two_copies_are_those_with_other_finishers(assignment):
    """Their coefficients may be equal by chance: orthogonal columns."""
    code = LeastSquares(assignment, 2)
    for before, after in transitions(assignment):
        changed = code.changed(before, after)
        assert not (resent(code, before, after) & ~changed).any()
        other = (before != after).any(axis=1)[:, None]
        np.testing.assert_array_equal(
            changed, after.any(axis=0)
            & (other & (before | after)).any(axis=0))


def test_a_single_copy_counts_its_finishers():
    code = LeastSquares(IRREGULAR, 1)
    state = IRREGULAR.incidence.copy()
    state[1, 4] = False
    files, weights = code.encoding(4, state)
    assert files.tolist() == [0, 3]
    assert weights.tolist() == [[1 / 3], [1 / 3]]
    files, weights = code.encoding(1, state)
    assert files.tolist() == [0, 1]
    assert weights.tolist() == [[1 / 3], [1 / 3]]


def test_idle_workers_send_nothing():
    for copies in (1, 2):
        code = LeastSquares(IRREGULAR, copies)
        state = np.zeros_like(IRREGULAR.incidence)
        files, weights = code.encoding(2, state)
        assert files.shape == (0,) and weights.shape == (0, copies)
        decoding = code.decoding(state)
        assert not decoding.weights.any() and not decoding.cover.any()
        assert decoding.residual == pytest.approx(np.sqrt(4 * copies))


def test_decodable_when_full_workers_hold_each_file_often_enough():
    for assignment, copies in SYSTEMS:
        code = LeastSquares(assignment, copies)
        for full in full_sets(assignment.n_workers, assignment.n_workers):
            held = (assignment.incidence & full).sum(axis=1).min()
            assert code.decodable(full) == (held >= copies)


# --- the matrix R ------------------------------------------------------

def worst_condition(matrix, holders):
    """The largest condition number that the decoding of a file can meet.

    Over all files and all sets of `copies` of their holders.
    """
    worst = 1.0
    for picks in combinations(range(holders.shape[1]), len(matrix)):
        columns = holders[:, picks]
        columns = columns[(columns >= 0).all(axis=1)]
        if columns.size:
            chosen = matrix[:, columns].transpose(1, 0, 2)
            worst = max(worst, float(np.linalg.cond(chosen).max()))
    return worst


@pytest.mark.parametrize('assignment, least', [
    (Cyclic(200, load=8), 8), (Cyclic(15, load=4), 5),
    (Cyclic(202, load=8), 9), (Cyclic(5, load=5), 5),
    (Repetition(9, replication=3, load=2), 3), (Uncoded(4), 1),
    (RandomRegular(200, load=8), None), (IRREGULAR, None)])
def test_workers_who_share_a_file_differ_in_colour(assignment, least):
    colour = matrices.colours(assignment)
    for row in assignment.incidence:
        assert np.unique(colour[row]).size == row.sum()
    assert set(colour) == set(range(colour.max() + 1))
    assert least is None or colour.max() + 1 == least


def test_worst_pair_of_spread_angles():
    for n in (2, 5, 8, 21):
        pairs = np.array(list(combinations(range(n), 2)))
        assert worst_condition(
            matrices.harmonic(n, 2), pairs) == pytest.approx(
            1 / np.tan(np.pi / (2 * n)))


@pytest.mark.parametrize('copies', [1, 2, 3, 4, 5, 6])
def test_any_columns_of_the_harmonic_frame_are_independent(copies):
    frame = matrices.harmonic(9, copies)
    assert frame.shape == (copies, 9)
    np.testing.assert_allclose((frame ** 2).sum(axis=0), copies / 2)
    sets = np.array(list(combinations(range(9), copies)))
    assert worst_condition(frame, sets) < 10 ** copies


@pytest.mark.parametrize('copies', [2, 3])
def test_structured_beats_the_median_gaussian(copies):
    assignment = RandomRegular(60, load=6)
    good = worst_condition(
        matrices.structured(assignment, copies), assignment.holders)
    drawn = [worst_condition(
        matrices.gaussian(60, copies, seed), assignment.holders)
        for seed in range(9)]
    assert 5 * good < np.median(drawn)


# --- the error in float32 ----------------------------------------------

@pytest.mark.parametrize('assignment', [Cyclic(200, load=8),
                                        RandomRegular(200, load=8)],
                         ids=['cyclic', 'random-regular'])
@pytest.mark.parametrize('copies, bound', [(1, 2e-7), (2, 1e-5)])
def test_error_of_the_decoded_sum_in_float32(assignment, copies, bound):
    code = LeastSquares(assignment, copies)
    assert bench().errors(code, trials=6).max() <= bound
