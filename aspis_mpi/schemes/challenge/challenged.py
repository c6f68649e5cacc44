"""Payloads that are believed only after a challenge."""

from functools import cached_property

import numpy as np

from aspis_mpi import arrays, streams
from aspis_mpi.coding.scrutiny import TOLERANT
from aspis_mpi.detection.equality import BITS
from aspis_mpi.schemes.challenge.verified import VerifiedTable
from aspis_mpi.schemes.tables.base import AskedTransfer
from aspis_mpi.schemes.tables.round import Round
from aspis_mpi.schemes.tables.state import NOBODY
from aspis_mpi.schemes.transfer.sums import Sums

#: Files whose owners are drawn at once: what is drawn stays in the caches.
ROWS = 64


class Challenged(AskedTransfer):
    """A transfer of combinations whose payloads are challenged.

    Parameters
    ----------
    inner : Combined
        What travels in the first epoch; later ones bring sums of d numbers.
    assignment : Assignment
        Who holds what, without workers that have been excluded.
    n_adversaries : int
        q.
    seed : int
        Of the run: draws the owners of files among those who finished
        them, which nobody can change.
    sketches : int
        k, numbers in a sketch.
    max_epochs : int
        Of payloads, in a step.
    scrutiny : Scrutiny
        Sketches and tests of what travels.
    """

    comparable = True

    def __init__(self, inner, assignment, n_adversaries, seed,
                 sketches, max_epochs, scrutiny=TOLERANT):
        self.max_epochs = max_epochs
        #: Vectors that are asked for in a step, at most.
        self.most_vectors = (1 + n_adversaries) * assignment.n_workers
        self.assignment = assignment
        self.copies = inner.copies
        self.n_sketches = sketches
        self.scrutiny = scrutiny
        self.multiple = inner.multiple
        self.sums = not inner.tells_finishers
        self._inner = inner
        self._seed = seed

    @cached_property
    def places(self):
        """Place of each file among those of each holder, ascending, (f, r)."""
        holders = self.assignment.holders
        workers = holders.ravel()
        # By worker, and of each worker by file.
        order = np.argsort(workers, kind='stable')
        ranked = workers[order]
        ranks = np.empty_like(order)
        ranks[order] = np.arange(order.size) - np.searchsorted(ranked, ranked)
        return np.where(holders >= 0, ranks.reshape(holders.shape), 0)

    @property
    def sketch_size(self):
        """Numbers in the answer to a challenge."""
        return self.assignment.width * (self.n_sketches + 1) * self.copies

    def payload_size(self, d):
        """Numbers in a message of the first epoch."""
        return self._inner.payload_size(d)

    @property
    def signal_bytes(self):
        """Bytes that `Encode` carries besides the owners."""
        return self._inner.signal_bytes

    def pack(self, state):
        """The fields of the `Encode` that tells a state."""
        return self._inner.pack(state)

    def read(self, message):
        """The global state of an `Encode`."""
        return self._inner.read(message)

    def undivided(self, state):
        """True where the vectors of a state are sums of d numbers."""
        return self.copies > 1 and state.has_owners

    def encoding(self, worker, state):
        """Files of a worker's vector, and their coefficients."""
        if not state.has_owners:
            return self._inner.encoding(worker, state)
        files = state.owned(worker)
        return files, np.ones((files.size, 1))

    def sketch(self, vectors, secret):
        """Sketches and norms of some gradients, (n, k + 1, copies)."""
        return self.scrutiny.sketch(vectors, self.copies, secret,
                                    self.n_sketches)

    def rows(self, values):
        """The sketches in an answer, (l, k + 1, copies)."""
        return self.scrutiny.rows(values, self.n_sketches, self.copies)

    def begin(self, equality=BITS, floor=0.0, step=0, known=None):
        """A table that believes payloads once they are verified."""
        return VerifiedTable(self, step, equality, floor, known)

    def round(self, step, epoch):
        """The payloads of an epoch, none so far."""
        transfer = (self._inner if epoch == 0 and not self.sums else
                    Drawn(self.assignment, streams.generator(
                        self._seed, 'owners', step, epoch)))
        return Round(transfer, self.assignment.n_workers)


class Drawn(Sums):
    """Sums whose owners are drawn among those who finished a file.

    Parameters
    ----------
    assignment : Assignment
    rng : numpy.random.Generator
    """

    def __init__(self, assignment, rng):
        super().__init__(assignment)
        self._rng = rng

    def choose(self, finished, owners):
        """Fill in owners where there is none, at random."""
        for some in arrays.blocks(len(finished), ROWS):
            done = finished[some]
            lots = self._rng.random(done.shape) * done
            drawn = np.where(done.any(axis=1), lots.argmax(axis=1), NOBODY)
            owners[some] = np.where(owners[some] < 0, drawn, owners[some])
