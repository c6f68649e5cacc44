"""What the server leaves for the run log, until somebody fetches it."""

import logging

from aspis_mpi.schemes.record import Arrival, Event


class Chronicle:
    """Records, events and, if asked for, every arrival, with their seconds.

    Parameters
    ----------
    clock : callable
        Seconds, of the wall or virtual.
    detailed : bool
        Whether arrivals are noted.

    Attributes
    ----------
    records, events, arrivals, reorderings : list
        `StepRecord`, `Event`, `Arrival` and `Reordering`; whoever writes
        them takes them out.
    began : float
        The clock when the run began; all seconds here count from it.
    """

    def __init__(self, clock, detailed):
        self.records = []
        self.events = []
        self.arrivals = []
        self.reorderings = []
        self.began = clock()
        self._clock = clock
        self._detailed = detailed
        self._exposed = set()

    def now(self):
        """Seconds since the run began."""
        return self._clock() - self.began

    def note(self, level, text, rank=0):
        """Something a person should read, in a sentence."""
        self.events.append(Event(self.now(), level, rank, text))

    def report(self, step, resolution):
        """What a resolution says of workers and audits.

        A proof is not repeated as long as each step has one.
        """
        for remark in resolution.remarks:
            self.note(logging.WARNING, f'step {step}: {remark}')
        proofs = resolution.verdict.proofs
        for proof in proofs:
            if proof.worker not in self._exposed:
                self.note(logging.WARNING, f'step {step}: {proof.sentence}',
                          proof.worker + 1)
        self._exposed = {proof.worker for proof in proofs}

    def arrived(self, step, worker, kind, now, nbytes=0):
        """Something that the server took note of; `worker` may be -1."""
        if not self._detailed:
            return
        its = worker >= 0
        self.arrivals.append(Arrival(
            step.number, worker, kind,
            int(step.tally.done[worker]) if its else 0, now, nbytes,
            step.tally.packed(worker) if its else b''))
