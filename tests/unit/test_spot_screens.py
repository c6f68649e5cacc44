"""Screens of norms: nothing far above gets in, nothing honest is moved out."""

import itertools
import math

import numpy as np
import pytest

from aspis_mpi.coding.sketching import sketch
from aspis_mpi.detection.spot import screens
from aspis_mpi.detection.spot.pieces import CHUNK, Pieces
from aspis_mpi.detection.spot.screens import Cleared, Screens, file_norms
from aspis_mpi.streams import generator

#: Norms that a liar may claim.
HOSTILE = (0.0, 1e-300, 1e-30, 1e30, 1e300, np.inf, np.nan, -1.0)
TINY = float(np.finfo(np.float32).tiny)


def drawn(size, *names, scale=1.0):
    values = generator(13, 'screens', *names).standard_normal(size)
    return (scale * values).astype(np.float32)


def exact(vector, cuts):
    wide = vector.astype(np.longdouble)
    return np.array([np.sqrt((wide[cut] ** 2).sum()) for cut in cuts],
                    dtype=np.float64)


def evenly(size):
    return [slice(start, min(start + CHUNK, size))
            for start in range(0, size, CHUNK)]


def cut_at(*ends):
    return [slice(*it) for it in zip((0, *ends), ends)]


# --- norms of pieces ---------------------------------------------------

@pytest.mark.parametrize('size', [1, CHUNK - 1, CHUNK, CHUNK + 1,
                                  3 * CHUNK + 5])
@pytest.mark.parametrize('scale', [1e-42, 1e-25, 1.0, 1e18, 1e30, 3e37])
def test_norms_of_blocks(size, scale):
    vector = drawn(size, 'even', scale=scale)
    found = Pieces(size).norms(vector)
    assert found == pytest.approx(exact(vector, evenly(size)), rel=1e-5,
                                  abs=0)
    assert found.dtype == np.float64


@pytest.mark.parametrize('ends', [
    (7,), (1, 3, CHUNK, 5 * CHUNK), (0, 5, 5, 9 * CHUNK + 1),
    (2 * CHUNK, 4 * CHUNK, 4 * CHUNK)])
@pytest.mark.parametrize('scale', [1e-30, 1.0, 1e30])
def test_norms_of_tensors(ends, scale):
    """Also of those that have no number, in the middle and at both ends."""
    vector, cuts = drawn(ends[-1], 'uneven', scale=scale), cut_at(*ends)
    pieces = Pieces(ends[-1], cuts)
    assert pieces.norms(vector) == pytest.approx(exact(vector, cuts),
                                                 rel=1e-5, abs=0)
    assert pieces.sizes.tolist() == [c.stop - c.start for c in cuts]


@pytest.mark.parametrize('value', [1e30, TINY, 1e-45, 0.0])
def test_one_large_or_small_number_is_seen_anywhere(value):
    """Where the squares of float32 would overflow or vanish."""
    for place in (0, CHUNK - 1, CHUNK, 2 * CHUNK + 1):
        vector = np.zeros(2 * CHUNK + 2, dtype=np.float32)
        vector[place] = value
        norms = Pieces(vector.size).norms(vector)
        right = np.zeros(3)
        right[place // CHUNK] = np.float32(value)
        assert norms == pytest.approx(right, rel=1e-6, abs=0)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('cuts', [(), cut_at(5, 2 * CHUNK + 2)])
def test_what_is_no_number_is_seen_anywhere(value, cuts, recwarn):
    for place in (0, 4, CHUNK, 2 * CHUNK + 1):
        vector = drawn(2 * CHUNK + 2, 'bad')
        vector[place] = value
        norms = Pieces(vector.size, cuts).norms(vector)
        assert np.count_nonzero(~np.isfinite(norms)) == 1
    assert not recwarn.list


@pytest.mark.parametrize('ends', [(3, 9), (3, 11)])
def test_tensors_that_do_not_fit_are_refused(ends):
    with pytest.raises(ValueError, match='do not cut 10 numbers'):
        Pieces(10, cut_at(*ends))
    with pytest.raises(ValueError, match='do not cut'):
        Pieces(10, [slice(0, 3), slice(4, 10)])


# --- payloads ----------------------------------------------------------

def look(norms, samples=None, screen=None, turn=1, workers=None):
    """One piece a payload, unless norms have two axes."""
    norms = np.array(norms, dtype=np.float64)
    norms = norms.reshape(len(norms), -1)
    samples = np.ones(len(norms), int) if samples is None else samples
    screen = screen or Screens(3.0, np.ones(norms.shape[1], int))
    workers = np.arange(len(norms)) if workers is None else workers
    return screen.payloads(norms, np.array(samples), workers, turn)


def test_what_is_above_three_medians_is_not_let_in():
    assert look([1, 1, 1, 3, 3.0001]).above.tolist() == [False] * 4 + [True]


@pytest.mark.parametrize('bad', [np.nan, np.inf, 1e30, 1e300])
def test_what_is_no_norm_is_not_let_in(bad):
    for place, n in itertools.product(range(3), (3, 4, 7)):
        norms = np.ones(n)
        norms[place] = bad
        above = look(norms).above
        assert above[place] and np.count_nonzero(above) == 1


def test_a_run_that_diverges_lets_nothing_in():
    for bad in (np.nan, np.inf):
        assert look([bad, bad, bad]).above.all()


@pytest.mark.parametrize('honest', [(1.0, 1.1, 0.9, 2.0), (0.0,) * 4,
                                    (0.0, 0.0, 1.0, 1.0), (1e-40,) * 4])
def test_liars_do_not_move_the_median_beyond_honest_norms(honest):
    """So no liar is let in above three times the largest honest norm."""
    n = len(honest)
    for liars in range(n):
        for claims in itertools.product(HOSTILE, repeat=liars):
            norms = np.array([*honest, *np.abs(claims)])
            usual = screens._medians(norms)
            assert min(honest) <= usual <= max(honest)
            let_in = norms[~look(norms).above]
            assert (let_in <= 3 * max(honest)).all()


@pytest.mark.parametrize('n', range(1, 9))
def test_the_median_is_that_of_numpy(n):
    values = np.abs(drawn(3 * n, 'median', n)).reshape(n, 3).astype(float)
    assert screens._medians(values) == pytest.approx(
        np.median(values, axis=0))


def test_zeros_are_never_above():
    """A step where all gradients vanish, and one worker that has nothing."""
    assert not look([0, 0, 0, 0]).above.any()
    assert look([0, 0, 0, 1e-30]).above.tolist() == [False] * 3 + [True]
    assert not look([0, 1, 1]).above.any()


def test_one_worker_is_compared_with_itself():
    assert not look([5.0]).above.any()
    assert look([np.nan]).above.all()
    assert look([np.inf]).above.all()


def test_more_samples_may_have_a_larger_norm():
    """As many times as samples where there are more, else by the root."""
    samples = [10, 10, 10, 40, 10]
    assert not look([1, 1, 1, 3 * 4, 3], samples).above.any()
    assert look([1, 1, 1, 12.01, 3.01], samples).above.tolist() == [
        False, False, False, True, True]
    few = [16, 16, 16, 4]
    assert not look([1, 1, 1, 1.5], few).above.any()
    assert look([1, 1, 1, 1.51], few).above.tolist() == [False] * 3 + [True]


@pytest.mark.parametrize('signal', [0.0, 1.0, 5.0])
def test_honest_sums_of_other_sizes_are_let_in(signal):
    """Sums of n gradients, from mere noise to all alike."""
    draw = generator(13, 'sizes')
    samples = np.array([4, 8, 8, 8, 16, 64, 8])
    for _ in range(100):
        sums = [signal * n + math.sqrt(n) * draw.standard_normal(200)
                for n in samples]
        assert not look(np.linalg.norm(sums, axis=1), samples).above.any()


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match='samples 0 must be at least 1'):
        look([1, 1], [0, 1])


# --- pieces of payloads ------------------------------------------------

def norms_of(sizes, n_workers, scale=1.0):
    """Norms as noise of one size has them."""
    return np.tile(scale * np.sqrt(np.array(sizes)), (n_workers, 1))


SIZES = np.array([100, 1, 4096, 37])


@pytest.mark.parametrize('piece', range(len(SIZES)))
def test_a_piece_ten_times_as_long_is_let_in_and_no_longer_one(piece):
    """Uneven pieces, by the norm of the piece and not of the whole."""
    for factor, above in ((9.99, False), (10.01, True)):
        norms = norms_of(SIZES, 5)
        norms[3, piece] *= factor
        found = look(norms, screen=Screens(100.0, SIZES)).above
        assert found.tolist() == [False] * 3 + [above, False]


def test_small_pieces_have_small_limits():
    """What the whole payload would hide."""
    norms = norms_of(SIZES, 5)
    norms[:, 1] *= 0.01
    norms[2, 1] = 0.2
    found = look(norms, screen=Screens(3.0, SIZES))
    assert found.above.tolist() == [False, False, True, False, False]
    assert found.ratios[2, screens.WHOLE] < 1.01


def test_a_piece_that_most_do_not_touch_has_its_equal_share():
    """An honest worker with some of it is let in, a large error is not."""
    norms = norms_of(SIZES, 5)
    norms[:, 0] = 0
    norms[1, 0] = 3 * 10
    norms[4, 0] = 1e-30
    screen = Screens(3.0, SIZES)
    assert not look(norms, screen=screen).above.any()
    norms[1, 0] = 1e4
    assert look(norms, screen=screen).above.tolist() == [
        False, True, False, False, False]


def test_liars_do_not_make_an_untouched_piece_alarm():
    """By some trifle that moves the median away from 0."""
    for trifle in (1e-30, 1e-3):
        norms = norms_of(SIZES, 7)
        norms[:, 0] = [0, 0, 3 * 10, 3 * 10, trifle, trifle, trifle]
        assert not look(norms, screen=Screens(3.0, SIZES)).above.any()


@pytest.mark.parametrize('bad', [np.nan, np.inf, 1e200])
def test_one_bad_piece_keeps_a_payload_out(bad):
    norms = norms_of(SIZES, 4)
    norms[1, 2] = bad
    assert look(norms, screen=Screens(3.0, SIZES)).above.tolist() == [
        False, True, False, False]


# --- files -------------------------------------------------------------

def files(norms, screen=None, owners=None, turn=1, samples=None):
    norms = np.array(norms, dtype=np.float64)
    owners = np.zeros(len(norms), int) if owners is None else owners
    samples = np.ones(len(norms), int) if samples is None else samples
    return (screen or Screens(3.0, SIZES)).files(
        norms, np.array(samples), np.array(owners), turn)


def test_files_are_compared_with_the_median_of_all():
    assert files([1, 1, 1, 1, 3, 3.01, np.nan]).above.tolist() == [
        False, False, False, False, False, True, True]
    assert not files([0, 0, 0]).above.any()


def stated(gradients, k=8):
    return sketch(gradients, 1, bytes(range(16)), k)


def test_a_norm_that_is_stated_too_small_is_belied():
    gradients = [drawn(200, 'file', i) for i in range(5)]
    gradients[2] *= np.float32(1e4)
    honest = stated(gradients)
    right = np.linalg.norm(gradients, axis=1)
    assert file_norms(honest) == pytest.approx(right, rel=1e-5)
    lying = honest.copy()
    lying[2, -1] = 1e-3
    seen = file_norms(lying)
    assert files(seen).above.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize('row', [0, -1])
@pytest.mark.parametrize('value', [np.nan, np.inf, 1e308])
def test_a_sketch_that_is_none_is_above_every_limit(row, value):
    """A norm of NaN does not hide behind a sketch, nor the other way."""
    claims = stated([drawn(50, 'nan', i) for i in range(3)])
    claims[1, row] = value
    assert files(file_norms(claims)).above.tolist() == [False, True, False]


def test_a_negative_norm_is_none():
    claims = stated([drawn(50, 'minus', i) for i in range(3)])
    claims[1, -1] *= -1
    assert np.isnan(file_norms(claims)).tolist() == [False, True, False]


# --- cleared alarms ----------------------------------------------------

def test_who_was_right_has_half_as_much_more_for_a_while():
    screen, norms = Screens(3.0, np.ones(1, int)), np.array([1, 1, 1, 4.0])
    found = look(norms, screen=screen, turn=10)
    assert found.above.tolist() == [False] * 3 + [True]
    screen.clear(3, found.ratios[3], until=10 + 19)
    for turn, factor, above in ((11, 1.49, False), (11, 1.51, True),
                                (29, 1.0, False), (30, 1.0, True)):
        again = norms.copy()
        again[3] *= factor
        assert look(again, screen=screen, turn=turn).above[3] == above


def test_the_others_have_the_limit_that_they_had():
    screen = Screens(3.0, np.ones(1, int))
    screen.clear(3, np.array([4.0, 1.0]), until=99)
    assert look([1, 1, 4, 4, 1, 1, 1], screen=screen).above.tolist() == [
        False, False, True, False, False, False, False]
    # Rows are not workers where some have sent nothing.
    assert look([1, 1, 4], screen=screen, workers=np.array([0, 1, 3])
                ).above.tolist() == [False] * 3


def test_only_the_piece_that_was_cleared_has_another_limit():
    screen, norms = Screens(3.0, SIZES), norms_of(SIZES, 5)
    norms[2, 1] *= 20
    found = look(norms, screen=screen)
    assert found.above[2]
    screen.clear(2, found.ratios[2], until=99)
    assert not look(norms, screen=screen).above.any()
    other = norms_of(SIZES, 5)
    other[2, 3] *= 20
    assert look(other, screen=screen).above[2]
    assert [row[:2] for row in screen.cleared.rows()] == [(2, 2)]


@pytest.mark.parametrize('ratio', [np.nan, np.inf, 1.5e308])
def test_nothing_is_cleared_without_a_limit(ratio):
    """The payload of 1e30 behind it would get in."""
    screen = Screens(3.0, np.ones(1, int))
    screen.clear(0, np.array([ratio, ratio]), until=99)
    screen.clear_files(0, ratio, until=99)
    assert screen.cleared.rows() == []
    assert look([ratio, 1, 1], screen=screen).above[0]


def test_files_of_a_worker_are_cleared_together():
    screen = Screens(3.0, SIZES)
    norms, owners = [1, 1, 4, 1, 1, 4], [0, 0, 0, 1, 1, 1]
    found = files(norms, screen, owners, turn=5)
    assert found.above.tolist() == [False, False, True] * 2
    screen.clear_files(1, found.ratios[5], until=20)
    assert files(norms, screen, owners, turn=20).above.tolist() == [
        False, False, True, False, False, False]
    assert files(norms, screen, owners, turn=21).above.tolist() == [
        False, False, True] * 2
    # Payloads have limits of their own.
    assert look([1, 1, 1, 1, 4], screen=Screens(
        3.0, np.ones(1, int), screen.cleared), turn=20).above[4]


def test_cleared_files_clear_no_piece_of_a_payload():
    screen, norms = Screens(3.0, SIZES), norms_of(SIZES, 5)
    norms[1] *= [1, 1, 1, 20]
    screen.clear_files(1, 1000.0, until=20)
    assert look(norms, screen=screen).above[1]


def test_no_limit_is_smaller_for_having_been_cleared():
    """Where a run goes on with a larger `outlier`."""
    screen = Screens(10.0, SIZES, Cleared([(0, 0, 6.0, 99), (0, -1, 6.0, 99)]))
    norms = norms_of(SIZES, 5)
    norms[0] *= 9
    assert not look(norms, screen=screen).above.any()
    assert not files([9, 1, 1], screen, [0, 1, 2]).above.any()


def test_what_is_within_the_limits_clears_nothing():
    screen = Screens(3.0, SIZES)
    screen.clear(0, np.array([3.0, 10, 1, 1, 1]), until=9)
    screen.clear_files(0, 3.0, until=9)
    assert screen.cleared.rows() == []


def test_cleared_alarms_outlive_a_checkpoint():
    screen = Screens(3.0, SIZES)
    screen.clear(2, np.array([4.0, 1, 20, 1, 1]), until=12)
    screen.clear_files(1, 5.0, until=9)
    rows = screen.cleared.rows()
    assert rows == [(1, -1, 7.5, 9), (2, 0, 6.0, 12), (2, 2, 30.0, 12)]
    assert Cleared(rows).rows() == rows


@pytest.mark.parametrize('outlier', [0.0, 0.9, np.nan, np.inf])
def test_a_limit_below_the_median_is_refused(outlier):
    with pytest.raises(ValueError, match='outlier'):
        Screens(outlier, SIZES)
