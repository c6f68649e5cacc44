"""A server under spot checks, whose workers say what a test wants."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.coding.combine import Total
from aspis_mpi.job import loading
from aspis_mpi.protocol.buffers import Buffer
from aspis_mpi.protocol.messages import (
    Challenge, Compute, Model, Purpose, Reorder, Sketch, Sum)
from aspis_mpi.streams import Coins
from tests.support.coded_jobs import Eager
from tests.support.spot_runs import Snapshots, tables

#: Seconds until somebody is silent.
SILENCE = 5.0


class SpotBench:
    """One message after the other; by itself everybody is honest.

    Attributes
    ----------
    lies : dict of (int, int) to float or ndarray
        What a worker adds to what is right of a file, wherever it shows it.
    added : dict of int to float or ndarray
        What a worker adds to its sums alone.
    orders : dict of int to Challenge or Compute
        What each worker owes, besides the sum of its own files.
    events : list of (str, int)
        Messages handled, by kind and sender, and draws of some bytes.
    turn : int
    present : set of int
        Who takes part in this turn.
    """

    #: The job, of sections that differ from a small one.
    tables = staticmethod(tables)

    def __init__(self, coins=0, goes_back=False, **sections):
        sections['faults'] = {'silence': SILENCE} | sections.get(
            'faults', {})
        self.assembly = Assembly(loading.from_tables(
            self.tables(**sections)))
        self.assignment = self.assembly.assignment
        self.events, self.orders, self.present = [], {}, set()
        self.lies, self.added, self.turn = {}, {}, -1
        self.clock, self._coins = VirtualClock(), streams.generator(
            coins, 'coins')
        self._keeper, self._goes_back = Snapshots(), goes_back
        self._start()

    def _start(self, snapshot=None):
        """Begin, or go on from a snapshot, in a new process."""
        self._owned = [sorted(self.assignment.files(worker).tolist())
                       for worker in range(self.assembly.job.n_workers)]
        self.assembly.inspection.coins = Coins(self._draw)
        keeper = self._keeper
        back = self._goes_back and self.assembly.detector.rollback
        keeper.server = self.assembly.server(
            self.clock, past=keeper if back else None)
        if snapshot is not None:
            keeper.server.resume(snapshot)
        self.server = Eager(keeper.server)
        self._note(self.server.start())

    def resume(self):
        """Go on from the last snapshot, as after a kill of all ranks."""
        self.assembly = Assembly(self.assembly.job)
        self.orders.clear()
        self.present, self.turn = set(), -1
        self._start(self._keeper.last)

    def _draw(self, n):
        self.events.append(('draw', n))
        return self._coins.bytes(n)

    def _note(self, messages):
        self._keeper.catch_up()
        for worker, message in messages:
            if isinstance(message, Model):
                if message.turn > self.turn:
                    self.turn, self.present = message.turn, set()
                    self.orders.clear()
                self.present.add(worker)
            elif isinstance(message, Reorder):
                order = np.frombuffer(message.order, dtype='<i4')
                self._owned[worker] = sorted(order[order >= 0].tolist())
            elif isinstance(message, Challenge | Compute):
                self.orders[worker] = message
        return messages

    @property
    def last(self):
        """The record of the last step that is over."""
        return self.server.records[-1]

    @property
    def state(self):
        return self.server.state

    @property
    def table(self):
        """That of this step."""
        return self.server.server._step.table

    @property
    def texts(self):
        return [event.text for event in self.server.notes.events]

    def owned(self, worker):
        """Files of a worker, ascending."""
        return self._owned[worker]

    # -- what workers have, and what they send

    def right(self, file):
        """The gradient of a file at this step's parameters."""
        out = np.zeros(self.assembly.d, dtype=np.float32)
        self.assembly.problem.gradient(
            self.server.values, self.assembly.batches.samples(
                self.server.step, file), out)
        return out

    def shown(self, worker, file):
        """What a worker says it is."""
        with np.errstate(all='ignore'):
            return np.asarray(self.right(file) + np.float32(1) * self.lies.get(
                (worker, file), np.float32(0)), dtype=np.float32)

    def send(self, worker, message):
        """Hand over a message; what the server answers."""
        self.events.append((type(message).__name__, worker))
        return self._note(self.server.handle(worker, message))

    def sum(self, worker, files=None, epoch=0, turn=None):
        """Send the sum of a worker's files."""
        return self.send(worker, self.a_sum(worker, files, epoch, turn))

    def a_sum(self, worker, files=None, epoch=0, turn=None):
        """The message with the sum of files."""
        buffer = Buffer(self.assembly.d).hold()
        total = Total(self.assembly.d)
        with np.errstate(all='ignore'):
            for file in self.owned(worker) if files is None else files:
                total.add(self.shown(worker, file))
            total.write(buffer.values)
            buffer.values[:] += np.float32(1) * self.added.get(
                worker, np.float32(0))
        return Sum(self.turn if turn is None else turn, epoch, 0, buffer)

    def sketch(self, worker, files, seed, epoch, turn=None):
        """The message with sketches of files."""
        transfer = self.assembly.transfer
        buffer = Buffer(2 * transfer.sketch_size).hold()
        rows = transfer.rows(buffer.values)
        rows.fill(0)
        with np.errstate(all='ignore'):
            rows[:len(files)] = transfer.sketch(
                [self.shown(worker, file) for file in files], seed)
        return Sketch(self.turn if turn is None else turn, epoch, 0, buffer)

    def asked(self, worker):
        """The files that a worker's order names."""
        bits = np.unpackbits(np.frombuffer(self.orders[worker].files,
                                           dtype=np.uint8))
        return np.flatnonzero(bits).tolist()

    def answer(self, worker):
        """Send what a worker owes."""
        files, order = self.asked(worker), self.orders.pop(worker)
        if isinstance(order, Compute) and order.position != Purpose.CHECK:
            return self.sum(worker, files, order.epoch)
        return self.send(worker, self.sketch(worker, files, order.seed,
                                             order.epoch))

    def checks(self):
        """Who is to check which file, or the sum of which first one."""
        return {worker: self.asked(worker)[0] for worker, order
                in self.orders.items() if isinstance(order, Compute)
                and order.position != Purpose.OWN}

    # -- whole parts of a step

    def sums(self, but=()):
        """Everybody's sum of its own files."""
        for worker in sorted(self.present - set(but)):
            self.sum(worker)

    def answers(self, but=()):
        """All that is owed now, by ascending worker."""
        for worker in sorted(set(self.orders) - set(but)):
            self.answer(worker)

    def excuse(self, worker):
        """Do not wait for a worker any longer."""
        return self._note(self.server._rest(
            self.server.server.excuse([worker])))

    def lose(self, worker):
        """A worker dies."""
        self.present.discard(worker)
        self.orders.pop(worker, None)
        return self._note(self.server._rest(self.server.server.lose(
            worker, f'worker {worker} died')))

    def wait(self):
        """Until the server's alarm."""
        self.clock.now = max(self.clock.now, self.server.deadline)
        return self._note(self.server.tick())

    def play(self, silent=(), mute=()):
        """The rest of a turn; the record of it.

        `silent` send nothing, and `mute` only their own sums.
        """
        turn = self.turn
        self.sums(but=silent)
        return self.finish(turn, {*silent, *mute})

    def finish(self, turn, mute=()):
        """All that is asked for until a turn is over; the record of it."""
        for _ in range(999):
            if self.turn != turn or self.server.exit_code is not None:
                return next(record for record in self.server.records
                            if record.turn == turn)
            if set(self.orders) - set(mute):
                self.answers(but=mute)
            else:
                self.orders.clear()
                self.wait()
        raise AssertionError(f'turn {turn} goes on for ever')
