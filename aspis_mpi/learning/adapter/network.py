"""A module that computes: gradients into a vector, outputs, what is saved."""

from aspis_mpi.learning.adapter import kernels, making
from aspis_mpi.learning.adapter.flat import Flat
from aspis_mpi.learning.adapter.norms import Norms


class Network:
    """A module whose trained parameters are a vector of the caller's.

    Parameters
    ----------
    module : torch.nn.Module
        On its device.
    loss : Loss
        See `losses`.
    place : str
        The device.

    Attributes
    ----------
    flat : Flat
    norms : Norms
    loss : Loss
    """

    def __init__(self, module, loss, place='cpu'):
        self.module = module
        if not module.training:
            module.train()
        self._modes = [(it, it.training) for it in module.modules()]
        self._trains = True
        self._place = place
        self.norms = Norms(module)
        self.flat = Flat(module)
        self.loss = loss

    @property
    def kind(self):
        """The type of the first parameter, which inputs are given."""
        return next(self.module.parameters()).dtype

    @property
    def n_bytes(self):
        """Memory of the module's tensors, besides vectors of the caller's."""
        return sum(it.nbytes for it in making.tensors(self.module).values()
                   if not (self.flat.shares and it.requires_grad))

    def gradient(self, vector, inputs, targets, out, step=None):
        """Add the sum of the samples' gradients to `out`.

        Parameters
        ----------
        vector, out : ndarray of float32, shape (d,)
        inputs, targets
            On the device.
        step : int, optional
            See `Flat.load`.
        """
        self.flat.load(vector, step)
        self._train(True)
        with kernels.reproducible(self._place):
            total = self.loss.total(self.module(inputs), targets)
            self.flat.backward(total, out)

    def total(self, inputs, targets):
        """The sum of some samples' losses in training, a tensor.

        Of the parameters that were loaded last.
        """
        self._train(True)
        with kernels.reproducible(self._place):
            return self.loss.total(self.module(inputs), targets)

    def outputs(self, inputs):
        """Outputs of the module for some inputs in evaluation."""
        import torch
        self._train(False)
        with torch.no_grad(), kernels.reproducible(self._place):
            return self.module(inputs)

    def settle(self, vector, batches):
        """Be ready for evaluation with a vector.

        Parameters
        ----------
        vector : ndarray of float32, shape (d,)
        batches : iterable
            Inputs of the sample from which statistics are set; it is not
            touched where there are none.
        """
        # Who evaluates needs no gradient, or another one only later.
        self.flat.release()
        self.flat.load(vector)
        if self.norms:
            self.norms.set(lambda: self._pass(batches))

    def _pass(self, batches):
        import torch
        self._train(True)
        with torch.no_grad(), kernels.reproducible(self._place):
            for inputs in batches:
                self.module(inputs)

    def state(self):
        """A copy of all that a `state_dict` has, by its names."""
        import torch
        return {name: it.detach().to('cpu', copy=True) for name, it
                in self.module.state_dict().items()
                if isinstance(it, torch.Tensor)}

    def digests(self):
        """Hashes of what is neither trained nor set again, by name."""
        return making.digests(self.module, self.norms.names)

    def _train(self, trains):
        """Put the module into training, as it was made, or evaluation."""
        if trains == self._trains:
            return
        self._trains = trains
        for layer, trained in self._modes:
            layer.training = trains and trained
