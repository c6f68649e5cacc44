"""A deadline that follows the workers' own pace."""

import numpy as np

from aspis_mpi.schemes.collection.deadline import Deadline


class Adaptive(Deadline):
    """Stop when a worker of usual speed has finished, at `deadline` at most.

    A worker is expected to need its measured seconds per file times its
    load.  The step ends at the median of these plus `deviations` median
    absolute deviations: stragglers are cut off, the bulk is not.

    Parameters
    ----------
    assignment, copies, code
        See `Collection`.
    deadline : float
        Seconds; an upper bound, and what holds until speeds are known.
    deviations : float
        How many of them, at least 0 and finite.
    """

    name = 'adaptive'
    follows_speeds = True

    def __init__(self, assignment, copies, code, *, deadline: float,
                 deviations: float = 3.0):
        super().__init__(assignment, copies, code, deadline=deadline)
        if not 0 <= deviations < np.inf:
            raise ValueError(f'deviations {deviations:g} must be at least 0 '
                             'and finite')
        self._deviations = deviations

    def _seconds(self, living, speeds):
        pace = (speeds.seconds * self._assignment.loads)[living]
        pace = pace[np.isfinite(pace)]
        if not pace.size:
            return self._deadline
        middle = np.median(pace)
        spread = np.median(np.abs(pace - middle))
        return min(self._deadline, middle + self._deviations * spread)
