"""What attacks cost: every cell of the table, simulated, and six under MPI.

    source jobs/environment.sh
    python -m experiments.attacks.table

Run logs go to runs/attacks/; those that are there and complete are kept, so
that an interrupted table goes on where it was.  The table goes to TABLE.md
beside this module, which docs/results.md takes in.
"""

import argparse
import logging
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from aspis_mpi.job import loading
from experiments import running
from experiments.attacks import grid, report, results
from experiments.pages import judge

HERE = Path(__file__).resolve().parent
JOB = HERE / 'base.toml'
RUNS = running.RUNS / 'attacks'
#: Exit codes of a run that left a log to read: done, ended by the server.
READABLE = 0, 3

logger = logging.getLogger(__name__)


def main():
    """Run what is missing, write the table, check what must hold."""
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    arguments = _parser().parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    _all_simulated(grid.simulated(), arguments.processes, arguments.fresh)
    if not arguments.without_mpi:
        _all_mpi(arguments.fresh)

    simulated = {run: _result(run, grid.SIMULATED)
                 for run in grid.simulated()}
    mpi = {run: result for run in grid.marked()
           if (result := _result(run, grid.MPI)) is not None}
    written = report.Table(simulated, mpi)
    text = f'# What attacks cost\n\n{written.text()}\n'
    (HERE / 'TABLE.md').write_text(text)
    print(text)
    return judge(written.conditions())


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--processes', type=int, default=os.cpu_count(),
                        metavar='N', help='simulations at a time')
    parser.add_argument('--fresh', action='store_true',
                        help='run again what is there')
    parser.add_argument('--without-mpi', action='store_true',
                        help='leave the cells under MPI as they are')
    return parser


def _log(run, backend):
    return RUNS / f'{run.name}-{backend}.h5'


def _result(run, backend):
    """The result of a complete log of this very job, or None."""
    job = loading.load(JOB, run.settings)
    return results.read(_log(run, backend), job.to_toml())


def _all_simulated(runs, processes, fresh):
    missing = [run for run in runs
               if fresh or _result(run, grid.SIMULATED) is None]
    logger.info('%d runs to simulate, %d are there', len(missing),
                len(runs) - len(missing))
    began = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        jobs = {pool.submit(_simulate, run): run for run in missing}
        for done, job in enumerate(as_completed(jobs), start=1):
            _tell(done, len(missing), jobs[job], grid.SIMULATED, job.result())
    logger.info('simulated in %.0f s', time.monotonic() - began)


def _simulate(run):
    """Seconds that the simulation of one run took."""
    began = time.monotonic()
    running.run_simulated(JOB, _log(run, grid.SIMULATED), run.settings,
                          READABLE)
    return time.monotonic() - began


def _all_mpi(fresh):
    missing = [run for run in grid.marked()
               if fresh or _result(run, grid.MPI) is None]
    for done, run in enumerate(missing, start=1):
        _tell(done, len(missing), run, grid.MPI, _mpi(run))


def _mpi(run):
    """Seconds that one run took with 16 ranks."""
    began = time.monotonic()
    running.run_mpi(JOB, _log(run, grid.MPI), run.settings, readable=READABLE)
    return time.monotonic() - began


def _tell(done, of, run, backend, seconds):
    result = _result(run, backend)
    if result is None:
        raise RuntimeError(f'{_log(run, backend)} is not complete')
    logger.info('%3d/%d  %-47s %s  %5.1f %%  %4.1f s%s', done, of, run.name,
                backend, result.accuracy, seconds,
                f'  stopped at step {result.steps}' if result.stopped else '')


if __name__ == '__main__':
    sys.exit(main())
