"""The paths that a run writes, checked before anything is computed."""

import shutil
import time
from pathlib import Path
from tempfile import TemporaryFile

from aspis_mpi.detection.spot import ripe
from aspis_mpi.errors import InUse, JobError, LedgerError, RunLogError
from aspis_mpi.learning.optimizer import state_bytes
from aspis_mpi.runlog import ledger
from aspis_mpi.runlog.checkpoints import Checkpoints
from aspis_mpi.runlog.claims import Claims, real
from aspis_mpi.runlog.log_parts import SUFFIXES, beside, orphans, places
from aspis_mpi.words import reason


def log_path(file, out=None, job=None):
    """The path of a run log: --out, else `run.out`, else a new one in runs/.

    Parameters
    ----------
    file : str, Path or None
        The job file, after which a new log is named.
    out : str, Path or None
        As on the command line.
    job : Job or None

    Returns
    -------
    Path
    """
    if out is None and job is not None:
        out = job.run.out
    if out is None:
        stem = Path(file).stem if file else 'RUN'
        out = Path('runs', f'{stem}-{time.strftime("%Y%m%d-%H%M%S")}.h5')
    return Path(out)


def named(job, out):
    """The path of the log of a run that is to go on.

    Raises
    ------
    JobError
    """
    if out is None and job.run.out is None:
        raise JobError('--resume: name the run log, by --out or run.out')
    return log_path(job.path, out, job)


def refuse_existing(job, path, besides=()):
    """Begin no run where there is another one.

    Raises
    ------
    JobError
    """
    taken = _taken(job, path, besides)
    if taken:
        raise JobError(f'{taken[0]}: exists already; choose another --out, '
                       'or give '
                       + ('--resume or ' if path.exists() else '')
                       + '--overwrite')


def refuse_remains(job, path, besides=()):
    """Begin nothing in the place of a run whose log alone is missing.

    Raises
    ------
    JobError
    """
    try:
        remains = [*_taken(job, path, besides), *orphans(path)]
    except RunLogError as error:
        raise JobError(f'--resume: {error}') from error
    if remains:
        raise JobError(f'--resume: {remains[0]} is there, but not the log '
                       f'{path}, which may have been moved: bring it back, '
                       'choose another --out, or give --overwrite instead to '
                       'begin anew')


def _taken(job, path, besides):
    """The remains of another run where this one will write."""
    kept = Checkpoints(path)
    found = [file for file in (path, *model_paths(job, path, besides))
             if file.exists()]
    # An empty folder, or one that is a link, was made for the run to come.
    if kept.paths() or kept.folder.exists() and not kept.folder.is_dir():
        found.append(kept.folder)
    return found


def claims(job, path, again, besides=()):
    """Claims of all that a run writes, before it looks at what is there.

    Parameters
    ----------
    job : Job
    path : Path
        Of the run log.
    again : bool
        Whether a run may have written there before.
    besides : iterable of str
        Suffixes of files that the problem writes beside the model.

    Returns
    -------
    Claims

    Raises
    ------
    JobError
        Nothing can be written there, or another run does.
    """
    check(job, path)
    taken = Claims(again)
    try:
        for name in (path, *model_paths(job, path, besides),
                     Checkpoints(path).folder):
            taken.take(name)
    except (InUse, OSError) as error:
        taken.close()
        raise refusal(name, error) from error
    return taken


def refusal(path, error):
    """A JobError that says why a file cannot be written."""
    if isinstance(error, InUse):
        return JobError(f'{error}; is an earlier job still running?')
    return JobError(f'{path}: its directory cannot be written: '
                    f'{error.strerror}')


def clear(path):
    """Remove what an earlier run has left beside its log.

    Where the log cannot be read, its later parts stay; they are older than
    the new one, and so nobody takes them for parts of that.
    """
    Checkpoints(path).remove()
    try:
        later = places(path)[1:]
    except RunLogError:
        return
    for place in later:
        real(place.path).unlink()


def aside(path):
    """A path to keep a log at that a new one takes the place of.

    Under a name that nobody takes for a later part: RUN.killed.h5.
    """
    place, number = real(path), 1
    while True:
        word = '.killed' if number == 1 else f'.killed-{number}'
        kept = beside(place, word + place.suffix * (place.suffix in SUFFIXES))
        if not kept.exists():
            return kept
        number += 1


def check(job, path):
    """Make sure that what a run leaves can be written.

    Raises
    ------
    JobError
    """
    model, folder = model_path(job, path), Checkpoints(path).folder
    if real(path) == real(model):
        raise JobError(f'{path}: the run log and the model must be different '
                       'files')
    for file in (path, model):
        if file.is_dir():
            raise JobError(f'{file}: is a directory, not a file')
    for place in (path, model, folder):
        _check_links(place)
        _make_directory(place)
    if folder.is_dir():
        _try_directory(folder)
    if job.run.ledger is not None:
        _check_ledger(job, [path, *model_paths(job, path, ()), folder])


def _check_ledger(job, others):
    """Make sure that the run can append to its host ledger."""
    path = Path(job.run.ledger)
    where = f'{job.path}: run.ledger = {job.run.ledger!r}'
    advice = 'name a host ledger, or a file that is not there yet'
    if any(real(path) == real(other) for other in others):
        raise JobError(f'{where}: the run writes this itself; {advice}')
    try:
        _check_links(path)
        if path.exists():
            ledger.check(path)
        else:
            real(path).parent.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=real(path).parent).close()
    except LedgerError as error:
        raise JobError(f'{where}: {error}; {advice}') from error
    except OSError as error:
        raise JobError(f'{where}: it cannot be written: {reason(error)}; '
                       f'{advice}') from error


def check_room(assembly, path):
    """Make sure that all checkpoints fit that a run may go back to.

    Parameters
    ----------
    assembly : Assembly
    path : Path
        Of the first run log.

    Raises
    ------
    JobError
    """
    if assembly.ripening is None:
        return
    kept = Checkpoints(path)
    each = 4 * assembly.d + state_bytes(assembly.optimizer)
    most = ripe.most(*assembly.ripening, assembly.job.run.keep)
    there = sum(file.stat().st_size for file in kept.paths())
    place = real(kept.folder)
    free = shutil.disk_usage(place if place.is_dir() else place.parent).free
    if most * each - there > free:
        raise JobError(
            f'{kept.folder}: up to {most} checkpoints of {each:,} bytes, '
            f'{most * each:,} in all, are kept to go back to, but {free:,} '
            'bytes are free there: choose another --out, a larger '
            'run.checkpoint_every, or detection.rollback = false')


def model_path(job, path):
    """The path of the trained model: `run.model_out`, or beside the log."""
    out = job.run.model_out
    if out is None:
        return beside(path, '.npz')
    # numpy appends the suffix where it is missing.
    return Path(out if out.endswith('.npz') else f'{out}.npz')


def model_paths(job, path, besides):
    """Places of the trained model, one for each of its forms."""
    place = model_path(job, path)
    return [place, *map(place.with_suffix, besides)]


def _check_links(path):
    """Refuse a link to what neither is there nor can be made.

    The disk that it leads to may not be mounted.
    """
    for link in (path, *path.parents):
        place = real(link)
        if link.is_symlink() and not link.exists() and (
                place.is_symlink() or not place.parent.is_dir()):
            raise JobError(f'{path}: {link} is a link to '
                           f'{link.readlink()}, which is not there')


def _make_directory(path):
    """Make the directory of a file, or of a folder, to be written."""
    try:
        real(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(path, error) from error


def _try_directory(folder):
    """Write in a directory, under no name."""
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise refusal(folder / 'checkpoint', error) from error
