"""ResNet-18 in torch, imported at its first use."""

from math import isqrt

from aspis_mpi.learning import networks
from aspis_mpi.learning.adapter.layers import layers_of
from aspis_mpi.learning.adapter.model import TorchModel
from aspis_mpi.learning.model import check_sizes


class ResNet18(TorchModel):
    """ResNet-18 with group norm, for small images of three colours (torch).

    Parameters
    ----------
    n_inputs, n_classes : int
        Numbers of a square image of three colours, one colour after the
        other, of a side of at least 8; 3,072 and 10 make 11,173,962
        parameters.
    device : str
        See `TorchModel`.
    """

    name = 'resnet18'

    def __init__(self, n_inputs, n_classes, *, device: str = 'cpu'):
        check_sizes(n_inputs, n_classes)
        side = isqrt(n_inputs // 3)
        if 3 * side * side != n_inputs or side < 8:
            raise ValueError(f'n_inputs {n_inputs} must be those of a square '
                             'image of three colours, of a side of at least '
                             '8')
        self.side = side
        self.n_classes = n_classes
        super().__init__(layers_of(self.module), device)

    def image(self):
        return 3, self.side, self.side

    def module(self):
        return networks.resnet18(3, self.n_classes)
