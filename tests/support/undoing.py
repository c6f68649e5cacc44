"""Runs that go back while they are killed, at every point of it."""

import os
import signal
import sys
from pathlib import Path

import tomli_w

from aspis_mpi import simulate, streams
from aspis_mpi.assembly.keeper import Keeper
from aspis_mpi.runlog import writer
from aspis_mpi.schemes.spot import inspection
from aspis_mpi.streams import Coins
from tests.support.spot_runs import liar, tables

#: What leaves a trace on the disk.
ACTS = ((Path, 'replace'), (Path, 'unlink'), (Path, 'rename'),
        (os, 'fsync'), (writer, 'copy'))
STEPS, BEGINS = 32, 20


def written(folder, lies=True):
    """The path of a job: H is 19, and all is checked with probability 1/2."""
    sections = {'run': {'steps': STEPS, 'seed': 3, 'evaluate_every': 8,
                        'checkpoint_every': 4},
                'log': {'detail': 'arrivals', 'flush_seconds': 0.0}}
    if lies:
        sections['adversary'] = liar(BEGINS, workers=[2], scale=1.0)
    path = Path(folder, 'job.toml')
    path.write_text(tomli_w.dumps(tables(**sections)))
    return path


def seed_coins(seed):
    """Draw what is secret from a stream, in this process."""
    draws = streams.generator(seed, 'coins').bytes
    inspection.Coins = lambda: Coins(draws)


class Countdown:
    """Dies at one of the acts of going back.

    Parameters
    ----------
    left : int
        Acts that are still done.
    die : callable
    """

    def __init__(self, left, die):
        self.left = left
        self._die = die
        self._active = False

    def install(self, patch):
        """Count the acts; `patch(owner, name, value)` is as of setattr."""
        for owner, name in ACTS:
            patch(owner, name, self._counted(getattr(owner, name)))
        go_back = Keeper._go_back

        def watched(keeper, *arguments):
            self._active = True
            try:
                go_back(keeper, *arguments)
            finally:
                self._active = False
        patch(Keeper, '_go_back', watched)

    def _counted(self, act):
        def done(*arguments, **options):
            if self._active:
                if not self.left:
                    self._active = False
                    self._die()
                self.left -= 1
            return act(*arguments, **options)
        return done


def die():
    """End as no handler can see."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(job, log, left, seed):
    """Run in a process of its own, killed after so many acts."""
    seed_coins(int(seed))
    Countdown(int(left), die).install(setattr)
    return simulate(job, out=log, resume=True)[0]


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
