"""Prepared files: images as all ranks of a node map them into memory.

    bytes    what
    8        b'\\x93ASPISIM'
    4        version of the format, little-endian
    4        length of the head, little-endian
    …        the head, JSON: `Head`
    …        images to train on, (n, channels, height, width)
    …        their labels, (n,)
    …        images held out
    …        their labels

Pixels and labels are bytes, the last index fastest; each of the four arrays
begins at the next multiple of 4,096 bytes, and the file ends with the last.
"""

import hashlib
import json
import os
import struct
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from aspis_mpi.errors import DataError, Unwritable
from aspis_mpi.learning.images.pictures import Pictures, moments
from aspis_mpi.words import reason

MAGIC = b'\x93ASPISIM'
#: Of the format; a reader takes no other.
VERSION = 1
START = struct.Struct('<8sII')
#: Where arrays may begin: at whole pages.
PAGE = 4096
#: Bytes of a head, at most.
LONGEST = 1 << 16


@dataclass(frozen=True)
class Head:
    """All that is known of the images but themselves.

    Attributes
    ----------
    name : str
        Of the set.
    proof : str
        What is known of its files, see `imageset`.
    classes : int
    shape : list of int
        Channels, height and width of an image.
    train, held_out : int
        Numbers of images.
    mean, deviation : list of float
        Of each channel, over all pixels that are trained on, from 0 to 1.
    sha256 : str
        Of the four arrays, one after another.
    """

    name: str
    proof: str
    classes: int
    shape: list
    train: int
    held_out: int
    mean: list
    deviation: list
    sha256: str

    @property
    def told(self):
        """All of it in a line, for the run log."""
        return (f'{self.name}, {self.train:,} images and {self.held_out:,} '
                f'held out, {self.proof}, sha256 {self.sha256}')


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images that can be computed with.

    Attributes
    ----------
    head : Head
    train, held_out : Pictures
        Read-only.
    n_bytes : int
        Memory of a rank that has them; nothing where they are mapped.
    """

    head: Head
    train: Pictures
    held_out: Pictures
    n_bytes: int = 0


def of(name, classes, loaded):
    """Images that have been loaded, in memory.

    Parameters
    ----------
    name : str
        Of the set.
    classes : int
    loaded : Loaded

    Returns
    -------
    Prepared
    """
    pair = [Pictures(_own(it.images), _own(it.labels))
            for it in (loaded.train, loaded.held_out)]
    arrays = _arrays(*pair)
    mean, deviation = moments(pair[0].images)
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(array)
    return Prepared(Head(
        name, loaded.proof, classes, list(pair[0].images.shape[1:]),
        *map(len, pair), mean, deviation, hashed.hexdigest()),
        *pair, sum(array.nbytes for array in arrays))


def _own(array):
    """A read-only array in the order of the file."""
    array = np.ascontiguousarray(array).view()
    array.setflags(write=False)
    return array


def _arrays(train, held_out):
    return [train.images, train.labels, held_out.images, held_out.labels]


# --- writing -----------------------------------------------------------

def write(path, images):
    """Write a prepared file; it has its name when all of it is on the disk.

    Parameters
    ----------
    path : Path
        Its folder is made when it is missing.
    images : Prepared

    Raises
    ------
    Unwritable
    """
    path = Path(os.path.realpath(path))
    begun = path.with_name(f'.{path.name}.{os.getpid()}.unfinished')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(begun, 'xb') as file:
                _write(file, images)
                file.flush()
                os.fsync(file.fileno())
            begun.replace(path)
        finally:
            begun.unlink(missing_ok=True)
    except OSError as error:
        raise Unwritable(f'{path}: {reason(error)}') from error


def _write(file, images):
    head = json.dumps(asdict(images.head)).encode()
    file.write(START.pack(MAGIC, VERSION, len(head)) + head)
    for array in _arrays(images.train, images.held_out):
        file.write(bytes(-file.tell() % PAGE))
        file.write(array)


# --- reading -----------------------------------------------------------

def opened(path):
    """The images of a prepared file, mapped once in a process.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Prepared

    Raises
    ------
    DataError
        There is no such file, or it is of another kind or version, or not
        whole.
    """
    try:
        it = os.stat(path)
        return _opened(os.path.abspath(path), it.st_ino, it.st_size,
                       it.st_mtime_ns)
    except OSError as error:
        raise DataError(f"'{os.path.abspath(path)}': "
                        f'{reason(error)}') from error


@lru_cache(maxsize=4)
def _opened(path, _inode, size, _time):
    with open(path, 'rb') as file:
        head, length = _head(file, path)
    places, end = _places(head, length)
    if size != end:
        state = 'is truncated' if size < end else 'is too long'
        raise DataError(f"'{path}': {state}: it has {size:,} bytes, its head "
                        f'tells of {end:,}')
    # A view of another class than numpy's own would cost time at each item.
    whole = np.asarray(np.memmap(path, np.uint8, 'r'))
    arrays = [whole[at:at + int(np.prod(shape))].reshape(shape)
              for at, shape in places]
    pair = Pictures(*arrays[:2]), Pictures(*arrays[2:])
    if max(int(part.labels.max()) for part in pair) >= head.classes:
        raise DataError(f"'{path}': is damaged: it has labels above "
                        f'{head.classes - 1}')
    return Prepared(head, *pair)


def _head(file, path):
    """The head of a file, and where it ends."""
    start = file.read(START.size)
    if len(start) < START.size or not start.startswith(MAGIC):
        raise DataError(f"'{path}': is no prepared file; make one: {COMMAND}")
    _, version, length = START.unpack(start)
    if version != VERSION:
        raise DataError(f"'{path}': has version {version} of the format, "
                        f'this program reads {VERSION}; prepare it again: '
                        f'{COMMAND}')
    raw = file.read(min(length, LONGEST))
    try:
        head = Head(**json.loads(raw))
        _check(head)
    except (ValueError, TypeError) as error:
        raise DataError(f"'{path}': its head is damaged; prepare it again: "
                        f'{COMMAND}') from error
    return head, START.size + length


#: How a prepared file is made.
COMMAND = 'python -m aspis_mpi prepare NAME PATH -o FILE'


def _check(head):
    """Raise a ValueError or TypeError unless a head can be one."""
    counts = [head.classes, head.train, head.held_out, *head.shape]
    if min(counts) < 1 or not all(isinstance(it, int) for it in counts):
        raise ValueError('counts')
    numbers = np.array([head.mean, head.deviation], dtype=float)
    if numbers.shape != (2, head.shape[0]) or len(head.shape) != 3 or (
            not np.isfinite(numbers).all() or (numbers[1] <= 0).any()):
        raise ValueError('moments')
    if not all(isinstance(it, str)
               for it in (head.name, head.proof, head.sha256)):
        raise TypeError('texts')


def _places(head, at):
    """Begin and shape of each array, and where the last ends."""
    places = []
    for n in head.train, head.held_out:
        for shape in (n, *head.shape), (n,):
            at += -at % PAGE
            places.append((at, shape))
            at += int(np.prod(shape, dtype=object))
    return places, at
