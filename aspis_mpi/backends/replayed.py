"""A recorded run once more: the same arrivals in the same order.

Where a run's result depends on time, its bits depend on the order in which
the server handled what came.  The log has that order; the values are
computed anew, by the same workers, which do not wait for anything.
"""

import numpy as np

from aspis_mpi.errors import FAILED, ReplayError
from aspis_mpi.protocol.messages import CodedGradient, Sketch, Skip, Vector
from aspis_mpi.protocol.server.drive import drive
from aspis_mpi.protocol.server.states import State
from aspis_mpi.protocol.worker.states import ASKED
from aspis_mpi.schemes.record import ArrivalKind

#: States in which what is due is computed; that of RESOLVING waits until
#: the next step is named.
AT_ONCE = State.VERIFYING, State.CHECKING
#: Nobody sent these: the server did not wait any longer.
MISSED = ArrivalKind.SILENT, ArrivalKind.LATE


def replay(server, workers, keeper, clock, n_files, arrivals, finished,
           virtual=False):
    """Run a job again as far as its arrivals go.

    Parameters
    ----------
    server : ParameterServer
    workers : list of Worker
        Without delays; none of them is silent.
    keeper : Keeper
    clock : VirtualClock
        The same that the server and the workers read.
    n_files : int
    arrivals : structured ndarray
        `/arrivals` of the run log.
    finished : ndarray of bool, shape (n, l)
        Positions that the worker of each arrival had finished.
    virtual : bool
        Whether the seconds of the record are virtual: then those of one look
        at the clock are the same.

    Returns
    -------
    int
        The exit code; 3 where the record ends before the run does.

    Raises
    ------
    ReplayError
    """
    it = Replay(server, workers, clock, n_files, virtual)
    keeper.begin()
    for row, bits in zip(arrivals, finished):
        it.take(row, bits)
        keeper.catch_up()
        if server.exit_code is not None:
            break
    it.end()
    keeper.catch_up()
    return server.exit_code


class Replay:
    """Makes each worker say what it said, when it said it."""

    def __init__(self, server, workers, clock, n_files, virtual):
        self._virtual = virtual
        self._n_files = n_files
        self._server = server
        self._workers = workers
        self._clock = clock
        self._missed = None, []
        self._vectors = {}

    def take(self, row, bits):
        """One row of the arrivals."""
        kind, worker = ArrivalKind(int(row['kind'])), int(row['worker'])
        if kind in MISSED:
            # Those of one look at the clock were given up together.
            other = self._virtual and row['seconds'] != self._clock.now
            if other or kind is not self._missed[0]:
                self._go_on()
                self._missed = kind, []
            self._missed[1].append(worker)
            self._clock.now = float(row['seconds'])
            return
        self._go_on()
        self._clock.now = float(row['seconds'])
        match kind:
            case ArrivalKind.MODEL:
                self._begin(int(row['step']))
            case ArrivalKind.PROGRESS:
                self._answer(worker, self._progress(worker, bits))
            case ArrivalKind.REPLICA:
                self._answer(worker, self._advance(worker))
            case ArrivalKind.PAYLOAD:
                self._answer(worker, self._asked(worker, CodedGradient))
            case ArrivalKind.SKETCH:
                self._answer(worker, self._asked(worker, Sketch))
            case ArrivalKind.DEADLINE:
                self._drive(self._server.expire())
            case ArrivalKind.LOST:
                self._drive(self._server.lose(
                    worker, f'worker {worker} was lost, as recorded'))
            case ArrivalKind.MALFORMED:
                self._drive(self._server.malformed(worker, 'as recorded'))

    def end(self):
        """Do what follows from the last row."""
        self._go_on()
        self._drive([], [State.RESOLVING])
        if self._server.exit_code is None:
            self._down(self._server.stop(FAILED, (
                f'the record ends in step {self._server.step}')))

    def _begin(self, step):
        if self._server.state is State.RESOLVING:
            self._drive([], [State.RESOLVING])
        elif step == 0:
            self._start()
        if self._server.exit_code is None and self._server.step != step:
            raise ReplayError(f'step {step} of the record began, but step '
                              f'{self._server.step} of the job is not over')

    def _start(self):
        """Begin, with the start-up probe where there is one."""
        asked = self._server.start()
        self._down(asked)
        if self._server.state is not State.PROBING:
            return
        for worker in dict.fromkeys(worker for worker, _ in asked):
            self._answer(worker, self._advance(worker))
        self._drive([], [State.PROBING])

    def _go_on(self):
        (kind, workers), self._missed = self._missed, (None, [])
        if workers:
            without = (self._server.give_up if kind is ArrivalKind.SILENT
                       else self._server.excuse)
            self._drive(without(workers))

    def _progress(self, worker, bits):
        """The report of exactly these positions."""
        it, wanted = self._workers[worker], np.packbits(bits).tobytes()
        others = np.ones(self._n_files, dtype=bool)
        others[[file for file, done in zip(it.files, bits) if done]] = False
        it.handle(Skip(it.turn, files=np.packbits(others).tobytes()))
        while True:
            message = self._advance(worker)
            if isinstance(message, Vector):
                self._keep(worker, message)
            elif message.finished == wanted:
                return message

    def _asked(self, worker, kind):
        """The vector or sketches that were asked for last."""
        it = self._workers[worker]
        if it.state in ASKED or it.sends_unasked:
            self._keep(worker, self._advance(worker))
            # What came after the server had given it up is not recorded.
            while it.sends_unasked and not isinstance(
                    self._vectors[worker], kind):
                self._keep(worker, self._advance(worker))
        if not isinstance(self._vectors.get(worker), kind):
            raise ReplayError(f'worker {worker} sent a {kind.__name__} that '
                              'this job does not ask for')
        return self._vectors.pop(worker)

    def _advance(self, worker):
        it = self._workers[worker]
        message = it.advance()
        while message is None and it.finishes <= self._clock.now:
            message = it.advance()
        if message is None:
            raise ReplayError(f'worker {worker} has nothing to say in step '
                              f'{it.step} where it said something')
        return message

    def _keep(self, worker, message):
        if worker in self._vectors:
            self._vectors.pop(worker).buffer.release()
        self._vectors[worker] = message

    def _answer(self, worker, message):
        self._drive(self._server.handle(worker, message))

    def _drive(self, messages, states=AT_ONCE):
        """Hand messages over; a step ends when the next one is named."""
        drive(self._server, messages, self._down, states=states)

    def _down(self, messages):
        for worker, message in messages:
            if buffer := getattr(message, 'buffer', None):
                buffer.hold()
            self._workers[worker].handle(message)
