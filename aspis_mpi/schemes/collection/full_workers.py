"""Workers that have finished everything, as classical codes need them."""

import numpy as np

from aspis_mpi.schemes.gathering import Collection, Gathering


class FullWorkers(Collection):
    """Wait until the workers that finished all their files can decode.

    With the code `least-squares` they must hold each file `copies` times.

    References
    ----------
    Tandon et al., "Gradient coding", ICML 2017; "original" in Ramamoorthy,
    Meng, Girimaji, arXiv 2405.19509, section 5.
    """

    name = 'full-workers'
    asks_whole_workers = True
    counts_copies = False

    def __init__(self, assignment, copies, code):
        super().__init__(assignment, copies, code)
        if code is None:
            raise ValueError("'full-workers' needs a transfer with a code, "
                             "such as 'coded'")

    def begin(self, living, lenient, speeds, needed=None):
        """Wait for whole workers; partial ones count as nothing."""
        return Full(self._assignment, self._copies, living, lenient,
                    self._code)


class Full(Gathering):
    """Asks the code each time that one more worker is through."""

    def __init__(self, assignment, copies, living, lenient, code,
                 seconds=np.inf):
        self._code = code
        super().__init__(assignment, copies, living, lenient, seconds)

    def finish(self, worker, files):
        """Perhaps one more worker that has finished everything."""
        super().finish(worker, files)
        self._to_do[worker] -= len(files)
        if not self._to_do[worker]:
            self._decide()
        return []

    def state(self):
        """Files of the workers that finished all of theirs."""
        return self.finished & self._full()

    def _recount(self):
        self._to_do = self._loads - self.finished.sum(axis=0)
        self._decide()

    def _full(self):
        able = self.living
        if self.late.any() and self._code.decodable(able & ~self.late):
            able = able & ~self.late
        return able & (self._to_do == 0)

    def _decide(self):
        full = self._full()
        self._decodable = self._code.decodable(full) or (
            self._lenient and np.array_equal(full, self.living))

    def _complete(self):
        return self._decodable

    def _hopeless(self):
        if self._code.decodable(self.living):
            return ''
        return (f'the {np.count_nonzero(self.living)} workers that answer '
                'cannot be decoded, whatever they finish')
