"""Mail of a rank, both ways: one look for everything under way.

Under an oversubscribed MPI each look that finds nothing gives the core away,
so one matched probe asks for messages of all peers at once, and one test for
all transfers that are not complete yet.

A message is looked at before it is received.  A receive that is posted first
would leave it to the MPI to stop at the end of the buffer, and Open MPI 5
does not where it copies from process to process: a message longer than 4 kB
and than the posted receive is written in full, over whatever lies behind,
and only then reported as truncated.
"""

from collections import Counter, deque

import mpi4py
import numpy as np

mpi4py.rc.thread_level = 'funneled'

from mpi4py import MPI  # noqa: E402  (reads mpi4py.rc)

from aspis_mpi.backends.bell import SHORTEST  # noqa: E402
from aspis_mpi.backends.launcher import survives_deaths  # noqa: E402
from aspis_mpi.backends.mail import Death, Mail, Rooms  # noqa: E402
from aspis_mpi.backends.mpi.ending import abort, depart  # noqa: E402
from aspis_mpi.errors import MalformedMessage  # noqa: E402
from aspis_mpi.protocol.messages import (  # noqa: E402
    FROM_SERVER, FROM_WORKER, Lane, Vector)

#: Bytes of one MPI message at most; longer vectors travel in pieces.
PIECE = 1 << 30

#: Bytes of a message that is received although nobody wants it, at most:
#: else MPI would keep it.  A longer one its sender keeps.
WASTE = 1 << 23

#: Tag of a vector in whose header a control message travels, to a worker.
BOTH = max(Lane) + 1

#: Bytes of such a vector, at most: before a longer one has come the control
#: message should be known.
TOGETHER = 1 << 21

#: Bytes of a message that MPI takes over before anybody receives it, as most
#: do; where one does not, it is asked once more than need be.
EAGER = 4096

#: Sleeps of `Mailbox.wait`.
PAUSES = 16


class Slot:
    """Place for the next message of one peer and lane.

    Attributes
    ----------
    rank : int
    lane : Lane
    joined : bool
        A control message travels in the header of each vector.
    raw : ndarray of uint8, or None
        Room for the message that is being received.
    buffer : Buffer or None
        The one that `raw` belongs to.
    received : int
        Bytes of earlier pieces.
    busy : bool
        A piece is being received.
    waiting : deque of (MPI.Message, int)
        Messages that have been announced, and their bytes.
    """

    __slots__ = ('rank', 'lane', 'joined', 'raw', 'buffer', 'received',
                 'busy', 'waiting')

    def __init__(self, rank, lane, joined=False):
        self.rank, self.lane, self.joined = rank, lane, joined
        self.raw = self.buffer = None
        self.received = 0
        self.busy = False
        self.waiting = deque()


#: In the place of a slot: what comes is not looked at.
DISCARDED = Slot(None, None)


class Mailbox(Mail):
    """The messages of a rank, as MPI carries them.

    Every message has a fixed size, so a peer decides neither how much is
    allocated nor where it is written.  One that is too long, or on no lane,
    goes where nobody looks; if it is far too long, its sender keeps it.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    wire : Wire
    known : dict of int to type
        Messages that the peers may send.
    peers : sequence of int
        Their ranks.
    room : callable
        Given rank and lane, where the next message goes: its bytes, and the
        buffer that they belong to or None.  It is asked when a message has
        been announced; bytes without a buffer are free again when the
        message is handed over.
    """

    def __init__(self, comm, wire, known, peers, room):
        self.rank = comm.rank
        self._comm = comm
        self._room = room
        self._wire = wire
        self._known = known
        self._slots = {(rank, lane): Slot(rank, lane)
                       for rank in peers for lane in Lane}
        self._probe, self._status = comm.Improbe, MPI.Status()
        # What came while this rank waited.
        self._early = []
        # What is not complete: requests, and what to do when they are.
        self._requests = []
        self._transfers = []
        self._latest = self._joined = None, None
        self._waste = np.empty(WASTE, dtype=np.uint8)
        # Pieces on their way out, and what follows them, by rank and lane.
        self._leaving = Counter()
        self._next = {}
        # Who has died, and whose death has not been handed over yet.
        self.dead = set()
        self._deaths = []
        self._mortal = survives_deaths()
        self._barrier = None
        # Those of the peers, and its own: see `backends.bell`.
        self._bells = self._bell = None

    @classmethod
    def of_server(cls, comm, wire, pool, bells=None):
        """Rank 0's, with buffers of a pool for what workers send."""
        peers = range(1, comm.size)
        mail = cls(comm, wire, FROM_WORKER, peers, Rooms(
            peers, wire.longest(FROM_WORKER), pool))
        mail._bells = bells
        return mail

    @classmethod
    def of_worker(cls, comm, wire, pool, bell=None):
        """Of any other rank, with buffers for the parameters."""
        mail = cls(comm, wire, FROM_SERVER, [0], Rooms(
            [0], wire.longest(FROM_SERVER), pool))
        mail._bell = bell
        mail._slots[0, BOTH] = Slot(0, Lane.DATA, joined=True)
        return mail

    @property
    def pending(self):
        """Number of messages that have not left or have begun to come in."""
        return len(self._requests)

    def send(self, rank, message):
        """Start sending; a vector's buffer is held until it has left.

        What is for a dead rank is forgotten.
        """
        if rank in self.dead:
            return
        # The same message often goes to every peer, one after the other.
        if message is not self._latest[0]:
            self._latest = message, self._bytes(message)
        raw = self._latest[1]
        buffer = message.buffer if isinstance(message, Vector) else None
        for start in range(0, len(raw), PIECE):
            self._post(rank, message.lane, message.lane,
                       raw[start:start + PIECE], buffer)

    def _post(self, rank, lane, tag, raw, buffer):
        """Start sending some bytes on a lane."""
        request = self._comm.Isend([raw, MPI.BYTE], rank, tag)
        if self._bells is not None:
            self._bells.ring(rank)
        # What is short leaves at once, as a rule.
        if len(raw) <= EAGER and not self._mortal and request.Test():
            return
        if buffer is not None:
            buffer.hold()
        self._requests.append(request)
        key = rank, lane
        self._transfers.append((None, key, buffer))
        self._leaving[key] += 1

    def send_both(self, rank, message, vector):
        """Send a control message and the vector that follows it.

        As one, where they fit and nothing is on its way before them.
        """
        if vector is not self._joined[0]:
            together = vector.nbytes <= min(TOGETHER, PIECE) and (
                self._wire.fits(type(message)))
            self._joined = vector, (self._wire.join(message, vector)
                                    if together else None)
        raw, leaving = self._joined[1], self._leaving
        if rank in self.dead or raw is None or leaving[rank, Lane.DATA] or (
                leaving[rank, Lane.CONTROL]):
            super().send_both(rank, message, vector)
            return
        self._post(rank, Lane.DATA, BOTH, raw, vector.buffer)

    def sending(self, rank, lane):
        """True if an earlier message to a peer has not left yet."""
        return self._leaving[rank, lane] > 0

    def send_latest(self, rank, vector):
        """Send a vector, instead of those that could not leave before it.

        However long a peer does not listen, it keeps two buffers at most.
        """
        key = rank, vector.lane
        if not self._leaving[key]:
            self.send(rank, vector)
            return
        vector.buffer.hold()
        if key in self._next:
            self._next[key].buffer.release()
        self._next[key] = vector

    def _left(self, key, buffer):
        """A piece has left; what waited behind it may follow."""
        self._leaving[key] -= 1
        if buffer is not None:
            buffer.release()
        if not self._leaving[key] and key in self._next:
            vector = self._next.pop(key)
            self.send(key[0], vector)
            vector.buffer.release()

    def _bytes(self, message):
        if isinstance(message, Vector):
            return self._wire.stamp(message)
        return self._wire.pack(message)

    def poll(self):
        """Messages that have come in since the last call; sends go on, too.

        Returns
        -------
        list of (int, Message or MalformedMessage)
            Rank of the peer and what it sent; the buffer of a malformed
            vector has been released.
        """
        arrived, self._early = self._early, []
        if not arrived and self._look_again(arrived):
            for _ in self._slots:
                if not self._look(arrived):
                    break
        if self._requests:
            self._test(arrived)
        if self._bells is not None and not arrived:
            self._urge()
        if self._deaths:
            arrived += [(rank, Death()) for rank in self._deaths]
            self._deaths.clear()
        return arrived

    def goodbye(self):
        """True if every rank has said goodbye; to be asked until it has.

        Never, once a rank has died.
        """
        try:
            if self._barrier is None:
                self._barrier = self._comm.Ibarrier()
            return self._barrier.Test()
        except MPI.Exception as error:
            self._mourn(error)
            return False

    def abort(self, code, reason):
        """End every rank now, and say why."""
        abort(self._comm, code, reason)

    def depart(self, code, patience=0.0):
        """Let this process end without MPI's finalization."""
        depart(code, patience)

    def _look_again(self, arrived):
        """Take one message, as `_look` does after a sleep.

        MPI looks first and then takes in what has come (Open MPI and MPICH
        do): what came during the sleep is found by the second look.
        """
        return self._look(arrived) or self._look(arrived)

    def _look(self, arrived):
        """Take one message that is announced; true if there was one.

        Deaths over which that stumbles are noted.
        """
        status = self._status
        try:
            message = self._probe(MPI.ANY_SOURCE, MPI.ANY_TAG, status)
        except MPI.Exception as error:
            self._mourn(error)
            return False
        if message is None:
            return False
        count, tag = status.Get_count(MPI.BYTE), status.Get_tag()
        slot = self._slots.get((status.Get_source(), tag))
        if slot is None:
            self._discard(message, count)
            arrived.append((status.Get_source(), MalformedMessage(
                f'there is no lane {tag}', None)))
            return True
        slot.waiting.append((message, count))
        self._receive(slot, arrived)
        return True

    def _mourn(self, error):
        """Find out who has died, and let the others go on.

        Raises
        ------
        MPI.Exception
            It was something else.
        """
        if not self._mortal:
            raise error
        if error.Get_error_class() == MPI.ERR_REVOKED:
            # Rank 0 aborts: nobody is there any more.
            if not self._comm.rank:
                raise error
            self.dead.add(0)
            return
        failed = self._comm.Get_failed()
        self._comm.Ack_failed(failed.size)
        ranks = set(MPI.Group.Translate_ranks(
            failed, None, self._comm.Get_group()))
        if error.Get_error_class() != MPI.ERR_PROC_FAILED or not ranks:
            raise error
        for rank in sorted(ranks - self.dead):
            self.dead.add(rank)
            self._deaths.append(rank)
            self._forget(rank)

    def _forget(self, rank):
        """Give back what waits for a dead rank, and what is half of it."""
        for lane in Lane:
            slot = self._slots.get((rank, lane))
            if slot is not None and not slot.busy and not slot.waiting:
                self._drop(slot)
            if (rank, lane) in self._next:
                self._next.pop((rank, lane)).buffer.release()

    def wait(self, pause, until, clock):
        """Sleep until a message is announced, for a while at the most.

        For a rank with nothing else to do before the clock says `until`:
        between sleeps it runs as little code as possible, since the others
        need the core and its caches.
        """
        left = until - clock()
        if self._bell is not None and left >= SHORTEST and (
                not self._receiving):
            self._bell.wait(left)
            self._look_again(self._early)
            return
        for _ in range(PAUSES):
            left = until - clock()
            if left <= 0:
                return
            pause(left)
            if self._look_again(self._early) or self._deaths:
                return

    @property
    def _receiving(self):
        """Ranks whose messages are half-way here, in both their hands."""
        return [slot.rank for slot, _, _ in self._transfers
                if slot is not None and slot.rank is not None]

    def _urge(self):
        """Ring those without whom what they send may not go on."""
        for rank in self._receiving:
            self._bells.ring(rank)

    def _receive(self, slot, arrived):
        """Begin to receive what waits; most of it is here at once."""
        while slot.waiting and not slot.busy:
            message, count = slot.waiting.popleft()
            if slot.raw is None:
                slot.raw, slot.buffer = self._room(slot.rank, slot.lane)
                slot.received = 0
            room = slot.raw[slot.received:slot.received + PIECE]
            if count > room.size:
                self._discard(message, count)
                self._finish(slot, arrived, too_long=True)
                continue
            try:
                request = message.Irecv([room[:count], MPI.BYTE])
                received = request.Test()
            except MPI.Exception as error:
                self._abandon(slot, error)
                continue
            if received:
                self._complete(slot, count, arrived)
                continue
            slot.busy = True
            self._requests.append(request)
            self._transfers.append((slot, count, None))

    def _discard(self, message, count):
        """Receive what nobody wants, or MPI would keep it for ever."""
        if count > WASTE:
            return
        try:
            request = message.Irecv([self._waste[:count], MPI.BYTE])
            if request.Test():
                return
        except MPI.Exception as error:
            self._mourn(error)
            return
        self._requests.append(request)
        self._transfers.append((DISCARDED, count, None))

    def _test(self, arrived):
        """Go on with what is under way."""
        done, errors = (self._test_each() if self._mortal else
                        (MPI.Request.Testsome(self._requests), {}))
        if not done:
            return
        ended = [(*self._transfers[i], errors.get(i)) for i in done]
        left = [i for i, request in enumerate(self._requests)
                if request != MPI.REQUEST_NULL]
        self._requests = [self._requests[i] for i in left]
        self._transfers = [self._transfers[i] for i in left]
        for slot, what, buffer, error in ended:
            if error is not None and slot in (None, DISCARDED):
                self._mourn(error)
            if slot is None:
                self._left(what, buffer)
                continue
            if slot is DISCARDED:
                continue
            slot.busy = False
            if error is None:
                self._complete(slot, what, arrived)
            else:
                self._abandon(slot, error)
            self._receive(slot, arrived)

    def _test_each(self):
        """Requests that have ended, and the errors of those that failed.

        Of several tested together nobody could say which ones failed.
        """
        done, errors = [], {}
        for i, request in enumerate(self._requests):
            try:
                if not request.Test():
                    continue
            except MPI.Exception as error:
                errors[i] = error
            done.append(i)
        return done, errors

    def _abandon(self, slot, error):
        """A sender died half-way: nobody reads what has come of it."""
        self._drop(slot)
        self._mourn(error)

    def _drop(self, slot):
        if slot.buffer is not None:
            slot.buffer.release()
        slot.raw = slot.buffer = None

    def _complete(self, slot, count, arrived):
        """A piece is here; with the last one, so is the message."""
        slot.received += count
        if count < PIECE or slot.received == slot.raw.size:
            self._finish(slot, arrived)
        elif slot.rank in self.dead and not slot.waiting:
            self._drop(slot)

    def _finish(self, slot, arrived, too_long=False):
        raw, buffer, slot.raw, slot.buffer = slot.raw, slot.buffer, None, None
        try:
            if too_long:
                raise MalformedMessage('longer than any of its lane',
                                       slot.lane)
            if slot.joined:
                arrived += [(slot.rank, message) for message in (
                    self._wire.part(raw, slot.received, self._known, buffer))]
                return
            message = self._wire.unpack(raw, slot.received, self._known,
                                        slot.lane, buffer)
        except MalformedMessage as error:
            # Without what refers to this frame, which refers to it.
            message = error.with_traceback(None)
            if buffer is not None:
                buffer.release()
        arrived.append((slot.rank, message))
