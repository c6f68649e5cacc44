"""Common ground of the scripts: mistakes, labels, the drawing."""

import argparse
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.log_parts import beside
from aspis_mpi.words import counted

#: Line styles change when matplotlib's colours begin again.
STYLES, COLOURS = ('-', '--', ':', '-.'), 10


def command_line(script, about, several=False, **options):
    """Arguments of a script: `logs`, `picture` and its own options.

    Parameters
    ----------
    script : str
        Its picture is RUN.script.png, beside the first log, if none is named.
    about : str
        What it does, for `--help`.
    several : bool
        Whether it takes more than one log.
    **options : dict
        Arguments of `add_argument`, by the name of the option.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument('logs', nargs='+' if several else 1, type=Path,
                        metavar='RUN.h5')
    where = 'the first' if several else 'the log'
    parser.add_argument('-o', '--output', type=Path, metavar='PICTURE',
                        dest='picture',
                        help=f'default: RUN.{script}.png, beside {where}')
    for name, option in options.items():
        parser.add_argument(f'--{name}', **option)
    arguments = parser.parse_args()
    if arguments.picture is None:
        arguments.picture = beside(arguments.logs[0], f'.{script}.png')
    return arguments


@contextmanager
def mistakes_in_a_line(script):
    """End the script with one line and exit code 2 if something is wrong."""
    try:
        yield
    except ImportError:
        reason = "matplotlib is missing: pip install 'aspis-mpi[analysis]'"
    except (RunLogError, OSError, ValueError) as error:
        reason = error
    else:
        return
    print(f'{script}: {reason}', file=sys.stderr)
    sys.exit(2)


def pyplot():
    """Matplotlib's, drawing into files alone."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    return plt


def whole_numbers(*axes):
    """Let axes of steps, workers or files have whole numbers alone."""
    for axis in axes:
        axis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def save(figure, picture, **options):
    """Write a picture; a mistake names it, which a full disk does not."""
    try:
        figure.savefig(picture, dpi=150, **options)
    except OSError as error:
        raise OSError(f'{picture}: {error.strerror or error}') from error


def line_style(i):
    """Of the i-th of many lines in one picture."""
    return STYLES[i // COLOURS % len(STYLES)]


def collected(run):
    """Collection, transfer and code of a run, as a label."""
    collection = run.option('collection', 'name')
    copies = run.option('collection', 'copies') or 1
    transfer = run.option('transfer', 'name')
    parts = [f'{collection} × {copies}' if copies > 1 else collection,
             transfer, run.option('transfer', 'code')]
    return ' / '.join(filter(None, parts)) or 'unknown scheme'


def side_by_side(run, states_of, absent):
    """State of each worker in each step, from part to part of a run.

    Parameters
    ----------
    run : Run or JoinedRun
        Of T steps and K workers.
    states_of : callable
        Of a part; gives an array of int, (workers, steps).
    absent : int
        Stands where a part had no such worker.

    Returns
    -------
    ndarray of int8, shape (K, T)
    """
    states = np.full((run.n_workers, run.n_steps), absent, dtype=np.int8)
    end = 0
    for part in run.parts:
        start, end = end, end + part.n_steps
        if part.n_steps:
            states[:part.n_workers, start:end] = states_of(part)
    return states


def files_a_step(run):
    """Number of files in each step, int (T,)."""
    return np.repeat([part.n_files for part in run.parts],
                     [part.n_steps for part in run.parts])


def told_parts(run):
    """The sizes of a run of several parts, as a label; else empty."""
    if len(run.parts) == 1:
        return ''
    *before, last = (part.n_workers for part in run.parts)
    return ', then '.join([*map(str, before), counted(last, 'worker')])


def distinct(labels, paths):
    """Add the file's name to labels that more than one run has."""
    count, names = Counter(labels), [beside(path, '').name for path in paths]
    return [label if count[label] == 1 else f'{label} ({name})'
            for label, name in zip(labels, names)]
