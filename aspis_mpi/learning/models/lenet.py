"""LeNet-5 in torch, imported at its first use."""

from math import isqrt

from aspis_mpi.learning import networks
from aspis_mpi.learning.adapter.model import TorchModel
from aspis_mpi.learning.model import check_sizes


class LeNet(TorchModel):
    """LeNet-5: two convolutions with pooling, three linear layers (torch).

    Parameters
    ----------
    n_inputs, n_classes : int
        Pixels of a square grey image of even side, at least 12, and classes;
        784 and 10 make 61,706 parameters.
    device : str
        See `TorchModel`.
    """

    name = 'lenet'

    def __init__(self, n_inputs, n_classes, *, device: str = 'cpu'):
        check_sizes(n_inputs, n_classes)
        side = isqrt(n_inputs)
        if side * side != n_inputs or side % 2 or side < 12:
            raise ValueError(f'n_inputs {n_inputs} must be the pixels of a '
                             'square image of even side, at least 12')
        self.side = side
        self.n_classes = n_classes
        super().__init__(networks.lenet_shapes(side, n_classes), device)

    def image(self):
        return 1, self.side, self.side

    def module(self):
        return networks.lenet(self.side, self.n_classes)
