"""The trained parameters of a module as a flat vector, and their gradient."""

from math import prod

import numpy as np


class Flat:
    """The parameters of a module that require gradients, in its order.

    A tied parameter is one parameter, and counts once.

    Parameters
    ----------
    module : torch.nn.Module
        On its device, and of its types.

    Attributes
    ----------
    names : list of str
    shapes : list of tuple of int
    size : int
        d.

    Notes
    -----
    Parameters stay in memory of their own, which begins on a cache line,
    and a vector is copied there once a step: a product with few rows has
    other bits where a matrix begins elsewhere, and where it begins in the
    vector depends on what is before it.  Gradients are added by autograd
    itself to what the caller has, where both are float32 in main memory.
    """

    def __init__(self, module):
        import torch
        trained = [(name, it) for name, it in module.named_parameters()
                   if it.requires_grad]
        self.names = [name for name, _ in trained]
        self.shapes = [tuple(it.shape) for _, it in trained]
        self._parameters = [it for _, it in trained]
        self._sizes = [prod(shape) for shape in self.shapes]
        self._ends = np.cumsum(self._sizes)
        self.size = int(self._ends[-1])
        for it in self._parameters:
            # Of other layouts no vector is a view.
            it.data = it.data.contiguous()
        self._values = [it.data.view(-1) for it in self._parameters]
        self._loaded = self._held = None
        self._bound = self._out = None
        self._direct = all(it.dtype == torch.float32 and it.is_cpu
                           for it in self._parameters)

    def name(self, place):
        """The parameter to which an entry of the vector belongs."""
        return self.names[int(np.searchsorted(self._ends, place, 'right'))]

    def differing(self, one, other):
        """Names of the parameters in which two vectors have other bits."""
        places = np.flatnonzero(one.view(np.int32) != other.view(np.int32))
        found = np.unique(np.searchsorted(self._ends, places, 'right'))
        return [self.names[number] for number in found]

    def vector(self):
        """The parameters as they are, float32 (d,)."""
        import torch
        return torch.cat([it.detach().to('cpu', torch.float32)
                          for it in self._values]).numpy()

    def load(self, vector, step=None):
        """Compute with a vector from now on.

        Parameters
        ----------
        vector : ndarray of float32, shape (d,)
        step : int, optional
            In which a vector of the same place is the same one; without it
            the vector is read again.
        """
        import torch
        at = step, vector.__array_interface__['data'][0]
        if step is not None and at == self._loaded:
            return
        pieces = torch.from_numpy(vector).split(self._sizes)
        torch._foreach_copy_(self._values, pieces)
        # Who holds it keeps its place from being given to another vector.
        self._loaded, self._held = at, vector

    def backward(self, loss, out):
        """Add the gradient of a loss to a vector.

        Parameters
        ----------
        loss : torch.Tensor, of one number
        out : ndarray of float32, shape (d,)
        """
        if self._direct:
            self._bind(out)
            loss.backward()
            return
        import torch
        for it in self._parameters:
            it.grad = None
        found = torch.autograd.grad(loss, self._parameters, allow_unused=True,
                                    materialize_grads=True)
        flat = torch.cat([it.reshape(-1).float() for it in found])
        out += flat.numpy(force=True)

    def _bind(self, out):
        """Let autograd add to `out` from now on."""
        import torch
        at = out.__array_interface__['data'][0]
        if at == self._bound:
            return
        pieces = torch.from_numpy(out).split(self._sizes)
        for it, piece in zip(self._parameters, pieces):
            it.grad = piece.view(it.shape)
        self._bound, self._out = at, out
