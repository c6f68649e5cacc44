"""A job whose messages travel as bytes, in an order that chance decides."""

from collections import deque

import numpy as np

from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.messages import FROM_SERVER, FROM_WORKER, Lane, Vector
from aspis_mpi.protocol.server.drive import drive


class Lines:
    """Messages as bytes, in order within a lane, in no order between them.

    Parameters
    ----------
    assembly : Assembly
    rng : numpy.random.Generator
        Decides who goes next.
    """

    def __init__(self, assembly, rng):
        self.wire, self.pool = assembly.wire(), Pool(assembly.d)
        self.incoming = assembly.incoming()
        self.rng = rng
        self.server = assembly.server(VirtualClock(), probes=True)
        self.workers = [assembly.worker(number, lambda: 0.0)
                        for number in range(self.server.n_workers)]
        self.down, self.up = ({(worker.number, lane): deque()
                               for worker in self.workers for lane in Lane}
                              for _ in range(2))

    def put(self, lines, worker, message):
        """Encode a message; a vector's bytes are copied, as on a wire."""
        raw = (self.wire.stamp(message).copy()
               if isinstance(message, Vector)
               else np.frombuffer(self.wire.pack(message), dtype=np.uint8))
        lines[worker, message.lane].append(raw)

    def get(self, lines, key, known):
        """Decode the next message of a lane."""
        raw, lane = lines[key].popleft(), key[1]
        if lane is Lane.CONTROL:
            return self.wire.unpack(raw, raw.size, known, lane)
        pool = self.incoming if lines is self.up else self.pool
        buffer = pool.take()
        buffer.raw[:raw.size] = raw
        return self.wire.unpack(buffer.raw, raw.size, known, lane, buffer)

    def send(self, messages):
        for worker, message in messages:
            self.put(self.down, worker, message)

    def compute(self, worker):
        message = worker.advance()
        if message is None:
            return
        self.put(self.up, worker.number, message)
        if isinstance(message, Vector):
            message.buffer.release()

    def run(self):
        """Drive everything to the end, one random thing at a time."""
        self.send(self.server.start())
        while True:
            todo = [(self.take, key) for key, line in self.up.items() if line]
            todo += [(self.give, key) for key, line in self.down.items()
                     if line]
            todo += [(self.compute, worker) for worker in self.workers
                     if worker.due <= 0]
            if not todo:
                return self.server
            what, argument = todo[self.rng.integers(len(todo))]
            what(argument)

    def take(self, key):
        drive(self.server, self.server.handle(
            key[0], self.get(self.up, key, FROM_WORKER)), self.send)

    def give(self, key):
        self.workers[key[0]].handle(self.get(self.down, key, FROM_SERVER))
