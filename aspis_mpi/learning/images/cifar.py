"""Sets in the binary format of CIFAR; its pickles are never opened."""

from pathlib import Path

import numpy as np

from aspis_mpi.errors import DataError
from aspis_mpi.learning.images import imageset, sources
from aspis_mpi.learning.images.imageset import ADVICE, ImageSet
from aspis_mpi.learning.images.pictures import Pictures

#: Files of the version for Python.
PICKLES = ('data_batch_1', 'train', 'cifar-10-python.tar.gz',
           'cifar-100-python.tar.gz')


class CifarSet(ImageSet):
    """A set of records of labels and pixels, all files in one archive.

    Attributes
    ----------
    archive, folder : str
        Names of the archive, and of the folder in it.
    files : tuple of tuple of str
        To train on, and held out.
    labels : int
        Labels of a record, a byte each; the last one counts.
    """

    shape = (3, 32, 32)
    archive: str
    folder: str
    files: tuple
    labels: int

    def read(self, path, checked):
        path = Path(path)
        names = [name for part in self.files for name in part]
        place, raw = self._found(path, names, checked)
        for name in names:
            if name not in raw:
                raise DataError(f'{place}: has no {name}' + _hint(
                    path, self.archive))
        parts = [(place, self._joined(place, part, raw, counts, checked))
                 for part, counts in zip(self.files, self.counts)]
        proof = (imageset.UNCHECKED if not checked else
                 imageset.BY_SIZES if place.is_dir() else
                 imageset.BY_CHECKSUMS)
        return parts, proof

    def _found(self, path, names, checked):
        """The archive or the folder, and the bytes of its files by name."""
        if (path / self.archive).is_file():
            path /= self.archive
        if path.is_dir():
            if (path / self.folder).is_dir():
                path /= self.folder
            return path, {name: sources.read(path / name) for name in names
                          if (path / name).is_file()}
        if path.name in PICKLES:
            raise DataError(f'{path}' + _hint(path, self.archive))
        if checked:
            sources.check_md5(path, self.checksums[self.archive])
        return path, sources.members(path, names)

    def _joined(self, place, names, raw, counts, checked):
        """The `Pictures` of several files, one after another."""
        length = self.labels + int(np.prod(self.shape))
        for name in names:
            n, rest = divmod(len(raw[name]), length)
            if rest:
                raise DataError(f'{place}: {name} has {len(raw[name]):,} '
                                f'bytes, no multiple of the {length:,} of a '
                                f'record of {self.name}')
            expected = sum(counts) // len(names)
            if checked and n != expected:
                raise DataError(f'{place}: {name} has {n:,} images, that of '
                                f'{self.name} {expected:,}; {ADVICE}')
        records = np.frombuffer(b''.join(raw[name] for name in names),
                                np.uint8).reshape(-1, length)
        return Pictures(
            records[:, self.labels:].reshape(-1, *self.shape),
            records[:, self.labels - 1])


def _hint(path, archive):
    """Advice where there are pickles, as the end of a sentence."""
    if path.name not in PICKLES and not any(
            (path / name).exists() for name in PICKLES):
        return ''
    return (': that is the version for Python, pickles, which are never '
            f'opened; get the binary version, {archive}')
