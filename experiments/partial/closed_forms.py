"""What a job of partial stragglers takes and misses, without simulating it.

Delays and silent workers come from the objects that a simulated run asks, so
that trial t is step t of that run.
"""

import numpy as np

from aspis_mpi.coding import completion


class Form:
    """The closed forms of a job's first steps.

    Parameters
    ----------
    assembly : Assembly
        Of a job whose silent workers never begin and whose messages take no
        time.
    n_steps : int
    """

    def __init__(self, assembly, n_steps):
        self._assignment = assembly.assignment
        self._collection = assembly.job.collection
        self._code = assembly.job.transfer.code
        self._paces = paces(assembly.delay, assembly.silence, n_steps)

    @property
    def is_approximate(self):
        """Whether the job stops at a deadline."""
        return self._collection.name == 'deadline'

    def seconds(self):
        """Seconds until the server stops waiting, (n_steps,)."""
        if self._code == 'approximate':
            return np.full(len(self._paces), self._collection.deadline)
        form = (completion.full_workers_seconds
                if self._collection.name == 'full-workers'
                else completion.coverage_seconds)
        seconds = form(self._assignment, self._paces, self._copies)
        if self.is_approximate:
            return np.minimum(seconds, self._collection.deadline)
        return seconds

    def error(self):
        """Errors of the coefficients when it does, (n_steps,)."""
        seconds = self.seconds()
        if self._code == 'approximate':
            return completion.optimal_error(self._assignment, self._paces,
                                            seconds)
        return completion.coefficient_error(
            self._assignment, self._paces, self._copies, seconds,
            full=self._collection.name == 'full-workers')

    @property
    def _copies(self):
        return self._collection.copies


def values(assembly, n_steps):
    """What was published about such a job: errors at a deadline, else times.

    Times are on the published grid: a step ends with a whole time unit.
    """
    form = Form(assembly, n_steps)
    return form.error() if form.is_approximate else np.ceil(form.seconds())


def paces(delay, silence, n_steps):
    """Seconds a file of the first steps, (n_steps, K, l).

    Infinite for silent workers.
    """
    rows = np.array([delay.paces(step) for step in range(n_steps)])
    silent = np.array([silence.members(step) for step in range(n_steps)])
    rows[silent] = np.inf
    return rows
