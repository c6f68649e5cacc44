"""Milliseconds of a look at a long, wide log that is being written.

    python -m tests.bench.follow
    python -m tests.bench.follow --steps 1000000 --workers 10

Another process writes the rows of 10,000 steps of 100 workers as fast as it
can, and then on, a step at a time, each written out by itself.  A line of JSON
has the milliseconds of the first look, of looks at what has come since (the
middle one, the slowest), of a look after the run went back, of drawing, all
processor time; the most memory of the process beyond what it had with a log of
ten steps; and how long a flush takes the writer while somebody follows and
while nobody does.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi.assignment.designs.cyclic import Cyclic  # noqa: E402
from aspis_mpi.following.reading import Follower  # noqa: E402
from aspis_mpi.following.telling import Room, told  # noqa: E402
from aspis_mpi.schemes.record import (  # noqa: E402
    Evaluation, Event, Rollback)
from tests.support.made_up_logs import a_record, create  # noqa: E402

#: Looks while the log grows, and seconds between two rows then.
LOOKS, PAUSE = 40, 0.05


class Writer:
    """Writes made-up rows, with a liar's flags, events and evaluations."""

    def __init__(self, path, n_workers):
        self.design = Cyclic(n_workers, load=5)
        self.log = create(path, self.design, overwrite=True)
        self.record = a_record(self.design)
        self.nobody = np.zeros(n_workers, dtype=bool)
        self.nothing = np.zeros(self.design.incidence.shape, dtype=bool)
        self.rng, self.step = np.random.default_rng(1), 0

    def write(self, n):
        """The rows of n more steps."""
        for _ in range(n):
            seconds = 0.1 + self.rng.exponential(0.02, len(self.nobody))
            self.log.append(replace(
                self.record, step=self.step, turn=self.step,
                last_report=seconds, first_report=seconds / 5), self.nobody,
                self.nothing, self.nobody, self.nobody)
            if self.step % 100 == 99:
                self.log.evaluation(Evaluation(
                    self.step + 1, 0.3 * self.step, 1.0, 0.9))
                self.log.event(Event(0.3 * self.step, 30, 0, 'a warning'))
            self.step += 1

    def flushed(self, n):
        """Milliseconds of writing a step out, the middle of n."""
        times = []
        for _ in range(n):
            self.write(1)
            start = time.perf_counter()
            self.log.flush()
            times.append(1e3 * (time.perf_counter() - start))
            time.sleep(PAUSE)
        return statistics.median(times)

    def serve(self):
        """Do what each line says: `write N`, `flushed N` or `back`."""
        for line in sys.stdin:
            word, *numbers = line.split()
            said = None
            if word == 'back':
                self.step -= 100
                self.log.go_back(Rollback(
                    self.step + 100, 1.0, self.step + 100, self.step))
            else:
                said = getattr(self, word)(*map(int, numbers))
            self.log.flush()
            print(json.dumps(said), flush=True)
        self.log.close()


def start(path, n_workers):
    """Start a process that writes; gives it and what tells it something."""
    process = subprocess.Popen(
        [sys.executable, __file__, '--write', path,
         '--workers', str(n_workers)],
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(words):
        process.stdin.write(f'{words}\n')
        process.stdin.flush()
    return process, tell


def milliseconds(what):
    """Processor time of a call, and what it answers."""
    began = time.process_time()
    answer = what()
    return round(1e3 * (time.process_time() - began), 1), answer


def measure(path, steps, workers):
    """The figures, by name."""
    process, tell = start(path, workers)

    def answer():
        return json.loads(process.stdout.readline())
    tell('write 10')
    answer()
    Follower(path).look()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tell(f'write {steps - 10}')
    answer()
    tell(f'flushed {LOOKS}')
    alone = answer()

    follower, looks, draws = Follower(path), [], []
    first, _ = milliseconds(follower.look)
    tell(f'flushed {LOOKS}')
    for _ in range(LOOKS):
        spent, facts = milliseconds(follower.look)
        looks.append(spent)
        draws.append(milliseconds(lambda: told(facts, time.time(), Room()))[0])
        time.sleep(PAUSE)
    followed = answer()
    tell('back')
    answer()
    back, facts = milliseconds(follower.look)
    process.communicate()
    assert facts.steps == steps + 2 * LOOKS - 100
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        'first look, ms': first,
        'look, ms': round(statistics.median(looks), 1),
        'slowest, ms': max(looks), 'after going back, ms': back,
        'drawing, ms': round(statistics.median(draws), 1),
        'more memory, MB': round((most - before) / 1024, 1),
        'flush alone, ms': round(alone, 2),
        'flush followed, ms': round(followed, 2)}


def main():
    """Print the figures as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=10_000)
    parser.add_argument('--workers', type=int, default=100)
    parser.add_argument('--write', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        Writer(arguments.write, arguments.workers).serve()
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(str(Path(folder, 'run.h5')),
                                 arguments.steps, arguments.workers)))


if __name__ == '__main__':
    main()
