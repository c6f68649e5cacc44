"""Arrivals of a step: the bases of all tables.

`protocol.server.step` takes the messages and calls nothing of a table that is
not named here.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Ints, Vector, sealed
from aspis_mpi.compression.base import Codec
from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.schemes.belief import Belief
from aspis_mpi.schemes.closing import Audit, Clock, Closing
from aspis_mpi.schemes.decision import Detection
from aspis_mpi.schemes.resolution import Resolution
from aspis_mpi.schemes.spot.lots import Lots
from aspis_mpi.schemes.tables.shown import Shown
from aspis_mpi.schemes.tables.state import GlobalState


class Lent(Protocol):
    """A vector that whoever has it gives back, such as a `Buffer`."""

    @property
    def values(self) -> Vector:
        """The numbers, float32 (d,)."""

    def release(self) -> None:
        """Give it back; the values must not be used any more."""


class Table(ABC):
    """The arrivals of one step.

    Attributes
    ----------
    codec : Codec
        Of the vectors of this step.
    challenged : bool
        Whether vectors are checked before they count.
    odd : ndarray of bool, shape (K,), or False
        Workers whose copies do not count for the rest of the step; see
        `schemes.odd`.
    later : ndarray of bool, shape (f,), or False
        Files whose vectors came after the step's first challenge.
    """

    codec: Codec = PLAIN
    challenged = False
    odd: Bools | bool = False
    later: Bools | bool = False

    def use(self, codec: Codec) -> None:
        """Read the vectors of this step with its codec."""
        self.codec = codec

    @abstractmethod
    def lose(self, worker: int) -> None:
        """Go on without what a worker still owes."""

    @abstractmethod
    def resolve(self, closing: Closing) -> Resolution:
        """Make the mean gradient of what has come.

        Parameters
        ----------
        closing : Closing

        Returns
        -------
        Resolution
        """

    @abstractmethod
    def release(self) -> None:
        """Give every buffer back; the values must not be used any more."""


class PushedTable(Table, Shown):
    """The replicas of a step, as workers send them unasked.

    Attributes
    ----------
    deferred : bool
        Whether replicas count as finite until `examine` looks at them.
    """

    odd: Bools
    deferred = False

    @abstractmethod
    def accept(self, worker: int, file: int, buffer: Lent) -> None:
        """Take one replica; the table releases its buffer in the end.

        Parameters
        ----------
        worker, file : int
        buffer : Lent
            Holds the sum of the file's gradients, as the codec has it.

        Raises
        ------
        Malformed
            No honest worker sends that.
        """

    @abstractmethod
    def examine(self) -> None:
        """Look at each entry of the replicas that were taken on trust."""

    @abstractmethod
    def values(self, worker: int, file: int) -> Vector:
        """The value that a worker sent for a file, as the codec has it."""

    @abstractmethod
    def apart(self, norms: Floats) -> Floats:
        """Distances of what is used of files from a right replica, (n,).

        The most that they can be; `norms`: those of the files.
        """

    @abstractmethod
    def margin(self) -> Floats:
        """Largest distance that counts as support, smallest that does not.

        Returns
        -------
        ndarray of float64, shape (2,)
            Relative distances; NaN where no pair supports or disagrees.
        """


class AskedTable(Table):
    """The vectors of a step, as workers send them when they are asked.

    Attributes
    ----------
    senders : ndarray of bool, shape (K,)
        Whose vectors belong to the last signal.
    arrived : ndarray of bool, shape (K,)
        Whose vector is here.
    """

    @property
    @abstractmethod
    def state(self) -> GlobalState | None:
        """The state that the last signal told."""

    @property
    def undivided(self) -> bool:
        """True where the vectors asked for have all d numbers."""
        return False

    @property
    @abstractmethod
    def senders(self) -> Bools:
        """Workers whose vectors belong to the last signal, bool (K,)."""

    @property
    @abstractmethod
    def arrived(self) -> Bools:
        """Workers whose vector is here, bool (K,)."""

    @abstractmethod
    def ask(self, finished: Bools) -> Bools:
        """Make a new signal of who finished what.

        Parameters
        ----------
        finished : ndarray of bool, shape (f, K)

        Returns
        -------
        ndarray of bool, shape (K,)
            Who must send, or send again.
        """

    @abstractmethod
    def signal(self) -> tuple[bytes, bytes]:
        """The fields of the `Encode` that asks for the vectors."""

    @abstractmethod
    def accept(self, worker: int, buffer: Lent) -> None:
        """Take the vector of a worker; an earlier one is out of date.

        Raises
        ------
        Malformed
            No honest worker sends that.
        """


class ChallengedTable(AskedTable):
    """Vectors that count once they are challenged, epoch by epoch.

    Attributes
    ----------
    checked : bool
        Whether the payloads of this epoch have been sketched.
    epochs : int
        Challenges so far.
    settled : bool
        Whether another epoch could not make the step better.
    exposed : ndarray of bool, shape (K,)
        Workers that this step's evidence proves wrong.
    required : ndarray of int, shape (f,)
        Workers that have to finish a file before another epoch is of use; 0
        where more would not help or are not needed.
    """

    challenged = True
    checked = True
    epochs = 0
    settled = False
    # Of no worker and of no file, before a constructor says of how many.
    exposed: Bools = sealed(np.zeros(0, dtype=bool))
    required: Ints = sealed(np.zeros(0, dtype=int))

    @abstractmethod
    def challenge(self, claims: Bools, secret: bytes) -> tuple[Bools, Bools]:
        """Begin a challenge, now that all payloads of this epoch are here.

        Parameters
        ----------
        claims : ndarray of bool, shape (f, K)
            Who says to have finished what.
        secret : bytes
            16 bytes, drawn after that.

        Returns
        -------
        files : ndarray of bool, shape (f,)
            Those in payloads.
        asked : ndarray of bool, shape (K,)
            Who is to sketch.
        """

    @abstractmethod
    def check(self, clock: Clock) -> None:
        """Sketch the payloads, while the workers sketch their files."""

    @abstractmethod
    def answer(self, worker: int, values: Vector) -> None:
        """Take the sketches of a worker's files, as they travel."""

    @abstractmethod
    def enough(self, needed: Ints) -> bool:
        """True where the answers so far may settle the step.

        `needed`: copies that a file needs, int (f,).
        """

    @abstractmethod
    def verify(self, scheme: Belief, believed: Bools, living: Bools,
               audit: Audit | None, clock: Clock) -> None:
        """Decide what is right with all that has been shown.

        Parameters
        ----------
        scheme : Belief
        believed : ndarray of bool, shape (K,)
            Workers that no proof stood against before.
        living : ndarray of bool, shape (K,)
            Workers that can still show what they have not shown.
        audit : Audit or None
        clock : Clock
        """

    @abstractmethod
    def renew(self) -> None:
        """Begin another epoch with what could be verified."""


class InspectedTable(AskedTable):
    """Sums that come unasked and are looked at by chance, epoch by epoch.

    Attributes
    ----------
    lots : Lots
        Draws of the step.
    secret : bytes
        Of this epoch's challenge.
    checked : bool
        Whether this epoch's sums have been sketched, where that is to be.
    epochs : int
        Those that are over.
    exposed : ndarray of bool, shape (K,)
        Workers that this step's evidence proves wrong.
    """

    challenged = True
    checked = True
    epochs = 0
    secret = b''
    lots: Lots | None = None
    exposed: Bools = sealed(np.zeros(0, dtype=bool))

    @abstractmethod
    def inspect(self, turn: int, forced: bool, q: int) -> dict[int, Ints]:
        """Find out whose sums of this epoch are challenged.

        Parameters
        ----------
        turn : int
        forced : bool
            Whether the step is looked at whatever the coin says.
        q : int
            Liars that may be among those who are believed.

        Returns
        -------
        dict of int to ndarray of int
            Files to sketch, by worker.
        """

    @abstractmethod
    def check(self, clock: Clock) -> None:
        """Sketch the sums, while the workers sketch their files."""

    @abstractmethod
    def answer(self, worker: int, values: Vector) -> None:
        """Take sketches of a worker: of its own files, or of one it checks."""

    @abstractmethod
    def verify(self, living: Bools, clock: Clock) -> None:
        """Look at what owners have shown, and draw who checks it.

        `living`: workers that can be asked, bool (K,).
        """

    @abstractmethod
    def judge(self, detection: Detection, believed: Bools,
              audit: Audit | None, clock: Clock) -> None:
        """Settle what is looked at in this epoch, as far as can be done.

        Parameters
        ----------
        detection : Detection
        believed : ndarray of bool, shape (K,)
            Workers that no proof stood against before.
        audit : Audit or None
        clock : Clock
        """

    @abstractmethod
    def orders(self, living: Bools, q: int) -> dict[int, list[int]]:
        """Files that are to be computed once more, ascending.

        Parameters
        ----------
        living : ndarray of bool, shape (K,)
            Workers that can be asked.
        q : int
            Liars that may be among those who are believed.

        Returns
        -------
        dict of int to list of int
            By worker; empty when everything is settled, or nobody is left
            who could.
        """

    @abstractmethod
    def close_epoch(self, q: int, until: int) -> None:
        """See which sums of this epoch are to be used.

        Parameters
        ----------
        q : int
        until : int
            The last turn for which a norm that was found right is let in.
        """

    @abstractmethod
    def confront(self, believed: Bools, q: int, audit: Audit | None,
                 clock: Clock) -> None:
        """Look at sums whose senders owe an answer, by what others computed.

        Parameters
        ----------
        believed : ndarray of bool, shape (K,)
            Workers that no proof stood against before.
        q : int
            Liars that may be among those who are believed.
        audit : Audit or None
        clock : Clock
        """

    @abstractmethod
    def miss(self, worker: int) -> None:
        """Go on without a worker's check, not without its own sum."""

    @abstractmethod
    def distrust(self, worker: int) -> None:
        """Let nothing count that a worker has sent: it is proved wrong."""

    @property
    @abstractmethod
    def missing(self) -> Ints:
        """Files that are in no sum to be used, (n,), ascending."""

    @abstractmethod
    def replace(self, able: Bools) -> dict[int, Ints]:
        """Begin another epoch: others have the files that are missing.

        Parameters
        ----------
        able : ndarray of bool, shape (K,)
            Workers that may be asked.

        Returns
        -------
        dict of int to ndarray of int
            Files of each that gets some, ascending.
        """
