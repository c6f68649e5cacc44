"""Hostile peers: what they hear, know and send, bytes and all."""

import struct
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.detection.probe import answer
from aspis_mpi.protocol.buffers import HEADER_BYTES
from aspis_mpi.protocol.messages import (
    FROM_WORKER, Answer, Challenge, CodedGradient, Encode, Model, Parameters,
    Probe, Progress, Reorder, Replica, Signal, Sketch, Sum, pack_positions)
from aspis_mpi.protocol.wire import MAGIC, PROTOCOL

#: Magic, protocol, kind, step, epoch, position, bytes of body.
HEADER = struct.Struct('<4sHHqiiq')
#: What makes a letter longer than any buffer.
LONG = bytes(1 << 20)
#: Epoch that no signal of these runs has.
NEVER = 77


@dataclass(frozen=True)
class Letter:
    """A message as it travels; any field may be wrong.

    `tag` None is that of its kind, `length` None that of its body.
    """

    kind: int
    step: int
    epoch: int = 0
    position: int = 0
    body: bytes = b''
    tag: int = None
    length: int = None
    magic: bytes = MAGIC
    protocol: int = PROTOCOL

    @property
    def sealed(self):
        """Its tag and its bytes."""
        tag = FROM_WORKER[self.kind].lane if self.tag is None else self.tag
        length = len(self.body) if self.length is None else self.length
        head = HEADER.pack(self.magic, self.protocol, self.kind, self.step,
                           self.epoch, self.position, length)
        return int(tag), head.ljust(64, b'\0') + self.body


class Peer:
    """What a hostile worker hears, and what an honest one would send.

    It computes at once what others take their time for: whatever it claims
    to hold, it can show.

    Attributes
    ----------
    mood : str
        What it does in this step, a key of `MOODS`.
    lie : callable or None
        What it makes of every gradient in this step, one of `LIES`.
    sent : deque of (int, bytes)
        Its latest right letters.
    """

    def __init__(self, assembly, number):
        self.number = number
        self.mood, self.lie, self.sent = 'honest', None, deque(maxlen=32)
        self.files = assembly.assignment.files(number).tolist()
        self.step, self.done, self.values = -2, 0, None
        self.signal = self.challenge = self.probe = self.latest = None
        self._assembly, self._known = assembly, {}
        self.bytes = (assembly.assignment.width + 7) // 8
        self._codec = PLAIN
        wire = assembly.wire()
        self.sizes = {cls: wire.size(cls) - HEADER_BYTES for cls in (
            Replica, CodedGradient, Sum, Sketch, Answer, Progress)}

    def hear(self, message):
        """Take a message of the server."""
        match message:
            case Reorder():
                order = np.frombuffer(message.order, dtype='<i4')
                self.files = order[order >= 0].tolist()
            case Model() | Probe():
                self.step, self.done, self.values = message.turn, 0, None
                self.signal = self.challenge = self.latest = None
                self.probe = message if isinstance(message, Probe) else None
                if self.probe is None:
                    self._codec = self._assembly.compression.at(
                        message.turn, message.grid)
            case Parameters():
                self.values = message.buffer.values.copy()
                self._known.clear()
            case Encode():
                self.signal = self.latest = message
            case Challenge():
                self.challenge = message

    def due(self):
        """The right letter that it owes next, or None."""
        if self.values is None:
            return None
        if self.probe is not None:
            said = answer((self._computed(step, file) for step, file in
                           self._assembly.trials), self.probe.seed)
            return Letter(Answer.kind, self.step, body=said.tobytes())
        if self.challenge is not None:
            return self._sketch(self.challenge)
        if self.signal is not None:
            return self.vector(self.signal)
        if self.step < 0 or self.done >= len(self.files):
            return None
        if not self._assembly.transfer.sends_at_once:
            return self.report(self.done + 1)
        return Letter(Replica.kind, self.step, 0, self.done,
                      self.gradient(self.files[self.done]).tobytes())

    def took(self, letter):
        """What was due has left, right or wrong."""
        if letter.kind in (Replica.kind, Progress.kind):
            self.done += 1
        elif letter.kind == Answer.kind:
            self.probe = None
        elif letter.kind == Sketch.kind:
            self.challenge = None
        else:
            self.signal = None

    def gradient(self, file):
        """That of a file at this step's parameters, as it travels."""
        if file not in self._known:
            self._known[file] = np.empty(
                self._assembly.compression.file_numbers, np.float32)
            self._codec.encode(file, self._computed(self.step, file),
                               self._known[file])
        return self._known[file]

    def _computed(self, step, file):
        """That of a file of some step, float32 (d,)."""
        it, out = self._assembly, np.zeros_like(self.values)
        it.problem.gradient(self.values, it.batches.samples(step, file), out)
        if self.lie is None:
            return out
        # Liars that choose the same lie send the same bits.
        rng = np.random.default_rng([step, file])
        with np.errstate(all='ignore'):
            return self.lie(rng, out).astype(np.float32)

    def report(self, count, bits=None):
        """It says to have finished so many files, the first of its order."""
        bits = (1 << count) - 1 if bits is None else bits
        return Letter(Progress.kind, self.step, 0, count, pack_positions(
            bits & (1 << 8 * self.bytes) - 1, self.bytes))

    def vector(self, signal):
        """The right combination for a signal."""
        transfer = self._assembly.transfer
        state = transfer.read(signal)
        files, weights = transfer.encoding(self.number, state)
        cls = Sum if transfer.undivided(state) else CodedGradient
        size = self.sizes[Sum] // 4 if cls is Sum else self._codec.numbers(
            transfer, self.values.size, weights.sum())
        out = np.zeros(size, dtype=np.float32)
        self._codec.combine(transfer, [self.gradient(file) for file in
                                       files.tolist()], weights, out)
        return Letter(cls.kind, self.step, signal.epoch, 0, out.tobytes())

    def _sketch(self, challenge):
        transfer, own = self._assembly.transfer, sorted(self.files)
        wanted = np.unpackbits(np.frombuffer(challenge.files, np.uint8))
        places = [place for place, file in enumerate(own) if wanted[file]
                  and file in self.files[:self.done]]
        rows = transfer.rows(np.zeros(self.sizes[Sketch] // 4, np.float32))
        rows[places] = transfer.sketch(
            [self._codec.file(self.gradient(own[place])) for place in places],
            challenge.seed)
        return Letter(Sketch.kind, self.step, challenge.epoch, 0,
                      rows.tobytes())


# --- what it sends -----------------------------------------------------

def stray(rng, peer, kind=None):
    """A letter of the right size that nobody has asked for."""
    kind = kind or pick(rng, list(peer.sizes))
    return Letter(kind.kind, peer.step, NEVER, int(rng.integers(-1, 99)),
                  rng.bytes(peer.sizes[kind]))


def pick(rng, things):
    """One of some things."""
    return things[int(rng.integers(len(things)))]


def flipped(rng, raw, first, last):
    """Bytes with one bit between two bytes turned over."""
    raw, bit = bytearray(raw), int(rng.integers(8 * first, 8 * last))
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


#: Numbers that a header can have where a small one is due.
ODD = -1, 0, 1, 2, 3, NEVER, 2 ** 31 - 1, -2 ** 31
FAR = -2 ** 63, -7, -2, -1, 1, 2, 3, 2 ** 40

#: Given a generator, a peer and a letter, the tag and bytes that it sends.
LOUD = {
    'no lane': lambda rng, peer, it: (
        pick(rng, [0, 3, 4, 99, 32767]), it.sealed[1]),
    'other lane': lambda rng, peer, it: (3 - it.sealed[0], it.sealed[1]),
    'short': lambda rng, peer, it: replace(
        it, body=it.body[:int(rng.integers(len(it.body) + 1))]).sealed,
    'long': lambda rng, peer, it: replace(
        it, body=it.body + bytes(int(rng.integers(1, 99)))).sealed,
    'cut off': lambda rng, peer, it: (
        it.sealed[0], it.sealed[1][:int(rng.integers(64 + len(it.body)))]),
    'huge': lambda rng, peer, it: (it.sealed[0], it.sealed[1] + LONG),
    'empty': lambda rng, peer, it: (pick(rng, [1, 2]), b''),
    'kind': lambda rng, peer, it: replace(
        it, tag=it.sealed[0], kind=int(rng.integers(30))).sealed,
    'far kind': lambda rng, peer, it: replace(
        it, tag=it.sealed[0], kind=int(rng.integers(65536))).sealed,
    'magic': lambda rng, peer, it: replace(it, magic=b'ASPJ').sealed,
    'protocol': lambda rng, peer, it: replace(it, protocol=2).sealed,
    'length': lambda rng, peer, it: replace(
        it, length=int(rng.integers(-2 ** 63, 2 ** 63 - 1))).sealed,
    'position': lambda rng, peer, it: replace(
        it, position=pick(rng, ODD)).sealed,
    'epoch': lambda rng, peer, it: replace(it, epoch=pick(rng, ODD)).sealed,
    'count': lambda rng, peer, it: peer.report(
        pick(rng, [0, 1, peer.done, len(peer.files), 99]),
        int(rng.integers(1 << 8 * peer.bytes))).sealed,
    'order': lambda rng, peer, it: peer.report(
        1, 1 << int(rng.integers(max(len(peer.files), 1)))).sealed,
    'back': lambda rng, peer, it: peer.report(
        int(rng.integers(peer.done + 1))).sealed,
    'other kind': lambda rng, peer, it: replace(
        stray(rng, peer), epoch=it.epoch, position=it.position).sealed,
    'bytes': lambda rng, peer, it: (
        pick(rng, [1, 2]), rng.bytes(pick(rng, [9, 64, 65, 99, 64 + len(
            it.body)]))),
    'bit of header': lambda rng, peer, it: (
        it.sealed[0], flipped(rng, it.sealed[1], 0, 32)),
    'bit of body': lambda rng, peer, it: (
        it.sealed[0], flipped(rng, it.sealed[1], 32, len(it.sealed[1]))),
}
#: What an honest worker could have sent, late or early, and was not used.
QUIET = {
    'step': lambda rng, peer, it: replace(
        it, step=min(max(peer.step + pick(rng, FAR), -2 ** 63),
                     2 ** 63 - 1)).sealed,
    'signal': lambda rng, peer, it: Letter(
        Signal.kind, peer.step, position=pick(rng, [0, 10, 15, -1])).sealed,
    'again': lambda rng, peer, it: peer.report(peer.done).sealed,
    'unasked': lambda rng, peer, it: stray(rng, peer, pick(rng, [
        CodedGradient, Sketch, Answer][:2 + (peer.step >= 0)])).sealed,
}
#: Given a generator and the right numbers, wrong ones.
LIES = {
    'nan': lambda rng, x: x * np.nan,
    'one nan': lambda rng, x: np.where(np.arange(x.size) == 1, np.nan, x),
    'infinite': lambda rng, x: np.full_like(x, pick(rng, [np.inf, -np.inf])),
    'largest': lambda rng, x: np.full_like(x, 1e38),
    'subnormal': lambda rng, x: np.full_like(x, 1e-45),
    'nothing': lambda rng, x: x * 0,
    'reversed': lambda rng, x: -100 * x,
    'a little': lambda rng, x: x * (1 + 1e-3),
    'turned': lambda rng, x: np.roll(x, 1),
    'noise': lambda rng, x: np.frombuffer(rng.bytes(x.nbytes), x.dtype),
    'one bit': lambda rng, x: np.frombuffer(
        flipped(rng, x.tobytes(), 0, x.nbytes), x.dtype),
}
#: How often a peer sends what is due, QUIET, LOUD, LIES in place of it.
MOODS = {'honest': (1, 0, 0, 0), 'sly': (0.4, 0.6, 0, 0),
         'loud': (0.2, 0.3, 0.5, 0), 'late and loud': (0.6, 0.38, 0.02, 0),
         'liar': (0.4, 0.2, 0, 0.4), 'any': (0.4, 0.3, 0.1, 0.2),
         # Lies with the same wrong gradients wherever they show.
         'crooked': (0.8, 0.2, 0, 0),
         # Falls silent, or loud, when something is asked for.
         'tease': (0.5, 0.5, 0, 0), 'patient': (0.7, 0.3, 0, 0),
         'mute': (0, 0, 0, 0)}
#: Moods in which nothing is wrong with a value that counts.
TRUTHFUL = [mood for mood in MOODS if mood not in ('liar', 'any', 'crooked')]
