"""The vectors that one signal, or several that mend it, have asked for."""

from typing import Protocol

import numpy as np

from aspis_mpi.arrays import Array, Bools
from aspis_mpi.coding.code import Decoding
from aspis_mpi.errors import LocalProtocolError, Malformed
from aspis_mpi.schemes.tables.base import AskedTransfer
from aspis_mpi.schemes.tables.state import GlobalState
from aspis_mpi.schemes.tables.table import AskedTable, Lent


class Asking(Protocol):
    """The questions of a round to its transfer; `Combined` says more."""

    def signal(self, finished: Bools,
               before: GlobalState | None = None) -> GlobalState:
        """The state to broadcast."""

    def changed(self, before: GlobalState, after: GlobalState) -> Bools:
        """Workers that send something else than before, bool (K,)."""

    def decoding(self, state: GlobalState) -> Decoding:
        """The `Decoding` of the vectors."""


class Round:
    """At most one vector of each worker, and what is to be made of them.

    Parameters
    ----------
    transfer : Asking
    n_workers : int

    Attributes
    ----------
    state : GlobalState or None
        What the last signal said.
    decoding : Decoding or None
        What is made of the vectors that it asked for.
    buffers : dict of int to Lent
        The vectors that have come, by worker.
    """

    def __init__(self, transfer: Asking, n_workers: int):
        self.state: GlobalState | None = None
        self.decoding: Decoding | None = None
        self.buffers: dict[int, Lent] = {}
        self._transfer = transfer
        self._n_workers = n_workers

    @property
    def senders(self) -> Bools:
        """Workers whose vectors belong to the last signal, bool (K,)."""
        if self.decoding is None:
            return np.zeros(self._n_workers, dtype=bool)
        return used(self.decoding)

    @property
    def arrived(self) -> Bools:
        """Workers whose vector is here, bool (K,)."""
        arrived = np.zeros(self._n_workers, dtype=bool)
        arrived[list(self.buffers)] = True
        return arrived

    def ask(self, finished: Bools) -> Bools:
        """Make a new signal of who finished what; who must send, (K,)."""
        before, sent = self.state, self.senders
        self.state = self._transfer.signal(finished, before)
        self.decoding = self._transfer.decoding(self.state)
        if before is None:
            return self.senders
        return self.senders & (
            ~sent | self._transfer.changed(before, self.state))

    def accept(self, worker: int, buffer: Lent) -> None:
        """Take the vector of a worker; an earlier one is out of date."""
        self.lose(worker)
        self.buffers[worker] = buffer

    def lose(self, worker: int) -> None:
        """Forget the vector of a worker, if there is one."""
        if worker in self.buffers:
            self.buffers.pop(worker).release()

    def release(self) -> None:
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

    def __init__(self, transfer: AskedTransfer, vectors: Round):
        self._transfer = transfer
        self._round = vectors

    @property
    def state(self) -> GlobalState | None:
        """The state that the last signal told."""
        return self._round.state

    @property
    def senders(self) -> Bools:
        """Workers whose vectors belong to it, bool (K,)."""
        return self._round.senders

    @property
    def arrived(self) -> Bools:
        """Workers whose vector is here, bool (K,)."""
        return self._round.arrived

    def signal(self) -> tuple[bytes, bytes]:
        """The fields of the `Encode` that asks for the vectors."""
        state = self.state
        if state is None:
            raise LocalProtocolError('nothing has been asked for yet')
        return self._transfer.pack(state)

    def accept(self, worker: int, buffer: Lent) -> None:
        """Take the vector of a worker; an earlier one is out of date."""
        if self.codec.checks:
            flaw = self.codec.flaw(self._vector(worker, buffer),
                                   self._weight(worker))
            if flaw:
                buffer.release()
                raise Malformed(flaw)
        self._round.accept(worker, buffer)

    def _vector(self, worker: int, buffer: Lent) -> Array:
        """A worker's vector, as the codec has it."""
        if not self.codec.checks:
            return buffer.values
        return self.codec.vector(buffer.values, self._weight(worker))

    def _weight(self, worker: int) -> float:
        """The sum of the coefficients in a worker's vector."""
        if self.state is None:
            # Unasked it is the sum of all of its files.
            return float(self._transfer.loads[worker])
        return float(self._transfer.encoding(worker, self.state)[1].sum())


def used(decoding: Decoding) -> Bools:
    """Workers whose vector has a weight in the sum, bool (K,)."""
    return (decoding.weights != 0).any(axis=0)
