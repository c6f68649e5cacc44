"""A small convolutional network in torch, imported at its first use."""

import re
from functools import cached_property
from math import isqrt

from aspis_mpi.learning.devices import device_of_rank
from aspis_mpi.learning.model import Model, check_sizes


class ConvNet(Model):
    """Two convolutions, a pooling and a linear layer (torch).

    3×3 convolutions with 16 and 32 channels, each rectified, 2×2 maximum
    pooling, one linear layer.

    Parameters
    ----------
    n_inputs, n_classes : int
        Pixels of a square grey image of even side, and classes; 64 and 10
        make 9,930 parameters.
    device : str
        Where torch computes: `cpu`, `cuda` (one of the node's devices for
        each local rank, in turn) or `cuda:1`.

    Notes
    -----
    Equal inputs give equal bits on the same kind of device, build of torch
    and number of threads, which is left as the rank has it.
    """

    name = 'convnet'
    needs = 'torch'

    def __init__(self, n_inputs, n_classes, *, device: str = 'cpu'):
        check_sizes(n_inputs, n_classes)
        side = isqrt(n_inputs)
        if side * side != n_inputs or side % 2:
            raise ValueError(f'n_inputs {n_inputs} must be the pixels of a '
                             f'square image of even side')
        if not re.fullmatch(r'cpu|cuda(:\d+)?', device):
            raise ValueError(f"device '{device}' must be cpu, cuda or cuda:N")
        self.side = side
        self.device = device
        super().__init__({'conv1.weight': (16, 1, 3, 3),
                          'conv1.bias': (16,),
                          'conv2.weight': (32, 16, 3, 3),
                          'conv2.bias': (32,),
                          'output.weight': (n_classes, 8 * n_inputs),
                          'output.bias': (n_classes,)})

    @cached_property
    def _place(self):
        """The device of this rank."""
        import torch
        return device_of_rank(self.device, torch.cuda.device_count())

    def logits(self, parameters, inputs):
        import torch
        with torch.no_grad(), _reproducible():
            return self._forward(self._tensors(parameters), inputs).numpy(
                force=True)

    def gradient(self, parameters, inputs, labels, out):
        import torch
        layers = self._tensors(parameters)
        targets = torch.tensor(labels, device=self._place)
        with _reproducible():
            loss = torch.nn.functional.cross_entropy(
                self._forward(layers, inputs), targets, reduction='sum')
            gradients = torch.autograd.grad(loss, layers)
        for view, gradient in zip(self.views(out), gradients):
            view += gradient.numpy(force=True)

    def _tensors(self, parameters):
        """The layers as leaves of torch's graph, copied to the device."""
        import torch
        return [torch.tensor(view, device=self._place, requires_grad=True)
                for view in self.views(parameters)]

    def _forward(self, layers, inputs):
        """Logits, a tensor of shape (n, n_classes)."""
        import torch
        from torch.nn.functional import conv2d, linear, max_pool2d
        weight1, bias1, weight2, bias2, weight3, bias3 = layers
        x = torch.tensor(inputs, device=self._place)
        x = x.view(-1, 1, self.side, self.side)
        x = conv2d(x, weight1, bias1, padding=1).relu()
        x = conv2d(x, weight2, bias2, padding=1).relu()
        return linear(max_pool2d(x, 2).flatten(1), weight3, bias3)


def _reproducible():
    """cuDNN without atomics, trials or reduced precision, for equal bits."""
    from torch.backends import cudnn
    return cudnn.flags(enabled=True, benchmark=False, deterministic=True,
                       allow_tf32=False)
