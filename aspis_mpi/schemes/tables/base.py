"""The bases of all transfers: how gradients come to the server.

A transfer that sends at once sends each file as soon as it is finished; the
others send one vector a worker when they are asked, by a signal that says of
what.  `tables.table` has what the server keeps of either.
"""

from collections.abc import Sequence

from aspis_mpi.arrays import Bools, Floats, Ints, Vector
from aspis_mpi.coding import combine
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.schemes.tables.state import GlobalState, Signal
from aspis_mpi.schemes.tables.table import Table


class Transfer:
    """A way of gradients; made of an assignment, copies, thinning, a code.

    Whatever sends when it is asked derives from `AskedTransfer`.
    """

    #: Whether files are sent when they are finished, and nothing is asked for.
    sends_at_once = False
    #: Whether one vector is sent when all files are finished, by a worker that
    #: nobody has asked for it, and reports nothing before.
    sends_unasked = False
    #: Whether gradients are kept until the step is over, where no signal asks
    #: for them.
    keeps_gradients = False
    #: Whether the server can compare what several workers have of one file;
    #: with a challenge it always can.
    comparable = False
    #: Whether what comes is seldom looked at, and by chance.
    looks_by_chance = False
    #: Whether what is looked at is sent by others as well, as a whole.
    recomputes = False
    #: Whether files of excluded workers can go to others.
    reassignable = False
    #: Wrong vectors that are found and left out; 0 where none is.
    corrects = 0
    #: What a signal carries besides the owners of files.
    signal_bytes = 0
    #: The whole number by which all coefficients of files become whole, so
    #: that files of integers can be sent; 0 where none does.
    multiple = 0

    def payload_size(self, d: int) -> int:
        """Numbers in one message."""
        raise NotImplementedError

    def unasked(self) -> 'Transfer':
        """The same where everything is waited for: with a signal, or without.

        Nobody has to be told what to send where each file has one owner.
        """
        return self

    def begin(self, equality: Equality = BITS, floor: float = 0.0,
              step: int = 0, known: Bools | None = None) -> Table:
        """The empty table of a new step.

        Parameters
        ----------
        equality : Equality
        floor : float
            Norms below it count as this one; NaN is none.
        step : int
        known : ndarray of bool, shape (K, K), optional
            Disagreements of earlier steps.

        Returns
        -------
        Table
        """
        raise NotImplementedError


class AskedTransfer(Transfer):
    """A transfer whose workers send one vector each time they are asked.

    Attributes
    ----------
    copies : int
        Parts of a gradient; each vector has d/copies numbers.
    loads : ndarray of int, shape (K,)
        Files of each worker.
    """

    copies = 1
    loads: Ints

    def pack(self, state: GlobalState) -> tuple[bytes, bytes]:
        """The fields of the `Encode` that tells a state."""
        raise NotImplementedError

    def read(self, message: Signal) -> GlobalState:
        """The global state of an `Encode`, as far as workers need it."""
        raise NotImplementedError

    def encoding(self, worker: int, state: GlobalState) -> tuple[Ints, Floats]:
        """Files of a worker's vector, and their coefficients (n, copies)."""
        raise NotImplementedError

    def combine(self, gradients: Sequence[Vector], weights: Floats,
                out: Vector) -> None:
        """Make a worker's vector of gradients, as `encoding` weighs them."""
        combine.encode(gradients, weights, out)

    def undivided(self, state: GlobalState) -> bool:
        """True where the vectors of a state are sums of d numbers."""
        return False
