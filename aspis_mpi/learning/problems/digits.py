"""Real handwritten digits of 8×8 pixels, and their fixed split."""

import os
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import sealed
from aspis_mpi.files import numbers, texts
from aspis_mpi.learning.labelled import Labelled

#: Pixels an image, its largest pixel value, classes.
N_PIXELS, BRIGHTEST, N_CLASSES = 64, 16, 10
#: The images of this package, and how many there are.
PACKAGED = Path(__file__).parents[1] / 'data' / 'digits.csv.gz'
N_PACKAGED = 1797


class Digits(Labelled):
    """1,797 real handwritten digits, 1,437 to train and 360 held out.

    The images that scikit-learn ships, too (UCI, Alpaydin and Kaynak 1998).
    Pixels are scaled to between 0 and 1; the split is the same for every seed.

    Parameters
    ----------
    seed : int
        The seed of the job; the data do not depend on it.
    model : aspis_mpi.learning.model.Model
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
    model_inputs = (N_PIXELS, N_CLASSES)

    def __init__(self, seed, model, *, path: str | None = None):
        if path is not None and not Path(path).is_file():
            raise ValueError(f"path '{Path(path).absolute()}' must be a file "
                             'of digits; '
                             'there is none')
        super().__init__(seed, model)
        self.path = path

    @cached_property
    def n_samples(self):
        """Number of training images; reads a file of the user's own."""
        return self._n_images * 4 // 5

    @cached_property
    def data_bytes(self):
        """The images as they are read, and as they are scaled."""
        return 8 * self._n_images * N_PIXELS

    @property
    def _n_images(self):
        if self.path is None:
            return N_PACKAGED
        return sum(len(labels) for _, labels in self._split)

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
    """A key that tells a file from others, and from itself once changed."""
    if path is None or not os.path.exists(path):
        return None
    it = os.stat(path)
    return it.st_dev, it.st_ino, it.st_size, it.st_mtime_ns


def _own(path):
    """The images of a user's file, checked."""
    try:
        table = numbers.parsed(texts.read(path), ',', np.float32)
        _check(table)
    except OSError as error:
        raise ValueError(f"path '{path}': {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"path '{path}': {error}") from error
    return table.values


def _check(table):
    """Raise a ValueError unless a table has images and labels."""
    images = table.values
    if images.shape[1] != N_PIXELS + 1 or len(images) < 2:
        raise ValueError(
            f'must have at least 2 lines of {N_PIXELS} pixels and a label, '
            f'{N_PIXELS + 1} numbers; it has {images.shape[0]} of '
            f'{images.shape[1]}')
    wrong = ~((images >= 0) & (images <= BRIGHTEST))
    wrong[:, -1] = ~np.isin(images[:, -1], range(N_CLASSES))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        what = (f'a label, one of 0 to {N_CLASSES - 1}' if column == N_PIXELS
                else f'a pixel, from 0 to {BRIGHTEST}')
        raise ValueError(f'{table.place(row, column)} is '
                         f'{images[row, column]:g}, must be {what}')


def _read(path):
    """The table of the packaged images, unpacked."""
    return np.loadtxt(path, delimiter=',', dtype=np.float32, ndmin=2)
