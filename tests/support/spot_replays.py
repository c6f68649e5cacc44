"""Runs with checks by chance that are done again, and what is to be equal."""

import numpy as np

from aspis_mpi.schemes import adapting
from aspis_mpi.schemes.spot import inspection
from aspis_mpi.streams import Coins, generator

#: Arrays of a log of which each step has a row.
ROWS = ('contributors', 'source', 'exposed', 'excluded', 'late', 'files_done')


def draw(monkeypatch, seed):
    """Let the draws of runs be those of a seed."""
    for module in inspection, adapting:
        monkeypatch.setattr(module, 'Coins', lambda: Coins(
            generator(seed, 'coins').bytes))


def parameters(path):
    """The numbers of the model beside a log, one after the other."""
    with np.load(path.with_suffix('.npz')) as saved:
        return np.concatenate([saved[name].ravel() for name in saved])


def assert_done_again(one, other):
    """The record of the second run is the record of the first."""
    for name in ROWS:
        assert np.array_equal(one.read(name), other.read(name)), name
    for name in ('step', 'turn', 'verdict', 'epochs', 'files_checked'):
        assert np.array_equal(one.steps[name], other.steps[name]), name
    assert np.array_equal(one.draws, other.draws)
    assert np.array_equal(one.arrivals, other.arrivals)
    assert one.exposures == other.exposures
