"""The testimony of a step's sketches about who holds what."""

import numpy as np

from aspis_mpi.arrays import counts
from aspis_mpi.detection.classes import sort
from aspis_mpi.detection.evidence import Evidence
from aspis_mpi.schemes.tables.shown import Shown


class Sketched(Shown):
    """The answers to the challenges of a step, and what they tell.

    Answers to different challenges are never compared: what is known of a
    file is what the last challenge that asked for it has brought.  Two
    workers that disagreed in any of them disagree.

    Parameters
    ----------
    transfer : Challenged
    equality : Equality
    floor : float
        Norms below it are not told from it.
    known : ndarray of bool, shape (K, K), or None
        Disagreements that are remembered.

    Attributes
    ----------
    own : ndarray, shape (K, l, k + 1, copies)
        Sketches and norms by worker and place among its files, ascending.
    answered : ndarray of bool, shape (K,)
        Who has answered the last challenge.
    claims : ndarray of bool, shape (f, K)
        Whom it asked for which files.
    margin : ndarray of float64, shape (2,)
        Largest distance that is support, smallest that is disagreement.
    """

    def __init__(self, transfer, equality, floor, known):
        assignment = transfer.assignment
        super().__init__(assignment.holders, assignment.n_workers)
        n_files, holders = assignment.n_files, self._holders
        self._transfer = transfer
        self._scrutiny = transfer.scrutiny
        self._equality = equality.of_sketches(self._scrutiny.thresholds)
        self._exact = equality.exact
        self._floor = floor
        self._remembered = known
        self._earlier = np.zeros((self._n_workers,) * 2, dtype=bool)
        self._places = transfer.places
        self._finite = np.ones(holders.shape, dtype=bool)
        self._close = np.zeros((*holders.shape, holders.shape[1]),
                               dtype=bool)
        self._distances = np.zeros(self._close.shape)
        self._norms = np.full(holders.shape, np.nan)
        self._support = np.zeros(holders.shape)
        # What was shown of each file, and in which challenge.
        self._shown = np.zeros((*holders.shape, transfer.n_sketches + 1,
                                transfer.copies), self._scrutiny.dtype)
        self._asked_in = np.zeros(n_files, dtype=int)
        self._secrets = []
        self.margin = np.full(2, np.nan)
        self.own = np.zeros((self._n_workers, assignment.width,
                             transfer.n_sketches + 1, transfer.copies),
                            self._scrutiny.dtype)
        self.answered = np.zeros(self._n_workers, dtype=bool)
        self.claims = np.zeros((n_files, self._n_workers), dtype=bool)
        # Workers that claim each file, and those that have shown it.
        self._claimants = self._showing = np.zeros(n_files, dtype=int)
        self._fresh = np.zeros(n_files, dtype=bool)
        # Whose answers are in neither yet.
        self._uncounted = []

    def ask(self, claims, secret):
        """Begin a challenge of who claims to have finished what, (f, K)."""
        # What came before is kept as disagreements between workers.
        self._earlier = self.seen()
        self._count()
        self._secrets.append(secret)
        self.claims, self._claimants = claims, counts(claims)
        self.answered = np.zeros(self._n_workers, dtype=bool)
        self._showing = np.zeros_like(self._claimants)

    def answer(self, worker, values):
        """Take a worker's answer, as it travels; one for each challenge."""
        self.own[worker] = self._transfer.rows(values)
        self.answered[worker] = True
        self._uncounted.append(worker)

    def _count(self):
        """Count what was shown in the answers since the last time."""
        workers, self._uncounted = self._uncounted, []
        if not workers:
            return
        files = [self._transfer.assignment.files(it) for it in workers]
        workers = np.repeat(workers, [it.size for it in files])
        files = np.concatenate(files)
        files = files[self.claims[files, workers]]
        self._fresh[files] = True
        np.add.at(self._showing, files, 1)

    @property
    def fresh(self):
        """Files that were shown since they were `offered`, bool (f,)."""
        self._count()
        return self._fresh

    def enough(self, needed):
        """True if each file was shown so often, (f,), or by all it can be."""
        self._count()
        return bool((self._showing >= np.minimum(
            needed, self._claimants)).all())

    def offered(self, files):
        """Take note that some files could be drawn for an audit."""
        self._fresh[files] = False

    def of(self, workers, files):
        """Sketches that workers (m,) have shown of files (m, n) of theirs.

        Returns
        -------
        ndarray, shape (m, n, k + 1, copies)
        """
        workers = np.reshape(workers, (-1, 1))
        return self.own[workers, self._places[
            files, self._columns(files, workers)]]

    def _columns(self, files, workers):
        """Columns of workers among the holders of files, int (..., n)."""
        workers = np.asarray(workers)[..., np.newaxis]
        return (self._holders[files] == workers).argmax(axis=-1)

    def compare(self):
        """Sort the answers of the last challenge into equal ones."""
        files = np.flatnonzero(self.claims.any(axis=1))
        holders = self._holders[files]
        present = (holders >= 0) & self.answered[holders] & (
            self.claims[files[:, None], holders])
        shown = self.own[holders, self._places[files]]
        distances = np.zeros((len(files), *2 * holders.shape[1:]))
        a, b = np.triu_indices(holders.shape[1], 1)
        distances[:, a, b] = distances[:, b, a] = self._apart(
            shown[:, a], shown[:, b])
        labels, close, margin, support = sort(distances, present,
                                              self._equality)
        self._labels[files], self._close[files] = labels, close
        self._support[files] = support
        self._distances[files] = distances
        self._shown[files] = shown
        self._asked_in[files] = len(self._secrets) - 1
        self._finite[files] = self._scrutiny.finite(shown)
        self._norms[files] = self._scrutiny.norms(shown)
        self.margin = np.array([np.fmax(self.margin[0], margin[0]),
                                np.fmin(self.margin[1], margin[1])])

    def _apart(self, one, other):
        """Distances by which sketches are told apart."""
        return self._equality.distance(
            lambda floor: self._scrutiny.compare(one, other, floor),
            self._floor)

    def evidence(self):
        """The `Evidence` of what has come so far."""
        known = self._earlier
        if self._remembered is not None:
            known = known | self._remembered
        return self._evidence(known).disregarding(self.odd)

    def _evidence(self, known):
        return Evidence(self._holders, self._labels.copy(), self._finite,
                        self._n_workers, self._close, known,
                        None if self._exact else self._support)

    def seen(self):
        """Disagreements of this step, bool (K, K)."""
        return self._earlier | self._evidence(None).seen

    def label(self, files, workers):
        """Label of what each of the workers showed for each file, (n,)."""
        return self._labels[files, self._columns(files, workers)]

    def norms(self, files, workers):
        """Norm of each file as its worker says it; those that are finite."""
        norms = self._norms[files, self._columns(files, workers)]
        return norms[np.isfinite(norms)]

    def present(self):
        """Workers by the files that they have shown, bool (f, K)."""
        files, places = np.nonzero(self._labels >= 0)
        shown = np.zeros_like(self.claims)
        shown[files, self._holders[files, places]] = True
        return shown

    def norm(self, worker, file):
        """Norm of a file as a worker says it."""
        return self._norms[file, self._columns([file], worker)[0]]

    def hidden(self, payloads):
        """Largest error that each worker can have brought into the sum, (K,).

        `payloads`: those of workers that are used.  See `challenge.hidden`.
        """
        errors = np.zeros(self._n_workers)
        for undivided in False, True:
            some = [payload for payload in payloads
                    if payload.undivided is undivided and payload.files.size]
            if some:
                np.add.at(errors, [payload.worker for payload in some],
                          self._errors(some, undivided))
        return errors

    def _errors(self, payloads, undivided):
        """Largest error of each of some payloads of one kind, (n,)."""
        sizes = [payload.files.size for payload in payloads]
        files = np.concatenate([payload.files for payload in payloads])
        columns = self._columns(files, np.repeat(
            [payload.worker for payload in payloads], sizes))
        weights = np.abs(np.concatenate(
            [payload.weights for payload in payloads]))
        # By part if these are checked one by one.
        norms = np.where(weights > 0,
                         weights * self._shown[files, columns, -1], 0.0)
        norms = norms if undivided else norms.sum(axis=1, keepdims=True)
        # Two that support a third one may be twice the tolerance apart.
        off = 2 * self._equality.tolerance * np.fmax(
            self._norms[files, columns], self._floor) * (
                np.linalg.norm(weights, axis=1))
        firsts = np.cumsum([0, *sizes[:-1]])
        errors = self._scrutiny.hidden(
            np.add.reduceat(norms, firsts), np.add.reduceat(off, firsts)[
                :, None], payloads[0].values.size, self._transfer.n_sketches)
        return np.linalg.norm(errors, axis=1) * [
            payload.gain for payload in payloads]

    def against(self, file, workers, values):
        """Compare sketches with that of the server's own gradient."""
        secret = self._secrets[self._asked_in[file]]
        right = self._transfer.sketch([values], secret)[0]
        shown = self._shown[file, self._columns([file], workers)]
        distance = self._apart(shown, right)
        return (distance <= self._equality.tolerance,
                distance > self._equality.disagreement)
