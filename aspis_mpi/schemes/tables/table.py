"""Arrivals of a step: the bases of all tables.

`protocol.server.step` takes the messages and calls nothing of a table that is
not named here.
"""

from abc import ABC, abstractmethod

from aspis_mpi.schemes.tables.shown import Shown


class Table(ABC):
    """The arrivals of one step.

    Attributes
    ----------
    challenged : bool
        Whether vectors are checked before they count.
    odd : ndarray of bool, shape (K,), or False
        Workers whose copies do not count for the rest of the step; see
        `schemes.odd`.
    later : ndarray of bool, shape (f,), or False
        Files whose vectors came after the step's first challenge.
    """

    challenged = False
    odd = later = False

    @abstractmethod
    def lose(self, worker):
        """Go on without what a worker still owes."""

    @abstractmethod
    def resolve(self, closing):
        """Make the mean gradient of what has come.

        Parameters
        ----------
        closing : Closing

        Returns
        -------
        Resolution
        """

    @abstractmethod
    def release(self):
        """Give every buffer back; the values must not be used any more."""


class PushedTable(Table, Shown):
    """The replicas of a step, as workers send them unasked.

    Attributes
    ----------
    deferred : bool
        Whether replicas count as finite until `examine` looks at them.
    """

    deferred = False

    @abstractmethod
    def accept(self, worker, file, buffer):
        """Take one replica; the table releases its buffer in the end.

        Parameters
        ----------
        worker, file : int
        buffer : Buffer
            Holds the sum of the file's gradients, float32 (d,).
        """

    @abstractmethod
    def examine(self):
        """Look at each entry of the replicas that were taken on trust."""

    @abstractmethod
    def values(self, worker, file):
        """The value that a worker sent for a file, float32 (d,)."""

    @abstractmethod
    def apart(self, norms):
        """Distances of what is used of files from a right replica, (n,).

        The most that they can be; `norms`: those of the files.
        """

    @abstractmethod
    def margin(self):
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
    state : GlobalState or None
        What the last signal said.
    undivided : bool
        Whether vectors asked for have all d numbers, instead of d/copies.
    senders : ndarray of bool, shape (K,)
        Whose vectors belong to the last signal.
    arrived : ndarray of bool, shape (K,)
        Whose vector is here.
    """

    state = None
    undivided = False

    @property
    @abstractmethod
    def senders(self):
        """Workers whose vectors belong to the last signal, bool (K,)."""

    @property
    @abstractmethod
    def arrived(self):
        """Workers whose vector is here, bool (K,)."""

    @abstractmethod
    def ask(self, finished):
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
    def signal(self):
        """The fields of the `Encode` that asks for the vectors."""

    @abstractmethod
    def accept(self, worker, buffer):
        """Take the vector of a worker; an earlier one is out of date."""


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
    exposed = required = None

    @abstractmethod
    def challenge(self, claims, secret):
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
    def check(self, clock):
        """Sketch the payloads, while the workers sketch their files."""

    @abstractmethod
    def answer(self, worker, values):
        """Take the sketches of a worker's files, as they travel."""

    @abstractmethod
    def enough(self, needed):
        """True where the answers so far may settle the step.

        `needed`: copies that a file needs, int (f,).
        """

    @abstractmethod
    def verify(self, scheme, believed, living, audit, clock):
        """Decide what is right with all that has been shown.

        Parameters
        ----------
        scheme : Scheme
        believed : ndarray of bool, shape (K,)
            Workers that no proof stood against before.
        living : ndarray of bool, shape (K,)
            Workers that can still show what they have not shown.
        audit : callable or None
            See `Closing`.
        clock : callable
        """

    @abstractmethod
    def renew(self):
        """Begin another epoch with what could be verified."""
