"""Equal bits from torch: its generators seeded, its kernels deterministic."""

import os
from contextlib import contextmanager, nullcontext

#: cuBLAS repeats its bits with this alone; read when CUDA is first used.
WORKSPACE = 'CUBLAS_WORKSPACE_CONFIG', ':4096:8'


def _generators(place):
    """Those that computing on a device draws from."""
    import torch
    if place == 'cpu':
        return [torch.default_generator]
    torch.cuda.init()
    number = torch.device(place).index or 0
    return [torch.default_generator, torch.cuda.default_generators[number]]


def seed(number, place='cpu'):
    """Give torch's generators a seed of 63 bits."""
    for it in _generators(place):
        it.manual_seed(number)


@contextmanager
def seeded(number, place='cpu'):
    """Torch's generators with a seed, and as they were again afterwards.

    Parameters
    ----------
    number : int
        The seed, of 63 bits.
    place : str
        The device that is computed on.
    """
    ours = _generators(place)
    before = [it.get_state() for it in ours]
    try:
        for it in ours:
            it.manual_seed(number)
        yield
    finally:
        for it, state in zip(ours, before):
            it.set_state(state)


def states(place='cpu'):
    """States of torch's generators, those that a device draws from."""
    return [it.get_state() for it in _generators(place)]


def moved(before, place='cpu'):
    """True if something was drawn since the generators had some states."""
    return not all(one.equal(other)
                   for one, other in zip(before, states(place)))


@contextmanager
def reproducible(place='cpu'):
    """Kernels that repeat their bits; what has none raises.

    Settings are as they were again afterwards.
    """
    import torch
    from torch.utils import deterministic
    before = torch.get_deterministic_debug_mode()
    fills = deterministic.fill_uninitialized_memory
    if place != 'cpu':
        os.environ.setdefault(*WORKSPACE)
    try:
        torch.set_deterministic_debug_mode(2)
        # What nobody reads need not be written.
        deterministic.fill_uninitialized_memory = False
        with _cudnn(place):
            yield
    finally:
        torch.set_deterministic_debug_mode(before)
        deterministic.fill_uninitialized_memory = fills


def _cudnn(place):
    """cuDNN without atomics, trials or reduced precision."""
    if place == 'cpu':
        return nullcontext()
    from torch.backends import cudnn
    return cudnn.flags(enabled=True, benchmark=False, deterministic=True,
                       allow_tf32=False)
