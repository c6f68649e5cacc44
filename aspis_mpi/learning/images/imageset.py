"""The base of sets of images: what each must be, and how that is checked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aspis_mpi.errors import DataError
from aspis_mpi.learning.images.pictures import Pictures

#: The name under which a log has what is told of the images of a run: no
#: file or tensor of a user's is called so.
IN_LOG = 'set of images'

#: What is known of images, for people and for the log.
UNCHECKED = 'not checked'
BY_SIZES = 'checked by sizes and counts'
BY_CHECKSUMS = 'checked by published checksums'


@dataclass(frozen=True, eq=False)
class Loaded:
    """A set that has been read.

    Attributes
    ----------
    train, held_out : Pictures
    proof : str
        `UNCHECKED`, `BY_SIZES` or `BY_CHECKSUMS`.
    """

    train: Pictures
    held_out: Pictures
    proof: str


class ImageSet:
    """A set of images that a name stands for.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Channels, height and width of an image.
    counts : tuple of tuple of int
        Images of each class: to train on, and held out.
    checksums : dict of str to str
        The md5 sum that is published of each official archive.
    packaged : bool
        Whether it comes with a library, and needs no path.
    needs : str
        That library.
    """

    name: str
    shape: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    checksums: dict[str, str] = {}
    packaged = False
    needs = ''

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.counts[0])

    def load(self, path: Path | None = None, checked: bool = True) -> Loaded:
        """Read and check it.

        Parameters
        ----------
        path : Path, optional
            A folder or an archive; None where it is packaged.
        checked : bool
            Whether it must be the official set, not only of its form.

        Returns
        -------
        Loaded

        Raises
        ------
        DataError
        """
        parts, proof = self.read(path, checked)
        for (where, part), counts in zip(parts, self.counts):
            self._check_form(where, part)
            if checked:
                self._check_counts(where, part, counts)
        (_, train), (_, held_out) = parts
        return Loaded(train, held_out, proof)

    def read(self, path: Path | None,
             checked: bool) -> tuple[list[tuple[Path | str, Pictures]], str]:
        """Read it; the form of what is read is checked afterwards.

        Parameters
        ----------
        path : Path or None
        checked : bool

        Returns
        -------
        parts : list of (Path, Pictures)
            To train on, and held out, each with the place that messages
            name.
        proof : str
            `UNCHECKED`, `BY_SIZES` or `BY_CHECKSUMS`.

        Raises
        ------
        DataError
        """
        raise NotImplementedError(f'{type(self).__name__}.read')

    def _check_form(self, where: Path | str, part: Pictures) -> None:
        if part.images.shape[1:] != self.shape:
            raise DataError(f'{where}: has images of '
                            f'{_times(part.images.shape[1:])}, those of '
                            f'{self.name} are {_times(self.shape)}')
        if len(part.images) != len(part.labels):
            raise DataError(f'{where}: has {len(part.images):,} images and '
                            f'{len(part.labels):,} labels')
        if not len(part):
            raise DataError(f'{where}: has no images')
        wrong = np.flatnonzero(part.labels >= self.classes)
        if wrong.size:
            raise DataError(
                f'{where}: image {wrong[0]} has the label '
                f'{part.labels[wrong[0]]}; {self.name} has labels from 0 to '
                f'{self.classes - 1}')

    def _check_counts(self, where: Path | str, part: Pictures,
                      counts: tuple[int, ...]) -> None:
        found = np.bincount(part.labels, minlength=self.classes)
        if len(part) != sum(counts):
            raise DataError(f'{where}: has {len(part):,} images, {self.name} '
                            f'{sum(counts):,} there; {ADVICE}')
        wrong = np.flatnonzero(found != counts)
        if wrong.size:
            raise DataError(
                f'{where}: has {found[wrong[0]]:,} images of class '
                f'{wrong[0]}, {self.name} {counts[wrong[0]]:,} there, so it '
                f'is another set; {ADVICE}')


#: What whoever means it does.
ADVICE = '--unchecked takes it nevertheless'


def _times(shape: tuple[int, ...]) -> str:
    """A shape as people say it.

    >>> _times((1, 28, 28))
    '1×28×28'
    """
    return '×'.join(map(str, shape))
