"""What the server makes of messages that are stale, early, or malformed."""


import numpy as np
import pytest

from aspis_mpi.detection.base import MISSING
from aspis_mpi.protocol.messages import FROM_SERVER, FROM_WORKER
from aspis_mpi.schemes.record import Outcome
from tests.support.replica_bench import reversed_

MESSAGES = {**FROM_SERVER, **FROM_WORKER}.values()


# --- stale, early, twice -----------------------------------------------

def test_a_duplicate_is_dropped_whatever_it_says(bench):
    it, clean = bench(), bench()
    for worker in it.everybody:
        if it.server.step == 0:
            it.send(worker, 0)
            it.send(worker, 0, reversed_)
            it.finish(worker, start=1)
    clean.play()
    assert np.array_equal(it.values, clean.values)
    assert it.last.verdict is Outcome.CLEAN
    assert not it.last.exposed.any()
    assert it.last.bytes_in == clean.last.bytes_in * 7 // 6


@pytest.mark.parametrize('away', [-3, -1, 1, 100])
def test_another_steps_replica_is_dropped(long, away):
    it = long
    for _ in range(3):
        it.play()
    held = it.incoming.made - len(it.incoming._free)
    for position in (-1, 0, 1, 99):
        assert it.send(0, position, reversed_, it.server.step + away) == []
    assert it.incoming.made - len(it.incoming._free) == held
    it.play()
    assert it.last.verdict is Outcome.CLEAN
    assert not it.last.exposed.any() and it.last.files_done[0] == 6


def test_memory_stays_flat_over_200_steps(long):
    it, rng = long, np.random.default_rng(0)
    sizes = []
    for number in range(200):
        for step in (number - 1, number + 1, number):
            it.send(0, int(rng.integers(-1, 8)), reversed_, step)
        if number % 3 == 0:
            it.server.malformed(1, 'noise')
        it.play({2: reversed_} if number % 2 else {},
                absent=[4] if number % 5 == 0 else ())
        it.server.records.clear()
        it.server.notes.events.clear()
        sizes.append((it.pool.made, it.incoming.made))
    assert it.server.step == 200
    assert sizes[20] == sizes[-1]
    # The parameters of this step and of the next.
    assert it.pool.made == 2
    # All replicas of a step, and one that is being dropped.
    assert it.incoming.made <= 5 * it.assignment.load + 1


def test_a_finished_step_gives_all_buffers_back(bench):
    it = bench()
    it.play({0: reversed_})
    assert len(it.incoming._free) == it.incoming.made


# --- malformed messages ------------------------------------------------

@pytest.mark.parametrize('position, epoch', [
    (2, 0), (5, 0), (-1, 0), (6, 0), (2 ** 31 - 1, 0), (1, 1), (1, -1)])
def test_what_no_honest_worker_sends_exposes(bench, position, epoch):
    it = bench()
    it.send(0, 0)
    assert it.send(0, position, epoch=epoch) == []
    it.play(absent=[0])
    assert it.last.exposed.tolist() == [True, False, False, False, False]
    assert 'worker 0' in it.events()[0] and 'malformed' in it.events()[0]


def test_one_more_file_than_a_worker_has_exposes(bench):
    it = bench()
    it.finish(0)
    it.send(0, 6)
    it.play(absent=[0])
    assert it.last.exposed[0]


def test_the_step_ends_without_an_exposed_worker(bench):
    it = bench()
    it.send(0, 0, reversed_)
    it.send(0, 2)
    for worker in range(1, 5):
        assert it.server.step == 0
        it.finish(worker)
    assert it.server.step == 1, 'nobody waits for the exposed worker'
    record = it.last
    assert record.exposed[0] and not record.flagged.any()
    assert not record.contributors[:, 0].any()
    assert not (record.source == 0).any()
    assert not record.disagreements.any()
    assert record.verdict is Outcome.CLEAN


def test_an_exposed_workers_later_replicas_are_dropped(bench):
    it = bench()
    it.server.malformed(0, 'noise')
    assert it.finish(0, reversed_) == []
    assert len(it.incoming._free) == it.incoming.made
    it.play(absent=[0])
    assert it.last.files_done[0] == 0 and it.last.exposed[0]


def test_exposing_the_last_one_waited_for_ends_the_step(bench):
    it = bench()
    for worker in range(4):
        it.finish(worker)
    out = it.server.malformed(4, 'noise', 0)
    assert out and it.server.step == 1


def test_without_redundancy_an_exposed_workers_file_is_missing(bench):
    it = bench(scheme={'name': 'uncoded'})
    it.server.malformed(2, 'noise')
    it.play(absent=[2])
    assert it.last.verdict is Outcome.INCOMPLETE
    assert it.last.source.tolist() == [0, 1, MISSING, 3, 4]
    assert it.last.files_missing == 1


@pytest.mark.parametrize('step, proof', [
    (None, True), (2, True), (1, False), (3, False), (-2 ** 63, False)])
def test_only_a_malformed_message_of_this_step_proves(long, step, proof):
    it = long
    it.play()
    it.play()
    it.server.malformed(1, 'noise', step)
    it.play(absent=[1] if proof else ())
    assert it.last.step == 2
    assert it.last.exposed[1] == proof


def test_noise_is_noted_once_a_step(long):
    it = long
    for _ in range(50):
        it.server.malformed(1, 'noise')
    assert len(it.events()) == 1
    it.play(absent=[1])
    it.server.malformed(1, 'noise')
    assert len(it.events()) == 2


def test_everybody_malformed_skips_the_step_and_changes_nothing(long):
    it = long
    before = it.values.copy()
    for worker in it.everybody:
        out = it.server.malformed(worker, 'noise')
    assert out and it.server.exit_code is None
    assert it.last.verdict is not Outcome.CLEAN
    assert np.array_equal(it.values, before)
    assert not any(rule.calls for rule in it.rules)


def test_malformed_after_the_end_is_nothing(bench):
    it = bench(run={'steps': 1})
    it.play()
    n_events = len(it.server.notes.events)
    assert it.server.malformed(0, 'late') == []
    assert len(it.server.notes.events) == n_events
