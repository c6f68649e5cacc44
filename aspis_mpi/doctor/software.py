"""Python, packages and MPI, which must be the same on every rank."""

import os
import platform
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

import aspis_mpi
from aspis_mpi.doctor.finding import Finding, Level, alike, listed, who
from aspis_mpi.parts import extras

TOPIC = 'software'

#: Distributions that every job needs, and that some do.
NEEDED = ('aspis-mpi', 'numpy', 'scipy', 'networkx', 'mpi4py', 'h5py',
          'pydantic', 'tomli-w', 'tqdm')
OPTIONAL = extras.ADDED


@dataclass(frozen=True)
class Software:
    """Names and versions on one rank; '' is not installed.

    Attributes
    ----------
    versions : dict of str to str
    processor : str
        Model of the CPU.
    """

    versions: dict
    processor: str


def look(case):
    """The `Software` of this rank."""
    versions = {'Python': platform.python_version()}
    versions |= {name: _version(name) for name in (*NEEDED, *OPTIONAL)}
    versions['code of aspis_mpi'] = source(Path(aspis_mpi.__file__).parent)
    return Software(versions, _processor())


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ''


def source(folder):
    """A short digest of the Python files in a folder: one version or two."""
    digest = blake2b(digest_size=4)
    for path in sorted(folder.rglob('*.py')):
        digest.update(os.fsencode(path.relative_to(folder)))
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _processor():
    """Model of the CPU, as far as the kernel tells."""
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.machine()


def findings(ranks):
    """Versions that differ, packages that are missing, what everybody has."""
    ranks = [rank for rank in ranks if rank.software is not None]
    if not ranks:
        return
    first = alike(ranks, _key)[0][0].software.versions
    for name in reduce(dict.__or__, (rank.software.versions
                                     for rank in ranks)):
        groups = alike(ranks, lambda rank: _of(rank, name))
        for group in groups[1:]:
            verb = 'has' if len(group) == 1 else 'have'
            yield Finding(
                Level.PROBLEM, TOPIC, f'{who(group)} {verb} '
                f'{_named(group, name)}, the others {_named(groups[0], name)}'
                ': let all hosts use one environment.')
    missing = [name for name in NEEDED if not first[name]]
    if missing:
        yield Finding(Level.PROBLEM, TOPIC, f'{listed(missing)} cannot be '
                      'found: install the project with pip install . in the '
                      'environment of this Python.')
    for name in OPTIONAL:
        if not first[name]:
            yield Finding(Level.NOTE, TOPIC, f'{name} cannot be found: only '
                          'parts that do without will run; to install it: '
                          f'{extras.command(name)}')
    yield Finding(Level.OK, TOPIC, ', '.join(
        f'{name} {first[name]}' for name in ('Python', *NEEDED, *OPTIONAL)
        if first[name]) + '.')


def _key(rank):
    return tuple(sorted(rank.software.versions.items()))


def _of(rank, name):
    return rank.software.versions.get(name, '')


def _named(group, name):
    version = _of(group[0], name)
    return f'{name} {version}' if version else f'no {name}'
