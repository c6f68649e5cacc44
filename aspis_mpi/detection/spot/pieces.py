"""Norms of the pieces of a vector, at the speed of memory.

A payload has up to 10^8 numbers, and none may be larger than its peers' in
any tensor.  Products are float32, in chunks that a sum of float32 does not
spoil; only a chunk whose squares overflow, or are so small that they lose
digits, is done again in float64, where no square of a float32 does.
"""

from collections.abc import Sequence

import numpy as np

from aspis_mpi.arrays import SAFE, Floats, Ints, Vector, blocks

#: Numbers a chunk, and a piece of a vector whose tensors are not known.
CHUNK = 4096


class Pieces:
    """The pieces that a flat vector is cut into.

    Parameters
    ----------
    size : int
        d, numbers of the vector.
    cuts : sequence of slice
        Its tensors, one after the other; without any it is cut into chunks.

    Attributes
    ----------
    sizes : ndarray of int, shape (n,)

    Raises
    ------
    ValueError
        Tensors that leave a gap or overlap.

    Examples
    --------
    >>> pieces = Pieces(3, [slice(0, 1), slice(1, 3)])
    >>> pieces.norms(np.array([-2, 3, 4], dtype=np.float32)).tolist()
    [2.0, 5.0]
    """

    def __init__(self, size: int, cuts: Sequence[slice] = ()):
        tensors = list(cuts) or [slice(0, size)]
        ends = [0, *(cut.stop for cut in tensors)]
        if ends[-1] != size or ends[:-1] != [cut.start for cut in tensors]:
            raise ValueError(f'tensors that end at {ends[1:]} do not cut '
                             f'{size} numbers')
        # Whole chunks of a tensor, one after the other, and what is left.
        self._runs: list[tuple[slice, slice]] = []
        self._rests: list[tuple[slice, int]] = []
        self._chunks: list[slice] = []
        counts = [self._lay(cut) for cut in tensors]
        if not cuts:
            counts = [1] * len(self._chunks)
        pieces = tensors if cuts else self._chunks
        self.sizes: Ints = np.array([it.stop - it.start for it in pieces],
                                    dtype=np.int64)
        self._filled = np.flatnonzero(counts)
        starts: Ints = np.cumsum(counts, dtype=np.int64) - counts
        self._firsts = starts[self._filled]

    def _lay(self, tensor: slice) -> int:
        """Cut one tensor, and count its chunks."""
        first, start, stop = len(self._chunks), tensor.start, tensor.stop
        whole = (stop - start) // CHUNK
        end = start + whole * CHUNK
        self._chunks += [slice(start + it.start, start + it.stop)
                         for it in blocks(stop - start, CHUNK)]
        if whole:
            self._runs.append((slice(start, end),
                               slice(first, first + whole)))
        if end < stop:
            self._rests.append((slice(end, stop), first + whole))
        return len(self._chunks) - first

    def norms(self, vector: Vector) -> Floats:
        """Euclidean norm of each piece.

        Parameters
        ----------
        vector : ndarray of float32, shape (d,)
            Contiguous.

        Returns
        -------
        ndarray of float64, shape (n,)
            To six digits; NaN or infinite where a number of the piece is.
        """
        norms = np.zeros(len(self.sizes))
        if self._filled.size:
            norms[self._filled] = np.sqrt(np.add.reduceat(
                self._squares(vector), self._firsts))
        return norms

    def _squares(self, vector: Vector) -> Floats:
        """Sum of squares of each chunk."""
        quick = np.empty(len(self._chunks), dtype=np.float32)
        with np.errstate(all='ignore'):
            for run, chunks in self._runs:
                rows = vector[run].reshape(-1, CHUNK)
                np.vecdot(rows, rows, out=quick[chunks])
            for rest, chunk in self._rests:
                quick[chunk] = vector[rest].dot(vector[rest])
            squares = quick.astype(np.float64)
            right = (squares > SAFE * CHUNK) & np.isfinite(squares)
            for chunk in np.flatnonzero(~right).tolist():
                wide = vector[self._chunks[chunk]].astype(np.float64)
                squares[chunk] = wide.dot(wide)
        return squares
