"""The runs in a folder, for `aspis_mpi show`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from h5py import is_hdf5

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.log_parts import SUFFIXES, places
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.summary import format_brief
from aspis_mpi.runlog.totals import Summary, summarize
from aspis_mpi.words import few


@dataclass(frozen=True)
class Folder:
    """Contents of a folder.

    Attributes
    ----------
    runs : tuple of Summary
        By name; the later parts of a run belong to it.
    unreadable : dict of str to str
        What looks like a log and cannot be read, and why.
    others : tuple of str
        Names of the other files.
    """

    runs: tuple[Summary, ...]
    unreadable: dict[str, str]
    others: tuple[str, ...]


def print_folder(path, as_json=False):
    """Print what a folder holds, as lines or as JSON.

    Raises
    ------
    RunLogError
        The folder cannot be read, or nothing in it looks like a log.
    """
    found = look(Path(path))
    if not found.runs and not found.unreadable:
        raise RunLogError(f'there is no run log in the folder {path}')
    print(json.dumps(asdict(found), indent=2, allow_nan=False) if as_json
          else format_folder(found))


def look(folder):
    """Contents of a folder, not of the folders within it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Folder

    Raises
    ------
    RunLogError
        The folder cannot be read.
    """
    try:
        files = sorted(path for path in folder.iterdir()
                       if not path.is_dir() and path.name[0] != '.')
    except OSError as error:
        raise RunLogError(
            f'{folder} cannot be read: {error.strerror}') from error
    logs = [path for path in files if may_be_log(path)]
    runs, later, unreadable = [], set(), {}
    for path in logs:
        try:
            later |= {place.path for place in places(path)[1:]}
            with load_run(path) as run:
                runs.append(summarize(run))
        except RunLogError as error:
            unreadable[path.name] = str(error)
    return Folder(
        tuple(run for run in runs if Path(run.path) not in later),
        unreadable,
        tuple(path.name for path in files if path not in logs))


def format_folder(found):
    """A line or two for each run, without a last newline."""
    lines = [format_brief(run) for run in found.runs]
    lines += [f'no run log: {why}' for why in found.unreadable.values()]
    if found.others:
        lines.append(f'other files: {few(found.others)}')
    return '\n'.join(lines)


def may_be_log(path):
    """True if a file has the name or the form of a run log."""
    return path.suffix in SUFFIXES or path.is_file() and is_hdf5(path)
