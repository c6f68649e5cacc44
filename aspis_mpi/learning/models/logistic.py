"""Multinomial logistic regression in numpy."""

import numpy as np

from aspis_mpi.learning import softmax
from aspis_mpi.learning.model import Model, check_sizes


class Logistic(Model):
    """Multinomial logistic regression: one linear layer (convex).

    Parameters
    ----------
    n_inputs, n_classes : int
        Sizes of the problem's samples; 64 and 10 make 650 parameters.
    """

    name = 'logistic'

    def __init__(self, n_inputs, n_classes):
        check_sizes(n_inputs, n_classes)
        super().__init__({'output.weight': (n_classes, n_inputs),
                          'output.bias': (n_classes,)})

    def logits(self, parameters, inputs):
        weight, bias = self.views(parameters)
        with np.errstate(over='ignore', invalid='ignore'):
            return inputs @ weight.T + bias

    def gradient(self, parameters, inputs, labels, out):
        weight, bias = self.views(parameters)
        to_weight, to_bias = self.views(out)
        with np.errstate(over='ignore', invalid='ignore'):
            delta = softmax.residual(inputs @ weight.T + bias, labels)
            to_weight += delta.T @ inputs
            to_bias += np.add.reduce(delta, axis=0)
