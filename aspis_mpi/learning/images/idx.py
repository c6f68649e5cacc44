"""Sets in IDX files, the format that MNIST was published in."""

from pathlib import Path

import numpy as np

from aspis_mpi.errors import DataError
from aspis_mpi.learning.images import imageset, sources
from aspis_mpi.learning.images.imageset import ImageSet
from aspis_mpi.learning.images.pictures import Pictures

#: The number of bytes as entries' type.
BYTES = 0x08
#: Names of the four files; packed ones end in .gz.
FILES = (('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
         ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'))


class IdxSet(ImageSet):
    """A set of four IDX files in a folder, packed by gzip or not."""

    shape = (1, 28, 28)

    def read(self, path, checked):
        if not Path(path).is_dir():
            raise DataError(f'{path}: must be a folder with the four files '
                            f'of {self.name}, {FILES[0][0]}.gz and so on')
        found = [[_Found(path, name, dimensions, self.checksums, checked)
                  for name, dimensions in zip(names, (3, 1))]
                 for names in FILES]
        packed = all(it.packed for pair in found for it in pair)
        proof = (imageset.UNCHECKED if not checked else
                 imageset.BY_CHECKSUMS if packed else imageset.BY_SIZES)
        return [(images.path, Pictures(images.values[:, None], labels.values))
                for images, labels in found], proof


class _Found:
    """One of the files: where it lies, and the array in it."""

    def __init__(self, folder, name, dimensions, checksums, checked):
        self.path = _place(Path(folder), name)
        raw = sources.read(self.path)
        self.packed = raw.startswith(sources.GZIP)
        if self.packed:
            if checked:
                sources.check_md5(self.path, checksums[f'{name}.gz'])
            raw = sources.unpacked(raw, self.path)
        self.values = parsed(raw, self.path, dimensions)


def _place(folder, name):
    """The path of a file; the packed one, whose checksum tells more."""
    # Some programs unpack them to names with a dot.
    dotted = name.replace('-idx', '.idx')
    names = [f'{name}.gz', f'{dotted}.gz', name, dotted]
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    raise DataError(f'{folder}: has neither {names[0]} nor {name}')


def parsed(raw, path, dimensions):
    """The array in an IDX file.

    Two zero bytes, the entries' type, the number of dimensions; the sizes,
    as big-endian numbers of four bytes; the entries, the last index fastest.

    Parameters
    ----------
    raw : bytes
    path : Path
        For messages.
    dimensions : int
        That it must have.

    Returns
    -------
    ndarray of uint8

    Raises
    ------
    DataError
    """
    wanted = bytes([0, 0, BYTES, dimensions])
    if raw[:4] != wanted:
        raise DataError(f'{path}: begins with 0x{raw[:4].hex()}, an IDX file '
                        f'of bytes in {dimensions} dimensions with '
                        f'0x{wanted.hex()}')
    head = 4 + 4 * dimensions
    if len(raw) < head:
        raise DataError(f'{path}: is truncated: it has {len(raw)} bytes')
    sizes = np.frombuffer(raw, '>u4', dimensions, 4).tolist()
    size = head + int(np.prod(sizes, dtype=object))
    if len(raw) != size:
        state = 'is truncated' if len(raw) < size else 'is too long'
        raise DataError(f'{path}: {state}: it has {len(raw):,} bytes, its '
                        f'head tells of {size:,}')
    return np.frombuffer(raw, np.uint8, offset=head).reshape(sizes)
