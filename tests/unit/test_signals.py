"""Requests to end, counted by when they came and not by who had time."""

import signal

import pytest

from aspis_mpi.backends import signals
from aspis_mpi.backends.signals import TWICE, Signals


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    it = Clock()
    monkeypatch.setattr(signals, 'time', it)
    return it


def ask(clock, *seconds):
    """This process is sent signals at these seconds."""
    for clock.now in seconds:
        signal.raise_signal(signal.SIGUSR1)


@pytest.mark.parametrize('seconds, again', [
    ([3.0], False), ([3.0, 3.0 + TWICE / 2], False),
    ([3.0, 3.0 + 2 * TWICE], True),
    ([3.0, 3.0 + TWICE / 2, 3.0 + 2 * TWICE], True)])
def test_one_that_was_busy_knows_later_whether_it_was_asked_twice(
        clock, seconds, again):
    with Signals() as it:
        ask(clock, *seconds)
        clock.now = 1000.0
        assert (it.taken(), it.name, it.again) == (
            len(seconds), 'SIGUSR1', again)
        assert not it.taken()


def test_what_came_before_counts_within(clock):
    with Signals():
        ask(clock, 3.0)
        with Signals() as it:
            assert it.taken() == 1 and not it.again
            ask(clock, 3.0 + 2 * TWICE)
            assert it.taken() == 1 and it.again
