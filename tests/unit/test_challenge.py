"""What a challenge catches, what passes by chance, and what always passes.

Trials are drawn at once: every trial has its own V, cut out of one long one.
"""

import math
import warnings

import numpy as np
import pytest

from aspis_mpi.coding.challenge import (
    CHANCE, LARGEST_COEFFICIENT, PAYLOAD, bounded, compare, guilty, hidden,
    hidden_bias, passes, reach)
from aspis_mpi.coding.combine import encode
from aspis_mpi.coding.sketching import RMS, matrix, sketch
from aspis_mpi.schemes.tables.payloads import (
    Payload, alike, satisfied, sketches)

SECRET, OTHER = b'one secret of 16', b'and another one!'
BITS = 1e-9
TRIALS, SIZE, FILES = 10_000, 40, 4


def vectors(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)).astype(np.float32)


def trials(n, size):
    """A matrix V of 8 rows for each of n trials: (n, size, 8)."""
    return matrix(SECRET, 8, slice(0, n * size)).reshape(n, size, 8) / RMS


# --- what passes, by chance --------------------------------------------

@pytest.mark.parametrize('entries', [(1,), (1, 1), (1, -1), (1, 2), (3, 4),
                                     (1, 1, 1), (1, 1e-3), (1, 1, 1, 1)])
def test_one_row_passes_an_error_as_seldom_as_said(entries):
    """Two million rows; 4 deviations of room."""
    error = np.zeros(4)
    error[:len(entries)] = entries / np.linalg.norm(entries)
    rows = abs(np.einsum('tsk,s->tk', trials(250_000, 4), error)).ravel()
    for a in (1, 1.7, 3, 10, 100, 1000):
        share, bound = (rows <= 1 / a).mean(), 0.82 * (1 / a + 2 ** -14)
        assert share <= bound + 4 * math.sqrt(bound / rows.size)


def test_two_equal_entries_pass_more_often_than_many():
    """0.8165 = sqrt(2/3) against 0.798 = sqrt(2/pi), both for large a."""
    s = np.arange(-65535, 65536)
    chances = (65536 - np.abs(s)) / 2.0 ** 32
    for a in (50, 300, 1000):
        share = chances[np.abs(s) / RMS / math.sqrt(2) <= 1 / a].sum()
        assert 0.80 < a * share <= 0.82 * (1 + a / 2 ** 14)
    # Whatever V is, equal ones pass: once in 2^16 a row.
    assert chances[s == 0] == 2 ** -16


@pytest.mark.parametrize('spread', [1, 2, 8])
def test_eight_rows_pass_with_the_eighth_power(spread):
    """Measured on 200,000 matrices, at the tolerance and beyond."""
    worst = abs(trials(200_000, spread).sum(axis=1)).max(axis=1)
    worst /= math.sqrt(spread)
    for a in (1, 1.7, 3):
        share = (worst <= 1 / a).mean()
        assert share <= (0.82 / a) ** 8 + 5e-5
    if spread == 8:
        assert 1 / 1200 < (worst <= 1 / 1.7).mean() < 1 / 500
        assert 0.6 < (worst <= 2).mean() < 0.75


def test_a_distance_passes_as_seldom_as_said_and_is_right_on_average():
    differences = np.zeros((200_000, 9, 1))
    differences[:, :8, 0] = trials(200_000, 8).sum(axis=1) / math.sqrt(8)
    base = np.zeros(9)
    base[8] = 1.0
    near = compare(differences / 100 + base[:, None], base[:, None])
    assert abs((near ** 2).mean() - 1e-4) < 1e-6
    assert near.max() < 2.5e-2
    for a in (2, 3, 4):
        assert 0 < (near <= 1e-2 / a).mean() <= (1.4 / a) ** 8


# --- payloads ----------------------------------------------------------

class Trials:
    """Payloads of FILES files each, every trial with a V of its own."""

    def __init__(self, copies, first=None):
        """`first`: the weight of the first file, drawn if there is none."""
        rng, n = np.random.default_rng(0), TRIALS
        self.rng, self.v = rng, trials(n, SIZE)
        # Norms over six decades; the last part is shorter than the others.
        scale = 10 ** rng.uniform(-3, 3, (n, FILES, 1, 1))
        self.parts = scale * rng.standard_normal((n, FILES, copies, SIZE))
        self.parts[:, :, 1:][:, :, -1:, -7:] = 0
        self.parts = self.parts.astype(np.float32).astype(np.float64)
        self.weights = rng.choice([0, 1, 1 / 3, -2.5, 100], (n, FILES, copies))
        if first is not None:
            self.weights[:, 0] = first
        self.own = self.sketches(self.parts)
        norms = np.linalg.norm(self.parts, axis=-1)
        self.scale = (abs(self.weights) * norms).sum(axis=(1, 2))
        self.right = self.combination(self.parts)

    def sketches(self, parts):
        rows = np.matmul(parts.reshape(TRIALS, -1, SIZE), self.v)
        norms = np.linalg.norm(parts, axis=-1)[:, :, None]
        rows = rows.reshape(TRIALS, -1, parts.shape[2], 8)
        return np.concatenate([rows.transpose(0, 1, 3, 2), norms], axis=2)

    def combination(self, parts):
        return np.einsum('tnp,tnps->ts', self.weights, parts)

    def directions(self, shape):
        """Errors of norm 1: spread, on one entry, on two equal ones."""
        errors = self.rng.standard_normal(shape)
        errors[::3] = 0
        errors[::3, ..., 5] = 1
        errors[1::3] = 0
        errors[1::3, ..., 5:7] = 1
        return errors / np.linalg.norm(errors, axis=-1, keepdims=True)

    def lie(self, size):
        """Payloads off by `size` of what an error is measured by."""
        error = self.directions(self.right.shape) * self.scale[:, None]
        return self.right + size * error

    def received(self, payloads):
        """The server's sketches of what arrives as float32."""
        rounded = payloads.astype(np.float32).astype(np.float64)
        return self.sketches(rounded[:, None, None])[:, 0, :, 0]

    def passes(self, payloads, own=None, tolerance=PAYLOAD):
        own = self.own if own is None else own
        sketches = self.received(payloads)
        result = passes(sketches, own, self.weights, SIZE, tolerance)
        np.testing.assert_array_equal(
            guilty(sketches, own, self.weights, SIZE, tolerance), ~result)
        return result


@pytest.mark.parametrize('copies', [1, 2, 3])
def test_the_right_combination_always_passes(copies):
    some = Trials(copies)
    assert some.passes(some.right).all()
    # With room: rounding is 170 times less than what is allowed.
    assert some.passes(some.right, tolerance=PAYLOAD / 30).all()


@pytest.mark.parametrize('copies', [1, 2, 3])
@pytest.mark.parametrize('size, tolerance', [(1e-3, 1e-4), (1e-4, PAYLOAD),
                                             (1e-2, 1e-4), (2, 1e-4)])
def test_a_lying_payload_never_passes(copies, size, tolerance):
    """Of nothing, too: files with weight 0 only have no size to lie by."""
    some = Trials(copies)
    lies = some.lie(size)
    lies[some.scale == 0] = size
    assert not some.passes(lies, tolerance=tolerance).any()


@pytest.mark.parametrize('size, tolerance', [(1e-3, 1e-4), (1e-7, BITS)])
def test_a_lying_gradient_never_agrees(size, tolerance):
    """The sketch of a wrong gradient; it is wrong in one part only."""
    some = Trials(3)
    norms = np.linalg.norm(some.parts.reshape(TRIALS, FILES, -1), axis=-1)
    lies = some.parts.copy()
    error = some.directions((TRIALS, FILES, SIZE))
    lies[:, :, 1] += size * error * norms[..., None]
    distance = compare(some.sketches(lies), some.own)
    assert (distance > tolerance).all()
    assert 0.9 < np.median(distance) / size < 1.1


@pytest.mark.parametrize('size, tolerance', [(1e-3, 1e-4), (1e-7, BITS)])
def test_a_lying_sketch_never_agrees(size, tolerance):
    """Claimed after V was drawn, so that no chance is in it."""
    some = Trials(1)
    claimed = some.own.copy()
    error = some.directions((TRIALS, FILES, 8))
    claimed[:, :, :8, 0] += size * error * some.own[:, :, 8]
    distance = compare(claimed, some.own)
    np.testing.assert_allclose(distance, size / math.sqrt(8), rtol=1e-4)
    assert (distance > tolerance).all()


@pytest.mark.parametrize('size, caught', [(1e-3, True), (2e-5, False)])
def test_sketches_bent_as_far_as_they_may_hide_no_large_lie(size, caught):
    """The sender's files share what V sees of the lie, each 1e-4 at most."""
    some = Trials(1, first=1)
    lies = some.lie(size)
    seen = np.einsum('ts,tsk->tk', lies - some.right, some.v)
    seen /= some.scale[:, None]
    rms = np.sqrt((seen ** 2).mean(axis=1, keepdims=True))
    seen *= np.minimum(1, 0.9999e-4 / rms)
    bent = some.own.copy()
    bent[:, :, :8] += (np.sign(some.weights[:, :, None]) * some.own[:, :, 8:]
                       * seen[:, None, :, None])
    fooled = some.passes(lies, bent)
    assert (compare(bent, some.own) <= 1e-4).all()
    assert not fooled.any() if caught else fooled.all()


def test_sketches_made_to_fit_a_lie_do_not_agree():
    """They pass their sender's payload, but are nobody else's."""
    some = Trials(1, first=1)
    lies = some.lie(1e-2)
    claimed = some.own.copy()
    others = (some.weights[:, 1:] * some.own[:, 1:, :8, 0]).sum(axis=1)
    claimed[:, 0, :8, 0] = some.received(lies)[:, :8] - others
    # What rounding leaves is measured by sum |c| n, and no sum is longer.
    longest = (np.abs(some.weights) * some.own[:, :, 8]).sum(axis=(1, 2))
    short = some.received(lies)[:, 8] <= longest * (1 + 1e-5)
    assert short.mean() > 0.5
    assert np.array_equal(some.passes(lies, claimed), short)
    assert (compare(claimed, some.own)[:, 0] > 1e-4).all()


def test_noise_of_equal_replicas_agrees():
    some = Trials(2)
    noise = some.directions(some.parts.shape) * np.linalg.norm(
        some.parts, axis=-1, keepdims=True)
    near = some.sketches(some.parts + 1e-6 * noise)
    assert compare(near, some.own).max() < 1e-5


def test_a_known_matrix_lets_any_error_pass_and_a_fresh_one_does_not():
    """A reversed gradient, moved by what V sees of it: V (g' - g) = 0."""
    d = 3000
    g = vectors(1, d)[0].astype(np.float64)
    v = matrix(SECRET, 8, slice(0, d)) / RMS
    error = -2 * g
    error -= v @ np.linalg.lstsq(v, error, rcond=None)[0]
    crafted = (g + error).astype(np.float32)
    assert crafted @ g < -0.9 * (g @ g)
    weights = np.ones((1, 1))
    for secret, known in [(SECRET, True), (OTHER, False)]:
        own = sketch([g.astype(np.float32)], 1, secret)
        seen = sketch([crafted], 1, secret)[0, :, 0]
        # Rounded to float32 it is off by some 1e-6.
        assert passes(seen, own, weights, d) == known
        assert guilty(seen, own, weights, d) != known


# --- hostile numbers ---------------------------------------------------

def one():
    """Three gradients, their weights, their sketches, and the payload's."""
    gradients, weights = vectors(3, 60), np.array([[1.0], [0.5], [2.0]])
    payload = np.empty(60, np.float32)
    encode(gradients, weights, payload)
    own = sketch(gradients, 1, SECRET)
    return own, weights, sketch([payload], 1, SECRET)[0, :, 0]


@pytest.mark.parametrize('factor', [1 + 1e-7, 1 - 1e-7, 1e30, 1e300, 1e-3, 0])
def test_an_inflated_or_deflated_norm_disagrees(factor):
    own, weights, payload = one()
    wrong = own.copy()
    wrong[1, 8] *= factor
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        distances = compare(wrong, own)
        passes(payload, wrong, weights, 60)
    assert distances[1] > 5e-8 and not distances[[0, 2]].any()


def test_no_norm_makes_a_lie_pass_and_agree():
    own, weights, payload = one()
    payload[:8] += 1
    assert guilty(payload, own, weights, 60)
    for norm in (1e6, 1e30, 1e38):
        wrong = own.copy()
        wrong[1, 8] = norm
        # It passes by its own norm, which is nobody else's.
        assert passes(payload, wrong, weights, 60)
        assert compare(wrong, own)[1] > 1
    for norm in (np.inf, np.nan, -1.0, -1e30):
        wrong = own.copy()
        wrong[1, 8] = norm
        assert not passes(payload, wrong, weights, 60)
        assert compare(wrong, own)[1] == np.inf


@pytest.mark.parametrize('number', [np.nan, np.inf, -np.inf, 1e30, -1e308])
@pytest.mark.parametrize('row', [0, 7])
def test_no_strange_number_passes(number, row):
    own, weights, payload = one()
    wrong, sent = own.copy(), payload.copy()
    wrong[2, row], sent[row] = number, number
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert not passes(payload, wrong, weights, 60)
        assert not passes(sent, own, weights, 60)
        assert guilty(sent, own, weights, 60)
        if not math.isfinite(number):
            assert not passes(sent, wrong, weights, 60)
        assert compare(wrong, own)[2] > 1
        assert compare(own, wrong)[2] > 1
        assert compare(wrong, wrong)[2] == 0


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_who_holds_what_is_not_finite_is_not_guilty_of_sending_it(bad):
    gradients, weights = vectors(3, 60), np.array([[1.0], [0.5], [2.0]])
    gradients[2, 7] = bad
    payload = np.empty(60, np.float32)
    encode(gradients, weights, payload)
    own, sent = sketch(gradients, 1, SECRET), sketch([payload], 1, SECRET)
    assert not passes(sent[0, :, 0], own, weights, 60)
    assert not guilty(sent[0, :, 0], own, weights, 60)
    # Without that file it does not matter.
    weights[2] = 0
    encode(gradients, weights, payload)
    sent = sketch([payload], 1, SECRET)
    assert passes(sent[0, :, 0], own, weights, 60)
    assert guilty(sent[0, :, 0] + 1, own, weights, 60)


def test_a_payload_beyond_float32_does_not_pass_and_proves_nothing():
    payload = np.empty(60, np.float32)
    huge = np.full((2, 60), 3e38, np.float32)
    encode(huge, np.ones((2, 1)), payload)
    sent, own = sketch([payload], 1, SECRET), sketch(huge, 1, SECRET)
    assert not passes(sent[0, :, 0], own, np.ones((2, 1)), 60)
    assert not guilty(sent[0, :, 0], own, np.ones((2, 1)), 60)


def test_numbers_below_the_normal_ones_pass():
    """Rounding to float32 loses much of them, to zero even all."""
    tiny = vectors(3, 500) * np.float32(1e-44)
    weights, payload = np.full((3, 1), 1 / 3), np.empty(500, np.float32)
    encode(tiny, weights, payload)
    own = sketch(tiny, 1, SECRET)
    for sent in (payload, np.zeros_like(payload)):
        assert passes(sketch([sent], 1, SECRET)[0, :, 0], own, weights, 500)


def test_zero_vectors_agree_with_each_other_alone():
    zero, other = np.zeros((1, 9, 2)), sketch(vectors(1, 9), 2, SECRET)
    assert compare(zero, zero) == 0
    assert compare(zero, other) == compare(other, zero) == np.inf
    # Both count as nothing beside a large floor.
    assert compare(zero, other, floor=1e9) < 1e-8
    assert compare(zero, zero, floor=1e9) == 0


def test_what_is_not_finite_agrees_with_its_like_alone():
    a, b = sketch(vectors(2, 9), 2, SECRET)
    nan = np.full_like(a, np.nan)
    part = a.copy()
    part[:, 1] = np.inf
    assert compare(nan, part) == 0
    assert compare(nan, b) == compare(b, part) == np.inf
    # No gradient is that large; whoever says so disagrees.
    large = a * 1e300
    turned = large.copy()
    turned[:8] *= -1
    assert compare(large, turned) == np.inf
    assert compare(large, large) == 0
    # Many at once, and each with each.
    table = compare(np.stack([a, b, nan])[:, None], np.stack([a, b, nan]))
    assert (np.diag(table) == 0).all()
    assert (table + np.eye(3) > 0.2).all()


def test_coefficients_above_the_bound_are_not_covered():
    weights = np.array([[1, -100], [0, 100.1], [-101, 0], [np.nan, 1],
                        [np.inf, 0], [0, 0]])
    assert bounded(weights).tolist() == [True, False, False, False, False,
                                         True]
    assert np.array_equal(bounded(weights[:, :, None]), bounded(weights))
    assert LARGEST_COEFFICIENT == 100


# --- what can hide -----------------------------------------------------

def said(own, weights, apart):
    """What `hidden` says of one payload whose files may be so far off."""
    weights = abs(np.asarray(weights))
    return hidden((weights * own[:, -1]).sum(), np.linalg.norm(
        weights, axis=1) @ apart, SIZE, own.shape[1] - 1)


def test_the_reach_of_a_challenge_is_where_the_chance_is_as_said():
    for k in range(2, 65):
        a = reach(k)
        assert (0.82 * (1 / a + 2 ** -14)) ** k == pytest.approx(CHANCE)
    assert 4.6 < reach(8) < 4.7 and reach(1) == np.inf


@pytest.mark.parametrize('copies', [1, 3])
@pytest.mark.parametrize('size', [0.5, 1.7, 4.7])
def test_no_payload_that_passes_hides_more_than_is_said(copies, size):
    """10,000 liars that know nothing of V: 1.7 tolerances pass once in 650
    times, those beyond the reach never here."""
    some = Trials(copies)
    passed = some.passes(some.lie(size * PAYLOAD)) & (some.scale > 0)
    most = np.array([
        said(own, weights, np.zeros(FILES)) for own, weights in zip(
            some.own[passed], some.weights[passed])])
    errors = size * PAYLOAD * some.scale[passed]
    assert (errors <= most).all()
    assert passed.any() == (size < 4)
    assert not passed.any() or (errors / most).max() > size / 5


@pytest.mark.parametrize('apart', [0.0, 1e-4])
def test_who_knows_the_matrix_hides_no_more_than_norms_allow(apart):
    """A reversed sum, moved by what V sees of it; one row is no bound."""
    rng = np.random.default_rng(3)
    g = rng.standard_normal((2, 60))
    g[1] = g[0]
    v = matrix(SECRET, 8, slice(0, 60)) / RMS
    error = -2 * g.sum(axis=0)
    error -= v @ np.linalg.lstsq(v, error, rcond=None)[0]
    own = sketch(g.astype(np.float32), 1, SECRET)
    sent = sketch([(g.sum(axis=0) + error).astype(np.float32)], 1, SECRET)
    weights, norms = np.ones((2, 1)), own[:, 8, 0]
    assert passes(sent[0, :, 0], own, weights, 60)
    most = said(own[:, [0, 8]], weights, apart * norms)
    assert 0.7 < np.linalg.norm(error) / most <= 1


def test_sketches_within_tolerance_hide_more_and_no_more_than_is_said():
    """Bent by twice the tolerance to what V sees of the error."""
    some, apart = Trials(1, first=1), 2e-4
    for size in (1e-4, 3e-4, 1e-3, 2e-3):
        lies = some.lie(size)
        seen = np.einsum('ts,tsk->tk', lies - some.right, some.v)
        seen /= some.scale[:, None]
        rms = np.sqrt((seen ** 2).mean(axis=1, keepdims=True))
        seen *= np.minimum(1, apart / rms)
        bent = some.own.copy()
        bent[:, :, :8] += (np.sign(some.weights[:, :, None])
                           * some.own[:, :, 8:] * seen[:, None, :, None])
        passed = some.passes(lies, bent)
        for own, weights, scale in zip(bent[passed], some.weights[passed],
                                       some.scale[passed]):
            assert size * scale <= said(own, weights, apart * own[:, 8, 0])
        assert passed.any() == (size < 1e-3)


def test_the_hidden_bias_is_that_of_the_workers_who_can_hide_most():
    errors = np.array([1.0, 0.0, 5.0, 2.0])
    assert [hidden_bias(errors, q, 4) for q in (-1, 0, 1, 2, 9)] == [
        0, 0, 1.25, 1.75, 2]
    assert hidden_bias(errors, 2, 0.0) == 0


@pytest.mark.parametrize('copies', [1, 2])
def test_payloads_tested_together_are_tested_as_each_alone(copies):
    """Right ones, wrong ones, of several lengths, divided and whole."""
    rng = np.random.default_rng(copies)
    d, made = 12, []
    for worker in range(30):
        files = np.arange(1 + worker % 3)
        undivided = copies > 1 and worker % 2 == 1
        weights = rng.standard_normal((files.size,
                                       1 if undivided else copies))
        gradients = rng.standard_normal((files.size, d)).astype(np.float32)
        values = np.empty(d if undivided else d // copies, np.float32)
        encode(gradients, weights, values)
        if worker % 5 == 0:
            values[0] += 1
        payload = Payload(worker, files, weights, np.ones(files.size),
                          np.ones(copies), undivided, values)
        made.append((payload, sketch(gradients, copies, SECRET)))
    rows = sketches([payload for payload, _ in made], copies, SECRET, 8)
    shown = {payload.worker: own for payload, own in made}
    for test, several, of_wrong in (passes, all, False), (guilty, any, True):
        seen = {}
        for some in alike(payload for payload, _ in made):
            seen |= zip([it.worker for it in some], satisfied(
                some, test, np.array([rows[it.worker] for it in some]),
                np.array([shown[it.worker] for it in some]), several))
        for payload, own in made:
            worker = payload.worker
            assert seen[worker] == (of_wrong if worker % 5 == 0
                                    else not of_wrong)
            assert seen[worker] == payload.satisfies(
                test, rows[worker], own, several)
