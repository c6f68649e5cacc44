"""The server and all workers in one process, on a virtual clock.

Messages are handed over as objects, without copies; each gradient is
computed once and its replicas are one array, unless the workers are
separate.  Computing takes no virtual time: a file takes as long as the delay
says and is computed when it is due.  The start-up probe takes none either.
The clock goes from one event to the next.
"""

import heapq
from collections import deque

import numpy as np

from aspis_mpi.errors import INTERRUPTED
from aspis_mpi.protocol.messages import Lane, Vector
from aspis_mpi.protocol.server.drive import drive
from aspis_mpi.protocol.server.states import State


class VirtualClock:
    """Seconds that pass only when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        """The virtual time."""
        return self.now


class Network:
    """Seconds that messages are under way.

    Vectors queue for the one link that the server has in each direction;
    what is short does not wait for them.  Messages of one sender, receiver
    and lane never overtake each other.

    Parameters
    ----------
    latency : float
        Seconds of every message.
    bandwidth : float
        Bytes a second; infinite takes no time.

    Attributes
    ----------
    instant : bool
        Whether messages take no time at all.
    """

    def __init__(self, latency=0.0, bandwidth=np.inf):
        self._latency = latency
        self._bandwidth = bandwidth
        self.instant = not latency and np.isinf(bandwidth)
        self._free = {}
        self._last = {}

    def arrival(self, now, worker, up, message):
        """Second at which a message that is sent now arrives.

        Parameters
        ----------
        now : float
        worker : int
            Who sends or receives it.
        up : bool
            Whether it goes to the server.
        message : Message
        """
        took = message.nbytes / self._bandwidth
        begins = now
        if message.lane is Lane.DATA:
            begins = max(now, self._free.get(up, now))
            self._free[up] = begins + took
        lane = worker, up, message.lane
        arrives = max(begins + took + self._latency,
                      self._last.get(lane, now))
        self._last[lane] = arrives
        return arrives


def simulate(server, workers, keeper, clock, network, signals=None):
    """Run a job to its end.

    Parameters
    ----------
    server : ParameterServer
    workers : list of Worker
    keeper : Keeper
    clock : VirtualClock
        The same that the server and the workers read.
    network : Network
    signals : Signals, optional
        What the process is asked from outside.

    Returns
    -------
    int
        The exit code.
    """
    return Simulation(server, workers, keeper, clock, network,
                      signals).run()


class Simulation:
    """The events of one run, in order of time; see `simulate`."""

    def __init__(self, server, workers, keeper, clock, network,
                 signals=None):
        self._signals = signals
        self._unheeded, self._asked = 0, False
        self._server = server
        self._workers = workers
        self._keeper = keeper
        self._clock = clock
        self._network = network
        # Seconds, a number that breaks ties, and what arrives where: how it
        # is taken, by which worker or of which, and what.  Or nothing does,
        # and the worker is looked at.
        self._events = []
        self._count = 0
        # Number and worker of those looked at before anything else.
        self._due = deque()
        # When each worker is looked at next, and the number of that event;
        # others are void, also one of an earlier step at the same time.
        self._planned = [np.inf] * len(workers)
        self._valid = [None] * len(workers)

    def run(self):
        """Go on until the server stops."""
        self._keeper.begin()
        self._down(self._server.start())
        while self._server.exit_code is None:
            self._next()
            if self._signals is not None:
                self._unheeded += self._signals.taken()
            # The probe takes no time: nobody is asked anything during it.
            if self._unheeded and not self._probes:
                self._heed()
        if self._server.exit_code == INTERRUPTED:
            self._keeper.secure([])
        self._keeper.catch_up()
        return self._server.exit_code

    def _heed(self):
        """End the run after this step if asked to, at once if asked twice."""
        while self._unheeded:
            self._unheeded -= 1
            self._down(self._server.interrupt(
                f'the simulation was sent {self._signals.name}',
                self._asked))
            self._asked = True

    @property
    def over(self):
        """True where nothing is left that could happen."""
        return not (self._due or self._events) and (
            self._server.deadline == np.inf)

    def _next(self):
        """Go to the next event, or to the server's deadline before it."""
        if self._due:
            number, worker = self._due.popleft()
            if self._valid[worker] == number:
                self._work(worker)
            return
        time = self._events[0][0] if self._events else np.inf
        if self._server.deadline < time:
            self._clock.now = max(self._clock.now, self._server.deadline)
            self._answer(self._server.tick())
            return
        _, number, take, worker, message = heapq.heappop(self._events)
        if take is None and self._valid[worker] != number:
            return
        if time > self._clock.now:
            self._clock.now = time
        if take is None:
            self._work(worker)
        else:
            take(worker, message)

    def _answer(self, messages):
        """Send what the server says, and let it compute what is due."""
        drive(self._server, messages, self._down, self._keeper.catch_up)

    def _down(self, messages):
        for _, message in messages:
            if isinstance(message, Vector):
                message.buffer.hold()
        instant = self._instant
        for worker, message in messages:
            if instant:
                self._hand(worker, message)
            else:
                self._at(self._network.arrival(
                    self._clock.now, worker, False, message),
                    self._hand, worker, message)

    @property
    def _probes(self):
        """True during the start-up probe, which takes no time."""
        return self._server.state is State.PROBING

    @property
    def _instant(self):
        """True if messages take no time now."""
        return self._network.instant or self._probes

    def _hand(self, worker, message):
        self._workers[worker].handle(message)
        self._plan(worker)

    def _plan(self, worker):
        """Look at a worker when it has something to send."""
        time = self._workers[worker].finishes
        if time == self._planned[worker]:
            return
        self._planned[worker], self._valid[worker] = time, self._count
        if time == -np.inf:
            self._due.append((self._count, worker))
            self._count += 1
        else:
            self._at(time, None, worker, None)

    def _work(self, worker):
        """Let a worker compute the file that is finished now."""
        self._planned[worker], self._valid[worker] = np.inf, None
        it = self._workers[worker]
        message = it.advance()
        while message is None and it.finishes <= self._clock.now:
            # To the end: a file that is half-way is not to be shared.
            message = it.advance()
        self._plan(worker)
        if message is None:
            return
        if self._instant:
            self._up(worker, message)
        else:
            self._at(self._network.arrival(self._clock.now, worker, True,
                                           message),
                     self._up, worker, message)

    def _up(self, worker, message):
        said = self._server.handle(worker, message)
        if said or self._server.due:
            self._answer(said)

    def _at(self, time, take, worker, message):
        """Let a message be taken at some time, or look at a worker then."""
        if time < np.inf:
            heapq.heappush(self._events,
                           (time, self._count, take, worker, message))
        self._count += 1
