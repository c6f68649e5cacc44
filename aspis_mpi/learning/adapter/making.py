"""Modules from a user's factory, checked for what nobody can train."""

from hashlib import blake2b

from aspis_mpi import streams
from aspis_mpi.learning.adapter import kernels, named


def made(factory, seed, place, name):
    """Make a module under torch's generators with the job's seed.

    Parameters
    ----------
    factory : callable
    seed : int
    place : str
        Where the module goes.
    name : str
        For messages.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
    """
    with kernels.seeded(streams.word(seed, 'module'), place):
        module = named.called(factory, name)
    _check(module, name)
    return module.to(place)


def factory(what):
    """The factory that is named, or given.

    Raises
    ------
    ValueError
        It is a module already, or cannot be called.
    """
    from torch.nn import Module
    found = named.found(what, 'module')
    if isinstance(found, Module):
        kind = type(found).__name__
        raise ValueError(
            f'module is a {kind} already; every rank makes its own, so give '
            f'what makes one: lambda: {kind}(...)')
    if not callable(found):
        raise ValueError(f'module {named.title(what)} must be a class or '
                         'function without arguments that makes a module')
    return found


def _check(module, name):
    import torch
    from torch.nn.parameter import is_lazy
    if not isinstance(module, torch.nn.Module):
        raise ValueError(f'{name} makes {type(module).__name__}; it must '
                         'make a torch.nn.Module')
    for key, it in tensors(module).items():
        if is_lazy(it):
            raise ValueError(
                f'{name}: {key} has no shape before the module is called; '
                'give its layer all sizes, or call the module once in the '
                'function that makes it')
    trained = {key: it for key, it in module.named_parameters()
               if it.requires_grad}
    if not sum(it.numel() for it in trained.values()):
        raise ValueError(f'{name}: no parameter of the module requires a '
                         'gradient, so there is nothing to train')
    for key, it in trained.items():
        if not it.is_floating_point():
            raise ValueError(f'{name}: {key} is {it.dtype}; parameters must '
                             'be real numbers')
    _check_apart(module, name)


def _check_apart(module, name):
    """Raise a ValueError where two tensors are one place in memory."""
    seen = {}
    for key, it in tensors(module).items():
        if not it.numel():
            continue
        other = seen.setdefault(it.data_ptr(), key)
        if other != key:
            raise ValueError(
                f'{name}: {other} and {key} share their memory; to tie two '
                'layers let both have the same parameter (b.weight = '
                'a.weight)')


def tensors(module):
    """Parameters and buffers by name, each once.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    dict of str to torch.Tensor
    """
    return dict(module.named_parameters()) | dict(module.named_buffers())


def digests(module, without=()):
    """A short hash of each tensor that is not trained.

    Parameters
    ----------
    module : torch.nn.Module
    without : container of str
        Names that do not count.

    Returns
    -------
    dict of str to str
    """
    return {key: digest(it) for key, it in tensors(module).items()
            if not it.requires_grad and key not in without}


def combined(told):
    """One short hash of many."""
    text = '\n'.join(f'{key} {it}' for key, it in told.items())
    return blake2b(text.encode(), digest_size=8).hexdigest()


def digest(tensor):
    """A short hash of a tensor's type, shape and bits."""
    import torch
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    found = blake2b(f'{tensor.dtype}{tuple(tensor.shape)}'.encode(),
                    digest_size=8)
    if flat.numel():
        found.update(flat.view(torch.uint8).numpy())
    return found.hexdigest()


def difference(one, other):
    """The first tensor in which two modules differ; None if they do not."""
    ours, theirs = tensors(one), tensors(other)
    for key in dict.fromkeys((*ours, *theirs)):
        if key not in ours or key not in theirs or (
                digest(ours[key]) != digest(theirs[key])):
            return key
    return None
