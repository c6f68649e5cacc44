"""The trained parameters of a module as a flat vector, and their gradient."""

from math import prod

import numpy as np

#: Bytes of a cache line, and of a vector that is not copied.
LINE, LONG = 64, 1 << 22


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
    shares : bool
        Whether parameters are views of the caller's vectors.

    Notes
    -----
    A product with few rows has other bits where a matrix begins elsewhere
    on its cache line.  So small parameters stay in memory of their own, each
    at the beginning of a line, and a vector is copied there once a step, as
    plain torch has them.  Those of a long vector are views of it, without a
    copy, where it begins a line itself, as all vectors of a run do; of
    another one a copy that does.  Gradients are added by autograd itself to
    what the caller has, where both are float32 in main memory.
    """

    def __init__(self, module):
        import torch
        trained = [(name, it) for name, it in module.named_parameters()
                   if it.requires_grad]
        self.names = [name for name, _ in trained]
        self.shapes = [tuple(it.shape) for _, it in trained]
        self._parameters = [it for _, it in trained]
        self._sizes = [prod(shape) for shape in self.shapes]
        self.size = sum(self._sizes)
        for it in self._parameters:
            # Of other layouts no vector is a view.
            it.data = it.data.contiguous()
        self._direct = all(it.dtype == torch.float32 and it.is_cpu
                           for it in self._parameters)
        self.shares = self._direct and 4 * self.size >= LONG
        self._values = [] if self.shares else [
            it.data.view(-1) for it in self._parameters]
        self._aligned = None
        self._loaded = self._held = None
        self._bound = self._out = None

    @property
    def sizes(self):
        """Numbers of entries by name, in the order of the vector."""
        return dict(zip(self.names, self._sizes))

    def vector(self):
        """The parameters as they are, float32 (d,)."""
        import torch
        return torch.cat([it.detach().reshape(-1).to('cpu', torch.float32)
                          for it in self._parameters]).numpy()

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
        place = vector.__array_interface__['data'][0]
        shared = self.shares and not place % LINE
        # What is shared is always as the caller has it.
        at = place if shared else (place, step)
        if at == self._loaded and (shared or step is not None):
            return
        if self.shares:
            self._view(vector if shared else self._copied(vector))
        else:
            torch._foreach_copy_(self._values, _tensor(vector).split(
                self._sizes))
        # Who holds it keeps its place from being given to another vector.
        self._loaded, self._held = at, vector

    def _copied(self, vector):
        """The same numbers where a line begins."""
        import torch
        if self._aligned is None:
            self._aligned = torch.empty(self.size).numpy()
        np.copyto(self._aligned, vector)
        return self._aligned

    def _view(self, vector):
        """Let the parameters be views of a vector."""
        pieces = _tensor(vector).split(self._sizes)
        for it, piece, shape in zip(self._parameters, pieces, self.shapes):
            it.data = piece.view(shape)

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

    def release(self):
        """Hold the vector no longer to which gradients were added."""
        if self._out is None:
            return
        for it in self._parameters:
            it.grad = None
        self._bound = self._out = None

    def rest(self):
        """Hold no vector, if there is to be another before anything else."""
        self.release()
        self._loaded = self._held = self._aligned = None
        if not self.shares:
            return
        nothing = self._parameters[0].new_empty(0)
        for it in self._parameters:
            it.data = nothing

    def _bind(self, out):
        """Let autograd add to `out` from now on."""
        import torch
        at = out.__array_interface__['data'][0]
        if at == self._bound:
            return
        pieces = torch.from_numpy(out).split(self._sizes)
        for it, piece, shape in zip(self._parameters, pieces, self.shapes):
            it.grad = piece.view(shape)
        self._bound, self._out = at, out


class _Same:
    """The memory of an array, without its flag."""

    __slots__ = ('__array_interface__',)

    def __init__(self, array):
        interface = array.__array_interface__
        self.__array_interface__ = {
            **interface, 'data': (interface['data'][0], False)}


def _tensor(vector):
    """A tensor on the memory of a vector, for reading.

    Torch knows no tensors that are read-only, and says so to the user where
    an array is; whether one was written the guard finds out.  The caller
    holds the vector.
    """
    import torch
    return torch.from_numpy(np.asarray(_Same(vector)))
