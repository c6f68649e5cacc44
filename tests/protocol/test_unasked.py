"""Sums that leave without a signal, where each file has one worker."""

import numpy as np
import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.protocol.messages import (
    CodedGradient, Progress, Sum, pack_positions)
from aspis_mpi.protocol.server.states import State
from aspis_mpi.protocol.wire import HEADER_BYTES
from aspis_mpi.schemes.record import Outcome
from tests.support.benches import ServerBench
from tests.support.coded_jobs import (
    Run, assembled, at_rest, distance, reference, run, tables)

LOAD = 3
SECTIONS = {'assignment': {'load': LOAD}, 'problem': {'batch_size': 60}}


@pytest.mark.parametrize('load', [1, 2, 3])
def test_a_step_is_one_message_of_each_worker(load):
    """No report and no signal; the bytes are those of the sums."""
    it = run('wait-for-all', **SECTIONS | {'assignment': {'load': load}})
    assert it.code == DONE
    n, steps = it.assembly.job.n_workers, it.assembly.job.run.steps
    size = HEADER_BYTES + 4 * it.assembly.d
    assert {(kind, worker) for _, kind, worker in it.server.up} == {
        ('Sum', worker) for worker in range(n)}
    assert set(it.server.up.values()) == {1}
    assert {kind for _, kind, _ in it.server.down} == {
        'Model', 'Parameters', 'Commit', 'Stop'}
    assert [record.bytes_in for record in it.records] == [n * size] * steps
    assert (np.array([record.files_done for record in it.records])
            == load).all()


@pytest.mark.parametrize('load', [1, 2, 3])
def test_bits_are_those_of_sums_that_a_signal_asks_for(load):
    sections = SECTIONS | {'assignment': {'load': load}}
    it = run('wait-for-all', **sections)
    asked = run('wait-for-all', **sections, collection={'name': 'coverage'})
    assert {kind for _, kind, _ in asked.server.up} == {
        'Progress', 'CodedGradient'}
    assert it.values.tobytes() == asked.values.tobytes()
    plain = reference(assembled('wait-for-all', **sections))
    assert distance(it.values, plain) < 1e-5
    assert at_rest(it.pools.payloads)


def test_a_signal_stays_where_not_everything_is_waited_for():
    for section in ({'name': 'deadline', 'deadline': 50.0},
                    {'name': 'coverage'}):
        it = assembled('wait-for-all', **SECTIONS, collection=section)
        assert not it.transfer.sends_unasked
    several = assembled('wait-for-all', assignment={
        'name': 'cyclic', 'load': 2}, problem={'batch_size': 60})
    assert not several.transfer.sends_unasked


@pytest.mark.parametrize('seed', range(6))
def test_random_networks_change_nothing(seed):
    rng = np.random.default_rng(seed)
    it = Run(Assembly(loading.from_tables(tables(
        'wait-for-all', **SECTIONS,
        network={'latency': float(rng.exponential(1.0)),
                 'bandwidth': float(10 ** rng.uniform(1.5, 5))}))))
    assert it.code == DONE
    plain = run('wait-for-all', **SECTIONS)
    assert it.values.tobytes() == plain.values.tobytes()


# -- what a server makes of what comes

class Bench(ServerBench):
    """A server of sums that come unasked."""

    def __init__(self, **sections):
        super().__init__(assembled('wait-for-all', **SECTIONS | sections))
        self.server.start()

    def sum(self, worker, turn=None, epoch=0, cls=Sum):
        buffer = self.incoming.take()
        buffer.values[:] = sum(self.gradient(file) for file in
                               self.assignment.files(worker).tolist())
        return self.server.handle(worker, cls(
            self.server.step if turn is None else turn, epoch, 0, buffer))

    def rest(self, but=()):
        for worker in self.everybody:
            if worker not in but:
                self.sum(worker)


def test_the_last_sum_ends_the_step():
    it = Bench()
    it.rest(but=[4])
    assert it.state is State.COMPUTING and it.server.step == 0
    it.sum(4)
    assert it.server.step == 1
    assert it.last.verdict is Outcome.CLEAN


@pytest.mark.parametrize('sent', [
    lambda it: it.sum(2), lambda it: it.sum(4, turn=7),
    lambda it: it.sum(4, epoch=1),
    lambda it: it.server.handle(4, Progress(
        0, 0, 1, pack_positions(1, 1)))],
    ids=['again', 'of another turn', 'of another epoch', 'a report'])
def test_what_is_not_due_changes_nothing(sent):
    """Not even who has sent what: the step is that of the others."""
    it, plain = Bench(), Bench()
    for bench in it, plain:
        bench.rest(but=[4])
    assert not sent(it) and it.state is State.COMPUTING
    for bench in it, plain:
        bench.sum(4)
    assert it.values.tobytes() == plain.values.tobytes()
    assert not it.last.exposed.any()
    assert at_rest(it.incoming)


def test_a_coded_vector_in_its_place_exposes_its_sender():
    it = Bench(faults={'approximate': True})
    it.sum(4, cls=CodedGradient)
    it.rest(but=[4])
    assert np.flatnonzero(it.last.exposed).tolist() == [4]
    assert it.last.verdict is Outcome.INCOMPLETE
    assert it.last.files_missing == LOAD


def test_without_the_silent_the_mean_is_of_the_others():
    it = Bench(faults={'approximate': True, 'silence': 5.0})
    before = it.values.copy()
    others = [file for file in range(it.assignment.n_files)
              if not it.assignment.incidence[file, 4]]
    mean = (sum(map(it.gradient, others))
            / it.assembly.batches.counts[others].sum())
    it.rest(but=[4])
    it.clock.now = it.server.deadline
    it.server.tick()
    assert it.last.verdict is Outcome.INCOMPLETE
    step = (before - it.values) / it.last.lr
    np.testing.assert_allclose(step, mean, rtol=1e-5)


def test_without_leave_to_miss_files_the_run_ends():
    it = Bench(faults={'silence': 5.0})
    it.rest(but=[4])
    it.clock.now = it.server.deadline
    it.server.tick()
    assert it.server.exit_code == 3
