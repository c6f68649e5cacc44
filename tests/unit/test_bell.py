"""Bells: a ring ends a sleep, and nothing that is rung does harm."""

import os
import select
import threading
from types import SimpleNamespace

import pytest

from aspis_mpi.backends.bell import QUIET, Bell, Bells

#: Far longer than a ring takes, far shorter than a test may.
LONG = 100.0


@pytest.fixture
def name():
    return os.urandom(8).hex()


@pytest.fixture
def bells(name):
    return Bells(name, range(1, 3))


def test_a_ring_ends_a_sleep(name, bells, monkeypatch):
    monkeypatch.setattr('aspis_mpi.backends.bell.QUIET', LONG)
    bell, heard = Bell(name, 1), []
    sleeper = threading.Thread(target=lambda: heard.append(bell.wait(LONG)))
    sleeper.start()
    assert bells.ring(1)
    sleeper.join(2 * LONG)
    assert heard == [True]


def test_each_ring_before_a_sleep_ends_one(name, bells):
    bell = Bell(name, 2)
    assert bells.ring(2) and bells.ring(2)
    assert [bell.wait(LONG) for _ in range(3)] == [True, True, False]


class Poll:
    """The poll of a system on which nothing ever comes."""

    asked: list

    def register(self, *what):
        """Nothing is looked at."""

    def poll(self, milliseconds):
        self.asked.append(milliseconds)
        return []


def test_nobody_sleeps_longer_than_told_or_than_quiet(name, monkeypatch):
    monkeypatch.setattr(Poll, 'asked', [], raising=False)
    monkeypatch.setattr('aspis_mpi.backends.bell.select', SimpleNamespace(
        poll=Poll, POLLIN=select.POLLIN))
    bell = Bell(name, 1)
    assert [bell.wait(it) for it in (0.0, 1e-3, LONG)] == 3 * [False]
    assert Poll.asked == [0, 1, 1e3 * QUIET]


def test_only_the_rank_of_this_run_that_is_meant_hears(name, bells):
    others = Bell(name, 2), Bell(name + '0', 1)
    assert not bells.ring(1)
    assert not any(bell.wait(0.0) for bell in others)


def test_one_that_sleeps_on_holds_up_nobody(name, bells):
    bell = Bell(name, 1)
    rung = [bells.ring(1) for _ in range(5000)]
    assert rung[0] and not rung[-1]
    assert bell.wait(LONG) and bells.ring(1)


def test_a_bell_goes_with_its_rank(name, bells):
    bell = Bell(name, 1)
    assert bells.ring(1)
    del bell
    assert not bells.ring(1)
    assert Bell(name, 1).wait(0.0) is False
