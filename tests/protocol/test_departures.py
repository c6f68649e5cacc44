"""Workers that are gone for good, and asking the run to end."""

import logging

import numpy as np
import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import Network, Simulation, VirtualClock
from aspis_mpi.errors import DONE, FAILED, INTERRUPTED
from aspis_mpi.job import loading
from aspis_mpi.protocol.messages import Failure, Signal
from aspis_mpi.protocol.server.states import State
from tests.support.coded_jobs import (
    NoKeeper, assembled, distance, reference, tables)

STEPS, K = 12, 9


class Mortal(Simulation):
    """Loses workers before some of its events.

    Parameters
    ----------
    deaths : dict of int to int
        Number of an event, and who dies before it.
    """

    def __init__(self, assembly, deaths, probes=False):
        self.clock = VirtualClock()
        server = assembly.server(self.clock, probes)
        pools = assembly.pools(shared=True)
        super().__init__(server, [
            assembly.worker(number, self.clock, pools)
            for number in range(assembly.job.n_workers)],
            NoKeeper(), self.clock, Network())
        self.server, self.deaths, self.dead = server, deaths, set()
        self.events, self.states = 0, set()

    def _next(self):
        if self.events in self.deaths:
            worker = self.deaths[self.events]
            self.states.add(self.server.state)
            self.dead.add(worker)
            self._answer(self.server.lose(worker, f'worker {worker} died'))
        self.events += 1
        if self.server.exit_code is None:
            super()._next()

    def _work(self, worker):
        if worker not in self.dead:
            super()._work(worker)

    def _hand(self, worker, message):
        if worker not in self.dead:
            super()._hand(worker, message)
        elif hasattr(message, 'buffer'):
            message.buffer.release()


def mortal(name, deaths, tolerate, probes=False, **sections):
    sections = {'faults': {'tolerate': tolerate, 'silence': 5.0},
                'run': {'steps': STEPS, 'seed': 5},
                'delay': {'name': 'exponential', 'mean': 0.1}} | sections
    it = Mortal(assembled(name, **sections), deaths, probes)
    it.code = it.run()
    return it


#: Schemes in which any four may go: their files move, or have five holders.
SCHEMES = [
    ('partial', {'assignment': {'load': 5}}),
    ('partial', {'assignment': {'load': 2}, 'transfer': {'name': 'sums'},
                 'faults': {'tolerate': 4, 'approximate': True}}),
    ('robust-partial', {'assignment': {'load': 5}}),
    ('robust-partial', {'assignment': {'load': 5, 'adapt': 2}}),
    ('wait-for-all', {'faults': {'tolerate': 4, 'approximate': True}})]


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('name, sections', SCHEMES, ids=str)
def test_whoever_dies_when_the_others_train_on(name, sections, seed):
    """Four of nine at any moments: every step takes place, and right."""
    drawn = np.random.default_rng(seed)
    dying = drawn.choice(K, 4, replace=False).tolist()
    moments = drawn.choice(150, 4, replace=False).tolist()
    it = mortal(name, dict(zip(moments, dying)), 4, **sections)
    assert it.code == DONE
    records = it.server.notes.records
    assert [record.step for record in records] == list(range(STEPS))
    assert not any(record.flagged.any() or record.exposed.any()
                   for record in records)
    if not any(record.files_missing for record in records):
        wanted = reference(assembled(name, **{
            'run': {'steps': STEPS, 'seed': 5}} | sections))
        assert distance(it.server.parameters.values, wanted) < 1e-5

    # Nobody dead is asked for anything after the step in which it died.
    last = records[-1]
    assert set(np.flatnonzero(last.excluded)) == it.dead
    assert not last.contributors[:, sorted(it.dead)].any()


def test_deaths_hit_every_state_in_which_the_server_waits():
    seen = set()
    for event in range(60):
        it = mortal('robust-partial', {event: 4}, 1,
                    assignment={'load': 5})
        assert it.code == DONE
        seen |= it.states
    assert {State.COMPUTING, State.ENCODING, State.VERIFYING} <= seen


def test_how_many_may_die_changes_no_delay():
    made = [assembled('robust-partial', assignment={'load': 3},
                      faults={'tolerate': tolerate}) for tolerate in (0, 3)]
    assert made[0].assignment.width < made[1].assignment.width
    for step in range(40):
        rows = [it.delay.paces(step) for it in made]
        assert rows[0].shape == (K, 3)
        assert np.array_equal(*rows)


def test_files_of_others_take_as_long_as_the_first_ones(tmp_path):
    """A trace of the shape that the design has, for whoever dies later."""
    path = tmp_path / 'trace.npy'
    np.save(path, np.tile([0.1, 0.3, 0.6], (2, K, 1)))
    job = tables('robust-partial', run={'steps': STEPS},
                 assignment={'load': 3}, collection={'name': 'all'},
                 faults={'tolerate': 2})
    it = Mortal(Assembly(loading.from_tables(job | {
        'delay': {'name': 'trace', 'path': str(path)}})), {40: 2})
    assert it.run() == DONE
    records = it.server.notes.records
    assert [record.seconds_step for record in records] == pytest.approx([
        1.0, *[1.1] * (STEPS - 1)])


def test_files_go_to_others_from_the_next_step_on():
    it = mortal('robust-partial', {40: 2}, 1, assignment={'load': 3})
    records = it.server.notes.records
    dead = [record for record in records if record.excluded[2]]
    assert dead and not any(record.files_missing for record in records)
    # Three workers for each file again.
    holders = it.server._membership.scheme.assignment.incidence
    assert not holders[:, 2].any() and (holders.sum(axis=1) == 3).all()


@pytest.mark.parametrize('tolerate', range(4))
def test_one_more_than_tolerated_ends_the_run(tolerate):
    """With the reason and a snapshot of the step that was going on."""
    deaths = {30 + 5 * number: number for number in range(4)}
    it = mortal('partial', deaths, tolerate, assignment={'load': 5})
    assert it.code == FAILED
    many = tolerate + 1
    reason = it.server.notes.events[-1].text
    assert f'{many} worker' in reason
    assert f'more than faults.tolerate = {tolerate}' in reason
    snapshot, = it.server.notes.snapshots
    assert snapshot.step == it.server.step
    assert len(it.server.notes.records) == snapshot.step
    assert (snapshot.parameters == it.server.parameters.values).all()


def test_a_file_that_nobody_has_any_more_ends_the_run():
    it = mortal('partial', {20: 0, 21: 1, 22: 2}, 8,
                assignment={'load': 3})
    assert it.code == FAILED
    assert 'cannot be finished' in it.server.notes.events[-1].text
    assert it.server.notes.snapshots


@pytest.mark.parametrize('deaths, code', [(6, DONE), (7, FAILED)])
def test_spot_checks_need_one_more_than_may_be_wrong(deaths, code):
    it = mortal('spot', {30 + 9 * one: one for one in range(deaths)}, 8,
                scheme={'adversaries': 2}, assignment={'load': 2},
                detection={'rate': 0.5, 'first': 0})
    assert it.code == code
    said = 'of 2 workers that are left 2 may be wrong'
    assert any(said in event.text for event in it.server.notes.events) is (
        code == FAILED)
    assert not any(record.exposed.any() for record in it.server.notes.records)


def test_the_same_death_counts_once():
    it = mortal('partial', {20: 3, 30: 3, 40: 3}, 1,
                assignment={'load': 3})
    assert it.code == DONE


def test_a_failure_counts_as_a_death():
    """Whatever a worker says after it does not count."""
    it = Mortal(assembled('partial', assignment={'load': 3},
                          faults={'tolerate': 1}), {})
    server = it.server
    server.start()
    server.handle(4, Failure(0, text=b'Traceback: out of luck'))
    event = server.notes.events[-1]
    assert event.level == logging.WARNING
    assert 'rank 5 (worker 4) failed in step 0' in event.text
    assert 'out of luck' in event.text
    assert server.exit_code is None
    server.handle(5, Failure(0, text=b''))
    assert server.exit_code == FAILED


def test_deaths_during_the_probe():
    """They are not counted among the q that may not answer."""
    for event in range(6):
        it = mortal('robust-partial', {event: 1, event + 1: 7}, 2,
                    probes=True, assignment={'load': 5})
        assert it.code == DONE
        assert not it.server.notes.records[-1].contributors[
            :, [1, 7]].any()


# -- asked to end

def interrupted(after, **more):
    """A run that is asked to end when so many steps are over."""
    it = Mortal(assembled('partial', run={'steps': STEPS}), {})
    server = it.server
    begin = server.proceed

    def proceed():
        out = begin()
        if server.step == after and not server._departures.ending:
            out = out + server.interrupt('somebody asked', **more)
        return out
    server.proceed = proceed
    it.code = it.run()
    return it


@pytest.mark.parametrize('after', [1, 5, STEPS - 2])
def test_the_step_is_finished_first(after):
    it = interrupted(after)
    assert it.code == INTERRUPTED
    snapshot = it.server.notes.snapshots[-1]
    assert snapshot.step == after + 1 == len(it.server.notes.records)


def test_in_the_last_step_the_run_is_simply_done():
    assert interrupted(STEPS - 1).code == DONE


def test_at_once_the_step_is_given_up():
    it = interrupted(5, at_once=True)
    assert it.code == INTERRUPTED
    assert it.server.notes.snapshots[-1].step == 5
    assert len(it.server.notes.records) == 5


@pytest.mark.parametrize('q', [0, 1, 2])
def test_signals_of_workers_need_one_that_is_right(q):
    it = Mortal(assembled('robust-partial', scheme={'adversaries': q},
                          assignment={'load': 5}), {})
    server = it.server
    server.start()
    for worker in range(q):
        for _ in range(3):
            server.handle(worker, Signal(0, position=15))
    assert not server._departures.ending and not server.notes.events
    server.handle(q, Signal(0, position=15))
    assert server._departures.ending
    # More of them neither end it at once nor are told again.
    for worker in range(K):
        server.handle(worker, Signal(0, position=15))
    assert server.exit_code is None
    assert len(server.notes.events) == 1
