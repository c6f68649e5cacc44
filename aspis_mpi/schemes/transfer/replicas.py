"""Every finished gradient travels, and replicas are compared as they come."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.detection.evidence import Evidence
from aspis_mpi.schemes.resolution import resolve


class Replicas:
    """Every replica of every file, l*d floats a worker (Aspis)."""

    name = 'replicas'
    #: Files are sent when they are finished, and nothing is asked for.
    pushes = True
    #: The server can compare what several workers sent for one file.
    compares = True

    def __init__(self, assignment, copies=1, thinning=False, code=None):
        if thinning:
            raise ValueError("'replicas' sends every finished file, so "
                             'collection.thinning must be false')
        self._assignment = assignment
        self._places = _places(assignment.holders)

    def payload_size(self, d):
        """Numbers in one message."""
        return d


    def begin(self):
        """The empty table of a new step."""
        return ReplicaTable(self._assignment, self._places)


class ReplicaTable:
    """The replicas of one step, sorted into classes of equal values.

    Comparing on arrival hides its cost behind the wait for the next replica.
    A class is a star around its first member, so support is never a chain;
    non-finite replicas of a file are one class, whatever their bits.

    Parameters
    ----------
    assignment : Assignment
    places : list of dict of int to int
        Column of each worker in the rows of `assignment.holders`.

    Attributes
    ----------
    deferred : bool
        Whether replicas count as finite until `examine` looks at them.
        Where a file has one replica and nothing is compared, that look
        would be the server's only one before the aggregation reads it.
    """

    def __init__(self, assignment, places):
        shape = assignment.holders.shape
        self._holders = assignment.holders
        self._n_workers = assignment.n_workers
        self._labels = np.full(shape, -1, dtype=np.int16)
        self._finite = np.zeros(shape, dtype=bool)
        self._classes = [[] for _ in range(shape[0])]
        self._places = places
        self._buffers = {}
        self.deferred = assignment.replication == 1

    def accept(self, worker, file, buffer):
        """Take one replica; the table releases its buffer in the end.

        Parameters
        ----------
        worker, file : int
        buffer : Buffer
            Holds the sum of the file's gradients, float32 (d,).
        """
        place = self._places[file][worker]
        label, finite = self._classify(file, buffer.values)
        self._labels[file, place] = label
        self._finite[file, place] = finite
        self._buffers[worker, file] = buffer

    def _classify(self, file, values):
        classes = self._classes[file]
        for label, (member, finite) in enumerate(classes):
            if arrays.equal_bits(member, values):
                return label, finite
        finite = self.deferred or arrays.is_finite(values)
        for label, (_, other) in enumerate(classes):
            if not finite and not other:
                return label, False
        classes.append((values, finite))
        return len(classes) - 1, finite

    def examine(self):
        """Look at each entry of the replicas that were taken on trust."""
        for (worker, file), buffer in self._buffers.items():
            finite = arrays.is_finite(buffer.values)
            self._finite[file, self._places[file][worker]] = finite
        self.deferred = False

    def evidence(self):
        """Who agrees with whom on what has come so far."""
        return Evidence(self._holders, self._labels, self._finite,
                        self._n_workers)

    def copies(self):
        """Replicas received of each file, uint16 (f,)."""
        return np.count_nonzero(self._labels >= 0, axis=1).astype(np.uint16)

    def senders(self, file, believed):
        """Believed workers whose value for a file is here, ascending."""
        holders = self._holders[file]
        here = (holders >= 0) & (self._labels[file] >= 0)
        return holders[here & believed[holders]]

    def values(self, worker, file):
        """The value that a worker sent for a file, float32 (d,)."""
        return self._buffers[worker, file].values

    def margin(self):
        """Largest distance that counts as support, smallest that does not.

        Returns
        -------
        ndarray of float64, shape (2,)
            Relative distances; NaN where no pair supports or disagrees.
        """
        apart = [arrays.relative_distance(a, b)
                 for classes in self._classes if len(classes) > 1
                 for (a, _), (b, _) in _pairs(classes)]
        supports = len(self._buffers) > sum(map(len, self._classes))
        return np.array([0.0 if supports else np.nan,
                         min(apart, default=np.nan)])

    def lose(self, worker):
        """Nothing: what a silent worker sent counts; see `resolve`."""

    def resolve(self, scheme, believed, samples, out, threads, clock,
                audit=None):
        """Detect, choose, aggregate: see `resolution.resolve`."""
        return resolve(scheme, self, believed, samples, out, threads, clock,
                       audit)

    def release(self):
        """Give every buffer back; the values must not be used any more."""
        for buffer in self._buffers.values():
            buffer.release()
        self._buffers.clear()


def _pairs(classes):
    return [(a, b) for i, a in enumerate(classes) for b in classes[:i]]


def _places(holders):
    """Column of each worker in the rows of `holders`, as dicts."""
    return [{int(worker): place for place, worker in enumerate(row)
             if worker >= 0} for row in holders]
