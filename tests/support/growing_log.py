"""A run log that another process writes, a command at a time.

In one process HDF5 shows a reader what the writer has not written out yet.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.runlog.stretch import Stretch
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import (
    Evaluation, Event, ExposureRecord, Rollback)
from tests.support.limits import HANGS
from tests.support.made_up_logs import create, fill

ROOT = Path(__file__).parents[2]
DESIGN = Subset(5, replication=3)


class GrowingLog:
    """The process that writes; ends with its `with` block.

    What it is told is on the disk when the call returns: `open(path)`,
    `steps(start, end)` with their evaluations and exposures,
    `event(seconds, level, rank, code)`, `back(step)`, `resume(step)`,
    `take_over(path, step)`, `close()`.
    """

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, '-m', __name__], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {
                'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=HANGS)

    def __getattr__(self, name):
        return lambda *words: self._tell(name, *words)

    def begin(self, *words):
        """Tell it to do something, but do not wait for that."""
        self.process.stdin.write(json.dumps(words) + '\n')
        self.process.stdin.flush()

    def kill(self):
        """End it as SIGKILL does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def _tell(self, *words):
        self.begin(*words)
        assert self.process.stdout.readline() == 'done\n'


class Author:
    """What the process does."""

    def __init__(self):
        self.log = self.path = None
        self.turn = 1000

    def open(self, path):
        """Begin a log, in the place of one that may be there."""
        self.path = path
        self.log = create(path, DESIGN, overwrite=True)

    def steps(self, start, end):
        """Rows of some steps, each with an evaluation and an exposure."""
        for step in range(start, end):
            fill(self.log, DESIGN, [step])
            self.log.evaluation(Evaluation(
                step + 1, step, 1 / (step + 1), step / 100))
            self.log.exposure(ExposureRecord(
                step, step, step % 3, ProofKind(step % 4), f'proof {step}',
                turn=step))
        self.log.flush()

    def write_on(self, start, end):
        """The same, each step written out by itself."""
        for step in range(start, end):
            self.steps(step, step + 1)

    def event(self, seconds, level, rank, code):
        """One event."""
        code = EventCode[code.upper()]
        self.log.event(Event(seconds, level, rank, f'about {code.word}', code))
        self.log.flush()

    def back(self, step):
        """Go back to a step; 100 had been begun."""
        self.turn += 1
        self.log.go_back(Rollback(self.turn, 9.0, 100, step))
        self.log.flush()

    def resume(self, step):
        """Go on from a step in a new file, as another job does."""
        self.close()
        self.take_over(self.path, step)

    def take_over(self, path, step):
        """Go on with a log that another process has written."""
        self.path = path
        self.log = create(path, DESIGN, stretch=Stretch(step, True))

    def close(self):
        """Close the log."""
        self.log.close()


def main():
    """Do what each line says."""
    author = Author()
    for line in sys.stdin:
        name, *words = json.loads(line)
        getattr(author, name)(*words)
        print('done', flush=True)


if __name__ == '__main__':
    main()
