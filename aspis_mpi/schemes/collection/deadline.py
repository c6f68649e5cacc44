"""All that is finished when the time is over."""

from aspis_mpi.schemes.collection.coverage import Copies, Coverage
from aspis_mpi.schemes.collection.full_workers import Full


class Deadline(Coverage):
    """Stop `deadline` seconds after `Model`, earlier when all is covered.

    With a code that needs whole workers, only their files count, and all is
    covered when it can decode.

    Parameters
    ----------
    assignment, copies, code
        See `Collection`.
    deadline : float
        Seconds.
    """

    name = 'deadline'
    tolerates_missing = True

    def __init__(self, assignment, copies, code, *, deadline: float):
        super().__init__(assignment, copies, code)
        if not deadline > 0:
            raise ValueError(f'deadline {deadline:g} must be greater than 0')
        self._deadline = deadline

    def begin(self, living, lenient, speeds, needed=None):
        """Wait for copies of every file, but not too long."""
        seconds = self._seconds(living, speeds)
        if self.asks_whole_workers:
            return Full(self._assignment, self._copies, living, True,
                        self._code, seconds)
        return Copies(self._assignment, self._copies, living, True, seconds,
                      needed)

    @property
    def asks_whole_workers(self):
        """True where only whole workers are asked to send."""
        return self._code is not None and self._code.needs_whole_workers

    def _seconds(self, living, speeds):
        return self._deadline
