"""Messages to bytes and back, and what is no message at all."""

import dataclasses
import struct
from dataclasses import replace

import numpy as np
import pytest

from aspis_mpi.errors import MalformedMessage
from aspis_mpi.protocol import messages, wire
from aspis_mpi.protocol.buffers import HEADER_BYTES, Buffer, Pool, SharedPool
from aspis_mpi.protocol.messages import (
    FROM_SERVER, FROM_WORKER, MESSAGES, SERVER, TEXT_BYTES, WORKER, Answer,
    Challenge, CodedGradient, Commit, Compute, Encode, Failure, Lane, Message,
    Model, Parameters, Probe, Progress, Reorder, Replica, Signal, Sizes,
    Sketch, Skip, Stop, Sum, Vector, pack_positions, part, sent_by,
    unpack_positions)
from aspis_mpi.protocol.wire import MAGIC, PROTOCOL, Wire

K, F, D = 5, 10, 12
LOAD, PAYLOAD = 6, 12
SIZES = Sizes(n_workers=K, n_files=F, n_parameters=D, load=LOAD,
              payload=PAYLOAD, signal=7, sketches=D // 2, answer=4 * D)
WIRE = Wire(SIZES)


def filled():
    buffer = Buffer(D)
    buffer.values[:] = np.arange(D) - 0.5
    return buffer


CONTROL = [
    Model(7, excluded=b'\xa8'), Commit(3), Stop(9, position=3),
    Encode(2, 1, 0, state=bytes(range(7)), owners=bytes(range(20))),
    Challenge(2, 1, 0, bytes(range(16)), b'\x81\x80'),
    Compute(2, 1, 1, bytes(range(16)), b'\x81\x80'),
    Progress(4, 0, 6, b'\xfc'), Skip(4, files=b'\x01\x40'),
    Probe(-1, seed=bytes(range(16))), Reorder(5, order=bytes(24)),
    Failure(5, text='Träceback …'.encode()), Failure(-1),
    Signal(0, position=10), Stop(2 ** 62, -5, -1)]
VECTORS = [
    Parameters(3, buffer=filled()), Replica(3, 0, 5, filled()),
    CodedGradient(3, 2, 0, filled()), Sum(3, 2, 0, filled()),
    Sketch(3, 1, 0, filled()), Answer(-1, 0, 0, filled())]


def fields(message):
    """What must survive the wire."""
    return (type(message), message.turn, message.epoch, message.position,
            message.body)


def known(message):
    return FROM_SERVER if message.kind in FROM_SERVER else FROM_WORKER


def unpack(raw, peer=FROM_WORKER, lane=Lane.CONTROL, buffer=None):
    raw = np.frombuffer(bytes(raw), dtype=np.uint8)
    return WIRE.unpack(raw, raw.size, peer, lane, buffer)


# --- there and back ----------------------------------------------------

@pytest.mark.parametrize('message', CONTROL,
                         ids=lambda m: type(m).__name__)
def test_control_messages_come_back(message):
    packed = WIRE.pack(message)
    assert len(packed) == message.nbytes <= WIRE.longest(known(message))
    again = unpack(packed, known(message))
    if isinstance(message, Encode):
        assert (again.state, again.owners) == (message.state, message.owners)
    if isinstance(message, Challenge):
        assert (again.seed, again.files) == (message.seed, message.files)
    assert fields(again) == fields(message)


@pytest.mark.parametrize('message', VECTORS,
                         ids=lambda m: type(m).__name__)
def test_vectors_come_back_without_a_copy(message):
    raw = WIRE.stamp(message)
    assert np.shares_memory(raw, message.buffer.values)
    assert raw.size == message.nbytes == HEADER_BYTES + 4 * D

    arrived = Buffer(D)
    arrived.raw[:] = raw
    again = WIRE.unpack(arrived.raw, raw.size, known(message), Lane.DATA,
                        arrived)
    assert fields(again) == fields(message)
    assert again.buffer is arrived
    assert np.array_equal(arrived.values, message.buffer.values)


# --- two in one ---------------------------------------------------------

def joined():
    """A step's announcement in the header of its parameters, as bytes."""
    raw = WIRE.join(Model(3, position=-4, excluded=b'\xa8'), VECTORS[0])
    arrived = Buffer(D)
    arrived.raw[:] = raw
    return arrived


def test_a_short_message_travels_in_the_header_of_a_vector():
    arrived = joined()
    model, vector = WIRE.part(arrived.raw, arrived.raw.size, FROM_SERVER,
                              arrived)
    assert fields(model) == fields(Model(3, position=-4, excluded=b'\xa8'))
    assert fields(vector) == fields(VECTORS[0])
    assert vector.buffer is arrived
    assert np.array_equal(arrived.values, VECTORS[0].buffer.values)


def test_what_has_been_joined_may_leave_alone_as_well():
    """To others, while the first is still on its way."""
    vector = Parameters(3, buffer=filled())
    raw = WIRE.join(Model(3, excluded=b'\xa8'), vector)
    before = raw.tobytes()
    again = WIRE.stamp(vector)
    assert again is raw and again.tobytes() == before
    assert fields(WIRE.unpack(again, again.size, FROM_SERVER, Lane.DATA,
                              vector.buffer)) == fields(vector)


def test_what_is_longer_than_the_room_in_a_header_does_not_fit():
    for n_workers, fits in ((208, True), (209, False)):
        it = Wire(replace(SIZES, n_workers=n_workers))
        assert it.fits(Model) is fits
    assert not WIRE.fits(Encode)


@pytest.mark.parametrize('kind', [0, 999, Parameters.kind, Encode.kind,
                                  Progress.kind])
def test_nothing_else_is_taken_for_two_in_one(kind):
    arrived = joined()
    struct.pack_into('<H', arrived.raw, 32, kind)
    with pytest.raises(MalformedMessage, match=f'kind {kind} in front of'):
        WIRE.part(arrived.raw, arrived.raw.size, FROM_SERVER, arrived)
    with pytest.raises(MalformedMessage, match='bytes'):
        WIRE.part(arrived.raw, arrived.raw.size - 4, FROM_SERVER, arrived)


def test_every_message_is_of_one_side_and_one_lane():
    assert not set(FROM_SERVER) & set(FROM_WORKER)
    for cls in (*FROM_SERVER.values(), *FROM_WORKER.values()):
        assert cls.lane is (Lane.DATA if issubclass(cls, Vector)
                            else Lane.CONTROL)
    tested = {type(message) for message in (*CONTROL, *VECTORS)}
    assert tested == {*FROM_SERVER.values(), *FROM_WORKER.values()}


#: Bytes behind the header, counted by hand from what each side has to know.
BODIES = {
    Model: 1, Parameters: 4 * D, Encode: 7 + 2 * F, Skip: 2, Reorder: 4 * LOAD,
    Challenge: 16 + 2, Compute: 16 + 2, Probe: 16, Commit: 0, Stop: 0,
    Progress: 1, Replica: 4 * PAYLOAD, CodedGradient: 4 * PAYLOAD, Sum: 4 * D,
    Sketch: 8 * (D // 2), Answer: 4 * D, Failure: TEXT_BYTES, Signal: 0}
NUMBERS = {
    Model: 1, Parameters: 2, Encode: 3, Challenge: 4, Commit: 5, Stop: 6,
    Progress: 7, Replica: 8, CodedGradient: 9, Sketch: 10, Failure: 11,
    Signal: 12, Skip: 13, Reorder: 14, Sum: 15, Probe: 16, Answer: 17,
    Compute: 18}


def test_kinds_and_sizes_stay_what_other_versions_know():
    assert {cls: cls.kind for cls in MESSAGES} == NUMBERS
    assert {cls: WIRE.size(cls) - HEADER_BYTES for cls in MESSAGES} == BODIES
    assert WIRE.longest(FROM_SERVER) == HEADER_BYTES + 7 + 2 * F
    assert WIRE.longest(FROM_WORKER) == HEADER_BYTES + TEXT_BYTES


@pytest.mark.parametrize('cls', MESSAGES, ids=lambda cls: cls.__name__)
def test_a_message_says_all_of_itself_once(cls):
    """Its parts are its own attributes, in the order of their bytes."""
    names = [it.name for it in cls.parts]
    assert ['turn', 'epoch', 'position', *names] == [
        it.name for it in dataclasses.fields(cls)]
    assert cls.kind in (FROM_SERVER if cls.sender == SERVER else FROM_WORKER)
    assert all(it.meaning for it in cls.parts) and cls.__doc__
    size = sum(it.size(SIZES) for it in cls.parts)
    assert WIRE.size(cls) == HEADER_BYTES + size
    given = [bytes([i] * it.size(SIZES)) for i, it in enumerate(cls.parts)]
    if cls.lane is Lane.CONTROL:
        assert cls(0, 0, 0, *given).body == b''.join(given)


@pytest.fixture
def others(monkeypatch):
    """Messages that are declared in a test do not stay."""
    own = [*MESSAGES]
    for module in messages, wire:
        monkeypatch.setattr(module, 'MESSAGES', own)


def test_what_is_declared_needs_nothing_else(others):
    @sent_by(WORKER, 99, 'step', 'position: how many of them')
    class Greeting(Message):
        """A worker says hello to some."""

        whom: bytes = part('bits (K): to whom', lambda job: job.n_workers)
        why: bytes = part('int16: why', lambda job: 2)

    it, said = Wire(SIZES), Greeting(3, 0, 2, bytes(range(K)), b'\7\0')
    raw = np.frombuffer(it.pack(said), dtype=np.uint8)
    assert raw.size == it.size(Greeting) == said.nbytes == 64 + K + 2
    again = it.unpack(raw, raw.size, {99: Greeting}, Lane.CONTROL)
    assert fields(again) == fields(said)
    assert (again.whom, again.why) == (said.whom, said.why)


def test_no_two_messages_have_one_number(others):
    with pytest.raises(ValueError, match='Other and Stop are both of kind 6'):
        @sent_by(WORKER, Stop.kind)
        class Other(Message):
            """It would be taken for another."""


def test_a_long_traceback_keeps_its_end():
    text = b'a' * TEXT_BYTES + b'the error'
    again = unpack(WIRE.pack(Failure(1, text=text)))
    assert again.text.endswith(b'the error')
    assert len(again.text) == TEXT_BYTES


def test_the_layout_on_the_wire_is_fixed():
    """Little-endian: magic, protocol, kind, turn, epoch, position, body."""
    packed = WIRE.pack(Challenge(258, 1, -1, seed=bytes(16)))
    assert packed[:40] == (MAGIC + b'\2\0\4\0' + b'\2\1\0\0\0\0\0\0'
                           + b'\1\0\0\0' + b'\xff\xff\xff\xff'
                           + b'\x10\0\0\0\0\0\0\0' + bytes(8))[:40]
    assert len(packed) == HEADER_BYTES + 16


# --- what is no message ------------------------------------------------

def header(kind, length, turn=3, magic=MAGIC, protocol=PROTOCOL):
    return struct.pack('<4sHHqiiq', magic, protocol, kind, turn, 0, 0,
                       length).ljust(HEADER_BYTES, b'\0')


MALFORMED = {
    'nothing': b'',
    'half a header': header(7, 0)[:40],
    'wrong magic': header(7, 0, magic=b'ASPJ'),
    'wrong protocol': header(7, 0, protocol=PROTOCOL + 1),
    'unknown kind': header(99, 0),
    "the server's kind": header(Model.kind, 1) + bytes(1),
    'a vector on the control lane': header(8, 4 * D) + bytes(4 * D),
    'a body that is too long': header(7, 4) + bytes(4),
    'a body that is too short': header(7, 0),
    'a body cut off': header(11, 100) + bytes(50),
    'a body longer than announced': header(11, 10) + bytes(50),
    'a negative length': header(7, -1),
    'a huge length': header(7, 2 ** 62),
}


@pytest.mark.parametrize('raw', MALFORMED.values(), ids=MALFORMED)
def test_malformed_control_messages(raw):
    with pytest.raises(MalformedMessage) as found:
        unpack(raw)
    assert found.value.lane is Lane.CONTROL
    assert str(found.value)


@pytest.mark.parametrize('raw', [
    header(8, 4 * D) + bytes(4 * D - 4), header(8, 4 * D - 4)
    + bytes(4 * D - 4), header(8, 4 * D + 4) + bytes(4 * D + 4),
    header(8, 0), header(7, 0), header(2, 4 * D) + bytes(4 * D)],
    ids=['cut off', 'too short', 'too long', 'empty', 'a control message',
         "the server's"])
def test_malformed_vectors(raw):
    with pytest.raises(MalformedMessage) as found:
        unpack(raw, lane=Lane.DATA, buffer=Buffer(D))
    assert found.value.lane is Lane.DATA


@pytest.mark.parametrize('message, peer', [
    (Model(3, excluded=bytes(2)), FROM_SERVER),
    (Model(3), FROM_SERVER),
    (Challenge(3, seed=bytes(15)), FROM_SERVER),
    (Encode(3, state=bytes(7), owners=bytes(19)), FROM_SERVER)])
def test_bodies_of_a_wrong_length(message, peer):
    with pytest.raises(MalformedMessage):
        unpack(WIRE.pack(message), peer)


def test_parts_of_gradients_have_their_own_size():
    """With several copies a worker sends d/copies numbers, not d."""
    it, buffer = Wire(replace(SIZES, payload=6)), Buffer(6)
    raw = it.stamp(CodedGradient(3, 0, 0, buffer))
    assert it.unpack(raw, raw.size, FROM_WORKER, Lane.DATA, buffer)
    with pytest.raises(MalformedMessage, match='48 bytes, not 24'):
        it.unpack(WIRE.stamp(VECTORS[2]), HEADER_BYTES + 48, FROM_WORKER,
                  Lane.DATA, buffer)
    assert it.unpack(WIRE.stamp(VECTORS[0]), HEADER_BYTES + 48, FROM_SERVER,
                     Lane.DATA, buffer)


def test_positions_are_bits_as_numpy_packs_them():
    rng = np.random.default_rng(0)
    for size in (1, 7, 8, 9, 91):
        bits = rng.random(size) < 0.5
        mask = sum(1 << int(p) for p in np.flatnonzero(bits))
        packed = pack_positions(mask, (size + 7) // 8)
        assert packed == np.packbits(bits).tobytes()
        assert unpack_positions(packed) == mask


def test_the_turn_is_named_as_soon_as_it_can_be_read():
    """A malformed message proves something only in its own turn."""
    with pytest.raises(MalformedMessage) as found:
        unpack(header(99, 0, turn=41))
    assert found.value.turn == 41
    with pytest.raises(MalformedMessage) as found:
        unpack(header(7, 0, turn=41, magic=b'junk'))
    assert found.value.turn is None


def noise(rng):
    """Bytes that look like a message to a growing degree."""
    pick = rng.integers(4)
    body = rng.integers(0, 256, int(rng.integers(0, 200)), dtype=np.uint8)
    if pick == 0:
        return body.tobytes()
    length = int(rng.choice([len(body), rng.integers(-9, 300), 4 * D]))
    raw = header(int(rng.integers(0, 16)), length,
                 int(rng.integers(-2 ** 63, 2 ** 63 - 1))) + body.tobytes()
    if pick == 1:
        return raw
    message = (CONTROL + VECTORS)[rng.integers(len(CONTROL + VECTORS))]
    whole = (WIRE.stamp(message).tobytes() if isinstance(message, Vector)
             else WIRE.pack(message))
    if pick == 2:
        return whole[:rng.integers(0, len(whole) + 1)]
    changed = np.frombuffer(whole, dtype=np.uint8).copy()
    changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return changed.tobytes()


def test_random_bytes_are_a_message_or_malformed():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(2000):
        raw = noise(rng)
        for peer in (FROM_WORKER, FROM_SERVER):
            for lane in Lane:
                try:
                    message = unpack(raw, peer, lane, Buffer(D))
                except MalformedMessage:
                    continue
                found += 1
                assert type(message) in peer.values()
                assert message.lane is lane
                assert message.nbytes == len(raw)
    assert found > 100       # or the test would show little


# --- buffers -----------------------------------------------------------

def test_the_numbers_begin_on_a_cache_line():
    for size in (1, 12, 1000):
        buffer = Buffer(size)
        assert buffer.raw.size == HEADER_BYTES + 4 * size
        assert buffer.values.shape == (size,)
        assert buffer.raw.ctypes.data % HEADER_BYTES == 0
        assert buffer.values.ctypes.data % HEADER_BYTES == 0


def test_the_last_release_gives_a_buffer_back():
    pool = Pool(D)
    buffer = pool.take()
    buffer.hold()
    buffer.release()
    assert pool.take() is not buffer and pool.made == 2
    buffer.filled = True
    buffer.release()
    assert pool.take() is buffer and pool.made == 2
    assert not buffer.filled


def test_a_pool_has_a_bound():
    pool = Pool(D, most=2)
    first, second = pool.take(), pool.take()
    assert pool.take() is None
    second.release()
    assert pool.take() is second
    assert pool.take() is None
    first.release()
    assert pool.take() is first


def test_shared_buffers_are_one_for_each_key_of_a_step():
    pool = SharedPool(D)
    a, b = pool.take((0, 1, False)), pool.take((0, 1, False))
    assert a is b
    assert pool.take((0, 1, True)) is not a     # a lie is another value
    assert pool.take((0, 2, False)) is not a


def test_shared_buffers_live_as_long_as_somebody_holds_them():
    pool = SharedPool(D)
    held = pool.take((0, 0, False))
    later = []
    for step in range(1, 50):
        later.append(pool.take((step, 0, False)))
        later[-1].release()
    assert held not in later
    assert len({id(buffer) for buffer in later}) <= 2
    held.release()


class Sketcher:
    """Sums vectors up, and keeps how many it was ever given."""

    given = 0

    def __call__(self, vectors):
        self.given += len(vectors)
        return np.array([[values.sum()] for values in vectors])


def test_shared_buffers_are_sketched_once_each_and_all_that_are_asked_for():
    pool, sketch = SharedPool(D), Sketcher()
    asked = np.array([True, True, False, True])
    for step in 0, 1:
        held = [pool.take((step, file, None)) for file in range(4)]
        for number, buffer in enumerate(held):
            buffer.values.fill(10 * step + number)
            buffer.filled = number != 3         # that is being computed
        for seed in b'one', b'two':
            sketch.given = 0
            for some in [0], [1, 0], [0], [1]:
                found = pool.sketches([held[it] for it in some], seed, asked,
                                      sketch)
                assert found.tolist() == [[D * (10 * step + it)]
                                          for it in some]
            assert sketch.given == 2
        held[3].filled = True
        assert pool.sketches(held[3:], seed, asked, sketch).tolist() == [
            [D * (10 * step + 3)]]
        for buffer in held:
            buffer.release()


def test_own_buffers_are_sketched_whenever_they_are_asked_for():
    pool, sketch = Pool(D), Sketcher()
    held = [pool.take(), pool.take()]
    for buffer in held:
        buffer.values.fill(1.0)
    for _ in range(2):
        assert pool.sketches(held, b'one', np.zeros(1, dtype=bool),
                             sketch).tolist() == [[D], [D]]
    assert sketch.given == 4
