"""A perceptron with one hidden layer in numpy, lean for small files."""

import numpy as np

from aspis_mpi.learning import softmax
from aspis_mpi.learning.model import Model, check_sizes


class Perceptron(Model):
    """Multilayer perceptron: one hidden layer of rectified units.

    Parameters
    ----------
    n_inputs, n_classes : int
        Sizes of the problem's samples; 64 and 10 make 4,810 parameters.
    hidden : int
        Units of the hidden layer.
    """

    name = 'mlp'

    def __init__(self, n_inputs, n_classes, *, hidden: int = 64):
        check_sizes(n_inputs, n_classes)
        if hidden < 1:
            raise ValueError(f'hidden {hidden} must be at least 1')
        super().__init__({'hidden.weight': (hidden, n_inputs),
                          'hidden.bias': (hidden,),
                          'output.weight': (n_classes, hidden),
                          'output.bias': (n_classes,)})

    def logits(self, parameters, inputs):
        with np.errstate(over='ignore', invalid='ignore'):
            return _forward(self.views(parameters), inputs)[1]

    def gradient(self, parameters, inputs, labels, out):
        layers = self.views(parameters)
        to_weight1, to_bias1, to_weight2, to_bias2 = self.views(out)
        with np.errstate(over='ignore', invalid='ignore'):
            hidden, logits = _forward(layers, inputs)

            # Output layer: delta = softmax - onehot.
            delta = softmax.residual(logits, labels)
            to_weight2 += delta.T @ hidden
            to_bias2 += np.add.reduce(delta, axis=0)

            # Hidden layer: delta goes back through the open units.
            delta = delta @ layers[2]
            delta *= hidden > 0
            to_weight1 += delta.T @ inputs
            to_bias1 += np.add.reduce(delta, axis=0)


def _forward(layers, inputs):
    """Hidden units (n, hidden) and logits (n, n_classes)."""
    weight1, bias1, weight2, bias2 = layers
    hidden = inputs @ weight1.T
    hidden += bias1
    np.maximum(hidden, 0, out=hidden)
    logits = hidden @ weight2.T
    logits += bias2
    return hidden, logits
