"""Coded vectors of which any q wrong ones are found and left out (DRACO)."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.coding import combine, sketching
from aspis_mpi.coding.code import Decoding
from aspis_mpi.coding.locating import ErrorCode
from aspis_mpi.detection.base import MISSING, Verdict
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.schemes.record import CODED, Outcome
from aspis_mpi.schemes.resolution import Resolution
from aspis_mpi.schemes.tables.combined import Combined, PayloadTable
from aspis_mpi.schemes.tables.state import NOBODY, GlobalState
from aspis_mpi.streams import unforeseen

#: Random projections by which wrong vectors are found.
PROJECTIONS = 8


class Correcting(Combined):
    """One complex vector a worker: real parts first, 2d numbers.

    References
    ----------
    Chen, Wang, Charles, Papailiopoulos, "DRACO", ICML 2018, section 4.
    """

    name = 'correcting'

    def __init__(self, assignment, copies=1, thinning=False, code=None):
        super().__init__(assignment, 1, thinning, code)
        r = assignment.replication
        if thinning:
            raise ValueError("'correcting' needs the vectors of all workers, "
                             'so collection.thinning must be false')
        if not r % 2:
            raise ValueError(f'replication {r} must be odd with transfer '
                             f"'correcting': 2q + 1; {assignment.way_out}")
        self.corrects = r // 2
        self._errors = ErrorCode(assignment.incidence, self.corrects)
        self._files = [np.flatnonzero(held) for held in assignment.incidence.T]

    def payload_size(self, d):
        """Real and imaginary parts."""
        return 2 * d

    def begin(self, equality=None, floor=0.0, step=0, known=None):
        """A table that corrects what is wrong."""
        return CorrectedTable(self, self._shape, self._errors)

    def signal(self, finished, before=None):
        """Everything that is finished."""
        return GlobalState(finished, np.full(self._shape[0], NOBODY,
                                             dtype=np.int16))

    def changed(self, before, after):
        """Those who had not finished all of their files before."""
        return self._full(after) & ~self._full(before)

    def encoding(self, worker, state):
        """All files of a worker, which it must have finished."""
        files = self._files[worker]
        if not state.finished[files, worker].all():
            raise ValueError(f'worker {worker} has not finished all of its '
                             f'{files.size} files, as its code needs')
        weights = self._errors.weights[worker, files]
        return files, np.stack([weights.real, weights.imag], axis=1)

    def combine(self, gradients, weights, out):
        """Real parts, and imaginary parts behind them."""
        half = out.size // 2
        combine.encode(gradients, weights[:, :1], out[:half])
        combine.encode(gradients, weights[:, 1:], out[half:])

    def decoding(self, state):
        """The weights if all that are asked are right."""
        full = self._full(state)
        covered = float(full.sum() >= len(full) - self.corrects)
        return Decoding(full.astype(np.float64)[None],
                        np.full(self._shape[0], covered), 0.0)

    def sources(self, state):
        """Several workers, or none."""
        return np.where(state.finished.any(axis=1), CODED,
                        MISSING).astype(np.int16)

    def _full(self, state):
        loads = np.array([files.size for files in self._files])
        return state.finished.sum(axis=0) == loads


class CorrectedTable(PayloadTable):
    """The vectors of one step, of which some may be wrong.

    Parameters
    ----------
    transfer : Correcting
    shape : (int, int)
        f and K.
    errors : ErrorCode
    """

    def __init__(self, transfer, shape, errors):
        super().__init__(transfer, shape)
        self._errors = errors

    def resolve(self, closing):
        """Find the wrong ones, and add up what is in the others."""
        start, sent = closing.clock(), self._sent()
        # Drawn now: nobody knew it when the vectors were made.
        wrong = self._errors.wrong(self._projections(unforeseen(16)))
        found = closing.clock()
        divisor = float(closing.samples.sum())
        outcome, reason = Outcome.CONTRADICTION, None
        if wrong is None:
            reason = Contradiction(
                ContradictionKind.DISAGREEMENTS,
                f'more than {self._errors.q} workers sent what belongs to no '
                'sum, or nothing')
            wrong = np.zeros_like(sent)
        else:
            self._add(np.flatnonzero(sent & ~wrong), wrong | ~sent,
                      closing.out, divisor)
            outcome = Outcome.CLEAN
            if not arrays.is_finite(closing.out):
                outcome, reason = Outcome.CONTRADICTION, Contradiction(
                    ContradictionKind.NOT_FINITE,
                    'the sum of the gradients is not finite')
        n_files, n_workers = self._shape
        used = sent & ~wrong & (reason is None)
        verdict = Verdict(
            wrong & sent, self._transfer.sources(self.state),
            self.state.finished & used, contradiction=reason)
        return Resolution(
            verdict, outcome, np.zeros((n_workers, n_workers), dtype=bool),
            np.full(2, np.nan), self._counts, found - start,
            closing.clock() - found)

    def _sent(self):
        sent = np.zeros(self._shape[1], dtype=bool)
        sent[list(self._round.buffers)] = True
        return sent

    def _projections(self, secret):
        """Those of all workers, complex (K, k); 0 of who sent nothing."""
        found = np.zeros((self._shape[1], PROJECTIONS), dtype=complex)
        workers = sorted(self._round.buffers)
        if workers:
            parts = sketching.sketch(
                [self._round.buffers[worker].values for worker in workers],
                2, secret, PROJECTIONS)[:, :-1]
            found[workers] = parts[..., 0] + 1j * parts[..., 1]
        return found

    def _add(self, workers, missing, out, divisor):
        """The mean gradient of right vectors, in the order of workers."""
        weights = self._errors.decoding(~missing)[workers]
        halves = []
        for worker in workers.tolist():
            values = self._round.buffers[worker].values
            halves += [values[:out.size], values[out.size:]]
        combine.decode(halves, np.stack(
            [weights.real, -weights.imag], axis=1).reshape(1, -1), out,
            divisor)
