"""Flat float32 vectors: equality of bits, finiteness, norms, in blocks.

A gradient has up to 10^8 entries and a step up to 10^3 of them, so nothing
here makes a temporary as long as a vector.
"""

import math
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

#: Kinds of arrays in the hints of the package; what shape they have, and
#: which whole numbers, stands in docstrings.
Vector = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]
Raw = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]
#: An array of any kind, the same before and after.
Same = TypeVar('Same', bound=Array)

#: Entries a block: 256 kB of float32, which stays in a core's own cache.
BLOCK = 1 << 16
#: Bytes of a cache line.
LINE = 64
#: Mean square of entries whose squares in float32 lose no digits that matter.
SAFE = 1e-34


def sealed(array: Same) -> Same:
    """The array itself, which must not be written from now on."""
    array.setflags(write=False)
    return array


def line_copy(vector: Vector) -> Vector:
    """A read-only copy that begins a cache line, as vectors of a run do.

    Products of matrices have other bits where these begin elsewhere.
    """
    room = np.empty(vector.size + LINE // 4, dtype=np.float32)
    start = -room.ctypes.data % LINE // 4
    copy = room[start:start + vector.size]
    copy[:] = vector
    return sealed(copy)


def blocks(size: int, block: int = BLOCK) -> list[slice]:
    """Slices that cut `range(size)` into pieces of at most `block`.

    >>> [(b.start, b.stop) for b in blocks(5, 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    return [slice(start, min(start + block, size))
            for start in range(0, size, block)]


def counts(mask: Bools) -> Ints:
    """Number of true entries in each row, int64 (n,); at most 65,535.

    Ten times as fast as a sum of booleans.

    >>> counts(np.array([[True, False, True], [False, False, False]]))
    array([2, 0])
    """
    return np.add.reduce(mask.view(np.uint8), axis=1,
                         dtype=np.uint16).astype(np.int64)


def equal_bits(a: Vector, b: Vector) -> bool:
    """True if two float32 vectors of one shape hold identical bits.

    Stops at the first block that differs.  `-0.0` and `0.0` differ, a NaN
    equals a NaN of the same bits.
    """
    if a is b:
        return True
    a, b = a.view(np.int32), b.view(np.int32)
    return all(np.array_equal(a[s], b[s]) for s in blocks(a.size))


def set_apart(vector: Vector, other: Vector) -> None:
    """Change one entry of a vector that is equal to another, in place.

    The largest gets its other sign: of a zero, or of what is small beside
    the others, no sum and no sketch would show it.  A vector of zeros has a
    1 then.  What differs in a number, or in the bits of a NaN, stays.
    """
    if not (equal_bits(vector, other) or all(
            np.array_equal(vector[s], other[s]) for s in blocks(vector.size))):
        return
    place = int(np.abs(vector).argmax())
    vector[place] = -vector[place] if vector[place] else 1


def is_finite(x: Vector) -> bool:
    """True if no entry of a float32 vector is NaN or infinite.

    The sum of squares is finite only if every entry is; it can overflow for
    finite entries (norm above 1.8e19), and only then each entry is looked
    at.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        if math.isfinite(x.dot(x)):
            return True
    return all(np.isfinite(x[s]).all() for s in blocks(x.size))


def norm(x: Vector) -> np.float64:
    """Euclidean norm of a float32 vector, accumulated in float64 by blocks."""
    total = 0.0
    for s in blocks(x.size):
        block = x[s].astype(np.float64)
        total += np.dot(block, block)
    return np.sqrt(total)


def quick_norm(x: Vector) -> float:
    """Euclidean norm of a float32 vector, to about six digits.

    One pass in float32; in float64 where that overflows.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        square = float(x.dot(x))
    return math.sqrt(square) if math.isfinite(square) else float(norm(x))


def relative_distance(a: Vector, b: Vector, floor: float = 0.0) -> float:
    """Euclidean distance of two vectors over the smaller of their norms.

    Parameters
    ----------
    a, b : ndarray of float32, shape (d,)
    floor : float
        A smaller norm counts as this one; NaN is none.

    Returns
    -------
    float
        0 for two zero vectors; infinite when an entry is not finite, and
        without a floor when only one of them is zero.

    Notes
    -----
    Products are float32 within a block and float64 between blocks, for a
    relative error below 1e-4.  The difference of two almost equal numbers
    has no error of its own.  Only where products may overflow or underflow
    everything is float64.
    """
    squares = _squares(a, b, np.float32)
    if not (SAFE * a.size < squares.min() and np.isfinite(squares).all()):
        squares = _squares(a, b, np.float64)
    if not np.isfinite(squares).all():
        return np.inf
    smaller = max(math.sqrt(min(squares[0], squares[1])), floor)
    if smaller == 0:
        return 0.0 if squares[2] == 0 else np.inf
    return math.sqrt(squares[2]) / smaller


def _squares(a: Vector, b: Vector, dtype: type[np.floating]
             ) -> npt.NDArray[np.float64]:
    """|a|^2, |b|^2 and |a - b|^2, multiplied in a type."""
    squares = np.zeros(3)
    with np.errstate(over='ignore', invalid='ignore'):
        for s in blocks(a.size):
            x = a[s].astype(dtype, copy=False)
            y = b[s].astype(dtype, copy=False)
            x_y = x - y
            squares += np.dot(x, x), np.dot(y, y), np.dot(x_y, x_y)
    return squares
