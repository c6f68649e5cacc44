"""Trials of a module before the first step, on rank 0."""

import numpy as np

from aspis_mpi.learning.adapter import making, unseeded

#: Samples of the trial gradient, at most.
TRIED = 8


def try_module(one, other, name):
    """Raise a ValueError unless a factory repeats itself.

    Parameters
    ----------
    one, other : torch.nn.Module
        What it made, called twice.
    name : str
        Of the factory, for messages.
    """
    places = {it.data_ptr() for it in making.tensors(one).values()}
    if one is other or any(it.numel() and it.data_ptr() in places
                           for it in making.tensors(other).values()):
        raise ValueError(
            f'{name} makes the same module again, or one that shares its '
            'tensors; it must make a new one each time, as a class does or '
            'lambda: Net(...)')
    differs = making.difference(one, other)
    if differs is not None:
        raise ValueError(
            f'{name} makes another {differs} when it is called again; what '
            "it draws must come from torch's generators, which are seeded, "
            'and what it loads from a file')


def try_gradient(network, name, vector, inputs, targets, seeded):
    """Raise a ValueError where a gradient leaves something or draws freely.

    Parameters
    ----------
    network : Network
    name : str
        Of the module, for messages.
    vector : ndarray of float32, shape (d,)
    inputs, targets
    seeded : callable
        A context in which torch's generators have the same seed again.
    """
    network.flat.load(vector)
    before, out = _digests(network), np.zeros_like(vector)

    def compute():
        with seeded():
            network.gradient(vector, inputs, targets, out)
    unseeded.asked(compute, f'{name}, computing a gradient,',
                   'the seed, the step and the first sample')
    after = _digests(network)
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            raise ValueError(
                f'{name} changes {key} when it computes a gradient, so that '
                'replicas would depend on what was computed before; let it '
                'keep no state, or compute with a copy')


def _digests(network):
    """Hashes of all tensors, trained ones as they are computed with."""
    return {key: making.digest(it) for key, it
            in making.tensors(network.module).items()}
