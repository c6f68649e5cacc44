"""The grid of integer files: its rule step by step, and what others do."""

import math

import numpy as np
import pytest

from aspis_mpi import streams
from aspis_mpi.compression import grid as rules
from aspis_mpi.compression import quantizer
from aspis_mpi.compression.grid import FirstGrid, Grid
from aspis_mpi.compression.mask import BLOCK, chosen, everything


def made(*exponents, quiet=0):
    return Grid(np.array(exponents, dtype=np.int8),
                np.full(len(exponents), quiet, dtype=np.int8))


def after(grid, sizes, clipped, files=1, counts=BLOCK, bits=8):
    shape = len(grid.exponents)
    return grid.after(np.broadcast_to(sizes, shape),
                      np.broadcast_to(clipped, shape),
                      np.broadcast_to(counts, shape), files, bits)


def by_hand(exponent, quiet, size, clipped, files, n, bits):
    """The rule for one block, apart from the bound by the median."""
    if size == 0:
        return exponent, quiet
    quiet = 0 if clipped else min(quiet + 1, 8)
    moved = 0
    if clipped * BLOCK > 40 * n * files:
        moved = 2
    elif clipped * BLOCK > 0.4 * n * files:
        moved = 1
    elif quiet == 8 and size < max(2 ** max(bits - 5, 0), 2) * files:
        moved = -1
    return exponent + moved, 0 if moved else quiet


@pytest.mark.parametrize('bits', [4, 6, 8])
def test_the_rule_is_that_of_each_block(bits):
    rng = np.random.default_rng(5)
    n, files = 300, 15
    grid = Grid(rng.integers(-15, -5, n).astype(np.int8),
                rng.integers(0, 9, n).astype(np.int8))
    for _ in range(30):
        sizes = rng.integers(0, 12, n) * rng.integers(0, files + 1, n)
        clipped = np.where(sizes > 0, rng.integers(0, 3, n)
                           * rng.choice([0, 2, 6, 700], n), 0)
        counts = rng.integers(1, BLOCK + 1, n)
        exponents, quiet = zip(*[
            by_hand(int(e), int(q), int(s), int(c), files, int(m), bits)
            for e, q, s, c, m in zip(grid.exponents, grid.quiet, sizes,
                                     clipped, counts)])
        least = int(np.median(exponents)) - 12
        grid = grid.after(sizes, clipped, counts, files, bits)
        np.testing.assert_array_equal(grid.exponents,
                                      np.maximum(exponents, least))
        same = np.array(exponents) >= least
        np.testing.assert_array_equal(grid.quiet[same],
                                      np.array(quiet)[same])


def test_a_step_without_an_update_leaves_the_grid():
    grid = made(-7, -9, quiet=3)
    assert after(grid, 0, 0, files=0) is grid


def test_a_block_of_zeros_leaves_its_exponent():
    grid = made(-7, -9, quiet=8)
    same = after(grid, 0, 0)
    assert same.exponents.tolist() == [-7, -9]
    assert same.quiet.tolist() == [8, 8]


def test_a_block_is_never_far_below_the_others():
    grid = made(0, 0, 0, -12, quiet=8)
    assert after(grid, [20, 20, 20, 1], 0).exponents.tolist() == [
        0, 0, 0, -12]
    assert after(made(-50, -3, -3), 20, 0).exponents.tolist() == [
        -15, -3, -3]


def test_exponents_stay_within_float32():
    high = made(100, 99)
    assert after(high, 100, 4000).exponents.tolist() == [100, 100]
    low = made(-100, -99, quiet=8)
    assert after(low, 1, 0).exponents.tolist() == [-100, -100]
    # The smallest mean of the smallest entry, the largest sum of the most.
    assert np.float32(2.0 ** -100) / np.float32(1 << 22) > np.finfo(
        np.float32).tiny
    assert 127 * 2.0 ** 100 * (1 << 20) < np.finfo(np.float32).max


def test_a_grid_goes_into_a_checkpoint_and_back():
    grid = made(-7, 3, -100, quiet=5)
    again = Grid.restored(grid.state())
    assert again.pack() == grid.pack() == bytes([249, 3, 156])
    assert again.quiet.tolist() == [5, 5, 5]


# --- the first grid ----------------------------------------------------

def first(gradients, bits=8):
    grid = FirstGrid(gradients[0].size, bits)
    for gradient in gradients:
        grid.see(gradient)
    return grid.made()


@pytest.mark.parametrize('bits', [4, 8])
def test_the_first_grid_is_the_finest_that_clips_nothing(bits):
    rng = np.random.default_rng(1)
    scale = np.repeat(10.0 ** np.arange(-2, 2), BLOCK)
    gradients = [(scale * rng.standard_normal(4 * BLOCK)).astype(np.float32)
                 for _ in range(6)]
    gradients[2][0] = -np.float32(2.0 ** 3 * quantizer.largest(bits))
    grid = first(gradients, bits)
    assert grid.exponents[0] == 3
    assert clipped(gradients, grid.exponents, bits).sum() == 0
    assert (clipped(gradients, grid.exponents - 2, bits) > 0).all()


def test_the_first_grid_of_what_says_nothing():
    zero = np.zeros(3 * BLOCK, dtype=np.float32)
    assert (first([zero]).exponents == rules.UNKNOWN).all()
    some = zero.copy()
    some[:BLOCK] = 127
    assert first([some]).exponents.tolist() == [0, 0, 0]
    some[5] = np.nan
    some[6] = np.inf
    assert first([some, np.abs(zero)]).exponents.dtype == np.int8


def clipped(gradients, exponents, bits=8):
    return sizes_and_clipped(gradients, exponents, bits)[1]


def sizes_and_clipped(gradients, exponents, bits=8, name=0, keep=1.0):
    """Sums over files of what stands behind their entries, (2, B)."""
    d = gradients[0].size
    kept = everything(d) if keep == 1 else chosen(d, keep, 7, name)
    n_blocks = len(exponents)
    total = np.zeros((2, n_blocks), dtype=int)
    out = np.empty(quantizer.length(kept.size, n_blocks), dtype=np.int8)
    for number, gradient in enumerate(gradients):
        quantizer.quantize(gradient, kept,
                           np.asarray(exponents, dtype=np.int8),
                           streams.key(3, 'dither', name, number), bits, out)
        total += out[kept.size:kept.size + 2 * n_blocks].reshape(2, -1)
    return total


# --- over many steps ---------------------------------------------------

def course(draw, steps, bits=8, start=rules.UNKNOWN, keep=1.0):
    """Exponents and share clipped of each step."""
    gradients = draw(0)
    n_blocks = -(-gradients[0].size // BLOCK)
    grid = made(*[start] * n_blocks)
    told = []
    for step in range(steps):
        gradients = draw(step)
        counts = np.diff(everything(gradients[0].size).edges if keep == 1
                         else chosen(gradients[0].size, keep, 7, step).edges)
        sizes, clips = sizes_and_clipped(gradients, grid.exponents, bits,
                                         step, keep)
        told.append((grid.exponents.copy(), clips.sum()
                     / (len(gradients) * counts.sum())))
        grid = grid.after(sizes, clips, counts, len(gradients), bits)
    exponents, shares = zip(*told)
    return np.array(exponents), np.array(shares)


def noise(files=15, blocks=2, scale=1.0, density=1.0):
    def draw(step):
        rng = np.random.default_rng([step, 17])
        shape = files, blocks * BLOCK
        drawn = scale * rng.standard_normal(shape)
        return (drawn * (rng.random(shape) < density)).astype(np.float32)
    return draw


@pytest.mark.parametrize('keep', [1.0, 0.25])
def test_noise_is_found_and_hardly_clipped(keep):
    exponents, shares = course(noise(), 40, keep=keep)
    # By two at a time, from far below.
    assert (np.diff(exponents[:10], axis=0) == 2).all()
    assert shares[25:].mean() < 1e-4
    # The root mean square is not below what the rule leaves.
    assert (2.0 ** exponents[-1] * 8 < 2).all()


def test_a_grid_becomes_finer_where_gradients_shrink():
    exponents, _ = course(noise(scale=2.0 ** -6), 80, start=0)
    assert (exponents[-1] <= -9).all()
    assert (np.diff(exponents, axis=0) >= -1).all()


def test_a_grid_that_makes_zeros_of_everything_becomes_finer():
    """After a fall by 10^8 no entry is anything but 0 on the grid before."""
    exponents, _ = course(noise(scale=2.0 ** -27), 250, start=0)
    assert (exponents[-1] <= -26).all()


def test_a_grid_from_the_sum_would_clip_most_of_independent_files():
    """Of f files the sum is the root of f larger, its mean as much less."""
    gradients = noise(files=225)(0)
    mean = gradients.sum(axis=0) / 225
    wrong = np.full(2, round(math.log2(mean.std() / 16)))
    _, clips = sizes_and_clipped(gradients[:4], wrong)
    shares = [np.mean(abs(g) > 127 * 2.0 ** wrong[0]) for g in gradients[:4]]
    assert np.mean(shares) > 0.5
    assert (clips == 4 * quantizer.MOST).all()
    _, ours = course(noise(files=225), 25, start=-4)
    assert ours[-5:].mean() < 1e-4


def test_a_block_that_is_zero_for_a_while_comes_back():
    alive = noise()

    def draw(step):
        gradients = alive(step)
        if 20 <= step < 40:
            gradients[:, :BLOCK] = 0
        return gradients
    exponents, shares = course(draw, 60)
    assert (exponents[20:41, 0] == exponents[20, 0]).all()
    assert exponents[-1, 0] == exponents[-1, 1]
    assert shares[40:].mean() < 1e-4


def test_where_one_entry_of_a_hundred_is_not_zero_it_is_not_clipped():
    draw = noise(density=0.01)
    exponents, shares = course(draw, 60)
    assert shares[30:].mean() < 1e-4
    gradients = draw(59)
    # By root mean squares of 8 to 16 steps most of the sum would be lost.
    root = np.sqrt(np.square(gradients).mean())
    exponent = math.ceil(math.log2(root / 16))
    steps = 127 * 2.0 ** exponent
    lost = (abs(gradients) - steps).clip(0).sum() / abs(gradients).sum()
    ours = 127 * 2.0 ** exponents[-1, 0]
    assert lost > 0.03
    assert (abs(gradients) - ours).clip(0).sum() / abs(gradients).sum() < 1e-3
