"""One step of the parameter server, from its `Model` to its last payload.

What workers send is taken here, and what is asked of them; `server` has the
states in words.  Nothing of a step outlives it.
"""

import numpy as np

from aspis_mpi.detection.base import Proof, ProofKind
from aspis_mpi.errors import Malformed
from aspis_mpi.protocol.messages import (
    Challenge, CodedGradient, Commit, Encode, Model, Parameters, Progress,
    Replica, Sketch, Skip, Sum, Vector, unpack_positions)
from aspis_mpi.protocol.server.stage import Stage
from aspis_mpi.protocol.server.states import State
from aspis_mpi.protocol.server.tally import Tally
from aspis_mpi.protocol.server.wait import Wait
from aspis_mpi.protocol.server.watch import Watch
from aspis_mpi.schemes.record import ArrivalKind
from aspis_mpi.streams import unforeseen


class Step(Stage):
    """One step of the server: replaced by the next one, never reset.

    Parameters
    ----------
    number : int
    members : Membership
        Who takes part, with which scheme.
    gathering : Gathering
        Who has finished what, as the collection counts it.
    notes : Notes
    started : float
        Seconds, when `Model` was sent.
    table : Table
        Empty.
    course : Course

    Attributes
    ----------
    state : State
        COMPUTING, ENCODING, VERIFYING or RESOLVING.
    table : Table
        What has arrived, as the transfer keeps it.
    living : ndarray of bool, shape (K,)
        Workers that take part and were not given up, as `gathering` has it.
    exposed : ndarray of bool, shape (K,)
        Workers that sent what no honest one sends; `proofs` says what.
    hopeless : str
        Why the step can never be finished; empty if it can.
    wait : Wait
        What is owed, and at whose expense.
    epoch : int
        Of the last signal; -1 before the first.
    encoded, collected : float
        Seconds when the first signal left, and when nothing was awaited any
        more.
    shown : ndarray of int, shape (K,), or None
        Files that each worker had finished at the first signal.
    remembered : ndarray of bool, shape (K,)
        Workers that were exposed in an earlier step.
    worth : float
        By how much it makes parameters older, see `Snapshot`.
    """

    worth = 1.0

    def __init__(self, number, members, gathering, notes, started,
                 table, course):
        scheme = members.scheme
        n_workers = scheme.assignment.n_workers
        self.number = number
        self.turn = members.turn
        self.state = State.COMPUTING
        self.table = table
        self.tally = Tally(members.order, scheme.assignment.loads, started)
        self.hopeless = gathering.hopeless
        self.excluded = ~gathering.living
        self.exposed = np.zeros(n_workers, dtype=bool)
        self.noted = set()
        self.proofs = []
        self.epoch = -1
        self.started = started
        self.encoded = self.collected = np.nan
        self.bytes_in = self.bytes_out = self.messages = 0
        self._scheme = scheme
        self._sends_at_once = scheme.transfer.sends_at_once
        self._unasked = scheme.transfer.sends_unasked
        self._gathering = gathering
        self.living = gathering.living
        self._notes = notes
        self.wait = Wait(gathering.living.copy(), members.q, members.usual,
                         course, started, members.thin(gathering.living),
                         members.work)
        self._watch = Watch(gathering, self.tally, self.wait, started)
        # Who was asked for sketches, and who did not come up with them.
        self._sought = np.zeros(n_workers, dtype=bool)
        self._dodged = np.zeros(n_workers, dtype=bool)
        self.remembered = members.exposed
        self.shown = None
        self._tried = False

    @property
    def name(self):
        """Its name in a sentence."""
        return f'step {self.number}'

    # -- messages in, messages out

    def handle(self, worker, message):
        """Take a message of this step from a living worker.

        Raises
        ------
        Malformed
            No honest worker sends that.
        """
        return self.handlers[type(message)](self, worker, message)

    def announce(self, workers, parameters):
        """The step and its parameters, to those who take part."""
        model = Model(self.turn, position=self.number,
                      excluded=np.packbits(self.excluded).tobytes(),
                      grid=self.table.codec.grid)
        vector = Parameters(self.turn, buffer=parameters)
        self.post(workers, model)
        self.post(workers, vector)
        return [(worker, message) for worker in workers
                for message in (model, vector)]

    def post(self, workers, message):
        """One message for some workers, counted."""
        self.messages += len(workers)
        self.bytes_out += len(workers) * message.nbytes
        return [(worker, message) for worker in workers]

    def expire(self):
        """The collection's time is over."""
        self._notes.arrived(self, -1, ArrivalKind.DEADLINE,
                            self._notes.now())
        self._gathering.expire()
        return self._proceed()

    def admit(self, workers):
        """Some that were left out take part after all."""
        self.excluded[workers] = False
        self._watch.resumed = now = self._notes.now()
        self._gathering.admit(workers)
        self.wait.admit(np.isin(np.arange(len(self.excluded)), workers), now)
        return self._proceed()

    def blame(self, worker, reason):
        """Note that a worker sent what no honest one sends."""
        self._notes.arrived(self, worker, ArrivalKind.MALFORMED,
                            self._notes.now())
        self.exposed[worker] = True
        self.proofs.append(Proof(worker, f'worker {worker} sent a malformed '
                                 f'message: {reason}', ProofKind.MALFORMED))

    def miss(self, worker):
        """Note that a worker never comes back."""
        self._notes.arrived(self, worker, ArrivalKind.LOST,
                            self._notes.now())

    def lose(self, workers):
        """Go on without workers that are silent or exposed."""
        return self._leave(workers, self._gathering.lose)

    def excuse(self, workers):
        """Do not wait for late workers where others can do their part.

        What they still send counts.
        """
        for worker in workers:
            self._notes.arrived(self, worker, ArrivalKind.LATE,
                                self._notes.now())
        self._watch.excuse(workers)
        return self._leave(workers, self._gathering.excuse)

    def _leave(self, workers, leave):
        out, lacking, now = [], [], self._notes.now()
        for worker in workers:
            lacking.extend(leave(worker).tolist())
            self.table.lose(worker)
        self._watch.settle(workers)
        self.wait.leave(workers, self._watch.resumed if self._computing
                        else np.nan, now)
        if self._watch.skipped is not None and lacking:
            out = self._skip(np.unique(lacking), False)
        if self.state is State.ENCODING:
            # Files may lack copies now: whoever waits is to compute on.
            self.turn_to(State.COMPUTING)
            self._watch.resumed = now
            self.wait.burden(workers, now)
        if self.state is State.VERIFYING:
            # What is missing is seen when the rest has been verified.
            self._dodged[workers] = True
            return out
        return out + self._proceed()

    def _replica(self, worker, message):
        position = message.position
        due = self.tally.count(worker)
        if not self._sends_at_once or 0 <= position < due:
            return drop(message)
        if position != due or message.epoch or not self.tally.owes(worker):
            drop(message)
            raise Malformed(f'position {position} of its order, where {due} '
                            'was due')
        self.table.accept(worker, self.tally.file(worker, position),
                          message.buffer)
        bits = self.tally.finished[worker] | 1 << position
        return self._report(worker, bits, ArrivalKind.REPLICA, message)

    def _progress(self, worker, message):
        bits = unpack_positions(message.finished)
        if self._sends_at_once or self._unasked or (
                bits == self.tally.finished[worker]):
            return []
        wrong = self.tally.check(worker, bits, message.position,
                                 not self._scheme.skip_covered)
        if wrong:
            raise Malformed(wrong)
        return self._report(worker, bits, ArrivalKind.PROGRESS, message)

    def _report(self, worker, bits, kind, message):
        """A worker has finished some more files."""
        now = self._notes.now()
        enough = self._gathering.finish(
            worker, self.tally.report(worker, bits, now))
        if enough:
            self._watch.suffice(enough, now)
        if self.wait.paced and not self.tally.owes(worker):
            self.wait.answer(self.wait.files, worker, now)
        self._notes.arrived(self, worker, kind, now, message)
        if not self._computing:
            return []
        # What has come cannot make it hopeless.
        out = self._proceed() if self._gathering.satisfied else []
        if enough and not out and self._scheme.skip_covered:
            return self._skip(np.array(enough), True)
        return out

    def _skip(self, files, may):
        """Tell who holds these files that they may be left out, or not."""
        watch = self._watch
        watch.skip(files, may)
        message = Skip(self.turn,
                       files=np.packbits(watch.skipped).tobytes())
        to_do = (self._scheme.assignment.incidence[files]
                 & ~self._gathering.finished[files])
        told = np.flatnonzero(to_do.any(axis=0) & self.living)
        now = self._notes.now()
        if not may:
            watch.call(told, now)
        elif self.wait.paced:
            done = np.flatnonzero(self.living & ~watch.wanting)
            for worker in done.tolist():
                self.wait.answer(self.wait.files, worker, now)
        return self.post(told.tolist(), message)

    def _proceed(self):
        """Go on as far as what has come allows."""
        self.hopeless = self._gathering.hopeless
        if self.hopeless or not self._gathering.satisfied:
            return []
        if self._sends_at_once:
            return self._collect()
        return self._encode()

    def _encode(self):
        """Signal: everybody sends one vector, as this state asks for it."""
        watch = self._watch
        watch.count_files(self._notes.now())
        asked = self.table.ask(self._gathering.state())
        if self._unasked:
            asked &= ~self.table.arrived
        if asked.any() or self.epoch < 0:
            self.epoch += 1
        out = []
        if asked.any():
            out = self.post(np.flatnonzero(asked).tolist(), Encode(
                self.turn, self.epoch, 0, *self.table.signal()))
        now = self._notes.now()
        watch.ask(asked, self.epoch, now)
        # Without a late one that is still to send a file cannot be had.
        again = self.late & self.table.senders & ~self.table.arrived
        watch.asked[again] = now
        asked |= again
        self.wait.vectors.ask(asked, now)
        watch.awaited = (watch.awaited | asked) & self.table.senders
        if self.shown is None:
            # What counts is what was there at the first signal.
            self.encoded, self.shown = now, self.tally.done
        self.turn_to(State.ENCODING)
        if watch.waits:
            return out
        return out + self._challenge()

    def _payload(self, worker, message):
        watch = self._watch
        if self._unasked and not message.epoch:
            return self._whole(worker, message)
        if not watch.awaited[worker] or (
                message.epoch != watch.asked_in[worker]):
            return drop(message)
        if isinstance(message, Sum) is not self.table.undivided:
            drop(message)
            raise Malformed('a vector that was not asked for')
        self.table.accept(worker, message.buffer)
        watch.settle(worker)
        now = self._notes.now()
        self.wait.answer(self.wait.vectors, worker, now)
        self._notes.arrived(self, worker, ArrivalKind.PAYLOAD, now,
                            message)
        if watch.waits or self._computing:
            return []
        return self._challenge()

    def _whole(self, worker, message):
        """The sum of all files of a worker, its own report of them."""
        if not isinstance(message, Sum):
            drop(message)
            raise Malformed('a vector that was not asked for')
        if not (self._computing and self.tally.owes(worker)):
            return drop(message)
        self.table.accept(worker, message.buffer)
        return self._report(worker, self.tally.everything(worker),
                            ArrivalKind.PAYLOAD, message)

    def _challenge(self):
        """All payloads are here: ask what they are made of."""
        self.wait.vectors.charge(self.wait.charges)
        if not self.table.challenged:
            return self._collect()
        if not self.table.epochs:
            self.wait.relieve(self._notes.now())
        # Drawn now, and from no generator of the run: nobody can know it
        # before its payload is complete.
        secret = unforeseen(16)
        files, asked = self.table.challenge(
            self._gathering.finished.copy(), secret)
        if not files.any():
            return self._collect()
        self.turn_to(State.VERIFYING)
        self._tried = False
        asked, now = asked & self.living, self._notes.now()
        self._watch.awaited = asked & ~self.late
        self._sought, self._dodged = asked.copy(), np.zeros_like(asked)
        self._watch.ask(asked, self.epoch, now)
        self.wait.sketches.ask(self._watch.awaited, now)
        return self.post(np.flatnonzero(asked).tolist(), Challenge(
            self.turn, self.epoch, 0, secret, np.packbits(files).tobytes()))

    def _sketch(self, worker, message):
        due = self._sought[worker] and self.state is State.VERIFYING
        if due and message.epoch == self._watch.asked_in[worker]:
            now = self._notes.now()
            self.table.answer(worker, message.buffer.values)
            self._watch.settle(worker)
            self._sought[worker] = False
            self.wait.answer(self.wait.sketches, worker, now)
            self._notes.arrived(self, worker, ArrivalKind.SKETCH, now,
                                message)
        return drop(message)

    @property
    def due(self):
        """True if there is something to compute, and nothing to wait for."""
        if self.state is not State.VERIFYING:
            return self.state is State.RESOLVING
        return not (self.table.checked and self._watch.waits
                    and (self._tried or not self.table.enough(
                        self._gathering.needed)))

    def proceed(self, audit):
        """Check the payloads, or verify them with what has been answered.

        Parameters
        ----------
        audit : callable or None
            See `resolution.resolve`.
        """
        clock, table = self._notes.now, self.table
        if not table.checked:
            table.check(clock)
            return []
        table.verify(self._scheme, ~self.exposed, self.living & ~self.late,
                     audit, clock)
        return self._verified()

    def _verified(self):
        """Go on from a verification."""
        table, out = self.table, []
        self.wait.relieve(self._notes.now())
        if self._watch.waits and not table.settled:
            # It was too early: the others' answers may help.
            self._tried = True
            return out
        self._watch.awaited[:] = False
        self.wait.sketches.charge(self.wait.charges)
        if table.settled or table.epochs >= self._scheme.transfer.max_epochs:
            return self._collect()
        table.renew()
        for worker in np.flatnonzero(table.exposed & self.living).tolist():
            self._gathering.lose(worker)
        for worker in np.flatnonzero(table.odd & self.living).tolist():
            self._gathering.excuse(worker)
        self._gathering.require(table.required)
        lacking = self._gathering.lacking()
        if self._watch.skipped is not None and lacking.size:
            out = self._skip(lacking, False)
        self.turn_to(State.COMPUTING)
        self._watch.resumed = now = self._notes.now()
        self.wait.burden(np.flatnonzero(
            (table.odd | self._dodged) & ~table.exposed).tolist(), now)
        return out + self._proceed()

    def _collect(self):
        """Nothing is waited for any more."""
        self.collected = now = self._notes.now()
        self._watch.count_files(now)
        self.wait.relieve(now)
        self.turn_to(State.RESOLVING)
        if self._sends_at_once:
            return []
        return self.post(np.flatnonzero(~self.excluded).tolist(),
                         Commit(self.turn))

    # -- time

    @property
    def awaited(self):
        """Workers that owe the vector or sketches asked for, bool (K,)."""
        return self._watch.awaited

    @property
    def ever_late(self):
        """Workers that were late at some time of the step, bool (K,)."""
        return self._watch.ever_late

    @property
    def late(self):
        """Workers that were not waited for any longer, bool (K,)."""
        return self._watch.late

    @property
    def silent(self):
        """Workers that were given up for the step, bool (K,)."""
        return self._watch.silent

    @property
    def hastened(self):
        """True if somebody may be late sooner than was thought."""
        return self.wait.hastened

    @property
    def expires(self):
        """The second at which the collection's time is over."""
        return self._watch.expires if self._computing else np.inf

    def alarm(self, silence):
        """The first second at which something may be due.

        A lower bound: whoever reports in the meantime has longer.

        Parameters
        ----------
        silence : float
            Seconds until a worker is silent.
        """
        self.wait.hastened = False
        return min(self.expires,
                   self._watch.next(self._owed, self._computing, silence))

    def overdue(self, now, silence):
        """Workers that have been silent for so many seconds, bool (K,)."""
        return self._watch.overdue(self._computing, now, silence)

    def tardy(self, now):
        """Workers that are late from now on, bool (K,)."""
        return self._watch.tardy(self._owed, self._computing, now)

    def silence(self, worker):
        """Take note that a worker is silent; what it did, for people."""
        self.silent[worker] = True
        self._notes.arrived(self, worker, ArrivalKind.SILENT,
                            self._notes.now())
        asked = ' and the signal' if self._watch.awaited[worker] else ''
        return (f'in {self.name} after {self.tally.count(worker)} '
                f'files{asked}')

    @property
    def _computing(self):
        return self.state is State.COMPUTING

    @property
    def _owed(self):
        """Things asked for, besides files."""
        return (self.wait.sketches if self.state is State.VERIFYING else
                self.wait.vectors)


#: Who takes which message.  Of the class, not of a step: what refers to
#: itself stays until the collector comes, with all that has arrived.
Step.handlers = {Replica: Step._replica, Progress: Step._progress,
                 CodedGradient: Step._payload, Sum: Step._payload,
                 Sketch: Step._sketch}


def drop(message):
    """Do nothing with a message but give its buffer back."""
    if isinstance(message, Vector):
        message.buffer.release()
    return []
