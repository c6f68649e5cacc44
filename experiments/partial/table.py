"""Partial stragglers: published numbers beside ours, and both beside runs.

    source jobs/environment.sh
    python -m experiments.partial.table

Our numbers are closed forms over thousands of steps; the first steps of each
are then simulated, and must take the same time.  The table goes to TABLE.md
beside this module, run logs go to runs/partial/.
"""

import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from aspis_mpi import load_run
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading
from experiments import running
from experiments.pages import judge
from experiments.partial import closed_forms, points, report

HERE = Path(__file__).resolve().parent
RUNS = running.RUNS / 'partial'

logger = logging.getLogger(__name__)


def main():
    """Compute, simulate, write the table, check what must hold."""
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    arguments = _parser().parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    rows = [_row(point) for point in points.POINTS]
    marks, skipping = [], []
    if not arguments.without_simulation:
        with ProcessPoolExecutor(arguments.processes) as pool:
            marks = list(pool.map(_mark, points.POINTS))
            skipping = list(pool.map(_skip, points.SKIPPING))
    text = report.text(rows, marks, skipping)
    (HERE / 'TABLE.md').write_text(text)
    print(text)
    return judge(report.conditions(rows, marks, skipping))


def _parser():
    parser = running.parser(__doc__)
    parser.add_argument('--without-simulation', action='store_true',
                        help='closed forms alone')
    return parser


def _assembly(job, settings):
    return Assembly(loading.load(HERE / job, settings))


def _row(point):
    """A published number and ours, by the closed form."""
    began = time.perf_counter()
    samples = [closed_forms.values(_assembly(point.job, settings),
                                   points.TRIALS)
               for settings in point.seeded()]
    row = report.Row(point, samples)
    logger.info('%-12s  %-22s %-9s %8.3f  %5.2f s', point.group,
                point.scheme, point.at, row.ours,
                time.perf_counter() - began)
    return row


def _mark(point):
    """The largest differences between a simulated run and closed forms."""
    settings = point.seeded()[0]
    assembly = _assembly(point.job, settings)
    log = _simulated(point.job, settings, point.name)
    with load_run(log) as run:
        form = closed_forms.Form(assembly, run.n_steps)
        return report.Mark(
            point, run.n_steps,
            seconds=abs(run.steps['seconds_wait'] - form.seconds()).max(),
            error=abs(run.steps['residual'] - form.error()).max())


def _skip(settings):
    """What a run costs whose workers may skip what is covered."""
    log = _simulated('skip.toml', settings, '-'.join(['skip', *settings]))
    with load_run(log) as run:
        return report.Skipping(
            settings, run.steps['seconds_wait'],
            run.files_done.sum(axis=1, dtype=int))


def _simulated(job, settings, name):
    """The log of a simulated run."""
    log = RUNS / f'{name}.h5'
    running.run_simulated(HERE / job, log, settings)
    return log


if __name__ == '__main__':
    sys.exit(main())
