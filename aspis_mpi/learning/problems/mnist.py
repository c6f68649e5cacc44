"""The 5,000 digits of MNIST, for models of the package."""

from functools import cache

import numpy as np

from aspis_mpi.arrays import sealed
from aspis_mpi.learning.images import prepared
from aspis_mpi.learning.images.imageset import IN_LOG
from aspis_mpi.learning.images.scaling import Scaling
from aspis_mpi.learning.images.sets.mnist_5k import Mnist5k
from aspis_mpi.learning.labelled import Labelled

#: Pixels an image.
N_PIXELS = 28 * 28


class Mnist5kProblem(Labelled):
    """5,000 digits of MNIST, 4,000 to train and 1,000 held out.

    The images of `images` with `data = "mnist-5k"`, scaled as there, for a
    model of the package: with `mlp` no run has to wait for torch.

    Parameters
    ----------
    seed : int
        The seed of the job; the data do not depend on it.
    model : aspis_mpi.learning.model.Model
        The classifier, for 784 inputs and 10 classes.
    """

    name = 'mnist-5k'
    needs = Mnist5k.needs
    model_inputs = N_PIXELS, len(Mnist5k.counts[0])
    n_samples = sum(Mnist5k.counts[0])
    # A float and a byte a pixel.
    data_bytes = 5 * N_PIXELS * sum(map(sum, Mnist5k.counts))

    @property
    def training(self):
        """Inputs (4000, 784) float32 and labels (4000,)."""
        return _loaded()[1]

    @property
    def held_out(self):
        """Inputs (1000, 784) float32 and labels (1000,)."""
        return _loaded()[2]

    def fingerprints(self):
        return {IN_LOG: _loaded()[0]}


@cache
def _loaded():
    """A line about the images for the log, and both parts of them.

    They are loaded once for all ranks of a simulation.
    """
    images = Mnist5k()
    found = prepared.of(images.name, images.classes, images.load())
    scaling = Scaling(found.head)
    parts = [(sealed(scaling.scaled(it.images).reshape(-1, N_PIXELS)),
              sealed(it.labels.astype(np.intp)))
             for it in (found.train, found.held_out)]
    return found.head.told, *parts
