"""What the scripts of this folder share: mistakes, labels, the drawing."""

import sys
from collections import Counter
from contextlib import contextmanager

from aspis_mpi.runlog.reader import RunLogError


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


def collected(run):
    """Collection, transfer and code of a run, as a label."""
    collection = run.option('collection', 'name')
    copies = run.option('collection', 'copies') or 1
    transfer = run.option('transfer', 'name')
    parts = [f'{collection} × {copies}' if copies > 1 else collection,
             transfer]
    if transfer == 'coded':
        parts.append(run.option('transfer', 'code'))
    return ' / '.join(filter(None, parts)) or 'unknown scheme'


def distinct(labels, paths):
    """Add the file's name to labels that more than one run has."""
    count = Counter(labels)
    return [label if count[label] == 1 else f'{label} ({path.stem})'
            for label, path in zip(labels, paths)]
