"""Random matrices made of tiles, which a long vector is multiplied by fast.

Coordinates are cut into tiles of `TILE` and these into chunks of `TILES`.
The entry of V in a row for coordinate i of tile t of a chunk is a_i b_t, with
an inner factor a that all tiles of the chunk share and an outer factor b of
each tile.  So a chunk x, one tile a line, is multiplied by a small matrix of
inner factors, which stays in the registers, and only what is left of it, a
128th, by numbers of its own: the same sums as with a matrix of independent
entries, but without reading eight of these for each number.

Rows, chunks, inner and outer factors are independent of each other, from raw
words of the Philox stream whose key is the secret.
"""

from aspis_mpi.streams import raw_words

#: Coordinates of a tile, tiles of a chunk, coordinates of a chunk.
TILE, TILES = 128, 128
CHUNK = TILE * TILES
#: Numbers of 16 bits that are drawn for a row in a chunk.
DRAWN = TILE + TILES


def drawn(secret, k, first, last):
    """Random numbers of some chunks, of 16 bits each.

    Parameters
    ----------
    secret : bytes
        16 bytes.
    k : int
        Rows of V, at least 1.
    first, last : int
        The first chunk and the one behind the last.

    Returns
    -------
    ndarray of uint16, little-endian, shape (last - first, DRAWN, k)
        Of each chunk those of the `TILE` inner and the `TILES` outer factors
        of each row; the same in whatever call they are made.

    Raises
    ------
    ValueError
        No row, or a secret of another length.
    """
    if k < 1:
        raise ValueError(f'sketches {k} must be at least 1')
    words = DRAWN * k // 4
    raw = raw_words(secret, first * words, (last - first) * words)
    return raw.astype('<u8', copy=False).view('<u2').reshape(-1, DRAWN, k)
