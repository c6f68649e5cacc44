"""Inner products of rows, as they are seen from a point.

The rows' differences from the point are laid out in tiles, some hundred
columns of all rows one after the other: for few rows BLAS multiplies such
small matrices twice as fast as long ones (measured: OpenBLAS 0.3.31 with
AVX-512).
"""

import numpy as np

#: Columns of a tile, and up to how many rows there are tiles: OpenBLAS takes
#: products of up to 10^6 multiplications for small.
TILE, FEW = 1024, 31
#: Sums of squares up to this are taken again in float64.
UNDERFLOW = 1e-30
#: Columns that are multiplied in float64 at a time.
WIDE = 1 << 12


def differences(pieces, counts, point, room):
    """Each piece over its count, less a point.

    Parameters
    ----------
    pieces : list of ndarray of float32, shape (b,)
        n of them.
    counts : sequence of int
    point : ndarray of float32, shape (b,)
    room : ndarray of float32, shape (n, b)
        Contiguous; the tiles are laid out there.

    Returns
    -------
    list of ndarray of float32, shape (k, n, width)
        k tiles of a width each; the last of the list is what is left over.
    """
    n, size = room.shape
    width = TILE if n <= FEW else size
    whole = size - size % width
    tiles = []
    for start, stop, wide in ((0, whole, width), (whole, size, size % width)):
        if start == stop:
            continue
        tile = room.reshape(-1)[n * start:n * stop].reshape(-1, n, wide)
        middle = point[start:stop].reshape(-1, wide)
        for row, piece, count in zip(tile.swapaxes(0, 1), pieces, counts):
            part = piece[start:stop].reshape(-1, wide)
            if count != 1:
                part = np.divide(part, np.float32(count), out=row)
            np.subtract(part, middle, out=row)
        tiles.append(tile)
    return tiles


def inner(tiles):
    """Inner products of all rows, in float64 where float32 fails.

    Parameters
    ----------
    tiles : list of ndarray of float32, shape (k, n, width)

    Returns
    -------
    ndarray of float64, shape (n, n)
        Symmetric.
    """
    products = sum(_small(it) if it.shape[1] <= FEW else _long(it)
                   for it in tiles)
    odd = np.flatnonzero(unheld(np.diagonal(products)))
    if any(it[:, odd].any() for it in tiles):
        return sum(_doubled(it) for it in tiles)
    return products


def squares(x):
    """Sum of squares of each row, in float64 where float32 cannot hold it.

    A float32 sum above `UNDERFLOW` misses nothing that matters: squares
    that vanish are below 1e-45.
    """
    if isinstance(x, np.ndarray):
        sums = np.einsum('ij,ij->i', x, x).astype(np.float64)
    else:
        sums = np.array([row.dot(row) for row in x], dtype=np.float64)
    for i in np.flatnonzero(unheld(sums)):
        row = x[i].astype(np.float64)
        sums[i] = np.square(row, out=row).sum()
    return sums


def unheld(sums):
    """True where a sum of squares in float32 has under- or overflowed."""
    return ~((sums > UNDERFLOW) & (sums < np.inf))


def _small(tiles):
    """Products of narrow tiles, summed in float64."""
    first = tiles[:, 0]
    found = np.empty(2 * tiles.shape[1:2])
    # All but the first row: of a matrix with itself BLAS computes one half,
    # by kernels that are slower.
    others = np.matmul(tiles, tiles[:, 1:].transpose(0, 2, 1))
    others.sum(axis=0, dtype=np.float64, out=found[:, 1:])
    # BLAS may round the two of a pair differently, and rules that take the
    # nearest rows rely on ties between them.
    below = np.tril_indices(len(found), -1)
    found[below] = found.T[below]
    found[0, 0] = np.einsum('kj,kj->k', first, first).sum(dtype=np.float64)
    # Kernels at the edge of a matrix sum in another order than those inside.
    return (found + found.T) / 2


def _long(tiles):
    """Products of one tile that is as wide as a block."""
    return np.dot(tiles[0], tiles[0].T).astype(np.float64)


def _doubled(tiles):
    """Products in float64."""
    n = tiles.shape[1]
    found = np.zeros((n, n))
    for tile in tiles:
        for start in range(0, tile.shape[1], WIDE):
            part = tile[:, start:start + WIDE].astype(np.float64)
            found += np.dot(part, part.T)
    return found
