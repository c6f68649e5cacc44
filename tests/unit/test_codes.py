"""Fixed codes and what holds for every code: the decoded sum is the sum."""

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.coding.codes.approximate import Approximate
from aspis_mpi.coding.codes.least_squares import LeastSquares
from aspis_mpi.coding.codes.raviv import Raviv
from aspis_mpi.coding.codes.tandon import Tandon
from aspis_mpi.coding.codes.ye_abbe import YeAbbe
from aspis_mpi.coding.fixed import DENSE
from aspis_mpi.coding.structure import cyclic_starts, group_leads
from tests.support.decoded_sums import (
    IRREGULAR, bench, decoded, full_sets, payload, shares, small_gradients)

#: Fixed codes on small systems.
FIXED = [
    (Tandon, Repetition(6, replication=3, load=3), 1, {}),
    (Tandon, Repetition(4, replication=2), 1, {}),
    (Tandon, Uncoded(4), 1, {}),
    *((Tandon, Cyclic(n, load=load), 1, {})
      for n, load in ((5, 3), (6, 2), (7, 5), (4, 4))),
    *((Raviv, Cyclic(n, load=load), 1, {})
      for n, load in ((5, 3), (6, 2), (8, 4), (7, 5), (4, 4), (5, 1))),
    (Raviv, Cyclic(7, load=3), 1, {'root': 3}),
    *((YeAbbe, Cyclic(n, load=load), copies, {'nodes': nodes})
      for n, load, copies in ((5, 3, 1), (5, 3, 2), (5, 3, 3), (7, 5, 2),
                              (6, 4, 3), (4, 4, 2), (5, 1, 1))
      for nodes in ('chebyshev', 'equispaced', 'gaussian')),
]
every_fixed = pytest.mark.parametrize(
    'part, assignment, copies, options', FIXED,
    ids=lambda value: getattr(value, 'name', str(value)))


@every_fixed
def test_every_admissible_set_of_full_workers_decodes(part, assignment,
                                                      copies, options):
    code = part(assignment, copies, **options)
    gradients = small_gradients(assignment.n_files)
    exact = gradients.sum(axis=0)
    everyone = {
        worker: payload(code, worker, assignment.incidence, gradients)
        for worker in range(assignment.n_workers)}
    for full in full_sets(assignment.n_workers, code.stragglers):
        assert code.decodable(full)
        state = assignment.incidence & full
        payloads = {worker: everyone[worker]
                    for worker in np.flatnonzero(full).tolist()}
        np.testing.assert_allclose(
            decoded(code, payloads, state, exact.size), exact, atol=0.01)
        decoding = code.decoding(state)
        assert decoding.residual < 1e-7
        np.testing.assert_allclose(decoding.cover, 1, atol=1e-7)


@every_fixed
def test_cover_and_residual_by_brute_force(part, assignment, copies,
                                           options):
    """Also when too few are full; then nothing comes nearer to exact."""
    code = part(assignment, copies, **options)
    n = assignment.n_workers
    rng = np.random.default_rng(0)
    for _ in range(12):
        full = rng.permutation(n) < rng.integers(n + 1)
        state = assignment.incidence & full
        # A worker that is not done must not be used.
        file = rng.integers(assignment.n_files)
        state[file, full] &= rng.random(full.sum()) < 0.7
        decoding, found = code.decoding(state), shares(code, state)
        wrong = found - np.eye(copies)
        assert decoding.residual == pytest.approx(np.linalg.norm(wrong),
                                                  abs=1e-9)
        np.testing.assert_allclose(
            decoding.cover, found.trace(axis1=1, axis2=2) / copies,
            atol=1e-9)
        done = (state == assignment.incidence).all(axis=0)
        assert not decoding.weights[:, ~done].any()
        assert decoding.residual <= nearest(code, done) + 1e-6


def nearest(code, done):
    """The least residual of any weights, by another solver."""
    assignment, copies = code.assignment, code.copies
    columns = np.zeros((assignment.n_files, copies, done.sum()))
    for place, worker in enumerate(np.flatnonzero(done)):
        files, weights = code.encoding(worker, assignment.incidence)
        columns[files, :, place] = weights
    columns = columns.reshape(assignment.n_files * copies, done.sum())
    exact = np.tile(np.eye(copies), (assignment.n_files, 1))
    return np.linalg.norm(columns @ (np.linalg.pinv(columns) @ exact) - exact)


@every_fixed
def test_one_more_straggler_is_too_many(part, assignment, copies, options):
    """No set may count as decodable that is not; some set one smaller."""
    code = part(assignment, copies, **options)
    beyond = [full for full in full_sets(assignment.n_workers,
                                         code.stragglers + 1)
              if (~full).sum() == code.stragglers + 1]
    residuals = [code.decoding(assignment.incidence & full).residual
                 for full in beyond]
    assert max(residuals) > 1e-3
    for full, residual in zip(beyond, residuals):
        assert residual < 1e-7 or not code.decodable(full)


@every_fixed
def test_fixed_codes_send_all_of_a_worker_or_nothing(part, assignment,
                                                     copies, options):
    code = part(assignment, copies, **options)
    state = np.zeros_like(assignment.incidence)
    with pytest.raises(ValueError, match='worker 1 has not finished all'):
        code.encoding(1, state)
    state[:, 1] = assignment.incidence[:, 1]
    files, weights = code.encoding(1, state)
    np.testing.assert_array_equal(files, np.flatnonzero(state[:, 1]))
    assert weights.shape == (files.size, copies)
    before = np.zeros_like(state)
    before[:, 2] = state[:, 2] = assignment.incidence[:, 2]
    assert np.flatnonzero(code.changed(before, state)).tolist() == [1]
    assert not code.changed(state, state).any()
    assert not code.changed(state, before).any()


def test_full_workers_are_combined_whatever_the_files_numbers():
    """A cyclic assignment whose files are numbered at random."""
    rng = np.random.default_rng(3)
    shuffled = Assignment(Cyclic(8, load=4).incidence[rng.permutation(8)])
    gradients = small_gradients(8)
    for code in (Tandon(shuffled, 1), Raviv(shuffled, 1),
                 YeAbbe(shuffled, 2)):
        missing = rng.permutation(8)[:code.stragglers]
        full = np.ones(8, dtype=bool)
        full[missing] = False
        state = shuffled.incidence & full
        payloads = {worker: payload(code, worker, state, gradients)
                    for worker in np.flatnonzero(full).tolist()}
        np.testing.assert_allclose(decoded(code, payloads, state, 7),
                                   gradients.sum(axis=0), atol=0.01)


def test_repetition_takes_the_lowest_of_each_group_in_plain_sums():
    code = Tandon(Repetition(6, replication=3, load=3), 1)
    full = np.array([0, 1, 1, 1, 0, 1], dtype=bool)
    state = code.assignment.incidence & full
    assert code.decoding(state).weights.tolist() == [[0, 1, 0, 1, 0, 0]]
    assert code.encoding(2, state)[1].tolist() == [[1]] * 3
    full[3:] = False
    assert not code.decodable(full)
    decoding = code.decoding(code.assignment.incidence & full)
    assert decoding.cover.tolist() == [1, 1, 1, 0, 0, 0]
    assert decoding.residual == pytest.approx(np.sqrt(3))


def test_weights_of_raviv_are_one_circulant():
    assignment = Cyclic(9, load=5)
    code = Raviv(assignment, 1)
    rows = np.zeros((9, 9))
    for worker in range(9):
        files, weights = code.encoding(worker, assignment.incidence)
        rows[worker, (files - worker) % 9] = weights[:, 0]
    np.testing.assert_allclose(rows, np.tile(rows[0], (9, 1)), atol=1e-12)
    assert np.count_nonzero(rows[0]) == 5


def test_seeds_make_other_random_codes():
    for part, copies, options in (
            (Tandon, 1, {}), (YeAbbe, 2, {'nodes': 'gaussian'}),
            (LeastSquares, 2, {'matrix': 'gaussian'})):
        assignment = Cyclic(6, load=3)
        one, same, other = (
            part(assignment, copies, seed=seed, **options).encoding(
                0, assignment.incidence)[1] for seed in (4, 4, 5))
        assert np.array_equal(one, same)
        assert not np.allclose(one, other)


# --- approximate codes -------------------------------------------------

@pytest.mark.parametrize('assignment', [
    Cyclic(9, load=3), RandomRegular(12, load=3), IRREGULAR,
    Repetition(6, replication=2, load=2), Uncoded(5)])
def test_approximate_decoding_is_optimal(assignment):
    code = Approximate(assignment, 1, stragglers=2)
    n = assignment.n_workers
    for full in full_sets(n, n - 1 if n < 7 else 2):
        decoding = code.decoding(assignment.incidence & full)
        held = assignment.incidence[:, full].astype(float)
        best = np.linalg.pinv(held) @ np.ones(assignment.n_files)
        np.testing.assert_allclose(decoding.weights[0, full], best,
                                   atol=1e-9)
        np.testing.assert_allclose(decoding.cover, held @ best, atol=1e-9)
        assert decoding.residual == pytest.approx(
            np.linalg.norm(held @ best - 1), abs=1e-9)
        assert code.decodable(full) == (full.sum() >= n - 2)


def test_approximate_without_redundancy_ignores_stragglers():
    code = Approximate(Uncoded(5), 1, stragglers=2)
    full = np.array([1, 0, 1, 1, 0], dtype=bool)
    decoding = code.decoding(np.eye(5, dtype=bool) & full)
    np.testing.assert_allclose(decoding.weights, [full], atol=1e-12)
    np.testing.assert_allclose(decoding.cover, full, atol=1e-12)
    assert decoding.residual == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize('assignment, stragglers', [
    (Repetition(6, replication=3, load=2), 2), (Uncoded(5), 0),
    (Cyclic(6, load=3), 0)])
def test_approximate_is_exact_up_to_its_stragglers(assignment, stragglers):
    code = Approximate(assignment, 1, stragglers=4)
    assert code.stragglers == stragglers
    for full in full_sets(assignment.n_workers, stragglers):
        assert code.decoding(assignment.incidence & full).residual < 1e-9


def test_many_workers_are_solved_without_dense_matrices():
    assignment = RandomRegular(DENSE + 50, load=4)
    code = Approximate(assignment, 1, stragglers=20)
    full = np.random.default_rng(0).permutation(DENSE + 50) >= 20
    held = assignment.incidence[:, full].astype(float)
    best = np.linalg.lstsq(held, np.ones(DENSE + 50), rcond=None)[0]
    decoding = code.decoding(assignment.incidence & full)
    np.testing.assert_allclose(decoding.weights[0, full], best, atol=1e-8)


# --- bounds ------------------------------------------------------------

OPTIONS = {'approximate': {'stragglers': 1}}
every_code = pytest.mark.parametrize('part', registry.parts('code').values(),
                                     ids=list(registry.parts('code')))


@every_code
def test_more_copies_than_holders_are_refused(part):
    for copies in (-1, 0, 4):
        with pytest.raises(ValueError,
                           match=f'copies {copies} must be .* 1 .*'
                                 'each file, 3; set assignment.load'):
            part(Cyclic(7, load=3), copies, **OPTIONS.get(part.name, {}))
    with pytest.raises(ValueError, match='copies 3 .* 2'):
        part(IRREGULAR, 3, **OPTIONS.get(part.name, {}))


@every_code
def test_stragglers_of_a_cyclic_assignment(part):
    code = part(Cyclic(7, load=3), 1, **OPTIONS.get(part.name, {}))
    assert code.stragglers == (0 if part is Approximate else 2)
    assert code.needs_whole_workers == (part is not LeastSquares)


@pytest.mark.parametrize('copies', [1, 2, 3])
def test_copies_cost_stragglers(copies):
    for part in (LeastSquares, YeAbbe):
        assert part(Cyclic(7, load=3), copies).stragglers == 3 - copies


@pytest.mark.parametrize('make, message', [
    (lambda: Tandon(Cyclic(5, load=3), 2), "copies 2 must be 1 .*'tandon'"),
    (lambda: Raviv(Cyclic(5, load=3), 2), "copies 2 must be 1 .*'raviv'"),
    (lambda: Approximate(Cyclic(5, load=3), 2, stragglers=1),
     "copies 2 must be 1 .*'approximate'"),
    (lambda: Tandon(Subset(5, replication=2), 1), 'groups .* consecutive'),
    (lambda: Raviv(IRREGULAR, 1), 'cyclic'),
    (lambda: YeAbbe(Repetition(6), 1), 'cyclic'),
    (lambda: Raviv(Cyclic(6, load=3), 1), 'load 3 of 6 .* K - load = 3'),
    (lambda: Raviv(Cyclic(9, load=3), 1, root=6), 'root 6 .* coprime .* 9'),
    (lambda: Tandon(Cyclic(5, load=3), 1, seed=-1), 'seed -1 .* 0'),
    (lambda: YeAbbe(Cyclic(5, load=3), 1, seed=-1), 'seed -1 .* 0'),
    (lambda: YeAbbe(Cyclic(5, load=3), 1, nodes='x'), "nodes 'x' .* one of"),
    (lambda: LeastSquares(IRREGULAR, 1, seed=-1), 'seed -1 .* 0'),
    (lambda: LeastSquares(IRREGULAR, 1, matrix='x'), "matrix 'x' must be"),
    (lambda: Approximate(Uncoded(3), 1, stragglers=3),
     'stragglers 3 .* between 0 .* 2'),
    (lambda: Approximate(Uncoded(3), 1, stragglers=-1),
     'stragglers -1 .* between 0 .* 2')])
def test_bad_input_names_value_and_bound(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- structure ---------------------------------------------------------

def test_circles_are_recognised():
    for n, load in ((5, 1), (5, 3), (6, 6), (9, 8)):
        assignment = Cyclic(n, load=load)
        starts = cyclic_starts(assignment)
        assert sorted(starts) == list(range(n))
        for file, start in enumerate(starts):
            assert set(np.flatnonzero(assignment.incidence[file])) == {
                (start + step) % n for step in range(load)}
    assert cyclic_starts(IRREGULAR) is None
    assert cyclic_starts(Repetition(6, replication=3, load=3)) is None
    assert cyclic_starts(Repetition(6, replication=3)) is None
    assert cyclic_starts(RandomRegular(12, load=3)) is None


def test_groups_are_recognised():
    assert group_leads(Repetition(6, replication=3, load=2)).tolist() == [
        0, 0, 0, 3, 3, 3]
    assert group_leads(Uncoded(3)).tolist() == [0, 1, 2]
    assert group_leads(Assignment([[1, 0, 0, 1]])).tolist() == [0, -1, -1, 0]
    for other in (IRREGULAR, Cyclic(5, load=3), Subset(4, replication=2),
                  Assignment([[1, 0, 0], [0, 1, 0], [1, 1, 1]])):
        assert group_leads(other) is None


# --- the error in float32 ----------------------------------------------

def test_error_of_the_fixed_codes_in_float32():
    """They decode at this size, if badly; the tail is what it is."""
    for code in (Tandon(Cyclic(24, load=8), 1), Raviv(Cyclic(24, load=8), 1),
                 YeAbbe(Cyclic(24, load=8), 2)):
        assert np.median(bench().errors(code, trials=9)) < 1e-4
