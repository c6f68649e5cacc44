"""Exact sketches: whole numbers, nothing hidden, one bit is seen."""

import numpy as np
import pytest

from aspis_mpi.coding import exact, tiles
from aspis_mpi.coding.exact import GAP, Exact, factors, sketch
from aspis_mpi.coding.tiles import CHUNK, TILE, TILES
from aspis_mpi.compression import quantizer

SECRET, OTHER = b'one secret of 16', b'and another one!'
every_k = pytest.mark.parametrize('k', [1, 4, 7, 8, 9])
every_type = pytest.mark.parametrize('dtype', [np.int8, np.int16, np.int32])


def is_gap(vector):
    return quantizer.is_missing(vector, 8)


def vectors(n, d, dtype=np.int8, seed=0):
    ends = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(ends.min + 1, ends.max, (n, d), dtype=dtype,
                         endpoint=True)
    # The largest products of all, side by side.
    drawn[0] = ends.max
    return list(drawn)


def entries(k, size, secret=SECRET):
    """V transposed, as Python's integers."""
    inner, outer = (it.tolist() for it in factors(
        secret, k, 0, -(-size // CHUNK)))
    places = (divmod(x, CHUNK) for x in range(size))
    return [[a * b for a, b in zip(inner[c][x % TILE], outer[c][x // TILE])]
            for c, x in places]


def by_hand(vector, k):
    """V x in Python's integers, modulo 2^64."""
    sums = np.zeros(k, dtype=object)
    for number, row in zip(vector.tolist(), entries(k, vector.size)):
        sums += number * np.array(row, dtype=object)
    return [(it + 2 ** 63) % 2 ** 64 - 2 ** 63 for it in sums]


@pytest.mark.parametrize('k, bits', [(4, (16, 16)), (8, (10, 16))])
def test_factors_are_odd_uniform_and_independent(k, bits):
    made = factors(SECRET, k, 0, 100)
    assert made[0].shape == (100, TILE, k) and made[1].shape == (
        100, TILES, k)
    for drawn, b in zip(made, bits):
        most, n = (1 << b) - 1, drawn.size
        assert (drawn % 2 == 1).all() and abs(drawn).max() <= most
        mean_square = ((most + 1) ** 2 - 1) / 3
        assert abs(drawn.mean()) < 5 * np.sqrt(mean_square / n)
        assert abs(np.square(drawn, dtype=float).mean() / mean_square
                   - 1) < 5 / np.sqrt(n)
        # Of rows, and of places.
        unit = drawn.reshape(-1, k) / np.sqrt(mean_square)
        assert abs(unit.T @ unit / len(unit) - np.eye(k)).max() < (
            6 / np.sqrt(len(unit)))
        assert abs((unit[1:] * unit[:-1]).mean()) < 5 / np.sqrt(n)
    assert set(np.unique(factors(SECRET, 8, 0, 9)[0])) == set(
        range(-1023, 1024, 2))


@every_k
def test_a_chunk_needs_none_before_it(k):
    whole = tiles.drawn(SECRET, k, 0, 5)
    for first, last in (0, 1), (1, 2), (2, 5), (3, 3):
        np.testing.assert_array_equal(tiles.drawn(SECRET, k, first, last),
                                      whole[first:last])
    with pytest.raises(ValueError, match='sketches 0'):
        factors(SECRET, 0, 0, 3)
    with pytest.raises(ValueError, match='17 bytes must have 16'):
        factors(bytes(17), 8, 0, 3)


@every_k
@every_type
@pytest.mark.parametrize('d', [1, TILE - 1, TILE + 1, CHUNK, CHUNK + 3])
def test_sketches_are_exact(k, dtype, d):
    drawn = vectors(2, d, dtype)
    found = sketch(drawn, SECRET, k)
    for row, vector in zip(found, drawn):
        assert row[:k].tolist() == by_hand(vector, k)
        if dtype == np.int8:
            assert row[k] == sum(x * x for x in vector.tolist())


def test_many_vectors_are_sketched_as_one_by_one():
    drawn = vectors(2 * exact.GROUP + 1, 700)
    np.testing.assert_array_equal(
        sketch(drawn, SECRET, 8),
        np.concatenate([sketch([vector], SECRET, 8) for vector in drawn]))
    assert sketch([], SECRET, 8).shape == (0, 9)


@every_k
@every_type
def test_the_last_bit_of_one_entry_is_always_seen(k, dtype):
    """No entry of V is 0: whatever is drawn, every row sees it."""
    rng = np.random.default_rng(3)
    for trial in range(20):
        vector, = vectors(1, 900, dtype, trial)[:1]
        other, place = vector.copy(), rng.integers(900)
        other[place] ^= 1
        a, b = sketch([vector, other], rng.bytes(16), k)
        assert (a[:k] != b[:k]).all()


def misses(error, trials, k=8):
    """Rows that miss an error, bool (trials, k), a secret for each trial."""
    rng = np.random.default_rng(5)
    return np.array([sketch([error], rng.bytes(16), k)[0, :k] == 0
                     for _ in range(trials)])


def test_an_error_is_missed_by_one_row_once_in_1024():
    """As seldom as is said: two entries that differ by opposite numbers."""
    error = np.zeros(TILE, dtype=np.int8)
    error[:2] = 1, -1
    missed = misses(error, 6000)
    assert abs(missed.mean() - 2 ** -10) < 5 * np.sqrt(2 ** -10 / missed.size)
    assert not missed.all(axis=1).any()


@pytest.mark.parametrize('k, places', [
    (8, (0, TILE)), (8, (0, CHUNK)), (4, (0, 1)), (4, (0, TILE))])
def test_others_are_missed_much_more_seldom(k, places):
    """In two tiles, in two chunks, and by longer inner factors."""
    error = np.zeros(CHUNK + 1, dtype=np.int8)
    error[list(places)] = 1, -1
    assert misses(error, 500, k).mean() < 2e-3


def test_sums_of_many_files_wrap_around_and_still_show_an_error():
    """Numbers that only their upper half of 32 bits tells from 0."""
    rng = np.random.default_rng(8)
    error = np.zeros(2 * CHUNK, dtype=np.int32)
    places = rng.choice(error.size, 3000, replace=False)
    error[places] = rng.choice([-1, 1], 3000) << 30
    assert misses(error, 100, 4).mean() < 0.02


# --- payloads ----------------------------------------------------------

def sent(scrutiny, files, weights=None, change=None, k=8, secret=SECRET):
    """Sketches of a payload and of its files, and the weights."""
    weights = np.ones((len(files), 1)) if weights is None else weights
    whole = np.rint(weights[:, 0] * scrutiny._multiple).astype(int)
    total = sum(int(w) * file.astype(np.int32)
                for w, file in zip(whole, files))
    if change:
        change(total)
    payload, = scrutiny.sketch([total], 1, secret, k)
    return payload[:, 0], scrutiny.sketch(files, 1, secret, k), weights


@pytest.mark.parametrize('k', [4, 8])
@pytest.mark.parametrize('weights, multiple', [
    (None, 1), (np.array([[1], [1 / 2], [1 / 3], [1]]), 6)])
def test_a_right_payload_passes_and_one_step_does_not(k, weights, multiple):
    scrutiny, files = Exact(multiple, is_gap), vectors(4, 2000)
    payload, own, c = sent(scrutiny, files, weights, k=k)
    assert scrutiny.passes(payload, own, c, 2000)
    assert not scrutiny.guilty(payload, own, c, 2000)

    def change(total):
        total[1234] += 1
    payload, own, c = sent(scrutiny, files, weights, change, k)
    assert not scrutiny.passes(payload, own, c, 2000)
    assert scrutiny.guilty(payload, own, c, 2000)


def test_files_without_a_coefficient_do_not_matter():
    scrutiny, files = Exact(1, is_gap), vectors(3, 100)
    weights = np.array([[1.0], [0.0], [1.0]])
    payload, own, _ = sent(scrutiny, files, weights)
    own[1] = GAP
    assert scrutiny.passes(payload, own, weights, 100)


def test_what_is_not_finite_makes_a_sum_that_is_not():
    scrutiny, files = Exact(1, is_gap), vectors(3, 100)
    own = scrutiny.sketch([*files, np.full(100, -128, np.int8)], 1, SECRET, 8)
    assert (own[3] == GAP).all()
    assert scrutiny.finite(own).tolist() == [True, True, True, False]
    gap, = scrutiny.sketch([np.full(100, -2 ** 15, np.int16)], 1, SECRET, 8)
    total, = scrutiny.sketch([sum(files[1:], files[0].astype(np.int32))], 1,
                             SECRET, 8)
    ones = np.ones((4, 1))
    assert scrutiny.passes(gap[:, 0], own, ones, 100)
    assert scrutiny.guilty(total[:, 0], own, ones, 100)
    assert scrutiny.guilty(gap[:, 0], own[:3], ones[:3], 100)


def test_only_equal_sketches_are_no_distance_apart():
    scrutiny = Exact(1, is_gap)
    a, b = scrutiny.sketch(vectors(2, 100), 1, SECRET, 8)
    c = a.copy()
    c[-1] += 1
    gap = np.full_like(a, GAP)
    assert scrutiny.compare(np.stack([a, a, a, gap]),
                            np.stack([a, b, c, gap])).tolist() == [
        0, np.inf, np.inf, 0]


def test_norms_are_those_of_the_integers_unless_sketches_belie_them():
    scrutiny, files = Exact(1, is_gap), vectors(9, 3000)[1:]
    shown = scrutiny.sketch(files, 1, SECRET, 8)
    norms = [np.linalg.norm(file.astype(float)) for file in files]
    np.testing.assert_allclose(scrutiny.norms(shown), norms, rtol=1e-15)
    shown[:, -1] = 0
    assert (scrutiny.norms(shown) > np.array(norms) / 10).all()


def test_nothing_is_hidden():
    scrutiny = Exact(1, is_gap)
    for k in 2, 4, 8, 64:
        assert not scrutiny.hidden(np.full((3, 1), 1e9), np.zeros(3), 10,
                                   k).any()


def test_what_one_row_may_miss_is_not_called_nothing():
    """Once in 2^15 is more often than a certificate leaves out."""
    hidden = Exact(1, is_gap).hidden(np.full((3, 1), 1e9), np.zeros(3), 10, 1)
    assert hidden.shape == (3, 3) and (hidden == np.inf).all()
