"""Files that a worker computes once more, or in another's place."""

import numpy as np

from aspis_mpi.coding import combine
from aspis_mpi.protocol.messages import Challenge, Purpose


class Errand:
    """One request of the server: some files, and what is to be said of them.

    Parameters
    ----------
    message : Challenge or Compute
        Sketches of the worker's own files, or of another's; or their sum.
    held : dict of int to Buffer
        Gradients of this turn that the worker has, by file; those that it
        computes come to them if it `keeps` them.
    keeps : bool
    sketch : callable
        Given gradients and a seed, their sketches (n, k + 1, 1).
    seconds : float
        That a usual file takes at least.
    now : float
    costs : ndarray of float64, shape (f,), optional
        As of `Work`.

    Attributes
    ----------
    files : list of int
        Ascending.
    task : Task or None
        The computing of `file`, once begun.
    ends : float
        Before this second the answer does not leave.
    """

    def __init__(self, message, held, keeps, sketch, seconds, now,
                 costs=None):
        bits = np.unpackbits(np.frombuffer(message.files, dtype=np.uint8))
        self.message = message
        self.files = np.flatnonzero(bits).tolist()
        self.task = None
        self._held = held
        self._keeps = keeps
        self._sketch = sketch
        # A sum that is made as files come is made of all of them.
        anew = self.sums and not keeps and len(self.files) > 1
        self._left = [file for file in self.files
                      if anew or file not in held]
        self.ends = now + seconds * (
            len(self._left) if costs is None else costs[self._left].sum())
        # Of gradients that are not kept: their sketches, their sum, or the
        # only one.
        self._rows, self._total, self._single = {}, None, None

    @property
    def own(self):
        """True if it asks for what the worker has sent itself."""
        return isinstance(self.message, Challenge)

    @property
    def checks(self):
        """True if files of others are checked."""
        return not self.own and self.message.position != Purpose.OWN

    @property
    def sums(self):
        """True if the answer is a sum, and not sketches."""
        return not self.own and self.message.position != Purpose.CHECK

    @property
    def file(self):
        """The next file that is to be computed, or None."""
        return self._left[0] if self._left else None

    def finish(self):
        """The file in hand is there."""
        file, buffer, self.task = self._left.pop(0), self.task.close(), None
        if self._keeps:
            self._held[file] = buffer
            return
        if self.sums:
            if len(self.files) == 1:
                self._single = buffer
                return
            if self._total is None:
                self._total = combine.Total(buffer.values.size)
            self._total.add(buffer.values)
        else:
            self._rows[file] = self._sketch([buffer.values],
                                            self.message.seed)[0]
        buffer.release()

    def add_into(self, out):
        """The sum of the files, by ascending file."""
        if len(self.files) == 1:
            # As it is: a sum would have another sign of zero.
            single = self._single or self._held[self.files[0]]
            out[:] = single.values
            return
        if self._total is not None:
            self._total.write(out)
            return
        combine.encode([self._held[file].values for file in self.files],
                       np.ones((len(self.files), 1)), out)

    def fill(self, rows):
        """The sketches of the files, by ascending file; zeros behind them."""
        rows.fill(0)
        held = [file for file in self.files if file not in self._rows]
        if held:
            shown = self._sketch([self._held[file].values for file in held],
                                 self.message.seed)
            self._rows |= dict(zip(held, shown))
        for place, file in enumerate(self.files):
            rows[place] = self._rows[file]

    def release(self):
        """Give up, or be done."""
        if self.task is not None:
            self.task.release()
            self.task = None
        if self._single is not None:
            self._single.release()
            self._single = None
