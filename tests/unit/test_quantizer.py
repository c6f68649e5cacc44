"""Integer files: the quantizer, its dither and marks, the public mask."""

import math
from fractions import Fraction

import numpy as np
import pytest

from aspis_mpi import streams
from aspis_mpi.compression import mask, quantizer
from aspis_mpi.compression.mask import BLOCK, chosen, count, everything

KEY = streams.key(7, 'dither', 3, 5)
every_bits = pytest.mark.parametrize('bits', [4, 5, 6, 7, 8])


def vector(d, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal(d)).astype(np.float32)


def quantized(gradient, exponents, kept=None, bits=8, key=KEY):
    kept = kept or everything(gradient.size)
    out = np.full(quantizer.length(kept.size, len(kept.edges) - 1), 99,
                  dtype=np.int8)
    quantizer.quantize(gradient, kept, np.asarray(exponents, dtype=np.int8),
                       key, bits, out)
    return out


def by_hand(gradient, exponents, kept, bits, key=KEY):
    """The definition with whole numbers, entry by entry."""
    words = streams.raw_words(key, 0, -(-kept.size // 4)).astype(
        '<u8').view('<u2')
    most, entries, tail = (1 << bits - 1) - 1, [], [[], []]
    taken = gradient if kept.places is None else gradient[kept.places]
    for block, exponent in enumerate(exponents):
        first, last = kept.edges[block:block + 2]
        clipped, squares = 0, 0
        for i in range(first, last):
            u = Fraction(2 * int(words[i]) + 1, 1 << 17)
            # The sum is rounded to float32 before the floor.
            x = Fraction(float(taken[i])) / Fraction(2) ** int(exponent) + u
            x = max(min(x, Fraction(300)), Fraction(-300))
            q = math.floor(Fraction(float(np.float32(float(x)))))
            clipped += abs(q) > most
            q = max(min(q, most), -most)
            squares += q * q
            entries.append(q)
        n = last - first
        # Nothing but zeros is said to be nothing.
        squares = squares or int(taken[first:last].any())
        root = math.isqrt(squares // n) if n else 0
        tail[0].append(root + (root * root * n < squares))
        tail[1].append(min(clipped, 127))
    padding = -(len(entries) + 2 * len(exponents)) % 4
    return entries + tail[0] + tail[1] + [0] * padding


@every_bits
@pytest.mark.parametrize('keep', [1.0, 0.37])
def test_integers_are_those_of_the_definition(bits, keep):
    d = 2 * BLOCK + 77
    gradient = vector(d, scale=0.01)
    gradient[100:105] = 1e9, -1e9, 0.0, 1e-42, -3e38
    kept = everything(d) if keep == 1 else chosen(d, keep, 7, 3)
    exponents = [-9, -13, -6]
    expected = by_hand(gradient, exponents, kept, bits)
    np.testing.assert_array_equal(
        quantized(gradient, exponents, kept, bits), expected)


@pytest.mark.parametrize('d', [1, 2, 3, 4, 5, BLOCK - 1, BLOCK, BLOCK + 1,
                               quantizer.GROUP * BLOCK,
                               quantizer.GROUP * BLOCK + 1])
def test_files_of_any_length(d):
    kept, blocks = everything(d), -(-d // BLOCK)
    exponents = np.arange(blocks) % 3 - 7
    found = quantized(vector(d), exponents)
    assert not found.size % 4
    np.testing.assert_array_equal(
        found, by_hand(vector(d), exponents, kept, 8))


@every_bits
@pytest.mark.parametrize('least', [1e-45, -1e-45, 1e-38, -1e-5])
def test_what_becomes_zeros_is_told_from_zeros(bits, least):
    """Else no grid that is far too coarse would ever become finer."""
    gradient = vector(2 * BLOCK, scale=0)
    gradient[3] = -0.0
    blind = quantized(gradient, [3, 3], bits=bits)
    assert not blind.any()
    gradient[BLOCK + 7] = least
    found = quantized(gradient, [3, 3], bits=bits)
    assert not found[:2 * BLOCK].any()
    assert found[2 * BLOCK:].tolist() == [0, 1, 0, 0]


def test_a_file_is_right_on_average_and_off_by_less_than_a_step():
    gradient = vector(500, scale=20)
    files = np.array([quantized(gradient, [0], key=streams.key(1, 'd', n))
                      for n in range(4000)], dtype=float)[:, :500]
    error = files - gradient
    assert abs(error).max() < 1 + 1e-4
    # The variance of a dithered number is at most a quarter of a step's.
    assert abs(error.mean(axis=0)).max() < 5 * 0.5 / math.sqrt(4000)


def test_the_dither_belongs_to_seed_step_and_file():
    gradient = vector(300, scale=0.3)
    keys = [streams.key(*name) for name in
            [(7, 'dither', 3, 5), (7, 'dither', 5, 3), (8, 'dither', 3, 5)]]
    same, other, third = (quantized(gradient, [0], key=key) for key in keys)
    np.testing.assert_array_equal(same, quantized(gradient, [0]))
    assert (same != other).any() and (same != third).any()
    whole = quantizer.dither(KEY, 0, 100)
    assert 0 < whole.min() and whole.max() < 1
    for start, n in [(0, 1), (1, 7), (3, 2), (97, 3), (4, 0)]:
        np.testing.assert_array_equal(quantizer.dither(KEY, start, n),
                                      whole[start:start + n])


def test_the_dither_is_that_of_the_words_on_every_machine():
    words = streams.raw_words(KEY, 0, 2)
    raw = b''.join(int(word).to_bytes(8, 'little') for word in words)
    expected = [(int.from_bytes(raw[i:i + 2], 'little') + 0.5) / 65536
                for i in range(0, 16, 2)]
    assert quantizer.dither(KEY, 0, 8).tolist() == expected


@every_bits
@pytest.mark.parametrize('odd', [np.nan, np.inf, -np.inf])
def test_a_file_that_is_not_finite_has_one_value_of_its_own(bits, odd):
    gradient = vector(2 * BLOCK)
    right = quantized(gradient, [-5, -5], bits=bits)
    gradient[BLOCK + 1] = odd
    found = quantized(gradient, [-5, -5], bits=bits)
    assert (found == -(1 << bits - 1)).all()
    assert quantizer.is_missing(found, bits)
    assert not quantizer.is_missing(right, bits)
    assert quantizer.flaw(found, everything(2 * BLOCK), bits) == ''


def test_a_number_that_does_not_travel_makes_a_file_missing_too():
    d = 10 * BLOCK
    kept = chosen(d, 0.1, 7, 0)
    gradient = vector(d)
    outside = np.setdiff1d(np.arange(d), kept.places)
    gradient[outside[17]] = np.nan
    assert quantizer.is_missing(quantized(gradient, [-5] * 10, kept), 8)


@every_bits
def test_no_honest_file_and_no_sum_of_them_is_malformed(bits):
    d = 2 * BLOCK + 5
    for scale in 0.0, 1e-3, 1.0, 1e6:
        files = [quantized(vector(d, seed, scale), [-3, -8, 0], bits=bits)
                 for seed in range(3)]
        kept = everything(d)
        assert all(quantizer.flaw(file, kept, bits) == '' for file in files)
        total = np.sum(files, axis=0, dtype=np.int16)
        assert quantizer.flaw(total, kept, bits, 3) == ''
    assert quantizer.flaw(np.full(total.size, -2 ** 15, dtype=np.int16),
                          kept, bits, 3) == ''


@every_bits
@pytest.mark.parametrize('place, value, bound', [
    (0, 1, None), (4998, -1, None), (4999, 1, None), (5000, -1, 0),
    (5001, 1, 127), (5002, -1, 0), (5003, 1, 0), (5003, -1, 0)])
def test_one_entry_out_of_range_is_malformed(bits, place, value, bound):
    """`bound`: of the entry, if it is not the largest of so many bits."""
    kept, most = everything(4999), (1 << bits - 1) - 1
    bound = value * most if bound is None else bound
    file = np.zeros(quantizer.length(4999, 2), dtype=np.int16)
    file[place] = 3 * bound
    assert quantizer.flaw(file, kept, bits, 3) == ''
    file[place] += value
    assert f'an entry of {3 * bound + value}' in quantizer.flaw(
        file, kept, bits, 3)


def test_the_mark_in_a_part_of_a_vector_is_malformed():
    kept = everything(5000)
    file = np.full(quantizer.length(5000, 2), -128, dtype=np.int8)
    file[3000] = 0
    assert quantizer.flaw(file, kept, 8)
    total = np.full(file.size, -2 ** 15, dtype=np.int16)
    total[-1] = 0
    assert quantizer.flaw(total, kept, 8, 258)


def test_sums_of_258_files_fit_two_bytes_and_no_more():
    assert 258 * 127 <= np.iinfo(np.int16).max < 259 * 127


# --- the mask ----------------------------------------------------------

@pytest.mark.parametrize('d', [1, 7, BLOCK, 3 * BLOCK + 1, 10 * BLOCK - 1])
@pytest.mark.parametrize('keep', [0.001, 0.1, 0.5, 0.9999])
def test_a_mask_keeps_a_share_of_every_block(d, keep):
    kept = chosen(d, keep, 7, 11)
    assert kept.size == count(d, keep) == len(set(kept.places.tolist()))
    for block, start in enumerate(range(0, d, BLOCK)):
        places = kept.places[slice(*kept.edges[block:block + 2])]
        size = min(BLOCK, d - start)
        assert ((start <= places) & (places < start + size)).all()
        assert abs(len(places) - kept.size * size / d) < 1


def test_every_coordinate_is_kept_as_often():
    d, keep, steps = BLOCK + 100, 0.3, 3000
    seen = np.zeros(d)
    for step in range(steps):
        seen[chosen(d, keep, 7, step).places] += 1
    share = count(d, keep) / d
    deviation = math.sqrt(share * (1 - share) / steps)
    assert abs(seen / steps - share).max() < 6 * deviation
    # No half of a block, no parity is preferred.
    for some in slice(0, 2048), slice(0, None, 2), slice(BLOCK, None):
        n = seen[some].size
        assert abs(seen[some].mean() / steps - share) < (
            6 * deviation / math.sqrt(n))


def test_a_mask_belongs_to_seed_and_step():
    one, same, step, seed = (chosen(9000, 0.1, *name) for name in
                             [(7, 1), (7, 1), (7, 2), (8, 1)])
    np.testing.assert_array_equal(one.places, same.places)
    for other in step, seed:
        assert len(np.intersect1d(one.places, other.places)) < 200


def test_what_is_put_back_is_right_on_average():
    d = 600
    gradient, total, steps = vector(d), np.zeros(d), 4000
    out = np.empty(d, dtype=np.float32)
    for step in range(steps):
        kept = chosen(d, 0.25, 7, step)
        kept.put(kept.taken(gradient), out, kept.gain)
        assert np.count_nonzero(out) == 150
        total += out
    deviation = abs(gradient) * math.sqrt(3 / steps)
    assert (abs(total / steps - gradient) < 5 * deviation + 1e-6).all()


def test_everything_is_taken_and_put_as_it_is():
    kept, gradient = everything(5000), vector(5000)
    assert kept.taken(gradient) is gradient and kept.gain == 1
    out = np.empty_like(gradient)
    kept.put(gradient, out, kept.gain)
    np.testing.assert_array_equal(out, gradient)
    assert mask.ends(5000).tolist() == [0, BLOCK, 5000]
