"""Sleeps of a rank that waits, on a clock of the test's own."""

import numpy as np
import pytest

from aspis_mpi.backends import pause
from aspis_mpi.backends.pause import LONGEST, SHORTEST, Pause


class Clock:
    """Seconds that pass only in sleeps, which it takes down."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch):
    it = Clock()
    monkeypatch.setattr(pause, 'time', it)
    return it


def wait(it, clock, seconds):
    """Pause until something happens after so many."""
    began = clock.now
    while clock.now < began + seconds:
        it(np.inf)
    it.reset()


def test_each_sleep_is_a_share_of_the_time_waited(clock):
    it = Pause()
    for _ in range(3):
        clock.slept.clear()
        wait(it, clock, 1.0)
        assert clock.slept[0] == SHORTEST and clock.slept[-1] == LONGEST
        assert (np.diff(clock.slept) >= 0).all()


def test_the_most_that_may_be_slept_is_a_bound(clock):
    it = Pause()
    wait(it, clock, 1.0)
    clock.slept.clear()
    it(SHORTEST / 2)
    it(0.0)
    it(-1.0)
    assert clock.slept == [SHORTEST / 2]
