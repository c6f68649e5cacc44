"""A small convolutional network in torch, imported at its first use."""

from collections import OrderedDict
from math import isqrt

from aspis_mpi.learning.adapter.layers import convolution, linear
from aspis_mpi.learning.adapter.model import TorchModel
from aspis_mpi.learning.model import check_sizes


class ConvNet(TorchModel):
    """Two convolutions, a pooling and a linear layer (torch).

    3×3 convolutions with 16 and 32 channels, each rectified, 2×2 maximum
    pooling, one linear layer.

    Parameters
    ----------
    n_inputs, n_classes : int
        Pixels of a square grey image of even side, and classes; 64 and 10
        make 9,930 parameters.
    device : str
        See `TorchModel`.
    """

    name = 'convnet'

    def __init__(self, n_inputs, n_classes, *, device: str = 'cpu'):
        check_sizes(n_inputs, n_classes)
        side = isqrt(n_inputs)
        if side * side != n_inputs or side % 2:
            raise ValueError(f'n_inputs {n_inputs} must be the pixels of a '
                             f'square image of even side')
        self.side = side
        super().__init__({'conv1.weight': (16, 1, 3, 3),
                          'conv1.bias': (16,),
                          'conv2.weight': (32, 16, 3, 3),
                          'conv2.bias': (32,),
                          'output.weight': (n_classes, 8 * n_inputs),
                          'output.bias': (n_classes,)}, device)

    def image(self):
        return 1, self.side, self.side

    def module(self):
        from torch import nn
        return nn.Sequential(OrderedDict(
            conv1=convolution(self.layers['conv1.weight'], padding=1),
            open1=nn.ReLU(),
            conv2=convolution(self.layers['conv2.weight'], padding=1),
            open2=nn.ReLU(), pool=nn.MaxPool2d(2), flat=nn.Flatten(),
            output=linear(self.layers['output.weight'])))
