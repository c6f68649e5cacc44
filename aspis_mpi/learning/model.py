"""The base of every model: named layers in one flat vector, a score."""

from collections.abc import Mapping
from math import prod

import numpy as np

from aspis_mpi.arrays import Ints, Vector
from aspis_mpi.learning import softmax
from aspis_mpi.learning.problem import Score


class Model:
    """A classifier whose parameters are one flat float32 vector.

    A model of your own subclasses this, names its layers, and writes
    `logits` and `gradient`.

    Parameters
    ----------
    layers : dict of str to tuple of int
        Shapes of the arrays in the order in which they lie in the vector.
        Names and shapes are those of torch, weights (outputs, inputs, …)
        and biases (outputs,), so that a saved model loads there as it is.

    Attributes
    ----------
    n_parameters : int
        d.
    needs : str
        Libraries without which it cannot compute, with blanks between them;
        any part may have this.
    """

    needs = ''

    def __init__(self, layers: Mapping[str, tuple[int, ...]]):
        self.layers = dict(layers)
        ends = np.cumsum([prod(shape) for shape in self.layers.values()])
        starts = [0, *ends[:-1].tolist()]
        self.n_parameters = int(ends[-1])
        self._places = [
            (slice(start, end), shape) for start, end, shape
            in zip(starts, ends.tolist(), self.layers.values())]

    def views(self, vector: Vector) -> list[Vector]:
        """The layers inside a flat vector, without copying."""
        return [vector[place].reshape(shape) for place, shape in self._places]

    def sizes(self) -> dict[str, int]:
        """Numbers of entries of the layers, by their names."""
        return {name: prod(shape) for name, shape in self.layers.items()}

    def initial(self, generator: np.random.Generator) -> Vector:
        """He's initial weights, N(0, 2/inputs), and zero biases.

        References
        ----------
        He et al., "Delving deep into rectifiers", ICCV 2015, eq. 10.
        """
        parameters = np.zeros(self.n_parameters, dtype=np.float32)
        for layer in self.views(parameters):
            if layer.ndim > 1:
                generator.standard_normal(out=layer, dtype=np.float32)
                layer *= (2 / prod(layer.shape[1:])) ** 0.5
        return parameters

    def logits(self, parameters: Vector, inputs: Vector) -> Vector:
        """Unnormalised log-probabilities of the classes.

        Parameters
        ----------
        parameters : ndarray of float32, shape (n_parameters,)
        inputs : ndarray of float32, shape (n, n_inputs)

        Returns
        -------
        ndarray of float32, shape (n, n_classes)
        """
        raise NotImplementedError(f'{type(self).__name__}.logits')

    def gradient(self, parameters: Vector, inputs: Vector, labels: Ints,
                 out: Vector) -> None:
        """Add the sum of the samples' cross-entropy gradients to `out`.

        Parameters
        ----------
        parameters : ndarray of float32, shape (n_parameters,)
            Not written.
        inputs : ndarray of float32, shape (n, n_inputs)
        labels : ndarray of int, shape (n,)
        out : ndarray of float32, shape (n_parameters,)
        """
        raise NotImplementedError(f'{type(self).__name__}.gradient')

    def evaluate(self, parameters: Vector, inputs: Vector,
                 labels: Ints) -> Score:
        """The `Score` of the parameters on labelled inputs."""
        return softmax.score(self.logits(parameters, inputs), labels)

    def export(self, parameters: Vector) -> dict[str, Vector]:
        """A copy of each layer, by its name."""
        views = self.views(parameters)
        return {name: view.copy() for name, view in zip(self.layers, views)}


def check_sizes(n_inputs: int, n_classes: int) -> None:
    """Raise ValueError unless there is something to classify."""
    if n_inputs < 1:
        raise ValueError(f'n_inputs {n_inputs} must be at least 1')
    if n_classes < 2:
        raise ValueError(f'n_classes {n_classes} must be at least 2')
