"""The place of run log and checkpoints, and whether they can go there."""

import os
import shutil
from pathlib import Path

from aspis_mpi.doctor.finding import Finding, Level
from aspis_mpi.words import size

TOPIC = 'output'

#: File systems that end with the host, or that other hosts do not see.
VOLATILE = ('tmpfs', 'ramfs')
#: Bytes of a float32.
ITEM = 4


def folder_of(path):
    """The folder of a file, or the nearest above it that exists.

    Of a file that is a link that of which it leads to.
    """
    folder = Path(os.path.realpath(path)).parent
    while not folder.exists():
        folder = folder.parent
    return folder


def findings(case):
    """Output, HDF5 and space, as rank 0 sees them; it alone writes."""
    from aspis_mpi.assembly.outputs import log_path
    path = log_path(case.path, case.out, case.job)
    folder = folder_of(path)
    yield from _existing(path, case.out is not None or case.path is not None)
    found = list(written(folder, path))
    yield from found
    if all(finding.level < Level.PROBLEM for finding in found):
        yield from _space(folder, case)


def _existing(path, named):
    if named and path.is_dir():
        yield Finding(Level.PROBLEM, TOPIC, f'{path} is a folder, but --out '
                      'and run.out name a file.')
    elif named and path.exists():
        yield Finding(Level.NOTE, TOPIC, f'{path} exists: go on with '
                      '--resume, replace it with --overwrite, or choose '
                      'another --out.')


def written(folder, path):
    """Findings of HDF5 on writing in a folder.

    Parameters
    ----------
    folder : Path
        Exists.
    path : Path
        Of the run log, in the folder or below it.
    """
    from aspis_mpi.runlog.locking import VARIABLE, probe
    kind = file_system(folder, Path('/proc/self/mounts').read_text())
    place = f'{path.parent}/ ({kind})'
    try:
        locking = probe(folder)
    except OSError as error:
        yield Finding(Level.PROBLEM, TOPIC, f'{place} cannot be written: '
                      f'{error.strerror}; choose another folder with --out '
                      'or run.out.')
        return
    if locking.unlocked:
        hint = f'; unset {VARIABLE}' if locking.forced else ''
        yield Finding(Level.PROBLEM, TOPIC, f'HDF5 cannot write in {place}: '
                      f'{locking.unlocked}{hint}, or choose another folder '
                      'with --out.')
        return
    if kind in VOLATILE:
        yield Finding(Level.NOTE, TOPIC, f'{place} is memory of one host, '
                      'which keeps no log beyond its next start.')
    if locking.forced:
        yield Finding(Level.NOTE, TOPIC, f'{VARIABLE}={locking.variable} '
                      'locks the log although it need not be: unset it, or '
                      'show cannot read a run that goes on.')
    if locking.locked:
        yield Finding(Level.NOTE, TOPIC, f'{place} knows no locks: the log is '
                      'written without one, but other programs need '
                      f'{VARIABLE}=FALSE to read it.')
        return
    yield Finding(Level.OK, TOPIC, f'HDF5 can write in {place}, with and '
                  'without its lock.')


def file_system(folder, mounts):
    """Type of the file system that a folder is on.

    Parameters
    ----------
    folder : Path
    mounts : str
        /proc/self/mounts.

    >>> file_system(Path('/scratch/me'),
    ...             'a / ext4 rw 0 0\\nb /scratch lustre rw 0 0')
    'lustre'
    """
    kind, longest = 'unknown', -1
    folder = os.path.realpath(folder)
    for line in mounts.splitlines():
        _, point, name, *_ = line.split()
        # Blanks are written as \040.
        point = point.encode().decode('unicode_escape')
        inside = os.path.commonpath([folder, point]) == point
        if inside and len(point) >= longest:
            kind, longest = name, len(point)
    return kind


def _space(folder, case):
    free = shutil.disk_usage(folder).free
    if case.assembly is None:
        yield Finding(Level.OK, TOPIC, f'{size(free)} are free there.')
        return
    log, checkpoints = sizes(case.assembly)
    text = (f'{size(free)} are free there; the run log needs about '
            f'{size(log)}, the checkpoints {size(checkpoints)}')
    if log + checkpoints > free:
        yield Finding(Level.PROBLEM, TOPIC, f'{text}: choose another folder '
                      'with --out, a smaller run.keep, or log.detail = '
                      "'steps'.")
        return
    yield Finding(Level.OK, TOPIC, f'{text}.')


def sizes(assembly):
    """Bytes of the run log, uncompressed, and of checkpoints and model.

    Parameters
    ----------
    assembly : Assembly

    Returns
    -------
    log, checkpoints : int
    """
    from aspis_mpi.detection.spot import ripe
    from aspis_mpi.learning.optimizer import state_bytes
    from aspis_mpi.runlog import schema
    from aspis_mpi.runlog.datasets import CHUNK
    job, assignment = assembly.job, assembly.assignment
    shape = assignment.n_files, job.n_workers
    items = schema.ROWS.values()
    row = sum(item.row_bytes(*shape) for item in items)
    if job.log.detail == 'arrivals':
        # Every file is reported or sent; a signal and a challenge are
        # answered.
        arrivals = int(assignment.loads.sum()) + 2 * job.n_workers
        row += arrivals * schema.arrivals(assignment.width).dtype.itemsize
    vector = ITEM * assembly.d
    kept = vector + state_bytes(assembly.optimizer)
    # One more than is kept while the newest is written, and the model.
    # No data set has less than a chunk; events and indexes come on top.
    most = job.run.keep + 1 if assembly.ripening is None else ripe.most(
        *assembly.ripening, job.run.keep)
    return (job.run.steps * row + (len(items) + 10) * CHUNK,
            most * kept + vector)
