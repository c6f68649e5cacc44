"""Equal bits from torch: its generators seeded, its kernels deterministic."""

import os
from functools import cache

#: cuBLAS repeats its bits with this alone; read when CUDA is first used.
WORKSPACE = 'CUBLAS_WORKSPACE_CONFIG', ':4096:8'

# Both contexts are classes as those of contextlib are: a generator's cost is
# felt by a small module.


@cache
def _generators(place):
    """Those that computing on a device draws from."""
    import torch
    if place == 'cpu':
        return (torch.default_generator,)
    torch.cuda.init()
    number = torch.device(place).index or 0
    return torch.default_generator, torch.cuda.default_generators[number]


def seed(number, place='cpu'):
    """Give torch's generators a seed of 63 bits."""
    for it in _generators(place):
        it.manual_seed(number)


class seeded:
    """Torch's generators with a seed, and as they were again afterwards.

    Parameters
    ----------
    number : int
        The seed, of 63 bits.
    place : str
        The device that is computed on.
    """

    __slots__ = '_number', '_ours', '_before'

    def __init__(self, number, place='cpu'):
        self._number = number
        self._ours = _generators(place)

    def __enter__(self):
        self._before = [it.get_state() for it in self._ours]
        for it in self._ours:
            it.manual_seed(self._number)

    def __exit__(self, *raised):
        for it, state in zip(self._ours, self._before):
            it.set_state(state)


def states(place='cpu'):
    """States of torch's generators, those that a device draws from."""
    return [it.get_state() for it in _generators(place)]


def moved(before, place='cpu'):
    """True if something was drawn since the generators had some states."""
    return not all(one.equal(other)
                   for one, other in zip(before, states(place)))


class reproducible:
    """Kernels that repeat their bits; what has none raises.

    Settings are as they were again afterwards.

    Parameters
    ----------
    place : str
        The device that is computed on.
    """

    __slots__ = '_cudnn', '_mode', '_fills'

    def __init__(self, place='cpu'):
        self._cudnn = None if place == 'cpu' else _cudnn()

    def __enter__(self):
        import torch
        deterministic = torch.utils.deterministic
        self._mode = torch.get_deterministic_debug_mode()
        self._fills = deterministic.fill_uninitialized_memory
        if self._cudnn is not None:
            os.environ.setdefault(*WORKSPACE)
            self._cudnn.__enter__()
        torch.set_deterministic_debug_mode(2)
        # What nobody reads need not be written.
        deterministic.fill_uninitialized_memory = False

    def __exit__(self, *raised):
        import torch
        torch.set_deterministic_debug_mode(self._mode)
        torch.utils.deterministic.fill_uninitialized_memory = self._fills
        if self._cudnn is not None:
            self._cudnn.__exit__(*raised)


def _cudnn():
    """cuDNN without atomics, trials or reduced precision, a context."""
    from torch.backends import cudnn
    return cudnn.flags(enabled=True, benchmark=False, deterministic=True,
                       allow_tf32=False)
