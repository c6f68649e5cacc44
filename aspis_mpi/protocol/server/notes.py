"""Facts that the server leaves for the run log, until it fetches them."""

import logging

import numpy as np

from aspis_mpi.compression.scale import Clipping
from aspis_mpi.detection.base import DROPPED, MISSING
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import (
    Arrival, Event, ExposureRecord, StepRecord)


class Notes:
    """Records, events, exposures and, if asked for, every arrival.

    Parameters
    ----------
    clock : callable
        Seconds, of the wall or virtual.
    detailed : bool
        Whether arrivals are noted.

    Attributes
    ----------
    records, events, exposures, arrivals, draws, reorderings, rollbacks : list
        `StepRecord`, `Event`, `ExposureRecord`, `Arrival`, `Draw`,
        `Reordering` and `Rollback`; whoever writes them takes them out.
    snapshots : list of Snapshot
        The same; the last one counts.
    began : float
        The clock when the run began; all seconds here count from it.
    """

    def __init__(self, clock, detailed):
        self.records = []
        self.events = []
        self.exposures = []
        self.arrivals = []
        self.draws = []
        self.reorderings = []
        self.rollbacks = []
        self.snapshots = []
        self.began = clock()
        self._clock = clock
        self._detailed = detailed
        self._told = self._proved = frozenset()

    @property
    def proved(self):
        """Workers with kinds of proof that the last step had, a set."""
        return self._proved

    def now(self):
        """Seconds since the run began."""
        return self._clock() - self.began

    def resume(self, seconds):
        """Begin with the seconds that have passed in earlier jobs."""
        self.began = self._clock() - seconds

    def note(self, level, code, text, rank=0):
        """Something a person should read, in a sentence, and its code."""
        self.events.append(Event(self.now(), level, rank, text, code))

    def resolved(self, step, resolution, oldest):
        """Note what a step says of workers and audits.

        A proof is not repeated as long as each step has one.

        Parameters
        ----------
        step : Step
            Of its own proofs there are events.
        resolution : Resolution
        oldest : int
            The oldest turn on which a proof may rest that needs others.
        """
        for remark in resolution.remarks:
            self.note(logging.WARNING, EventCode.AUDIT,
                      f'{step.name}: {remark}')
        proofs = resolution.verdict.proofs
        for proof in proofs:
            if proof.worker not in self._told:
                self.note(logging.WARNING, EventCode.EXPOSED,
                          f'{step.name}: {proof.sentence}', proof.worker + 1)
        self._told = {proof.worker for proof in proofs}

        self._expose(step, (*step.proofs, *proofs), oldest)

    def _expose(self, step, proofs, oldest):
        """One row for each worker and kind of proof that is new."""
        proved = set()
        for proof in proofs:
            key = proof.worker, proof.kind
            if key not in self._proved | proved:
                self.exposures.append(ExposureRecord(
                    step.number, step.turn if proof.alone else oldest,
                    proof.worker, proof.kind,
                    f'{step.name}: {proof.sentence}', proof.tensors,
                    step.turn))
            proved.add(key)
        self._proved = proved

    def arrived(self, step, worker, kind, now, message=None):
        """Something that the server took note of; `worker` may be -1."""
        if not self._detailed:
            return
        its = worker >= 0
        self.arrivals.append(Arrival(
            step.number, worker, kind,
            step.tally.count(worker) if its else 0, now,
            0 if message is None else message.nbytes,
            step.tally.packed(worker) if its else b'', step.turn))

    def close(self, step, resolution, account, *, lr, gradient_norm,
              seconds_update, clipping=Clipping()):
        """A step is over: leave its row.

        Parameters
        ----------
        step : Step
        resolution : Resolution
        account : ndarray of float64, shape (K,)
            See `Accounts`.
        lr, gradient_norm : float
            NaN if the step made no update.
        seconds_update : float
        clipping : Clipping
            Of the step's grid.
        """
        verdict, tally = resolution.verdict, step.tally
        signal = (step.collected if np.isnan(step.encoded)
                  else step.encoded)
        # Detection between epochs is counted once.
        verified = resolution.seconds_detect if step.table.challenged else 0
        self.records.append(StepRecord(
            step=step.number, loss=np.nan, lr=lr,
            gradient_norm=gradient_norm, residual=resolution.residual,
            hidden_bias=resolution.hidden_bias, verdict=resolution.outcome,
            epochs=max(step.epoch, 0) + 1, audits=resolution.audits,
            files_certified=int(np.count_nonzero(verdict.certified)),
            files_presumed=int(np.count_nonzero(verdict.presumed)),
            files_dropped=int(np.count_nonzero(verdict.source == DROPPED)),
            files_missing=int(np.count_nonzero(verdict.source == MISSING)),
            bytes_in=step.bytes_in, bytes_out=step.bytes_out,
            messages=step.messages, seconds_wait=signal - step.started,
            seconds_transfer=step.collected - signal - verified,
            seconds_detect=resolution.seconds_detect,
            seconds_aggregate=resolution.seconds_aggregate,
            seconds_update=seconds_update,
            seconds_step=self.now() - step.started,
            flagged=verdict.flagged,
            exposed=step.exposed | verdict.exposed | step.remembered,
            excluded=step.excluded,
            disagreements=resolution.disagreements,
            margin=resolution.margin, source=verdict.source,
            contributors=verdict.contributors, copies=resolution.copies,
            files_done=tally.done if step.shown is None else step.shown,
            first_report=tally.first_report, last_report=tally.last_report,
            late=step.ever_late, account=account, turn=step.turn,
            files_checked=resolution.checks, clipped=clipping.share,
            scale=clipping.scale,
            later=step.table.later))
