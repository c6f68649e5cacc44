"""The clock of rank 0 leaves out what that rank did not run."""

import pytest

from aspis_mpi.backends.awake import LEAST, OFTEN, AwakeClock

#: Of a stop as much may count, and what float64 rounds off.
SOON = OFTEN + 1e-9


class Host:
    """Seconds of a wall, and those in which a process had a processor."""

    def __init__(self):
        self.wall = self.used = 100.0
        self.clock = AwakeClock(lambda: self.wall, lambda: self.used)

    def passes(self, seconds, used=0.0):
        """So much of both passes; what the clock counted of it."""
        before = self.clock()
        self.wall, self.used = self.wall + seconds, self.used + used
        return self.clock() - before

    def waits(self, seconds):
        """It reads the clock again and again; what that counted."""
        return sum(self.passes(OFTEN / 10)
                   for _ in range(round(10 * seconds / OFTEN)))


@pytest.fixture
def host():
    it = Host()
    it.clock.listen()
    return it


def test_a_stop_counts_as_a_moment(host):
    counted = host.passes(3600.0)
    assert 0 <= counted <= SOON
    assert host.clock.stood_still() == pytest.approx(3600.0 - counted)
    assert host.clock.stood_still() == 0


def test_it_never_goes_back(host):
    for seconds in (0.0, 0.05, 5.0, 0.09, 1e6, LEAST, 2 * LEAST):
        assert host.passes(seconds) >= 0


def test_waiting_by_short_sleeps_counts(host):
    assert host.waits(5 * LEAST) == pytest.approx(5 * LEAST)
    assert host.passes(3600.0) <= SOON
    assert host.waits(5 * LEAST) == pytest.approx(5 * LEAST)
    assert host.clock.stood_still() > 3599


def test_so_does_what_every_busy_host_does(host):
    assert host.passes(0.9 * LEAST) == pytest.approx(0.9 * LEAST)
    assert host.clock.stood_still() == 0


def test_so_does_computing(host):
    assert host.passes(60.0, used=59.5) == pytest.approx(60.0)
    assert host.passes(60.0, used=240.0) == pytest.approx(60.0)


def test_so_does_work_that_waits_for_a_disk(host):
    host.clock.work()
    assert host.passes(60.0) == pytest.approx(60.0)
    host.clock.listen()
    assert host.clock.stood_still() == 0
    assert host.passes(60.0) <= SOON


def test_so_does_all_before_it_listens():
    host = Host()
    assert host.passes(60.0) == pytest.approx(60.0)
    host.clock.listen()
    assert host.clock.stood_still() == 0
