"""Common ground of the scripts: mistakes, labels, the drawing."""

import argparse
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from aspis_mpi.errors import RunLogError
from aspis_mpi.report.palette import LINES, matplotlib_style
from aspis_mpi.runlog.log_parts import beside

#: Line styles change when the colours begin again.
STYLES = '-', '--', ':', '-.'


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
    add_picture(parser, f'RUN.{script}.png, beside {where}')
    for name, option in options.items():
        parser.add_argument(f'--{name}', **option)
    arguments = parser.parse_args()
    if arguments.picture is None:
        arguments.picture = beside(arguments.logs[0], f'.{script}.png')
    return arguments


def add_picture(parser, default):
    """Add the option `-o` to a parser; `default` is its default in words."""
    parser.add_argument('-o', '--output', type=Path, metavar='PICTURE',
                        dest='picture',
                        help='PNG, SVG or PDF by its ending; '
                        f'default: {default}')


@contextmanager
def mistakes_in_a_line(script):
    """End the script with one line and exit code 2 if something is wrong."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _say_no_more()
        return
    except ImportError:
        reason = "matplotlib is missing: pip install 'aspis-mpi[analysis]'"
    except (RunLogError, OSError, ValueError) as error:
        reason = error
    else:
        return
    print(f'{script}: {reason}', file=sys.stderr)
    sys.exit(2)


def say(text):
    """Print a text, and go on if nobody reads it any more."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _say_no_more()


def _say_no_more():
    """Let all that is printed go nowhere: `head`, say, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def pyplot():
    """Matplotlib's, drawing into files alone, in the style of the report."""
    import matplotlib
    matplotlib.use('Agg')
    matplotlib.rcParams.update(matplotlib_style())
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
    return STYLES[i // len(LINES) % len(STYLES)]
