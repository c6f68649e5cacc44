"""Audits of a step that has several epochs."""

from dataclasses import replace

from aspis_mpi.schemes.audit import audited
from aspis_mpi.schemes.decision import decide


class Referee:
    """Asks the detector, audits, and remembers until the step is over.

    What an audit has found holds in later epochs, whatever is shown there;
    the server has the gradient itself, so nobody has to send it.

    Parameters
    ----------
    sketched : Sketched

    Attributes
    ----------
    audits : int
        Files that were computed.
    remarks : list of str
    right : dict of int to ndarray of float32
        The right gradients of audited files that a worker knew, too.
    """

    def __init__(self, sketched):
        self.audits = 0
        self.remarks = []
        self.right = {}
        self._sketched = sketched
        self._labels = {}
        self._drawn = False

    def decide(self, scheme, believed, audit):
        """The verdict of this epoch.

        Parameters
        ----------
        scheme : Scheme
        believed : ndarray of bool, shape (K,)
        audit : callable or None
            See `resolution.resolve`.

        Returns
        -------
        Verdict
        """
        verdict = self._believing(decide(
            scheme.detector, self._sketched.evidence(), believed))
        if audit is None or verdict.contradiction:
            return verdict
        computed = {}

        def compute(file):
            values = audit(file)
            computed[file] = values.copy()
            return values

        left = scheme.detector.q - self.audits if scheme.audits else 0
        found = audited(scheme.detector, self._sketched, believed, verdict,
                        compute, 0 if self._drawn else scheme.random_audits,
                        contested=max(left, 0))
        self._drawn = True
        self.audits += found.audits
        self.remarks += found.remarks
        for file, workers in found.right.items():
            self._labels[file] = self.label([file], workers[:1])[0]
            self.right[file] = computed[file]
        return self._believing(found.verdict)

    def label(self, files, workers):
        """Label of what each of the workers showed for each file, (n,)."""
        return self._sketched.label(files, workers)

    def _believing(self, verdict):
        """The verdict with what audits have found."""
        if verdict.contradiction or not self._labels:
            return verdict
        certified, source = verdict.certified.copy(), verdict.source.copy()
        contributors = verdict.contributors.copy()
        for file, label in self._labels.items():
            workers = self._sketched.supporters(file, label)
            source[file], certified[file] = workers[0], True
            contributors[file] = False
            contributors[file, workers] = True
        return replace(verdict, certified=certified, source=source,
                       contributors=contributors,
                       presumed=verdict.presumed & ~certified,
                       contested=verdict.contested & ~certified)
