"""Classifiers whose layers are a module of torch, made at its first use."""

import re
from functools import cached_property

from aspis_mpi.learning.adapter import kernels
from aspis_mpi.learning.adapter.losses import CrossEntropy
from aspis_mpi.learning.adapter.network import Network
from aspis_mpi.learning.devices import device_of_rank
from aspis_mpi.learning.model import Model


class TorchModel(Model):
    """A classifier that is a module of torch.

    One of your own says its layers and writes `image` and `module`.

    Parameters
    ----------
    layers : dict of str to tuple of int
        Names and shapes of the module's parameters, in its order.
    device : str
        Where torch computes: `cpu`, `cuda` (one of the node's devices for
        each local rank, in turn) or `cuda:1`.

    Notes
    -----
    Equal inputs give equal bits on the same kind of device, build of torch
    and number of threads, which is left as the rank has it.
    """

    needs = 'torch'

    def __init__(self, layers, device):
        if not re.fullmatch(r'cpu|cuda(:\d+)?', device):
            raise ValueError(f"device '{device}' must be cpu, cuda or cuda:N")
        self.device = device
        super().__init__(layers)

    def initial(self, generator):
        """As of every model; what only scales a layer begins with 1."""
        parameters = super().initial(generator)
        for name, view in zip(self.layers, self.views(parameters)):
            if view.ndim == 1 and name.endswith('weight'):
                view.fill(1)
        return parameters

    def image(self):
        """Channels, rows and columns of an input, a tuple of int."""
        raise NotImplementedError(f'{type(self).__name__}.image')

    def module(self):
        """A new `torch.nn.Module` of images, with these layers."""
        raise NotImplementedError(f'{type(self).__name__}.module')

    @cached_property
    def _place(self):
        """The device of this rank."""
        import torch
        return device_of_rank(self.device, torch.cuda.device_count())

    @cached_property
    def _network(self):
        # What it draws is overwritten: nobody else's numbers are used up.
        with kernels.seeded(0, self._place):
            module = self.module().to(self._place)
        return Network(module, CrossEntropy(), self._place)

    def logits(self, parameters, inputs):
        self._network.flat.load(parameters)
        return self._network.outputs(self._images(inputs)).numpy(force=True)

    def gradient(self, parameters, inputs, labels, out):
        import torch
        self._network.gradient(
            parameters, self._images(inputs), torch.tensor(
                labels, device=self._place), out)

    def _images(self, inputs):
        """A copy of some inputs on the device."""
        import torch
        return torch.tensor(inputs, device=self._place).view(
            -1, *self.image())
