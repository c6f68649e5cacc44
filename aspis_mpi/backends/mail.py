"""The mailbox of a rank, whatever carries its messages."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from aspis_mpi.arrays import Raw
from aspis_mpi.backends.pause import Pause
from aspis_mpi.errors import MalformedMessage
from aspis_mpi.protocol.buffers import Buffer, Pool
from aspis_mpi.protocol.messages import Lane, Message, Vector
from aspis_mpi.schemes.closing import Clock


class Death:
    """In the place of a message: a peer has died; nothing more will come."""


#: Rank of a peer, and what came from it.
Received = tuple[int, Message | MalformedMessage | Death]


class Mail(ABC):
    """The messages of a rank, one after the other of each peer and lane.

    Nothing here waits for a peer: who sends goes on at once, who asks gets
    what is there.

    Attributes
    ----------
    rank : int
        Of whoever has this mail.
    dead : set of int
        Ranks that have died, as far as it is known.
    """

    rank: int
    dead: set[int]

    @property
    @abstractmethod
    def pending(self) -> int:
        """Number of messages that have not left or have begun to come in."""

    @abstractmethod
    def send(self, rank: int, message: Message) -> None:
        """Start sending; a vector's buffer is held until it has left.

        What is for a dead rank is forgotten.
        """

    @abstractmethod
    def send_latest(self, rank: int, vector: Vector) -> None:
        """Send a vector, instead of those that could not leave before it.

        However long a peer does not listen, it keeps two buffers at most.
        """

    def send_both(self, rank: int, message: Message, vector: Vector) -> None:
        """Send a control message, and the vector that follows it.

        At once where that is quicker; see `send` and `send_latest`.
        """
        self.send(rank, message)
        self.send_latest(rank, vector)

    @abstractmethod
    def sending(self, rank: int, lane: Lane) -> bool:
        """True while an earlier message to a peer has not left."""

    @abstractmethod
    def poll(self) -> list[Received]:
        """Take what has come in since the last call; sends go on, too.

        Returns
        -------
        list of Received
            The buffer of a malformed vector has been released.
        """

    @abstractmethod
    def wait(self, pause: Pause, until: float, clock: Clock) -> None:
        """Sleep until a message is announced, for a while at the most.

        Called when `poll` has found nothing.

        Parameters
        ----------
        pause : Pause
        until : float
            Second of the clock at which there is something else to do.
        clock : Clock
        """

    @abstractmethod
    def goodbye(self) -> bool:
        """Say goodbye; true once every rank has. To be asked until then.

        Never, once a rank has died.
        """

    @abstractmethod
    def abort(self, code: int, reason: str) -> None:
        """End every rank now, and say why."""

    @abstractmethod
    def depart(self, code: int, patience: float = 0.0) -> None:
        """Let this process end by itself, since others are dead.

        Parameters
        ----------
        code : int
            The exit code, whatever the caller's own is.
        patience : float
            Seconds until then.
        """


class Rooms:
    """Rooms for the messages of peers, also those that nobody wants.

    What is short has a place of its own for each peer, a vector a buffer.

    Parameters
    ----------
    peers : sequence of int
        Their ranks.
    longest : int
        Bytes of the longest control message.
    pool : Pool
    """

    def __init__(self, peers: Sequence[int], longest: int, pool: Pool):
        self._control = {rank: np.empty(longest, dtype=np.uint8)
                         for rank in peers}
        self._pool = pool

    def __call__(self, rank: int, lane: Lane) -> tuple[Raw, Buffer | None]:
        """Bytes, and the buffer that they belong to or None."""
        if lane is Lane.CONTROL:
            return self._control[rank], None
        buffer = self._pool.another()
        return buffer.raw, buffer
