"""Tests of what was sent, by sketches: as floats, within a tolerance.

`aspis_mpi.coding.exact` has the tests of whole numbers, without one.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Array, Bools, Floats, Vector
from aspis_mpi.coding import challenge, sketching


class Scrutiny(ABC):
    """Sketches of vectors, and what they say of payloads and files.

    Attributes
    ----------
    dtype : dtype
        Of a sketch, 8 bytes a number.
    thresholds : (float, float)
        Relative distances of sketches of equal bits, at most, and of others
        that prove a difference: far above what sketches themselves differ
        by.
    """

    dtype: npt.DTypeLike
    thresholds = 1e-9, 1e-8

    @abstractmethod
    def sketch(self, vectors: Sequence[Array], copies: int, secret: bytes,
               k: int) -> Array:
        """Sketches and norms of vectors, (n, k + 1, copies).

        See `aspis_mpi.coding.sketching.sketch`.
        """

    def rows(self, numbers: Vector, k: int, copies: int) -> Array:
        """The sketches in an answer as it travels, (n, k + 1, copies)."""
        return numbers.view(self.dtype).reshape(-1, k + 1, copies)

    @abstractmethod
    def passes(self, payload: Array, own: Array, weights: Floats,
               size: int) -> Bools:
        """True where a payload is what its sender's sketches add up to.

        See `aspis_mpi.coding.challenge.passes`.
        """

    @abstractmethod
    def guilty(self, payload: Array, own: Array, weights: Floats,
               size: int) -> Bools:
        """True where a payload that does not pass proves its sender wrong."""

    @abstractmethod
    def compare(self, one: Array, other: Array, floor: float = 0.0) -> Floats:
        """Estimated distance of two gradients, by their sketches.

        See `aspis_mpi.coding.challenge.compare`.
        """

    @abstractmethod
    def norms(self, sketches: Array) -> Floats:
        """Norms of gradients that their sketches do not belie."""

    @abstractmethod
    def finite(self, sketches: Array) -> Bools:
        """True where sketches (..., k + 1, copies) are of finite gradients."""

    @abstractmethod
    def hidden(self, scale: Floats, off: Floats, size: int, k: int) -> Floats:
        """Largest error of a payload that is used.

        See `aspis_mpi.coding.challenge.hidden`.
        """


class Tolerant(Scrutiny):
    """Sketches of floats, with the tests of `aspis_mpi.coding.challenge`."""

    dtype = np.float64

    def sketch(self, vectors, copies, secret, k):
        """As `sketching.sketch` does."""
        return sketching.sketch(vectors, copies, secret, k)

    def passes(self, payload, own, weights, size):
        """Within a tolerance."""
        return challenge.passes(payload, own, weights, size)

    def guilty(self, payload, own, weights, size):
        """Beyond a tolerance."""
        return challenge.guilty(payload, own, weights, size)

    def compare(self, one, other, floor=0.0):
        """Root mean square of the differences of the rows."""
        return challenge.compare(one, other, floor)

    def norms(self, sketches):
        """As they are said, if the sketches are not too large for that."""
        return challenge.norms(sketches)

    def finite(self, sketches):
        """Every number is finite, and no norm is below zero."""
        return np.isfinite(sketches).all(axis=(-2, -1)) & (
            sketches[..., -1, :] >= 0).all(axis=-1)

    def hidden(self, scale, off, size, k):
        """The most that the tolerance leaves."""
        return challenge.hidden(scale, off, size, k)


class Coarse(Tolerant):
    """Sketches with products in float32, for half the time.

    The root mean square of the rows is off by a fifth of `thresholds`, and no
    row by more than half of it, so a file is allowed half of what a payload
    is allowed anyway.  What q liars can hide is then 3.8 times as much for 8
    rows (`challenge.hidden`), and a flipped bit that moves a file by less
    than the thresholds is not seen.
    """

    thresholds = 5e-6, 5e-5

    def sketch(self, vectors, copies, secret, k):
        """As `sketching.sketch` does, in float32."""
        return sketching.sketch(vectors, copies, secret, k, np.float32)


#: The tests of float32 vectors, by the type in which they are multiplied.
TOLERANT = Tolerant()
SKETCHED = {'float64': TOLERANT, 'float32': Coarse()}
