"""Nanoseconds per number for sketching gradients, beside reading them once.

    python tests/bench/sketching.py [D]

For 1, 15 and 91 files of D numbers and one core, the best of some repeats
in processor time: sketches of 8 rows, the float64 norms alone, and making
the random matrix once, per coordinate.  And for 91 files what bounds other
ways from below: reading them as float64 and one random sum of them.  And
sketches with products in float32, with their largest error over the norm.
"""

import json
import os
import sys

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
from timing import best  # noqa: E402

from aspis_mpi.arrays import blocks, norm  # noqa: E402
from aspis_mpi.coding.sketching import (  # noqa: E402
    BLOCK, matrix, sketch)


def make_matrix(secret, d):
    for s in blocks(d, BLOCK):
        matrix(secret, 8, s)


def in_blocks(files, use):
    """Read a block of all files after the other, as float64."""
    memory = np.empty((len(files), BLOCK))
    for s in blocks(files[0].size, BLOCK):
        rows = memory[:, :s.stop - s.start]
        for row, file in zip(rows, files):
            row[:] = file[s]
        use(rows)


def others(files, secret):
    """Nanoseconds a number of other ways, and the error of float32."""
    n, single = files[0].size * len(files), np.float32
    one = np.random.default_rng(1).random(len(files))
    exact, close = (sketch(files, 1, secret, 8, dtype)[..., 0]
                    for dtype in (np.float64, single))
    return {
        'read': best(lambda: in_blocks(files, lambda block: None), n),
        'one_row': best(lambda: in_blocks(files, lambda block: one @ block),
                        n),
        'float32': best(lambda: sketch(files, 1, secret, 8, single), n),
        'float32_error': float((abs(close - exact) / exact[:, 8:]).max())}


def main(d):
    secret = bytes(16)
    rng = np.random.default_rng(0)
    files = list(rng.standard_normal((91, d), np.float32))
    figures = {'d': d, 'matrix': best(lambda: make_matrix(secret, d), d)}
    for n in (1, 15, 91):
        some = files[:n]
        figures[f'sketch_{n}'] = best(lambda: sketch(some, 1, secret), n * d)
        figures[f'norm_{n}'] = best(lambda: list(map(norm, some)), n * d)
    print(json.dumps(figures | others(files, secret)))


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 431_080)
