"""Vectors of whole numbers: files of a byte an entry, sums of two or four."""

import math

import numpy as np

from aspis_mpi import arrays, streams
from aspis_mpi.aggregation.rows import SAMPLED, Rows
from aspis_mpi.arrays import blocks
from aspis_mpi.compression import quantizer
from aspis_mpi.compression.base import Accepted, Codec


class IntegerCodec(Codec):
    """The integers of one step.

    Parameters
    ----------
    seed, step : int
    kept : Kept
        The coordinates that travel.
    grid : bytes
        Exponents of the blocks, a byte each.
    bits : int
    multiple : int
        By which coefficients are multiplied, so that they are whole.
    """

    checks = True

    def __init__(self, seed, step, kept, grid, bits, multiple=1):
        self.grid = grid
        self._name = seed, 'dither', step
        self._kept = kept
        self._exponents = np.frombuffer(grid, dtype=np.int8)
        self._bits = bits
        self._multiple = multiple
        self._size = quantizer.length(kept.size, len(self._exponents))

    # -- a worker's part

    def encode(self, file, gradient, out):
        """Quantize, with the dither of the file."""
        seed, *name = self._name
        quantizer.quantize(gradient, self._kept, self._exponents,
                           streams.key(seed, *name, file), self._bits,
                           out.view(np.int8))

    def numbers(self, transfer, d, weight):
        """By the narrowest type that holds any such sum."""
        return transfer.payload_size(self._size) * quantizer.sum_type(
            weight, self._multiple).itemsize // 4

    def combine(self, transfer, files, weights, out):
        """The sum of files times whole coefficients, in the type of `out`."""
        total = self.sent(out)
        whole = np.rint(weights[:, 0] * self._multiple).astype(int)
        self._add(total, [self.file(values) for values in files],
                  whole.tolist())

    def _add(self, total, files, whole):
        """Write a sum block by block; a gap in a file is one of the sum."""
        if any(quantizer.is_missing(file, self._bits) for file in files):
            total.fill(quantizer.gap(total, self._bits))
            return
        total.fill(0)
        for s in blocks(total.size):
            for file, factor in zip(files, whole):
                np.add(total[s], file[s] if factor == 1 else np.multiply(
                    file[s], factor, dtype=total.dtype), out=total[s])

    def alone(self, file, out):
        """The same numbers in a wider type."""
        self._add(self.sent(out), [self.file(file)], [self._multiple])

    def running(self, spare=None):
        """A sum in int32, as long as nobody knows how many files it has."""
        return _Running(self)

    # -- an adversary's part

    def forge(self, file, honest, out, forge):
        """Quantize a lie; one entry is moved where the grid sees none."""
        lie = np.empty_like(honest)
        with np.errstate(over='ignore', invalid='ignore'):
            forge(honest, lie)
        self.encode(file, lie, out)
        if arrays.equal_bits(out, self.encoded(file, honest).view('f4')):
            moved = self.file(out)
            moved[0] += -1 if moved[0] > 0 else 1

    def retold(self, file, sent, forge):
        """Quantize a lie that is made of what the integers stand for."""
        out = np.empty_like(sent)
        self.forge(file, self.dense(self.file(sent)), out, forge)
        return out

    def falsify(self, values, change):
        """The change, rounded to whole numbers of the type."""
        floats = values.astype(np.float64)
        with np.errstate(over='ignore', invalid='ignore'):
            change(floats)
        ends = np.iinfo(values.dtype)
        # The largest int64 is no float.
        most = min(ends.max, 2.0 ** 62)
        values[...] = np.rint(np.clip(np.nan_to_num(floats), -most, most))

    def sent(self, numbers):
        """Whole numbers of two or four bytes."""
        narrow = numbers.nbytes < 4 * self._size
        return numbers.view(np.int16 if narrow else np.int32)

    def rounded(self, values):
        """Whole numbers."""
        return np.rint(values).astype(np.int32)

    # -- the server's part

    def encoded(self, file, gradient):
        """The integers of a gradient, int8."""
        out = np.empty(self._size, dtype=np.int8)
        self.encode(file, gradient, out)
        return out

    def file(self, numbers):
        """Bytes."""
        return numbers.view(np.int8)

    def vector(self, numbers, weight):
        """Whole numbers of two or four bytes."""
        return numbers.view(quantizer.sum_type(weight, self._multiple))

    def flaw(self, values, weight=1.0):
        """An entry that no such sum has, or another length."""
        if values.size != self._size:
            return f'{values.size} entries, not {self._size}'
        times = 1 if values.dtype == np.int8 else self._multiple
        return quantizer.flaw(values, self._kept, self._bits,
                              round(weight * times))

    def is_finite(self, values):
        """True if it does not stand for a file that is not."""
        return not quantizer.is_missing(values, self._bits)

    def norm(self, values):
        """In steps of the grid, block by block: what sketches tell, too."""
        total = sum(int(np.dot(part, part)) for s in blocks(values.size)
                    for part in [values[s].astype(np.int64)])
        return math.sqrt(total)

    def distance(self, one, other, floor=0.0):
        """Of the gradients that they stand for."""
        if not (self.is_finite(one) and self.is_finite(other)):
            return np.inf
        return arrays.relative_distance(self.dense(one), self.dense(other),
                                        floor)

    def dense(self, values):
        """Integers times the steps of their blocks."""
        out = np.empty(self._kept.d, dtype=np.float32)
        if not self.is_finite(values):
            out.fill(np.nan)
            return out
        entries = values[:self._kept.size]
        if entries.dtype != np.int8:
            entries = entries // self._multiple
        self._kept.put(quantizer.multiplied(entries, self._steps,
                                            self._counts), out)
        return out

    @property
    def _steps(self):
        """Step of each block, float32 (B,)."""
        return np.ldexp(np.float32(1), self._exponents.astype(np.int32))

    @property
    def _counts(self):
        """Entries of each block that travel, (B,)."""
        return np.diff(self._kept.edges)

    def aggregate(self, rule, rows, samples, out, threads):
        """The result of the rule for the gradients that they stand for."""
        tails = np.array([row[self._kept.size:] for row in rows])
        found = self._room(out)
        with np.errstate(over='ignore', invalid='ignore'):
            rule.combine(SteppedRows(rows, samples, threads, self._kept,
                                     self._steps), found)
        self._finish(found, out)
        total = (tails.sum(axis=0, dtype=np.int64) if rule.is_plain_mean
                 else len(rows) * middle(tails))
        return self._accepted(total, len(rows))

    def decode(self, vectors, weights, out, divisor, files):
        """The sum of whole numbers, over what they were multiplied by."""
        size, found = self._kept.size, self._room(out)
        tail = np.zeros(self._size - size, dtype=np.int64)
        if any(quantizer.is_missing(vector, self._bits)
               for vector in vectors):
            out.fill(np.nan)
            return self._accepted(tail, 0)
        steps = self._steps.astype(np.float64)
        for s in blocks(self._size):
            total = np.zeros(s.stop - s.start, dtype=np.int64)
            for vector in vectors:
                # What the server has computed itself is not multiplied.
                factor = self._multiple if vector.dtype == np.int8 else 1
                total += vector[s] if factor == 1 else np.multiply(
                    vector[s], factor, dtype=np.int64)
            total //= self._multiple
            inside = max(min(s.stop, size) - s.start, 0)
            if inside:
                part = slice(s.start, s.start + inside)
                found[part] = (total[:inside] * spread(
                    steps, self._kept.edges, part)) / divisor
            tail[max(s.start - size, 0):max(s.stop - size, 0)] = (
                total[inside:])
        self._finish(found, out)
        return self._accepted(tail, files)

    def _room(self, out):
        """Room for entries that travel, before they are put in place."""
        if self._kept.places is None:
            return out
        return np.empty(self._kept.size, dtype=np.float32)

    def _finish(self, found, out):
        """Put entries in place, if they are not."""
        if found is not out:
            self._kept.put(found, out, self._kept.gain)

    def _accepted(self, tail, files):
        """The sums of what stands behind the entries."""
        n = len(self._exponents)
        return Accepted(tail[:n], tail[n:2 * n], self._counts, files)


def middle(tails):
    """The median of each column, of two the smaller: int64 (n,).

    A sum would let one of the wrong rows that a robust rule bears make the
    grid as coarse as it likes, on which right ones are nothing but zeros.
    """
    place = (len(tails) - 1) // 2
    return np.partition(tails, place, axis=0)[place].astype(np.int64)


def spread(values, edges, part):
    """The value of its block for each entry of a slice, (n,)."""
    first, last = np.searchsorted(edges, [part.start, part.stop], 'right')
    inside = edges[first:last]
    inside = inside[inside < part.stop]
    cuts = np.concatenate([[part.start], inside, [part.stop]])
    return np.repeat(values[first - 1:first + len(inside)], np.diff(cuts))


class SteppedRows(Rows):
    """The means of files of integers, decoded block by block.

    Parameters
    ----------
    rows : list of ndarray of int8
    samples : ndarray of int, shape (n,)
    threads : int
    kept : Kept
    steps : ndarray of float32, shape (B,)
    """

    def __init__(self, rows, samples, threads, kept, steps):
        super().__init__(rows, samples, threads)
        self.size, self.needs = kept.size, self.n
        self._edges = kept.edges
        self._steps = steps

    def read(self, block, scratch):
        """Integers times the steps of their blocks."""
        return self._some(range(self.n), block, scratch)

    def _some(self, rows, block, scratch):
        steps = spread(self._steps, self._edges, block)
        for row, into in zip(rows, scratch):
            np.multiply(self._rows[row][block], steps, out=into)
        return list(scratch[:len(rows)])

    def sample(self, least=SAMPLED):
        """Some coordinates of the means, at equal distances."""
        places = np.arange(0, self.size, max(self.size // least, 1))
        block = np.searchsorted(self._edges, places, 'right') - 1
        some = np.array([row[places] for row in self._rows], dtype=float)
        return some * self._steps[block] / self.samples[:, np.newaxis]


class _Running:
    """A sum of files; int32 holds as many as an order can have."""

    def __init__(self, codec):
        self._codec = codec
        self._total, self._files, self._gap = None, 0, False

    def add(self, values):
        """One more file."""
        file = self._codec.file(values)
        if self._total is None:
            self._total = np.zeros(file.size, dtype=np.int32)
        self._files += 1
        self._gap |= not self._codec.is_finite(file)
        self._total += file

    def clear(self):
        """Begin anew."""
        self._total, self._files, self._gap = None, 0, False

    def write(self, out):
        """The sum, in the type of so many files."""
        vector = self._codec.sent(out)
        if self._gap:
            vector.fill(np.iinfo(vector.dtype).min)
        else:
            vector[:] = self._total
