"""The vectors that one signal, or several that mend it, have asked for."""

import numpy as np

from aspis_mpi.schemes.tables.table import AskedTable


class Round:
    """At most one vector of each worker, and what is to be made of them.

    Parameters
    ----------
    transfer : Combined
    n_workers : int

    Attributes
    ----------
    state : GlobalState or None
        What the last signal said.
    decoding : Decoding or None
        What is made of the vectors that it asked for.
    buffers : dict of int to Buffer
        The vectors that have come, by worker.
    """

    def __init__(self, transfer, n_workers):
        self.state = self.decoding = None
        self.buffers = {}
        self._transfer = transfer
        self._n_workers = n_workers

    @property
    def senders(self):
        """Workers whose vectors belong to the last signal, bool (K,)."""
        return used(self.decoding)

    @property
    def arrived(self):
        """Workers whose vector is here, bool (K,)."""
        arrived = np.zeros(self._n_workers, dtype=bool)
        arrived[list(self.buffers)] = True
        return arrived

    def ask(self, finished):
        """Make a new signal of who finished what; who must send, (K,)."""
        before = self.state
        sent = None if before is None else self.senders
        self.state = self._transfer.signal(finished, before)
        self.decoding = self._transfer.decoding(self.state)
        if before is None:
            return self.senders
        return self.senders & (
            ~sent | self._transfer.changed(before, self.state))

    def accept(self, worker, buffer):
        """Take the vector of a worker; an earlier one is out of date."""
        self.lose(worker)
        self.buffers[worker] = buffer

    def lose(self, worker):
        """Forget the vector of a worker, if there is one."""
        if worker in self.buffers:
            self.buffers.pop(worker).release()

    def release(self):
        """Give every buffer back."""
        for buffer in self.buffers.values():
            buffer.release()
        self.buffers.clear()


class RoundTable(AskedTable):
    """A table whose vectors are those of a round.

    Parameters
    ----------
    transfer : AskedTransfer
        Packs what the signal says.
    vectors : Round
        Empty.
    """

    def __init__(self, transfer, vectors):
        self._transfer = transfer
        self._round = vectors

    @property
    def state(self):
        """The state that the last signal told."""
        return self._round.state

    @property
    def senders(self):
        """Workers whose vectors belong to it, bool (K,)."""
        return self._round.senders

    @property
    def arrived(self):
        """Workers whose vector is here, bool (K,)."""
        return self._round.arrived

    def signal(self):
        """The fields of the `Encode` that asks for the vectors."""
        return self._transfer.pack(self.state)

    def accept(self, worker, buffer):
        """Take the vector of a worker; an earlier one is out of date."""
        self._round.accept(worker, buffer)


def used(decoding):
    """Workers whose vector has a weight in the sum, bool (K,)."""
    return (decoding.weights != 0).any(axis=0)
