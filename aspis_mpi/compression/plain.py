"""Vectors of float32: gradients as they are, or some of their coordinates."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.coding import combine
from aspis_mpi.compression.base import Codec


class Plain(Codec):
    """Gradients as they are."""

    verbatim = True

    def encode(self, file, gradient, out):
        """A copy."""
        np.copyto(out, gradient)

    def combine(self, transfer, files, weights, out):
        """As the transfer does."""
        transfer.combine(files, weights, out)

    def numbers(self, transfer, d, weight):
        """As the transfer says."""
        return transfer.payload_size(d)

    def alone(self, file, out):
        """A copy."""
        np.copyto(out, file)

    def running(self, spare=None):
        """A sum in float64."""
        if spare is None:
            return _Total()
        spare.clear()
        return spare

    def forge(self, file, honest, out, forge):
        """The lie itself."""
        forge(honest, out)

    def retold(self, file, sent, forge):
        """The lie itself."""
        lie = np.empty_like(sent)
        forge(sent, lie)
        return lie

    def falsify(self, values, change):
        """The change itself."""
        change(values)

    def sent(self, numbers):
        """The numbers themselves."""
        return numbers

    def rounded(self, values):
        """The numbers themselves."""
        return values

    def encoded(self, file, gradient):
        """The gradient itself."""
        return gradient

    def file(self, numbers):
        """The numbers themselves."""
        return numbers

    def vector(self, numbers, weight):
        """The numbers themselves."""
        return numbers

    def flaw(self, values, weight=1.0):
        """None: a worker may send any numbers."""
        return ''

    def is_finite(self, values):
        """True if all numbers are."""
        return arrays.is_finite(values)

    def norm(self, values):
        """To about six digits."""
        return arrays.quick_norm(values)

    def distance(self, one, other, floor=0.0):
        """Distance over the smaller norm."""
        return arrays.relative_distance(one, other, floor)

    def dense(self, values):
        """The numbers themselves."""
        return values

    def aggregate(self, rule, rows, samples, out, threads):
        """The result of the rule for the gradients."""
        rule.aggregate(rows, samples, out, threads)

    def decode(self, vectors, weights, out, divisor, files):
        """The weighted sum over its divisor."""
        combine.decode(vectors, weights, out, divisor)


class Masked(Plain):
    """The coordinates of gradients that a public mask keeps.

    Parameters
    ----------
    kept : Kept
    """

    verbatim = False

    def __init__(self, kept):
        self._kept = kept

    def encode(self, file, gradient, out):
        """Those entries; none is finite where one of all is not."""
        out[:] = self.encoded(file, gradient)

    def encoded(self, file, gradient):
        """Those entries of a gradient."""
        if arrays.is_finite(gradient):
            return self._kept.taken(gradient)
        return np.full(self._kept.size, np.nan, dtype=np.float32)

    def numbers(self, transfer, d, weight):
        """As the transfer says, of what travels."""
        return transfer.payload_size(self._kept.size)

    def forge(self, file, honest, out, forge):
        """Those entries of a lie; one is moved where they are honest."""
        lie = np.empty_like(honest)
        forge(honest, lie)
        self.encode(file, lie, out)
        arrays.set_apart(out, self.encoded(file, honest))

    def retold(self, file, sent, forge):
        """Those entries of a lie that is made of what they stand for."""
        out = np.empty_like(sent)
        self.forge(file, self.dense(sent), out, forge)
        return out

    def dense(self, values):
        """The entries at their places, zeros elsewhere."""
        out = np.empty(self._kept.d, dtype=np.float32)
        self._kept.put(values, out)
        return out

    def aggregate(self, rule, rows, samples, out, threads):
        """The result of the rule for these entries, times d/k."""
        found = np.empty(self._kept.size, dtype=np.float32)
        rule.aggregate(rows, samples, found, threads)
        self._put(found, out)

    def decode(self, vectors, weights, out, divisor, files):
        """The weighted sum over its divisor, times d/k."""
        found = np.empty(self._kept.size, dtype=np.float32)
        combine.decode(vectors, weights, found, divisor)
        self._put(found, out)

    def _put(self, found, out):
        with np.errstate(over='ignore', invalid='ignore'):
            self._kept.put(found, out, self._kept.gain)


class _Total:
    """`combine.Total` of vectors whose length is not known before."""

    def __init__(self):
        self._total = None

    def add(self, values):
        """One more vector."""
        if self._total is None:
            self._total = combine.Total(values.size)
        self._total.add(values)

    def clear(self):
        """Begin anew."""
        if self._total is not None:
            self._total.clear()

    def write(self, out):
        """The sum, each number rounded once."""
        self._total.write(out)


#: Of all steps in which everything travels.
PLAIN = Plain()


def plainly(step, grid):
    """The codec of a step in which everything travels."""
    return PLAIN
