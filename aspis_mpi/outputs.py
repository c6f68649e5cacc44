"""Where a run writes, checked before anything is computed."""

import time
from pathlib import Path

from aspis_mpi.config import JobError
from aspis_mpi.runlog.checkpoints import Checkpoints
from aspis_mpi.runlog.opening import RunLogError
from aspis_mpi.runlog.parts import beside, places


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


def output(job, out, overwrite):
    """The path of the run log; it and the model's can be written.

    Raises
    ------
    JobError
    """
    path = log_path(job.path, out, job)
    _check(job, path)
    taken = [file for file in (path, model_path(job, path),
                               Checkpoints(path).folder) if file.exists()]
    if taken and not overwrite:
        raise JobError(f'{taken[0]}: exists already; choose another --out, '
                       'or give '
                       + ('--resume or ' if path.exists() else '')
                       + '--overwrite')
    return path


def named(job, out):
    """The path of the log of a run that is to go on.

    Raises
    ------
    JobError
    """
    if out is None and job.run.out is None:
        raise JobError('--resume: name the run log, by --out or run.out')
    path = log_path(job.path, out, job)
    _check(job, path)
    return path


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
        place.path.unlink()


def _check(job, path):
    """What a run leaves can be written."""
    model = model_path(job, path)
    if path == model:
        raise JobError(f'{path}: the run log and the model must be different '
                       'files')
    for file in (path, model):
        if file.is_dir():
            raise JobError(f'{file}: is a directory, not a file')
        _check_directory(file)
    folder = Checkpoints(path).folder
    if folder.exists():
        _check_directory(folder / 'checkpoint')


def model_path(job, path):
    """Where the trained model goes: `run.model_out`, or beside the log."""
    out = job.run.model_out
    if out is None:
        return beside(path, '.npz')
    # numpy appends the suffix where it is missing.
    return Path(out if out.endswith('.npz') else f'{out}.npz')


def _check_directory(path):
    """Make the directory of a file to be written, and write there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.parent / f'.{path.name}.probe'
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise JobError(f'{path}: its directory cannot be written: '
                       f'{error.strerror}') from error
