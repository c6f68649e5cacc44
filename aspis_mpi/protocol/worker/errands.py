"""Files that a worker computes besides its order, and what it shows of them.

Where nobody else has a worker's files, the server has to ask for everything
that it compares: sketches of files that a worker holds, and files of others,
to check them or in their place.
"""

import numpy as np

from aspis_mpi.protocol.messages import Challenge, Purpose


class Errand:
    """One request of the server: some files, and what is to be said of them.

    Parameters
    ----------
    message : Challenge or Compute
    held : dict of int to Buffer
        Gradients of this turn that are there, by file; what is computed
        comes to them.
    seconds : float
        That a file takes at least.
    now : float

    Attributes
    ----------
    files : list of int
        Ascending.
    task : Task or None
        The computing of `file`, once begun.
    ends : float
        Before this second the answer does not leave.
    """

    def __init__(self, message, held, seconds, now):
        bits = np.unpackbits(np.frombuffer(message.files, dtype=np.uint8))
        self.message = message
        self.files = np.flatnonzero(bits).tolist()
        self.task = None
        self._held = held
        self._left = [file for file in self.files if file not in held]
        self.ends = now + seconds * len(self._left)

    @property
    def checks(self):
        """True if files of others are checked."""
        return not self.own and self.message.position == Purpose.CHECK

    @property
    def own(self):
        """True if it asks for what the worker has sent itself."""
        return isinstance(self.message, Challenge)

    @property
    def sums(self):
        """True if the answer is a sum, and not sketches."""
        return not self.own and self.message.position == Purpose.OWN

    @property
    def file(self):
        """The next file that is to be computed, or None."""
        return self._left[0] if self._left else None

    def finish(self):
        """The file in hand is there."""
        self._held[self._left.pop(0)] = self.task.close()
        self.task = None

    def release(self):
        """Give up."""
        if self.task is not None:
            self.task.release()
            self.task = None
