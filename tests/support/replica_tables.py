"""Tables of replicas on which workers agree, nearly agree, or do not."""

import numpy as np

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.protocol.buffers import Buffer
from aspis_mpi.schemes.transfer.replicas import Replicas

#: 455 files, each on 3 of 15 workers; vectors of 8 numbers.
K, D = 15, 8
SUBSET = Subset(K, replication=3)
#: What is within 1e-5 agrees, what is beyond 1e-2 disagrees.
NEAR = Equality(False, 1e-5, 1e-2)
EVERYBODY = np.ones(K, dtype=bool)


def gradients(seed=0, n_files=SUBSET.n_files, d=D):
    random = np.random.default_rng(seed)
    return random.standard_normal((n_files, d)).astype('f4')


def nudged(values, by, random):
    """The values a relative distance away in some direction."""
    way = random.standard_normal(values.shape)
    way *= by / np.linalg.norm(way)
    return (values + way * np.linalg.norm(values)).astype('f4')


def filled(assignment, value, equality=BITS, floor=0.0, order=None):
    """The table of `value(worker, file)`, or nothing where that is None."""
    table = Replicas(assignment).begin(equality, floor)
    pairs = [(worker, file) for file, row in enumerate(assignment.holders)
             for worker in row.tolist()]
    for place in range(len(pairs)) if order is None else order:
        worker, file = pairs[place]
        sent = value(worker, file)
        if sent is None:
            continue
        buffer = Buffer(sent.size).hold()
        buffer.values[:] = sent
        table.accept(worker, file, buffer)
    return table
