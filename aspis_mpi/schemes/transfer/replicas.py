"""Replicas of every finished gradient, compared as they come."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.detection.classes import sort
from aspis_mpi.detection.equality import BITS
from aspis_mpi.detection.evidence import Evidence
from aspis_mpi.errors import Malformed
from aspis_mpi.schemes.resolution import resolve
from aspis_mpi.schemes.tables.base import Transfer
from aspis_mpi.schemes.tables.table import PushedTable


class Replicas(Transfer):
    """Every replica of every file, l*d floats a worker (Aspis)."""

    name = 'replicas'
    sends_at_once = reassignable = comparable = True
    multiple = 1

    def __init__(self, assignment, copies=1, thinning=False, code=None):
        if thinning:
            raise ValueError("'replicas' sends every finished file, so "
                             'collection.thinning must be false')
        self._assignment = assignment
        self._places = _places(assignment.holders)

    def payload_size(self, d):
        """All of them."""
        return d

    def begin(self, equality=BITS, floor=0.0, step=0, known=None):
        """A table that compares bits, or distances."""
        if equality.exact:
            return ReplicaTable(self._assignment, self._places, known)
        return DistanceTable(self._assignment, self._places, equality, floor,
                             known)


class ReplicaTable(PushedTable):
    """The replicas of one step, sorted into classes of equal values.

    Comparing on arrival hides its cost behind the wait for the next replica.
    A class is a star around its first member, so support is never a chain;
    non-finite replicas of a file are one class, whatever their bits.

    Parameters
    ----------
    assignment : Assignment
    places : list of dict of int to int
        Column of each worker in the rows of `assignment.holders`.
    known : ndarray of bool, shape (K, K), optional
        See `Evidence`.

    Attributes
    ----------
    deferred : bool
        Whether replicas count as finite until `examine` looks at them.
        Where a file has one replica and nothing is compared, that look
        would be the server's only one before the aggregation reads it.
    """

    def __init__(self, assignment, places, known=None):
        super().__init__(assignment.holders, assignment.n_workers)
        shape = self._holders.shape
        self._known = known
        self._finite = np.zeros(shape, dtype=bool)
        self._classes = [[] for _ in range(shape[0])]
        self._places = places
        self._buffers = {}
        self.deferred = assignment.replication == 1

    def use(self, codec):
        """Read the vectors of this step with its codec.

        No aggregation shows the mark of integers that are not finite, which
        is a number like others there.
        """
        super().use(codec)
        self.deferred &= not codec.checks

    def accept(self, worker, file, buffer):
        """Take one replica, and compare it with those of its file."""
        values = self.codec.file(buffer.values)
        flaw = self.codec.flaw(values)
        if flaw:
            buffer.release()
            raise Malformed(flaw)
        self._classify(file, self._places[file][worker], values)
        self._buffers[worker, file] = buffer

    def _classify(self, file, place, values):
        """Find out whom a replica supports, and whether it is finite."""
        label, finite = self._class_of(file, values)
        self._labels[file, place] = label
        self._finite[file, place] = finite

    def _class_of(self, file, values):
        classes = self._classes[file]
        for label, (member, finite) in enumerate(classes):
            if arrays.equal_bits(member, values):
                return label, finite
        finite = self.deferred or self.codec.is_finite(values)
        for label, (_, other) in enumerate(classes):
            if not finite and not other:
                return label, False
        classes.append((values, finite))
        return len(classes) - 1, finite

    def examine(self):
        """Look at each entry of the replicas that were taken on trust."""
        for (worker, file), buffer in self._buffers.items():
            finite = self.codec.is_finite(self.codec.file(buffer.values))
            self._finite[file, self._places[file][worker]] = finite
        self.deferred = False

    def evidence(self):
        """The `Evidence` of what has come so far."""
        return Evidence(self._holders, self._labels, self._finite,
                        self._n_workers, known=self._known)

    def norm(self, worker, file):
        """Norm of what a worker sent for a file."""
        return self.codec.norm(self.values(worker, file))

    def apart(self, norms):
        """Nothing: only equal bits support each other."""
        return np.zeros_like(norms)

    def values(self, worker, file):
        """The value that a worker sent for a file, as the codec has it."""
        return self.codec.file(self._buffers[worker, file].values)

    def against(self, file, workers, values):
        """Compare replicas with the server's own gradient, bit by bit."""
        finite = self.codec.is_finite(values)
        supports = np.array(
            [self._supports(self.values(worker, file), values, finite)
             for worker in workers.tolist()], dtype=bool)
        return supports, ~supports

    def _supports(self, sent, values, finite):
        if arrays.equal_bits(sent, values):
            return True
        return not (finite or self.codec.is_finite(sent))

    def margin(self):
        """Zero for equal bits, and the smallest distance of two others."""
        apart = [self.codec.distance(a, b) if both else np.inf
                 for classes in self._classes if len(classes) > 1
                 for a, b, both in _pairs(classes)]
        supports = len(self._buffers) > sum(map(len, self._classes))
        return np.array([0.0 if supports else np.nan,
                         min(apart, default=np.nan)])

    def lose(self, worker):
        """Nothing: what a silent worker sent counts; see `resolve`."""

    def resolve(self, closing):
        """Detect, choose, aggregate: see `resolution.resolve`."""
        return resolve(self, closing)

    def release(self):
        """Give every buffer back."""
        for buffer in self._buffers.values():
            buffer.release()
        self._buffers.clear()


class DistanceTable(ReplicaTable):
    """The replicas of one step, sorted by how far they are apart.

    What the classes are does not depend on who came first: they are made of
    all distances when they are asked for.

    Parameters
    ----------
    assignment, places
        As of `ReplicaTable`.
    equality : Equality
        Not the one of bits.
    floor : float
        Norms below it count as this one; NaN is none.
    known : ndarray of bool, shape (K, K), optional
        See `Evidence`.
    """

    def __init__(self, assignment, places, equality, floor, known=None):
        super().__init__(assignment, places, known)
        self._equality = equality
        self._floor = floor
        shape = self._labels.shape
        self._distances = np.zeros((*shape, shape[1]))
        self._sorted = None

    def _classify(self, file, place, values):
        """Measure the distances to what is here already."""
        finite = self.deferred or arrays.is_finite(values)
        for other in np.flatnonzero(self._labels[file] >= 0).tolist():
            distance = self._distance(
                values, self.values(self._holders[file, other], file),
                finite, self._finite[file, other])
            self._distances[file, [place, other], [other, place]] = distance
        self._labels[file, place] = 0
        self._finite[file, place] = finite
        self._sorted = None

    def _distance(self, a, b, finite_a, finite_b):
        """0 for two that are not finite, infinite for only one of them."""
        if not (finite_a and finite_b):
            return 0.0 if finite_a == finite_b else np.inf
        if arrays.equal_bits(a, b):
            return 0.0
        return float(self._equality.distance(
            lambda floor: arrays.relative_distance(a, b, floor),
            self._floor))

    def _sort(self):
        """Labels, close pairs, margin and support of what has come."""
        if self._sorted is None:
            self._sorted = sort(self._distances, self._labels >= 0,
                                self._equality)
        return self._sorted

    def evidence(self):
        """The `Evidence` of what has come so far."""
        labels, close, _, support = self._sort()
        return Evidence(
            self._holders, labels, self._finite, self._n_workers, close,
            self._known, support).disregarding(self.odd)

    def against(self, file, workers, values):
        """Compare by distance: within tolerance, beyond disagreement."""
        finite = arrays.is_finite(values)
        distances = np.array(
            [self._distance(sent, values, arrays.is_finite(sent), finite)
             for sent in (self.values(worker, file)
                          for worker in workers.tolist())])
        return (distances <= self._equality.tolerance,
                distances > self._equality.disagreement)

    def apart(self, norms):
        """Twice the tolerance: two that support a third one."""
        return 2 * self._equality.tolerance * np.fmax(norms, self._floor)

    def margin(self):
        """Largest distance that counts as support, smallest against it."""
        return self._sort()[2]


def _pairs(classes):
    """Two values each, and whether both are finite."""
    return [(a, b, finite and other) for i, (a, finite) in enumerate(classes)
            for b, other in classes[:i]]


def _places(holders):
    """Column of each worker in the rows of `holders`, as dicts."""
    return [{int(worker): place for place, worker in enumerate(row)
             if worker >= 0} for row in holders]
