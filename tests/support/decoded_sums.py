"""The way from gradients to the decoded sum, for tests of codes."""

import importlib.util
from itertools import chain, combinations
from pathlib import Path

import numpy as np

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.coding import combine

BENCH = Path(__file__).parents[1] / 'bench' / 'decode_error.py'

#: An assignment of no special form, files with two to four holders.
IRREGULAR = Assignment([[1, 1, 0, 0, 1], [0, 1, 1, 1, 1], [1, 0, 0, 1, 0],
                        [0, 0, 1, 1, 1]])


def small_gradients(n, d=7):
    """Integers; d is a multiple of no number of copies in use but 1."""
    rng = np.random.default_rng(5)
    return rng.integers(-9, 10, (n, d)).astype(np.float32)


def payload(code, worker, state, gradients):
    files, weights = code.encoding(worker, state)
    out = np.empty(combine.payload_size(gradients.shape[1], code.copies),
                   dtype=np.float32)
    combine.encode(list(gradients[files]), weights, out)
    return out


def decoded(code, payloads, state, d):
    """What the server makes of the payloads, by worker."""
    out = np.empty(d, dtype=np.float32)
    weights = code.decoding(state).weights
    assert not weights[:, ~state.any(axis=0)].any()
    combine.decode(list(payloads.values()), weights[:, list(payloads)], out,
                   1.0)
    return out


def shares(code, state):
    """Brute force: the share of each part of each file in each part.

    Entry (i, k, k') is that of part k' of file i in part k of the sum.
    """
    weights = code.decoding(state).weights
    total = np.zeros((state.shape[0], code.copies, code.copies))
    for worker in np.flatnonzero(state.any(axis=0)):
        if code.needs_whole_workers and not weights[:, worker].any():
            continue
        for file, row in zip(*code.encoding(worker, state)):
            total[file] += np.outer(weights[:, worker], row)
    return total


def random_states(assignment, n, seed=0):
    rng = np.random.default_rng(seed)
    shape = assignment.incidence.shape
    for _ in range(n):
        yield assignment.incidence & (rng.random(shape) < rng.random())


def full_sets(n, missing):
    """All sets of workers with at most `missing` of n missing."""
    for gone in chain.from_iterable(combinations(range(n), m)
                                    for m in range(missing + 1)):
        full = np.ones(n, dtype=bool)
        full[list(gone)] = False
        yield full


def bench():
    """The module that measures errors, for its functions."""
    spec = importlib.util.spec_from_file_location('decode_error', BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
