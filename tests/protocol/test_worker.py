"""A worker by itself: messages in, replicas out."""

import numpy as np
import pytest

from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.errors import LocalProtocolError
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.messages import (
    FROM_SERVER, FROM_WORKER, Challenge, Commit, Encode, Model, Parameters,
    Probe, Reorder, Skip, Stop, Vector)
from aspis_mpi.protocol.worker.states import State
from tests.support.benches import WorkerBench

MESSAGES = {**FROM_SERVER, **FROM_WORKER}.values()


def all_replicas(it):
    """Position and numbers of every replica of the step."""
    found = []
    while it.busy:
        replica = it.next()
        found.append((replica.position, replica.buffer.values.copy()))
        replica.buffer.release()
    return found


@pytest.fixture
def bench(assemble):
    """Makes a `WorkerBench`; keywords are sections of the job."""
    def make(number=0, most=2, **sections):
        return WorkerBench(assemble(**sections), number, most)
    return make


def brought_to(bench, state):
    """A worker in some state, at step 3 if it has one."""
    if state is State.WAITING:
        bench.worker.handle(Model(3, position=3))
    if state is State.PROBING:
        bench.worker.handle(Probe(-1))
        bench.worker.handle(bench.vector(-1))
    if state in (State.COMPUTING, State.SENDING, State.SKETCHING):
        bench.begin(3)
        bench.worker.advance()
    if state is State.SENDING:
        bench.worker.handle(Encode(3))
    if state is State.SKETCHING:
        bench.worker.handle(Challenge(3))
    if state is State.STOPPED:
        bench.worker.handle(Stop(3, position=0))
    assert bench.worker.state is state
    return bench.worker


ALWAYS = {Model, Parameters, Reorder, Stop}
#: What a worker may be sent (design, section 8); the rest is a bug.
MAY_COME = {
    State.IDLE: ALWAYS | {Probe},
    State.PROBING: ALWAYS,
    State.WAITING: ALWAYS | {Skip, Commit},
    State.COMPUTING: ALWAYS | {Encode, Challenge, Skip, Commit},
    State.SENDING: ALWAYS | {Encode, Challenge, Skip, Commit},
    State.SKETCHING: ALWAYS | {Encode, Challenge, Skip, Commit},
    State.STOPPED: {Parameters},
}


# --- the table of states -----------------------------------------------

@pytest.mark.parametrize('cls', MESSAGES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize('state', State)
def test_every_message_in_every_state(bench, state, cls):
    it = bench()
    worker = brought_to(it, state)
    step = {Encode: 3, Challenge: 3, Probe: -1}.get(cls, 9)
    message = (it.vector(step) if cls is Parameters else
               cls(step, buffer=it.sent.take()) if issubclass(cls, Vector)
               else cls(step, files=bytes(2)) if cls is Skip else cls(step))
    if cls in MAY_COME[state]:
        worker.handle(message)
        return
    with pytest.raises(LocalProtocolError, match=cls.__name__):
        worker.handle(message)
    assert worker.state is state


def test_a_step_from_its_model_to_its_last_file(bench):
    it = bench()
    worker = it.worker
    assert worker.state is State.IDLE and not it.busy
    worker.handle(Model(0, position=0))
    assert worker.state is State.WAITING and not it.busy
    worker.handle(it.vector(0))
    assert worker.state is State.COMPUTING and it.busy
    positions = [position for position, _ in all_replicas(it)]
    assert positions == list(range(len(it.files)))
    assert worker.state is State.IDLE
    assert it.at_rest


def test_stop_ends_any_state(bench):
    for state in State:
        if state is State.STOPPED:
            continue
        it = bench(problem={'micro_batch': 1})
        worker = brought_to(it, state)
        worker.handle(Stop(3, position=75))
        assert worker.exit_code == 75 and not it.busy
        assert it.at_rest


def test_a_step_is_announced_once_and_never_again(bench):
    it = bench()
    it.begin(5)
    for step in (5, 4, 0):
        with pytest.raises(LocalProtocolError, match=f'turn {step}'):
            it.worker.handle(Model(step, position=step))
    it.worker.handle(Model(6, position=6))


def test_a_violation_names_the_worker_and_its_state(bench):
    it = bench(number=3)
    with pytest.raises(LocalProtocolError, match='worker 3 got Commit.*IDLE'):
        it.worker.handle(Commit(0))
    for message in (Encode(0), Challenge(0)):
        with pytest.raises(LocalProtocolError):
            it.worker.handle(message)


# --- two lanes, each in its own order ----------------------------------

def test_parameters_may_overtake_their_model(bench):
    it = bench()
    early = it.vector(4)
    it.worker.handle(early)
    assert it.worker.state is State.IDLE
    it.worker.handle(Model(4, position=4))
    assert it.worker.state is State.COMPUTING
    parameters = early.buffer.values.copy()
    for position, values in all_replicas(it):
        assert np.array_equal(
            values, it.gradient(4, it.files[position], parameters))
    assert it.at_rest


def test_parameters_of_the_next_step_may_come_while_computing(bench):
    it = bench()
    now = it.begin(1)
    it.worker.handle(it.vector(2))
    first = it.next()
    assert first.turn == 1
    assert np.array_equal(first.buffer.values,
                          it.gradient(1, it.files[0], now))
    first.buffer.release()
    it.worker.handle(Model(2, position=2))
    assert it.busy
    assert it.next().turn == 2


def test_the_latest_of_several_early_parameters_counts(bench):
    """Both of two steps overtook: the last one is never dropped."""
    it = bench()
    it.worker.handle(it.vector(1))
    it.worker.handle(it.vector(3))
    it.worker.handle(Model(1, position=1))
    it.worker.handle(Model(3, position=3))
    assert it.busy
    assert it.next().turn == 3
    it.worker.handle(Model(4, position=4))


def test_parameters_that_come_too_late_are_dropped(bench):
    it = bench()
    it.worker.handle(Model(1, position=1))
    it.worker.handle(Model(2, position=2))
    it.worker.handle(it.vector(1))
    assert it.worker.state is State.WAITING
    assert it.at_rest
    it.worker.handle(it.vector(2))
    assert it.next().turn == 2


def test_parameters_after_stop_go_back(bench):
    it = bench()
    it.worker.handle(Model(1, position=1))
    it.worker.handle(Stop(1, position=0))
    it.worker.handle(it.vector(1))
    assert it.at_rest


# --- a later model abandons --------------------------------------------

@pytest.mark.parametrize('batches', [0, 1, 2])
def test_a_later_model_ends_a_step_in_the_middle(bench, batches):
    it = bench(problem={'batch_size': 40, 'micro_batch': 1})
    it.begin(0)
    for _ in range(batches):
        assert it.worker.advance() is None
    parameters = it.begin(1)
    for position, values in all_replicas(it):
        assert np.array_equal(
            values, it.gradient(1, it.files[position], parameters))
    assert it.worker.step == 1
    assert it.at_rest


def test_many_abandoned_steps_cost_no_memory(bench):
    it = bench(problem={'micro_batch': 1})
    for step in range(200):
        it.begin(step)
        for _ in range(step % 7):
            if (replica := it.worker.advance()) is not None:
                replica.buffer.release()
    it.worker.handle(Stop(200, position=0))
    assert it.at_rest
    assert it.pools.gradients.made <= 2 and it.sent.made <= 2


# --- computing ---------------------------------------------------------

def test_replicas_are_the_sums_of_their_files(bench):
    it = bench(number=2)
    parameters = it.begin(0)
    found = all_replicas(it)
    assert len(found) == len(it.files)
    for position, values in found:
        assert np.array_equal(
            values, it.gradient(0, it.files[position], parameters))


def test_the_split_into_micro_batches_changes_no_bit(bench):
    """On the exact problem; elsewhere the split is part of the job."""
    sizes = {'batch_size': 203}      # uneven files of 20 and 21 samples
    found = []
    for micro_batch in (1, 3, 20, 64):
        it = bench(problem=sizes | {'micro_batch': micro_batch})
        it.begin(0)
        found.append(np.array([values for _, values in all_replicas(it)]))
    for other in found[1:]:
        assert np.array_equal(found[0].view('u4'), other.view('u4'))


def test_advance_computes_one_micro_batch_at_a_time(bench):
    it = bench(problem={'batch_size': 50, 'micro_batch': 2})
    it.begin(0)
    calls = []
    gradient = it.assembly.problem.gradient

    def counted(parameters, samples, out):
        calls.append(len(samples))
        gradient(parameters, samples, out)
    it.assembly.problem.gradient = counted
    steps = 0
    while it.busy:
        if (replica := it.worker.advance()) is not None:
            replica.buffer.release()
        steps += 1
        assert len(calls) <= steps
    assert calls == [2, 2, 1] * len(it.files)


def test_the_parameters_are_only_read(bench):
    it = bench(adversary={'count': 2, 'workers': [0, 1], 'value': 'alie'})
    message = it.vector(0)
    message.buffer.hold()
    before = message.buffer.values.copy()
    it.worker.handle(Model(0, position=0))
    it.worker.handle(message)
    all_replicas(it)
    assert np.array_equal(message.buffer.values, before)


# --- back-pressure -----------------------------------------------------

def test_a_worker_waits_while_nothing_has_left(bench):
    it = bench(most=2)
    parameters = it.begin(0)
    kept = [it.next(), it.next()]
    for _ in range(3):
        assert it.worker.advance() is None
        assert it.busy and not it.worker.computes
    assert it.pools.gradients.made == 2

    positions = [0, 1]
    while it.busy:
        kept.pop(0).buffer.release()
        replica = it.next()
        positions.append(replica.position)
        assert np.array_equal(replica.buffer.values, it.gradient(
            0, it.files[replica.position], parameters))
        kept.append(replica)
    assert positions == list(range(len(it.files)))
    assert it.pools.gradients.made == 2


def test_a_waiting_worker_still_takes_messages(bench):
    it = bench(most=1)
    it.begin(0)
    kept = it.next()
    assert it.worker.advance() is None
    it.worker.handle(Model(1, position=1))
    it.worker.handle(it.vector(1))
    assert it.worker.advance() is None      # the old replica is on its way
    kept.buffer.release()
    assert it.next().turn == 1


# --- lies --------------------------------------------------------------

@pytest.mark.parametrize('value', ['reversed', 'constant', 'alie', 'foe',
                                   'bit-flip', 'nan', 'between'])
def test_an_adversary_lies_where_the_plan_says_and_nowhere_else(bench, value):
    it = bench(number=1, adversary={
        'count': 2, 'workers': [0, 1], 'value': value,
        'files': 'fixed-disagreement'})
    plan = it.assembly.attack.lies(0)[it.files, 1]
    assert plan.any() and not plan.all()
    parameters = it.begin(0)
    for position, values in all_replicas(it):
        honest = it.gradient(0, it.files[position], parameters)
        assert np.array_equal(values.view('u4'),
                              honest.view('u4')) != plan[position]
    assert it.at_rest


@pytest.mark.parametrize('value', ['reversed', 'alie', 'bit-flip', 'nan'])
def test_equal_liars_send_equal_bits(bench, value):
    """Without a channel, whatever each of them has computed before."""
    attack = {'count': 2, 'workers': [0, 3], 'value': value}
    one, other = (bench(number=number, adversary=attack)
                  for number in (0, 3))
    sent = []
    for it in (one, other):
        it.begin(0)
        sent.append({it.files[position]: values.view('u4')
                     for position, values in all_replicas(it)})
    common = set(sent[0]) & set(sent[1])
    assert common
    for file in common:
        assert np.array_equal(sent[0][file], sent[1][file])


@pytest.mark.parametrize('direction', ['shared', 'apart'])
def test_in_one_process_only_what_is_the_same_is_shared(assemble, direction):
    """Workers 0 and 1 lie, the others do not, and all share buffers."""
    assembly = assemble(adversary={
        'count': 2, 'workers': [0, 1], 'value': 'between',
        'direction': direction})
    clock, pools = VirtualClock(), assembly.pools(shared=True)
    sent, pool = {}, Pool(assembly.d)
    for number in range(5):
        worker = assembly.worker(number, clock, pools)
        buffer = pool.take()
        buffer.values.fill(3)
        worker.handle(Model(0, position=0))
        worker.handle(Parameters(0, buffer=buffer))
        while worker.due <= clock.now:
            replica = worker.advance()
            if replica is not None:
                file = worker.files[replica.position]
                sent[number, file] = replica.buffer.values.tobytes()
    for file in range(10):
        said = {number: values for (number, of), values in sent.items()
                if of == file}
        honest = {values for number, values in said.items() if number > 1}
        lies = [values for number, values in said.items() if number < 2]
        assert len(honest) <= 1 and not honest & set(lies)
        if len(lies) == 2:
            assert (lies[0] == lies[1]) == (direction == 'shared')


def test_an_abandoned_lie_costs_no_memory(bench):
    it = bench(problem={'micro_batch': 1},
               adversary={'count': 1, 'workers': [0], 'value': 'alie'})
    for step in range(100):
        it.begin(step)
        for _ in range(step % 5):
            if (replica := it.worker.advance()) is not None:
                replica.buffer.release()
    it.worker.handle(Stop(100, position=0))
    assert it.at_rest
    scratch = it.worker._liar._scratch
    assert len(scratch._free) == scratch.made <= 2
