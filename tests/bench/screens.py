"""Nanoseconds per number for screening payloads, beside reading them once.

    python tests/bench/screens.py [D]

For 15 payloads of D numbers and one core, the best of some repeats in
processor time: one product of BLAS, norms of blocks, of the tensors of a
ResNet-18, of blocks whose squares are no float32; comparing all norms, for
the same numbers.
"""

import json
import os
import sys

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
from timing import best  # noqa: E402

from aspis_mpi.detection.spot.pieces import Pieces  # noqa: E402
from aspis_mpi.detection.spot.screens import Screens  # noqa: E402

WORKERS = 15
#: Of a ResNet-18.
TENSORS = 62


def tensors(d):
    """Slices of which every third is large, as of convolutions."""
    sizes = np.array([64 if i % 3 else d // 21 for i in range(TENSORS)])
    sizes[-1] += d - sizes.sum()
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(*it) for it in zip(ends, ends[1:])]


def main(d):
    rng = np.random.default_rng(0)
    payloads = list(rng.standard_normal((WORKERS, d), np.float32))
    huge = [np.full(d, 1e30, np.float32)] * WORKERS
    n, even, uneven = WORKERS * d, Pieces(d), Pieces(d, tensors(d))
    screen = Screens(3.0, even.sizes)
    norms = np.array([even.norms(it) for it in payloads])
    some = np.full(WORKERS, 100), np.arange(WORKERS)
    print(json.dumps({
        'd': d, 'dot': best(lambda: [it.dot(it) for it in payloads], n),
        'blocks': best(lambda: [even.norms(it) for it in payloads], n),
        'tensors': best(lambda: [uneven.norms(it) for it in payloads], n),
        'overflowing': best(lambda: [even.norms(it) for it in huge], n),
        'comparing': best(lambda: screen.payloads(norms, *some, 1), n)}))


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11_173_962)
