"""Real handwritten digits of 8×8 pixels, and their fixed split."""

import os
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import sealed
from aspis_mpi.learning.problem import Problem

#: Pixels an image, its largest pixel value, classes.
N_PIXELS, BRIGHTEST, N_CLASSES = 64, 16, 10
#: The images of this package, and how many there are.
PACKAGED = Path(__file__).parents[1] / 'data' / 'digits.csv.gz'
N_PACKAGED = 1797


class Digits(Problem):
    """1,797 real handwritten digits, 1,437 to train and 360 held out.

    The images that scikit-learn ships, too (UCI, Alpaydin and Kaynak 1998).
    Pixels are scaled to between 0 and 1; the split is the same for every seed.

    Parameters
    ----------
    seed : int
        The seed of the job; the data do not depend on it.
    model : aspis_mpi.learning.models.base.Model
        The classifier, for 64 inputs and 10 classes.
    path : str, optional
        A file of your own in the same layout, `.csv` or `.csv.gz`: a line
        an image, 64 pixels from 0 to 16 and the label, no header.  Four
        fifths of the images are trained on.

    Raises
    ------
    ValueError
        When there is no such file; at first use, when it is not of that
        layout.
    """

    name = 'digits'
    reads = ('path',)
    default_model = 'mlp'
    model_inputs = (N_PIXELS, N_CLASSES)

    def __init__(self, seed, model, *, path: str | None = None):
        if path is not None and not Path(path).is_file():
            raise ValueError(f"path '{Path(path).absolute()}' must be a file "
                             'of digits; '
                             'there is none')
        self.seed = seed
        self.model = model
        self.path = path
        self.n_parameters = model.n_parameters
        self.data_bytes = 8 * N_PACKAGED * N_PIXELS

    @cached_property
    def n_samples(self):
        """Number of training images; reads a file of the user's own."""
        if self.path is None:
            return N_PACKAGED * 4 // 5
        return len(self.training[1])

    @cached_property
    def _split(self):
        """Inputs and labels of the training, then of the held-out images."""
        return _loaded(self.path, _stamp(self.path))

    @cached_property
    def training(self):
        """Inputs (n_samples, 64) float32 and labels (n_samples,)."""
        return self._split[0]

    @cached_property
    def held_out(self):
        """Inputs (n, 64) float32 and labels (n,)."""
        return self._split[1]

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


@lru_cache(maxsize=1)
def _loaded(path, stamp):
    """The images, split: loaded once for all ranks of a simulation."""
    images = _read(PACKAGED) if path is None else _own(path)
    order = streams.generator(0, 'digits', 'split').permutation(len(images))
    inputs = sealed(images[order, :-1] / np.float32(BRIGHTEST))
    labels = sealed(images[order, -1].astype(np.intp))
    n = len(images) * 4 // 5
    return (inputs[:n], labels[:n]), (inputs[n:], labels[n:])


def _stamp(path):
    """What tells a file from another one, or from itself once changed."""
    if path is None or not os.path.exists(path):
        return None
    it = os.stat(path)
    return it.st_dev, it.st_ino, it.st_size, it.st_mtime_ns


def _own(path):
    """The images of a user's file, checked."""
    try:
        images = _read(path)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"path '{path}' cannot be read: {error}") from error
    if images.shape[1] != N_PIXELS + 1 or len(images) < 2:
        raise ValueError(
            f"path '{path}' must have at least 2 lines of {N_PIXELS} pixels "
            f'and a label; it has {images.shape[0]} of {images.shape[1]}')
    pixels, labels = images[:, :-1], images[:, -1]
    if not ((pixels >= 0) & (pixels <= BRIGHTEST)).all():
        raise ValueError(f"path '{path}' has a pixel outside 0 to {BRIGHTEST}")
    if not np.isin(labels, range(N_CLASSES)).all():
        raise ValueError(f"path '{path}' has a label that is not one of "
                         f'0 to {N_CLASSES - 1}')
    return images


def _read(path):
    """A table of numbers with commas, unpacked where it ends on .gz."""
    return np.loadtxt(path, delimiter=',', dtype=np.float32, ndmin=2)
