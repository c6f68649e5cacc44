"""Flags of workers in each step, against the truth of the run log."""

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.report.columns import Columns
from aspis_mpi.report.labels import told_parts
from aspis_mpi.report.palette import RED
from aspis_mpi.report.parts import files_a_step
from aspis_mpi.report.truth import ABSENT, KINDS, kinds_of
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.words import share
from columns import draw_workers
from figure import (command_line, mistakes_in_a_line, pyplot, save,
                    whole_numbers)

#: Columns of the picture; longer runs have several steps a column.
COLUMNS = 800


def main():
    """Read the log, print a table, draw the picture."""
    arguments = command_line('detection', __doc__)
    with mistakes_in_a_line('detection'):
        with load_run(*arguments.logs) as run:
            if not run.n_steps:
                raise RunLogError(f'{run.path} holds no step')
            matrix = kinds_of(run)
            wrong_files = run.wrong_files
            title = _title(run, wrong_files)
            steps = run.steps['step']
        _draw(matrix, wrong_files, steps, title, arguments.picture)
        print(title)
        _print(matrix)
        print(f'picture: {arguments.picture}')


def _title(run, wrong_files):
    scheme = run.option('scheme', 'name')
    parts = (scheme, f"detection {run.option('detection', 'name')}",
             run.attack or 'no attack', told_parts(run))
    flagging, n_files = run.flagging, np.unique(files_a_step(run))
    return (f'{", ".join(filter(None, parts))}\n'
            f'precision {share(flagging.precision)}, recall '
            f'{share(flagging.recall)}; wrong files a step: '
            f'{wrong_files.mean():.2f} on average, {wrong_files.max()} at '
            f'most, of {" or ".join(map(str, n_files))}')


def _draw(matrix, wrong_files, steps, title, picture):
    plt = pyplot()
    n_workers, columns = len(matrix), Columns(steps, COLUMNS)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, 2.6 + min(6, 0.2 * n_workers)), sharex=True,
        height_ratios=(max(2, min(5, n_workers / 5)), 1),
        layout='constrained')

    handles = draw_workers(above, matrix, columns, KINDS)
    above.set_title(title, fontsize=10)

    worst = columns.worst(wrong_files)
    below.stairs(worst, columns.edges, fill=True, color=RED.light, alpha=0.7)
    below.set_ylim(0, max(1, 1.1 * worst.max()))
    below.set_xlabel('step' if columns.span == 1 else
                     f'step (the worst of every {columns.span} in one '
                     'column)')
    below.set_ylabel('wrong files')
    whole_numbers(below.xaxis, below.yaxis)

    figure.legend(handles=handles, loc='outside lower center', ncols=3,
                  frameon=False)
    save(figure, picture)


def _print(matrix):
    """Print the count of each kind, over workers and steps."""
    counts = np.bincount(matrix[matrix != ABSENT], minlength=len(KINDS))
    for (kind, _), count in zip(KINDS, counts):
        print(f'{kind:<20} {count:9d}  {count / counts.sum():7.2%}')


if __name__ == '__main__':
    main()
