"""Nanoseconds per number for sketching gradients, beside reading them once.

    python tests/bench/sketching.py [D]

For 1, 15 and 91 files of D numbers and one core, the best of some repeats
in processor time: sketches of 8 rows, the float64 norms alone, and making
the random matrix once, per coordinate.
"""

import json
import os
import sys

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
from timing import best  # noqa: E402

from aspis_mpi.arrays import blocks, norm  # noqa: E402
from aspis_mpi.coding.sketching import BLOCK, matrix, sketch  # noqa: E402


def make_matrix(secret, d):
    for s in blocks(d, BLOCK):
        matrix(secret, 8, s)


def main(d):
    secret = bytes(16)
    rng = np.random.default_rng(0)
    files = list(rng.standard_normal((91, d), np.float32))
    figures = {'d': d, 'matrix': best(lambda: make_matrix(secret, d), d)}
    for n in (1, 15, 91):
        some = files[:n]
        figures[f'sketch_{n}'] = best(lambda: sketch(some, 1, secret), n * d)
        figures[f'norm_{n}'] = best(lambda: list(map(norm, some)), n * d)
    print(json.dumps(figures))


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 431_080)
