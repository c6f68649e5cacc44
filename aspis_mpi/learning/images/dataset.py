"""Images as a data set of torch: scaled, cropped and flipped by its seed."""

import os
from functools import cached_property, lru_cache

import numpy as np

from aspis_mpi import registry
from aspis_mpi.errors import DataError
from aspis_mpi.learning.images import prepared
from aspis_mpi.learning.images.imageset import IN_LOG
from aspis_mpi.learning.images.scaling import Scaling
from aspis_mpi.parts import extras


class Images:
    """Images by number, each with its class: a map-style data set.

    An item is (image, label): float32 of shape (channels, height, width),
    and an int.  Of each pixel, from 0 to 1, the mean of its channel is taken
    and the rest divided by the channel's standard deviation; both are those
    of the images to train on, counted exactly by `aspis_mpi prepare`.

    Parameters
    ----------
    data : str or Path
        A file that `aspis_mpi prepare` has made, or the name of a set that
        comes with a library, `mnist-5k`.
    held_out : bool
        Whether it is the images held out, not those to train on.
    expect : str, optional
        The name of the set that it must be.
    crop : int
        So many black pixels are put around an image, out of which a piece
        of its size is cut, drawn anew in each step.
    flip : bool
        Whether an image is reflected, left for right, every other time.

    Attributes
    ----------
    shape : tuple of int
        Channels, height and width of an image.
    classes : int

    Raises
    ------
    DataError
        There is no such file, it is not whole, it holds another set.

    Notes
    -----
    All processes of a node that map a file share its pages; it is never
    written.  What is drawn comes from torch's default generator: a problem
    of torch seeds it by the job's seed, the step and the sample.
    """

    def __init__(self, data, *, held_out=False, expect=None, crop=0,
                 flip=False):
        name, shape, classes = _known(data)
        if expect is not None and name != expect:
            raise DataError(f"data '{data}' holds {name}, and {expect} is "
                            'expected')
        if not 0 <= crop < min(shape[1:]):
            raise ValueError(f'crop {crop} must be at least 0 and less than '
                             f'the {min(shape[1:])} pixels of an image')
        self._options = data, held_out, expect, crop, flip
        self.shape, self.classes = tuple(shape), classes
        self._data, self._held_out = data, held_out
        self._crop, self._flip = crop, flip

    def __reduce__(self):
        # Whoever copies one maps the same file; pages are not copied.
        return _again, self._options

    @cached_property
    def images(self):
        """All that is prepared."""
        return found(self._data)

    @cached_property
    def _pictures(self):
        return (self.images.held_out if self._held_out
                else self.images.train)

    @cached_property
    def _scaling(self):
        return Scaling(self.images.head)

    def __len__(self):
        return len(self._pictures)

    def __getitem__(self, number):
        image = self._pictures.images[number]
        if self.draws:
            image = self._drawn(image)
        return self._scaling.scaled(image), int(self._pictures.labels[number])

    def fingerprints(self):
        """Knowledge of the images, for the run log."""
        return {IN_LOG: self.images.head.told}

    @property
    def draws(self):
        """True if an item is another one each time."""
        return bool(self._crop or self._flip)

    def gathered(self, numbers):
        """Several items as they are, neither cropped nor flipped.

        Parameters
        ----------
        numbers : ndarray of int, shape (n,)

        Returns
        -------
        images : ndarray of float32, shape (n, channels, height, width)
            With the bits that each has as an item.
        labels : ndarray of int64, shape (n,)
        """
        return (self._scaling.scaled(self._pictures.images[numbers]),
                self._pictures.labels[numbers].astype(np.int64))

    def _drawn(self, image):
        """A piece of an image, or its reflection."""
        import torch
        if self._crop:
            down, right = torch.randint(2 * self._crop + 1, (2,)).tolist()
            image = cut(image, self._crop, down, right)
        if self._flip and torch.randint(2, (1,)).item():
            image = image[:, :, ::-1]
        return image


def cut(image, margin, down, right):
    """A piece of an image, as large as it, with black around it.

    Parameters
    ----------
    image : ndarray, shape (channels, height, width)
    margin : int
        Black pixels on each side.
    down, right : int
        Where the piece begins, from 0 to 2 `margin`.

    >>> cut(np.arange(1, 5).reshape(1, 2, 2), 1, 0, 1).tolist()
    [[[0, 0], [1, 2]]]
    """
    channels, height, width = image.shape
    framed = np.zeros((channels, height + 2 * margin, width + 2 * margin),
                      image.dtype)
    framed[:, margin:margin + height, margin:margin + width] = image
    return framed[:, down:down + height, right:right + width]


def _again(data, held_out, expect, crop, flip):
    return Images(data, held_out=held_out, expect=expect, crop=crop,
                  flip=flip)


def found(data):
    """The images that a path or a name stands for.

    Parameters
    ----------
    data : str or Path
        See `Images`.

    Returns
    -------
    Prepared

    Raises
    ------
    DataError
    """
    if _packaged(data):
        return _loaded(data)
    return prepared.opened(data)


def _packaged(data):
    """True if a name is that of a set which needs no file."""
    part = registry.parts('data').get(os.fspath(data))
    return part is not None and part.packaged


@lru_cache(maxsize=1)
def _loaded(name):
    """A set of a library, loaded once for all ranks of a simulation."""
    it = registry.find('data', name)()
    return prepared.of(name, it.classes, it.load())


def _known(data):
    """Name of a set, shape of its images, number of classes; none is read.

    Raises
    ------
    DataError
        The images cannot be had.
    """
    known = registry.parts('data')
    if _packaged(data):
        for library in extras.missing(known[data]):
            raise DataError(f"data '{data}' needs {extras.advice(library)}")
        part = known[data]()
        return data, part.shape, part.classes
    if os.fspath(data) in known and not os.path.exists(data):
        raise DataError(
            f"data '{data}' must be a file; make one of the official files: "
            f'python -m aspis_mpi prepare {data} PATH -o {data}.images')
    head = prepared.opened(data).head
    return head.name, head.shape, head.classes
