"""The watch over vectors that may only be read."""

import numpy as np

from aspis_mpi.arrays import equal_bits

#: Vectors of no more entries are always compared in full, as bytes; and
#: those of no more than this where every call is.
SHORT, SHORT_IN_FULL = 1024, 1 << 14
#: Entries of longer ones that are looked at in every call.
LOOKS = 16
#: Calls from the first one on that are compared in full.
FIRST = 2
#: Later calls that are looked at: one of so many.
EVERY = 8
#: Such calls in which each entry is looked at once, piece by piece.
PIECES = 1024


class WriteCheck:
    """Compares a vector before and after a call.

    A view that is read-only stops numpy, but not every library: torch
    ignores it.  The first calls are compared in full.  Of later ones every
    8th is, at about `LOOKS` entries at equal distances, others each time, and
    in one piece after the other, so that all has been looked at after
    `PIECES` of them.

    Parameters
    ----------
    full : bool
        Compare every call in full, and undo what it wrote: where the vector
        is the only one that the run has.

    Notes
    -----
    What is written in every call is found in the first one.  What is not
    written then is found for certain in a call that is looked at where it is
    as long as that distance (d / 16 entries), a shorter piece with a
    probability of its length over it, and in `PIECES` such calls wherever it
    is.  Entries that get the bits which they had are not written.  At d =
    431,080 a full comparison takes 0.1 ms, and ten times as much where it
    fills caches; the other one some 30 microseconds among 16 ranks.
    """

    def __init__(self, full=False):
        self._full = full
        #: Vectors of no more entries are remembered as bytes.
        self.short = SHORT_IN_FULL if full else SHORT
        self._calls = 0
        self._kept = None
        # Where it is looked; (): everywhere, None: nowhere.
        self._places = ()

    def begin(self, vector):
        """Remember a float32 vector before a call."""
        calls, size = self._calls, vector.size
        self._calls += 1
        if size <= self.short:
            self._kept = vector.tobytes()
        elif self._full or calls < FIRST:
            self._places = ()
            self._keep_all(vector)
        elif calls % EVERY:
            self._places = None
        else:
            look = calls // EVERY
            distance, piece = size // LOOKS, -(-size // PIECES)
            start = look % PIECES * piece
            self._places = (slice(look * 7919 % distance, None, distance),
                            slice(start, start + piece))
            self._kept = self._seen(vector)

    def _seen(self, vector):
        return [vector[place].tobytes() for place in self._places]

    def _keep_all(self, vector):
        if not isinstance(self._kept, np.ndarray) or (
                self._kept.size != vector.size):
            self._kept = np.empty_like(vector)
        np.copyto(self._kept, vector)

    def written(self, vector):
        """Tell whether the call has written it; undo that where possible."""
        if vector.size <= self.short:
            if vector.tobytes() == self._kept:
                return False
            vector[:] = np.frombuffer(self._kept, vector.dtype)
            return True
        if self._places is None:
            return False
        if self._places:
            return self._seen(vector) != self._kept
        same = equal_bits(vector, self._kept)
        if not same:
            np.copyto(vector, self._kept)
        if not self._full:
            self._kept = None
        return not same


def read_only(vector):
    """A view that numpy does not write."""
    view = vector.view()
    view.flags.writeable = False
    return view
