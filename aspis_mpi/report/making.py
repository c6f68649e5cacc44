"""Making a report: logs in, one file out, or one sentence and none."""

import os
import tempfile
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

from aspis_mpi import __version__
from aspis_mpi.errors import ReportError
from aspis_mpi.report.facts import facts_of
from aspis_mpi.report.labels import names
from aspis_mpi.report.library import library
from aspis_mpi.report.page import page
from aspis_mpi.runlog.log_parts import beside
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.words import reason


def report(logs, out=None, step=None):
    """Write the report of some runs as one page.

    Parameters
    ----------
    logs : sequence of str or Path
        Run logs, all of one problem; also while they are written.
    out : str or Path, optional
        By default RUN.report.html, beside the first log.
    step : int, optional
        Number of a step whose course is wanted, beside the slowest and a
        few others.

    Returns
    -------
    Path
        The page; one that was there is replaced.

    Raises
    ------
    RunLogError
        A log cannot be read.
    ReportError
        The runs do not belong on one page, a library is missing, or the
        page cannot be written.
    """
    paths = list(map(Path, logs))
    out = beside(paths[0], '.report.html') if out is None else Path(out)
    _check_output(out, paths)
    carried = library()
    with ExitStack() as opened:
        runs = [opened.enter_context(load_run(path)) for path in paths]
        _check_same_problem(runs)
        facts = [facts_of(run, name, _label(run, name), step)
                 for run, name in zip(runs, names(paths))]
    now = datetime.now().astimezone().isoformat(' ', 'minutes')
    _write(out, page(facts, carried,
                     f'Made by aspis_mpi {__version__} on {now}.'))
    return out


def _label(run, name):
    """A run on the page: its file, scheme and attack."""
    scheme = run.option('scheme', 'name') or run.option('detection', 'name')
    return ', '.join(filter(None, (
        name, scheme, run.attack or 'no attack')))


def _check_output(out, paths):
    """Refuse to replace a log, or what is no file."""
    if out.is_dir():
        raise ReportError(f'{out} is a folder; name a file in it, such as '
                          f'{out / "report.html"}')
    if any(out.exists() and path.exists() and out.samefile(path)
           for path in paths):
        raise ReportError(f'{out} is the run log itself; name another file '
                          'for the report')


def _check_same_problem(runs):
    """Refuse curves that mean different things under one name."""
    first, *others = runs
    for run in others:
        if _problem(run) != _problem(first):
            raise ReportError(
                f'{first.path} is of {_told(first)} and {run.path} of '
                f'{_told(run)}: runs of different problems do not belong '
                'side by side; make a report of each')


def _problem(run):
    return (run.option('problem', 'name'), run.option('problem', 'model'),
            run.attrs['parameters'])


def _told(run):
    name, model, d = _problem(run)
    return f'{name} ({model}, {d:,} parameters)' if model else (
        f'{name} ({d:,} parameters)')


def _write(out, content):
    """Write a file that is there whole or not at all."""
    try:
        place, name = tempfile.mkstemp(dir=out.parent, prefix=f'.{out.name}.')
    except OSError as error:
        raise ReportError(
            f'{out} cannot be written: {reason(error)}') from error
    try:
        with open(place, 'w', encoding='utf-8') as file:
            file.write(content)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, out)
    except OSError as error:
        raise ReportError(
            f'{out} cannot be written: {reason(error)}') from error
    finally:
        # After the last step the temporary name is no more.
        with suppress(FileNotFoundError):
            os.unlink(name)


def _umask():
    """Permissions that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
