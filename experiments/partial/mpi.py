"""Partial stragglers between real ranks: what a step takes, beside theory.

    source jobs/environment.sh
    python -m experiments.partial.mpi

First the protocol of the paper against the original one, which uses whole
workers alone, with 15 workers that share the cores of this machine; the same
jobs simulated, where messages and computing take no time; and the closed
form.  Runs take turns, so that other work on the machine meets both.

Then the codes of Tandon et al. against waiting for all, with 12 workers.  As
in their MPI program a worker is late by Exp(10 ms) once in an iteration,
however many files it has: a trace made here gives each of the four files of a
coded worker a quarter of what the one file of an uncoded worker takes.  Other
than there, what computing takes is part of that time and not added to it.

The table goes to MPI.md beside this module, run logs go to runs/partial/.
"""

import argparse
import logging
import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aspis_mpi import load_run, streams
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading
from aspis_mpi.runlog.log_parts import beside
from aspis_mpi.schemes.record import ArrivalKind
from experiments import running
from experiments.partial import closed_forms, mpi_report

HERE = Path(__file__).resolve().parent
RUNS = running.RUNS / 'partial'
JOB, LATE_JOB = HERE / 'mpi.toml', HERE / 'late.toml'
#: Steps of the closed forms; the runs have a few hundred of them.
TRIALS = 5000
#: A run begins when others use less of a core, or after some looks of 2 s.
QUIET, LOOKS = 0.2, 20
#: First steps that do not count: ranks load data and code in them.
WARM = 5

DELAYS = {
    'shifted exponential': (),
    'uniform ½ … 1½': ('delay.name=uniform', 'delay.spread=0.5')}
COLLECTIONS = 'full-workers', 'coverage'

#: Files of a coded worker, and mean seconds by which each worker is late.
LOAD, LATE = 4, 0.01
CODES = {
    'wait for all': (),
    'cyclic': ('scheme.name=gradient-code', f'assignment.load={LOAD}'),
    'fractional repetition': (
        'scheme.name=fractional-repetition', f'assignment.load={LOAD}',
        f'assignment.replication={LOAD}')}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Variant:
    """One job of the experiment, under MPI and simulated."""

    name: str
    settings: tuple[str, ...]
    path: Path = JOB

    @property
    def job(self):
        """The complete job."""
        return loading.load(self.path, self.settings)

    def log(self, backend):
        """Where its run log goes."""
        words = self.name.replace('½', 'half').replace('…', 'to').split()
        return RUNS / f'{"-".join(["mpi", *words, backend])}.h5'


def main():
    """Run everything, write the table, check what must hold."""
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    arguments = _parser().parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    pairs = [_pair(name, settings, arguments.rounds)
             for name, settings in DELAYS.items()]
    codes = _codes(arguments.rounds)
    text = mpi_report.text(pairs, codes, WARM)
    (HERE / 'MPI.md').write_text(text)
    print(text)
    return 0 if mpi_report.holds(pairs) else 1


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=2, metavar='N',
                        help='how often each job is run under MPI')
    return parser


# --- runs

def _pair(delay, settings, rounds):
    """The original protocol and the partial one, with the same delays."""
    variants = [Variant(f'{delay} {collection}',
                        (*settings, f'collection.name={collection}'))
                for collection in COLLECTIONS]
    runs = _in_turns(variants, rounds)
    simulated = [_simulated(variant) for variant in variants]
    forms = [_closed_form(variant) for variant in variants]
    return mpi_report.Pair(delay, *runs, *simulated, *forms,
                           reference=_waited(variants[0].job).parameters)


def _waited(job):
    """A run of the same batches that waits for all, simulated."""
    return _simulated(Variant('wait for all', (
        f'run.steps={job.run.steps}', f'scheme.workers={job.n_workers}',
        f'problem.batch_size={job.problem.batch_size}'), LATE_JOB))


def _codes(rounds):
    """Tandon's codes and waiting for all, with the same workers late."""
    variants = [Variant(f'tandon {name}', (*settings, *_trace(name)),
                        LATE_JOB)
                for name, settings in CODES.items()]
    return [mpi_report.Code(name, runs, _simulated(variant))
            for name, variant, runs in zip(CODES, variants, _in_turns(
                variants, rounds))]


def _trace(name):
    """The setting that makes each worker late once in a step."""
    job = loading.load(LATE_JOB)
    late = LATE * streams.generator(job.run.seed, 'late').exponential(
        size=(job.run.steps, job.n_workers))
    path = RUNS / f'mpi-late-{name.replace(" ", "-")}.npy'
    np.save(path, late / LOAD if CODES[name] else late)
    return 'delay.name=trace', f'delay.path={path}'


def _in_turns(variants, rounds):
    """The runs of each variant under MPI."""
    rows = [[_mpi(variant) for variant in variants] for _ in range(rounds)]
    return [list(runs) for runs in zip(*rows)]


def _mpi(variant):
    """One run with real ranks."""
    log = variant.log('mpi')
    n_ranks = variant.job.n_workers + 1
    _wait_for_quiet()
    machine = Machine()
    running.run_mpi(variant.path, log, variant.settings, n_ranks)
    run = _read(log, others=machine.others())
    logger.info('%-40s %6.1f ms a step, others used %3.0f %% of a core',
                variant.name, 1e3 * run.seconds.mean(), 100 * run.others)
    return run


def _wait_for_quiet():
    """Let other work on the machine end first, if it does so soon."""
    for _ in range(LOOKS):
        machine = Machine()
        time.sleep(2)
        if machine.others() < QUIET:
            return


def _simulated(variant):
    """The same job on the virtual clock."""
    log = variant.log('simulated')
    running.run_simulated(variant.path, log, variant.settings)
    return _read(log)


def _closed_form(variant):
    """Mean seconds of computing alone, over many more steps."""
    return closed_forms.Form(Assembly(variant.job), TRIALS).seconds().mean()


class Machine:
    """Who uses the cores while a run lasts."""

    def __init__(self):
        self._began = time.monotonic(), _busy(), _children()

    def others(self):
        """Cores that were busy with other things than our children."""
        now = time.monotonic(), _busy(), _children()
        wall, busy, ours = (b - a for a, b in zip(self._began, now))
        return max(0.0, busy - ours) / wall


def _busy():
    """Seconds that all cores together have worked since they started."""
    words = Path('/proc/stat').read_text().split('\n', 1)[0].split()
    user, nice, system, _, _, irq, softirq = map(int, words[1:8])
    ticks = user + nice + system + irq + softirq
    return ticks / os.sysconf('SC_CLK_TCK')


def _children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# --- logs

def _read(log, others=0.0):
    """What the table needs of a run log."""
    with load_run(log) as run, np.load(beside(log, '.npz')) as saved:
        steps = run.steps[WARM:]
        return mpi_report.Run(
            seconds=steps['seconds_step'], wait=steps['seconds_wait'],
            transfer=steps['seconds_transfer'], signal=_signal(run)[WARM:],
            epochs=steps['epochs'], others=others,
            parameters=np.concatenate([saved[name].ravel()
                                       for name in saved.files]))


def _signal(run):
    """Seconds from the report that was enough to the signal, (T,)."""
    out = np.empty(run.n_steps)
    for step in range(run.n_steps):
        rows = run.arrivals_of(step)
        since = rows['seconds'] - rows['seconds'][0]
        wait = run.steps['seconds_wait'][step]
        # The signal is logged as a difference, so its last digit is unsure.
        before = since[(rows['kind'] == ArrivalKind.PROGRESS)
                       & (since <= wait + 1e-9)]
        out[step] = wait - before[-1]
    return out


if __name__ == '__main__':
    sys.exit(main())
