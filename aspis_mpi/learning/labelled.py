"""Problems of a model of the package: labelled samples in memory."""

from copy import copy

from aspis_mpi.arrays import sealed
from aspis_mpi.learning.problem import Problem


class Labelled(Problem):
    """A classifier of the package, on labelled samples in memory.

    A set of data is a subclass that has `model_inputs`, of which the second
    number is that of the classes, `n_samples`, `training` and `held_out`.

    Parameters
    ----------
    seed : int
        The seed of the job; the data do not depend on it.
    model : aspis_mpi.learning.model.Model
        The classifier.

    Attributes
    ----------
    training, held_out : tuple of ndarray
        Inputs (n, n_inputs) float32 and labels (n,).
    """

    default_model = 'mlp'

    def __init__(self, seed, model):
        self.seed = seed
        self.model = model
        self.n_parameters = model.n_parameters

    def flipped(self):
        """See `Problem.flipped`."""
        twin, (inputs, labels) = copy(self), self.training
        twin.training = inputs, sealed(self.model_inputs[1] - 1 - labels)
        return twin

    def tensor_sizes(self):
        """The layers of the model."""
        return self.model.sizes()

    def initial(self, generator):
        return self.model.initial(generator)

    def gradient(self, parameters, samples, out):
        inputs, labels = self.training
        self.model.gradient(parameters, inputs[samples], labels[samples], out)

    def loss(self, parameters):
        return self.model.evaluate(parameters, *self.training).loss

    def evaluate(self, parameters):
        return self.model.evaluate(parameters, *self.held_out)

    def export(self, parameters):
        return self.model.export(parameters)
