"""The common part of transfers that send one vector a worker when asked.

The parameter server broadcasts the *global state vector*: who has finished
which files.  From it alone every worker knows the coefficients of its one
vector, and the server those of the sum (arXiv 2405.19509, section 3).
"""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.coding import combine
from aspis_mpi.detection.base import Verdict
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.detection.equality import BITS
from aspis_mpi.schemes.record import Outcome
from aspis_mpi.schemes.resolution import Resolution
from aspis_mpi.schemes.tables.base import AskedTransfer
from aspis_mpi.schemes.tables.round import Round, RoundTable, used
from aspis_mpi.schemes.tables.state import GlobalState

#: What codes leave of rounding where they decode exactly stays far below
#: (Tandon's with 200 workers: 4e-8), a missing share of a file far above.
ROUNDING = 1e-6


class Combined(AskedTransfer):
    """One vector of each worker, as the broadcast state asks for it.

    Parameters
    ----------
    assignment : Assignment
    copies : int
        Workers that share a file; each sends d/copies numbers.
    thinning : bool
        Ask as few workers to send as a greedy set cover finds.
    code : Code or None
    """

    #: Whether workers must know who finished what, besides the owners; if so
    #: files cannot go to others, since a signal has bits for those who hold
    #: a file in the beginning.
    tells_finishers = True

    def __init__(self, assignment, copies, thinning, code):
        self._shape = assignment.incidence.shape
        self.loads = assignment.loads
        self.copies = copies
        self._thinning = thinning
        self._code = code
        self._latest = None, None
        held = assignment.incidence
        self._told = (held if self.tells_finishers else held[:0]).nonzero()

    @property
    def signal_bytes(self):
        """Bytes that `Encode` carries besides the owners."""
        return (self._told[0].size + 7) // 8

    def payload_size(self, d):
        """A share of d."""
        return combine.payload_size(d, self.copies)

    def begin(self, equality=BITS, floor=0.0, step=0, known=None):
        """A table in which nothing is compared."""
        return PayloadTable(self, self._shape)

    def pack(self, state):
        """The fields of the `Encode` that tells a state."""
        return state.pack(self._told)

    def read(self, message):
        """The global state of an `Encode`, as far as workers need it.

        All simulated workers are sent the same message and read it once.
        """
        if message is not self._latest[0]:
            self._latest = message, GlobalState.unpack(
                message.state, message.owners, self._told, self._shape)
        return self._latest[1]

    def signal(self, finished, before=None):
        """The state to broadcast.

        Parameters
        ----------
        finished : ndarray of bool, shape (f, K)
            What counts now.
        before : GlobalState, optional
            The signal that failed: as little as possible is changed, since
            whoever has other coefficients must send again.
        """
        raise NotImplementedError

    def senders(self, state):
        """Workers whose vector is used, and so is sent, bool (K,)."""
        return used(self.decoding(state))

    def changed(self, before, after):
        """Workers that send something else than before, bool (K,)."""
        raise NotImplementedError

    def encoding(self, worker, state):
        """Files of a worker's vector, and their coefficients (n, copies)."""
        raise NotImplementedError

    def decoding(self, state):
        """The `Decoding` of the vectors."""
        raise NotImplementedError

    def sources(self, state):
        """Source of each file in use, int16 (f,), for the run log."""
        raise NotImplementedError


class PayloadTable(RoundTable):
    """The vectors of one step, believed as they come.

    Parameters
    ----------
    transfer : Combined
    shape : (int, int)
        f and K.
    """

    def __init__(self, transfer, shape):
        super().__init__(transfer, Round(transfer, shape[1]))
        self._shape = shape
        # Workers that had finished each file when it was asked for.
        self._counts = np.zeros(shape[0], dtype=np.uint16)

    def ask(self, finished):
        """Make a new signal of who finished what; who must send, (K,)."""
        self._counts = arrays.counts(finished).astype(np.uint16)
        return self._round.ask(finished)

    def lose(self, worker):
        """Forget the vector of a worker, if there is one."""
        self._round.lose(worker)

    def resolve(self, closing):
        """Add up the vectors, in the workers' order.

        Who is not believed was lost before, and a sum has no files that an
        audit could compare.
        """
        start, decoding = closing.clock(), self._round.decoding
        senders = np.flatnonzero(self.senders)
        divisor = float(decoding.cover @ closing.samples)
        if not senders.size or divisor <= 0:
            return self._resolution(Outcome.SKIPPED, closing.clock() - start)
        accepted = self.codec.decode(
            [self._vector(j, self._round.buffers[j])
             for j in senders.tolist()],
            decoding.weights[:, senders], closing.out, divisor,
            round(float(decoding.cover.sum())))
        outcome = (
            Outcome.CONTRADICTION if not arrays.is_finite(closing.out) else
            Outcome.INCOMPLETE if decoding.residual > ROUNDING else
            Outcome.CLEAN)
        return self._resolution(outcome, closing.clock() - start, accepted)

    def _resolution(self, outcome, seconds, accepted=None):
        n_files, n_workers = self._shape
        residual = self._round.decoding.residual
        source = self._transfer.sources(self.state)
        contributors = self.state.finished & self.senders
        owned = source >= 0
        contributors[owned] = (source[owned, None]
                               == np.arange(n_workers))
        diverged = outcome is Outcome.CONTRADICTION
        verdict = Verdict(
            np.zeros(n_workers, dtype=bool), source, contributors,
            contradiction=Contradiction(
                ContradictionKind.NOT_FINITE,
                'the sum of the gradients is not finite')
            if diverged else None)
        return Resolution(
            verdict, outcome, np.zeros((n_workers, n_workers), dtype=bool),
            np.full(2, np.nan), self._counts, 0.0, seconds,
            residual if residual > ROUNDING else 0.0, accepted=accepted,
            # Nothing is compared, and most copies are never sent.
            shown=self.state.finished)

    def release(self):
        """Give every buffer back."""
        self._round.release()
