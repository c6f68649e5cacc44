"""A step whose sums come unasked, and are looked at by chance.

    Computing   sums arrive.
    Verifying   `Challenge` is out: owners sketch the files of their sums.
    Checking    `Compute` is out: others compute files once more, or, where
                sums are missing or not believed, in another's place.

What is missing in the end is not in the mean.
"""

import numpy as np

from aspis_mpi.protocol.messages import (
    Challenge, CodedGradient, Compute, Purpose, Sketch, Sum)
from aspis_mpi.protocol.server.states import State
from aspis_mpi.protocol.server.step import Step, drop
from aspis_mpi.schemes.record import ArrivalKind


class SpotStep(Step):
    """One step of the server under spot checks.

    Parameters are those of `Step`; its table is a `SpotTable`.

    Attributes
    ----------
    horizon : int
        H: parameters that are so old have none of the lies of whom this step
        exposes.
    worth : float
        By how much it makes them older.
    checking : Purpose
        What is asked of those who check.
    """

    checking = Purpose.CHECK

    def __init__(self, number, members, gathering, notes, started,
                 table, course):
        super().__init__(number, members, gathering, notes, started, table,
                         course)
        scheme, self._q = members.scheme, members.q
        gathering.spares_late = True
        self._detection = scheme.detection
        inspection = scheme.transfer.inspection
        rule = inspection.rule
        self._goes_back = rule.rollback
        table.lots.begin(number, self.turn, notes.draws)
        self._forced = table.lots.due(
            number < rule.first or course.is_checkpoint(number + 1)
            or inspection.watches(self.turn))
        inspection.begin(number)
        self.horizon = inspection.horizon
        self.worth = inspection.worth(
            int(np.count_nonzero(self.living)), self._q, self._forced)
        self._work_of = members.work_of
        # What `Compute` asks for now.
        self._purpose = Purpose.CHECK

    def alert(self):
        """Let every step be looked at for a while."""
        self._scheme.transfer.inspection.watch(self.turn)

    @property
    def _left(self):
        """Liars that may be among those who are believed."""
        exposed = self.exposed | self.table.exposed
        return max(self._q - int(np.count_nonzero(exposed)), 0)

    def _encode(self):
        """All sums that are waited for are here; nobody is asked for one."""
        now = self._notes.now()
        self._watch.count_files(now)
        self.epoch, self.encoded = 0, now
        self.shown = self.tally.done
        self.turn_to(State.ENCODING)
        return self._challenge()

    def _challenge(self):
        """The sums of an epoch are here: who is to sketch its files?"""
        self.wait.vectors.charge(self.wait.charges)
        asked = self.table.inspect(self.turn, self._forced, self._left)
        asked = {worker: files for worker, files in asked.items()
                 if self.living[worker]}
        if not asked:
            return self._go_on()
        self.turn_to(State.VERIFYING)
        messages = {worker: Challenge(self.turn, self.epoch, 0,
                                      self.table.secret, self._bits(files))
                    for worker, files in asked.items()}
        return self._order(messages, self.wait.sketches, asked)

    def _order(self, messages, owed, files):
        """Ask some workers for something; what is to be sent.

        Parameters
        ----------
        messages : dict of int to Message
            By worker.
        owed : Owed
        files : dict of int to list of int
            Which each is asked for.
        """
        workers, now = sorted(messages), self._notes.now()
        asked = np.zeros(len(self.excluded), dtype=bool)
        asked[workers] = True
        self._watch.renew(workers)
        self._watch.awaited = asked
        self._watch.ask(asked, self.epoch, now)
        owed.ask(asked, now, self._work_of(files))
        self._sought = asked.copy()
        return [it for worker in workers
                for it in self.post([worker], messages[worker])]

    def _bits(self, files):
        """Some files as bits (f)."""
        bits = np.zeros(self._gathering.finished.shape[0], dtype=bool)
        bits[files] = True
        return np.packbits(bits).tobytes()

    @property
    def due(self):
        """True if there is something to compute, and nothing to wait for."""
        if self.state is State.VERIFYING and not self.table.checked:
            return True
        if self.state in (State.VERIFYING, State.CHECKING):
            return not self._watch.awaited.any()
        return self.state is State.RESOLVING

    def proceed(self, audit):
        """Sketch the sums, or go on with what has been shown of files.

        Parameters
        ----------
        audit : callable or None
            See `resolution.resolve`.
        """
        clock, table = self._notes.now, self.table
        if not table.checked:
            table.check(clock)
            return []
        if self._purpose is Purpose.OWN and self.state is State.CHECKING:
            return self._challenge()
        if self.state is State.VERIFYING:
            self.wait.sketches.charge(self.wait.charges)
            table.verify(self.living, clock)
        self.wait.checks.charge(self.wait.charges)
        table.judge(self._detection, ~self.exposed, audit, clock)
        return self._go_on(audit)

    def _go_on(self, audit=None):
        """Ask for more checks, for missing sums, or end the step."""
        able = self.living & ~self.late
        orders = self.table.orders(able, self._left)
        if orders:
            return self._compute(self.checking, orders)
        self.table.close_epoch(self._left, self.turn + self.horizon)
        self.table.confront(~self.exposed, self._left, audit,
                            self._notes.now)
        for worker in np.flatnonzero(self.table.exposed
                                     & self.living).tolist():
            self._gathering.lose(worker)
        if self.table.missing.size and self._replaces:
            files = self.table.replace(self.living & ~self.late)
            if files:
                return self._compute(Purpose.OWN, files)
        return self._collect()

    @property
    def _replaces(self):
        """True if files that are missing are computed by others.

        Not in a step that is undone.
        """
        undone = self._goes_back and (self.table.exposed.any()
                                      or self.exposed.any())
        return not undone and (
            self.table.epochs + 1 < self._scheme.transfer.max_epochs)

    def _compute(self, purpose, files):
        """Let workers compute files besides their order."""
        now = self._notes.now()
        if purpose is Purpose.OWN:
            self.wait.burden(np.flatnonzero(
                ~self.excluded & (self.late | self.silent)).tolist(), now)
        self.epoch += 1
        self._purpose = purpose
        self.turn_to(State.CHECKING)
        return self._order({
            worker: Compute(self.turn, self.epoch, int(purpose),
                            self.table.secret or bytes(16),
                            self._bits(some))
            for worker, some in files.items()}, self._owed, files)

    def _payload(self, worker, message):
        """The sum of a worker's own files, or of those of others."""
        if not message.epoch:
            return self._whole(worker, message)
        if not self._is_due(worker, message, Purpose.OWN) or (
                not isinstance(message, Sum)):
            return drop(message)
        self.table.accept(worker, message.buffer)
        self._settle(worker, message, ArrivalKind.PAYLOAD)
        return []

    def _sketch(self, worker, message):
        """Sketches of a worker's own files, or of one that it checks."""
        if self.state is State.VERIFYING and self._is_sought(worker, message):
            self.table.answer(worker, message.buffer.values)
            self._settle(worker, message, ArrivalKind.SKETCH)
        elif self._is_due(worker, message, Purpose.CHECK):
            self.table.answer(worker, message.buffer.values)
            self._settle(worker, message, ArrivalKind.SKETCH)
        return drop(message)

    def _is_due(self, worker, message, purpose):
        """True if this answers a `Compute` of such a purpose."""
        return (self.state is State.CHECKING and self._purpose is purpose
                and self._is_sought(worker, message))

    def _is_sought(self, worker, message):
        return (self._sought[worker]
                and message.epoch == self._watch.asked_in[worker])

    def _settle(self, worker, message, kind):
        now = self._notes.now()
        self._watch.settle(worker)
        self._sought[worker] = False
        self.wait.answer(self._owed, worker, now)
        self._notes.arrived(self, worker, kind, now, message)

    def blame(self, worker, reason):
        """Note that a worker sent what no honest one sends."""
        super().blame(worker, reason)
        self.table.distrust(worker)

    def _leave(self, workers, leave):
        """Go on without workers: their part goes to others.

        What they still answer in this step is dropped.
        """
        self._sought[workers] = False
        if self.state is not State.CHECKING:
            return super()._leave(workers, leave)
        now = self._notes.now()
        for worker in workers:
            leave(worker)
            self.table.miss(worker)
        self._watch.settle(workers)
        self.wait.leave(workers, np.nan, now)
        return []

    @property
    def _owed(self):
        """Things asked for, besides files."""
        if self.state is State.VERIFYING:
            return self.wait.sketches
        if self._purpose is self.checking and self.state is State.CHECKING:
            return self.wait.checks
        return self.wait.vectors


#: Who takes which message.
SpotStep.handlers = Step.handlers | {
    CodedGradient: SpotStep._payload, Sum: SpotStep._payload,
    Sketch: SpotStep._sketch}
