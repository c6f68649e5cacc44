"""Made files in the official formats of sets of images."""

import gzip
import io
import tarfile
import tomllib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from aspis_mpi import registry
from aspis_mpi.learning.images.cifar import CifarSet
from aspis_mpi.learning.images.idx import FILES
from aspis_mpi.learning.images.pictures import Pictures
from aspis_mpi.learning.images.preparing import prepare

#: Sets that are made of official files.
SETS = [name for name, part in registry.parts('data').items()
        if not part.packaged]
#: Images of each part of a made set.
COUNTS = 40, 20
#: Those of a set that has two samples for each of 455 files.
LARGE = 1000, 20


def drawn(name, counts=COUNTS, seed=3):
    """Noise in which each class brightens a stripe of its own."""
    part, numbers = registry.find('data', name)(), np.random.default_rng(seed)
    return [_drawn(part, n, numbers) for n in counts]


def _drawn(part, n, numbers):
    labels = numbers.integers(part.classes, size=n, dtype=np.uint8)
    images = numbers.integers(120, size=(n, *part.shape), dtype=np.uint8)
    height = part.shape[1]
    images[np.arange(n), :, labels.astype(int) * height // part.classes] += (
        130)
    return Pictures(images, labels)


def counted(name):
    """As many images of each class as the official set has, all alike."""
    part = registry.find('data', name)()
    return [Pictures(np.broadcast_to(np.uint8(7), (sum(counts), *part.shape)),
                     np.repeat(np.arange(part.classes, dtype=np.uint8),
                               counts))
            for counts in part.counts]


def idx(array):
    """The bytes of an IDX file."""
    sizes = np.array(array.shape, dtype='>u4').tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def raw_files(name, pair):
    """The bytes of a set's official files, unpacked, by name."""
    part = registry.find('data', name)
    if not issubclass(part, CifarSet):
        return {file: idx(array) for files, it in zip(FILES, pair)
                for file, array in zip(files, (it.images[:, 0], it.labels))}
    found = {}
    for files, it in zip(part.files, pair):
        records = np.concatenate([
            np.full((len(it), part.labels - 1), 19, np.uint8),
            it.labels[:, None], it.images.reshape(len(it), -1)], axis=1)
        found |= {file: rows.tobytes() for file, rows in zip(
            files, np.array_split(records, len(files)))}
    return found


def packed(name, pair):
    """The same as they are published, packed, by name."""
    part, raw = registry.find('data', name), raw_files(name, pair)
    if issubclass(part, CifarSet):
        return {part.archive: archived({
            f'{part.folder}/{file}': it for file, it in raw.items()})}
    return {f'{file}.gz': gzip.compress(it, 1, mtime=0)
            for file, it in raw.items()}


def archived(files, mode='w:gz'):
    """The bytes of a tar archive."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as archive:
        for name, raw in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return whole.getvalue()


def laid(folder, files):
    """The folder in which files have been written."""
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return folder


def prepared_in(folder, name='mnist', **options):
    """The path of a prepared file of a made set."""
    source = laid(Path(folder) / f'{name}-files',
                  raw_files(name, drawn(name, **options)))
    out = Path(folder) / f'{name}.images'
    prepare(name, source, out, unchecked=True, overwrite=True)
    return str(out)


@cache
def _folder():
    return TemporaryDirectory(prefix='aspis-images-')


@cache
def prepared_once(name, counts=COUNTS):
    """The path of a prepared file that all tests of a process share."""
    folder = Path(_folder().name) / str(sum(counts))
    folder.mkdir(exist_ok=True)
    return prepared_in(folder, name, counts=counts)


def in_place_of_shipped(job):
    """Settings that put a made set where a job names one of a library."""
    named = tomllib.loads(Path(job).read_text())['problem'].get('data')
    ships = named in registry.parts('data') and registry.find(
        'data', named).packaged
    made = prepared_once('mnist', LARGE) if ships else ''
    return (f'problem.data={made}',) if made else ()
