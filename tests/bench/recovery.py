"""Seconds until a run that something happened to finishes a step again.

    python tests/bench/recovery.py [N [SCHEME ...]]

Under mpirun of Open MPI, with 5 workers, N times each (default 3):

    death     SIGKILL of a worker, which the others survive (ULFM).
    exposure  of a liar that lies on everything from some step on.
    resume    SIGKILL of rank 0, which ends all ranks; as soon as mpirun has
              ended, the same command with --resume.

Each is followed by the end of the next step that counts, `next`, and of the
first that was begun after it, `begun`: with a worker's death or an exposure
among certificates the step under way goes to its end.  Printed as JSON:
median and worst of both in seconds, and the median of undisturbed steps.
`ended` is when mpirun was gone.  A death takes a start of the ranks, a resume
another one of the same run, all exposures one for all runs.
"""

import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aspis_mpi import load_run
from aspis_mpi.learning.problem import Score
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.schemes.events import EventCode

WORKERS = 5
#: Seconds that one worker needs for the files of a step.
BATCH = 0.08
#: Files of a step.
SCHEMES = {'spot': 8 * WORKERS, 'robust-partial': WORKERS}
#: Steps before something happens, and after it.
BEFORE, AFTER = 10, 3
#: Seconds that anything may take, on a busy machine.
LIMIT = 300.0


class Timed(Quadratic):
    """Notes the end of each step, on the clock that all processes share.

    Parameters
    ----------
    seed
        See `Problem`.
    parameters : int
    notes : str
        The file.
    """

    def __init__(self, seed, *, parameters: int = 1000, notes: str):
        super().__init__(seed, parameters=parameters)
        self._notes = notes

    def initial(self, generator):
        """Zeros, which no step leaves."""
        return np.zeros(self.n_parameters, dtype=np.float32)

    def loss(self, parameters):
        """None: nobody looks at it."""
        return 0.0

    def evaluate(self, parameters):
        """Note the time, unless nothing has been done yet."""
        if parameters.any():
            with open(self._notes, 'a') as file:
                file.write(f'{time.perf_counter()}\n')
        return Score(0.0)


def settings(scheme, notes, begins=None):
    """The job, with a liar if it says when that begins."""
    found = {
        'run.steps': 10 ** 6, 'run.seed': 7, 'run.evaluate_every': 1,
        'run.checkpoint_every': 2, 'problem.name': 'recovery:Timed',
        'problem.notes': str(notes), 'problem.batch_size': 80,
        'scheme.name': scheme, 'scheme.adversaries': 1,
        'faults.tolerate': 1, 'delay.name': 'constant',
        'delay.mean': BATCH / SCHEMES[scheme]}
    if begins is None:
        return found
    return found | {
        'run.steps': begins + BEFORE, 'adversary.count': 1,
        'adversary.who': 'tests.support.late_liar:Late',
        'adversary.begins': begins, 'adversary.value': 'reversed',
        'adversary.scale': 1.0}


class Bench:
    """Runs in a folder of their own.

    Parameters
    ----------
    scheme : str
    folder : Path
    """

    def __init__(self, scheme, folder):
        # It needs pytest, which ranks do without.
        from tests.support import mpirun
        self._mpi, self._scheme, self._folder = mpirun, scheme, folder
        self._drawn = random.Random(scheme)

    def ends(self, name):
        """Times at which the steps of a run ended."""
        notes = self._folder / f'{name}.notes'
        lines = notes.read_text().split('\n') if notes.exists() else ['']
        # The last one is empty, or being written.
        return np.array(lines[:-1], dtype=float)

    def written(self, name, begins=None):
        """The job file of a run."""
        return self._mpi.write_job(
            self._folder / f'{name}.toml',
            settings(self._scheme, self._folder / f'{name}.notes', begins))

    @contextmanager
    def ranks(self, *words, survive=False):
        """Ranks that are started, and ended when all is over."""
        home = self._mpi.prefix('openmpi') / 'bin'
        flags = ['--with-ft', 'ulfm'] if survive else []
        with closing(self._mpi.Running(
                [str(word) for word in (
                    home / 'mpirun', '--oversubscribe', *flags, '-n',
                    WORKERS + 1, home / 'python', *words)],
                self._mpi.environment(Path(__file__).parent),
                self._folder, (LIMIT, LIMIT))) as running:
            yield running

    def run(self, name, *words, survive=False):
        """Ranks that begin with a run, or go on with it."""
        return self.ranks('-m', 'aspis_mpi', 'run', self.written(name),
                          '--out', f'{name}.h5', *words, survive=survive)

    def wait(self, name, since, more):
        """Sleep until more steps have ended since; the times."""
        last = time.perf_counter() + LIMIT
        while (found := self.ends(name))[found > since].size < more:
            if time.perf_counter() > last:
                sys.exit(f'{self._scheme}, {name}: {found.size} steps and no '
                         f'more within {LIMIT:g} s')
            time.sleep(0.01)
        return found

    def kill(self, running, rank):
        """Kill a rank at some moment of a step; when that was."""
        process = running.rank('openmpi', rank)
        running.look()
        time.sleep(self._drawn.uniform(0, BATCH))
        now = time.perf_counter()
        os.kill(process, signal.SIGKILL)
        return now

    # -- what happens to runs

    def death(self, n):
        """A `Recovery` after each of n deaths of a worker."""
        for number in range(n):
            name = f'death-{number}'
            with self.run(name, survive=True) as running:
                self.wait(name, 0, BEFORE)
                now = self.kill(running, self._drawn.randint(1, WORKERS))
                yield Recovery.of(now, self.wait(name, now, AFTER), later=1)

    def resume(self, n):
        """A `Recovery` after each of n deaths of rank 0, all of one run."""
        name, words, now, ended = 'resume', (), 0.0, 0.0
        for number in range(n + 1):
            start = time.perf_counter()
            with self.run(name, *words) as running:
                found = self.wait(name, now, AFTER if number else BEFORE)
                if number:
                    # What lies between is cleaning up, and ours.
                    found[found > now] -= start - (now + ended)
                    yield Recovery.of(now, found, ended=ended)
                offset = time.time() - time.perf_counter()
                now = self.kill(running, 0)
                ended = running.wait(LIMIT).time - offset - now
            words = '--resume',

    def exposure(self, n):
        """A `Recovery` after the exposure in each of n runs."""
        names = [f'exposure-{number}' for number in range(n)]
        plan = self._folder / 'exposure.json'
        plan.write_text(json.dumps([
            [name, '.', '', ['run', str(self.written(
                name, self._drawn.randint(BEFORE, 2 * BEFORE))),
                             '--out', f'{name}.h5']] for name in names]))
        from tests.support import one_start
        with self.ranks(one_start.__file__, plan) as running:
            ended = running.wait(LIMIT + n * LIMIT / 10)
        if ended.code:
            sys.exit(f'{self._scheme}: exit code {ended.code}\n{ended.err}')
        for name in names:
            with load_run(self._folder / f'{name}.h5') as run:
                exposed, = [event.time for event in run.events
                            if event.code is EventCode.EXPOSED]
                times, back = self.ends(name), len(run.rollbacks)
                began = times[-1] - run.evaluation['seconds'][-1]
            # Unless it is undone, the step that exposes goes to its end.
            yield Recovery.of(began + exposed, times, later=0 if back else 1)


@dataclass(frozen=True)
class Recovery:
    """Seconds after something has happened.

    Attributes
    ----------
    next : float
        Until a step ended that counts,
    begun : float
        and the first that was begun after it.
    usual : float
        That undisturbed steps had taken, the median.
    ended : float
        Until mpirun was gone, where it had to be started anew.
    """

    next: float
    begun: float
    usual: float
    ended: float = math.nan

    @classmethod
    def of(cls, now, times, later=0, ended=math.nan):
        """Seconds from `now` to some of the times at which steps ended."""
        after = times[times > now] - now
        usual = np.median(np.diff(times[times < now][-BEFORE:]))
        return cls(after[0], after[later], usual, ended)


def told(scheme, what, found):
    """The line of one kind of recovery."""
    line = {'scheme': scheme, 'what': what, 'n': len(found)}
    for name in ('next', 'begun', 'usual', 'ended'):
        seconds = np.array([getattr(it, name) for it in found])
        if np.isfinite(seconds).all():
            line[name] = round(float(np.median(seconds)), 4)
            line[f'{name}, worst'] = round(float(seconds.max()), 4)
    return json.dumps(line)


def main(n='3', *schemes):
    """Print a line for each scheme and kind of recovery."""
    for scheme in schemes or SCHEMES:
        for what in (Bench.death, Bench.exposure, Bench.resume):
            with tempfile.TemporaryDirectory() as folder:
                found = list(what(Bench(scheme, Path(folder)), int(n)))
            print(told(scheme, what.__name__, found), flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
