"""Audits of a step that has several epochs."""

from dataclasses import replace

from aspis_mpi.detection.base import DROPPED
from aspis_mpi.schemes.audit import audited


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
    proven : dict of int to ndarray of float32
        Those of files of which some workers were exposed.
    """

    def __init__(self, sketched):
        self.audits = 0
        self.remarks = []
        self.right, self.proven = {}, {}
        self._sketched = sketched
        self._left = None

    def decide(self, scheme, believed, audit):
        """The verdict of this epoch.

        Parameters
        ----------
        scheme : Scheme
        believed : ndarray of bool, shape (K,)
        audit : callable or None
            See `Closing`.

        Returns
        -------
        Verdict
        """
        verdict = self._believing(scheme.detection.decide(
            self._sketched.evidence(), believed), believed)
        if self._left is None:
            self._left = scheme.detection.q if scheme.audits else 0
        if verdict.contradiction:
            return verdict
        computed = {}

        def compute(file):
            values = audit(file)
            computed[file] = values.copy()
            return values

        found = audited(scheme.detection, self._sketched, believed, verdict,
                        compute if audit else None, scheme.random_audits,
                        contested=self._left, fresh=self._sketched.fresh)
        self._sketched.offered(found.offered)
        self.audits += found.audits
        self._left -= found.contested
        self.remarks += found.remarks
        for file in found.right:
            self.right[file] = computed[file]
        for file in found.wrong:
            self.proven[file] = computed[file]
        exposed = found.verdict.exposed
        return self._believing(found.verdict, believed & ~exposed)

    def _believing(self, verdict, believed):
        """The verdict with what audits have found.

        Classes may have other labels whenever somebody has answered, so the
        right ones are found anew.
        """
        if verdict.contradiction or not self.right:
            return verdict
        certified, source = verdict.certified.copy(), verdict.source.copy()
        contributors = verdict.contributors.copy()
        for file, values in self.right.items():
            workers = self._sketched.senders(file, believed)
            supports, _ = self._sketched.against(file, workers, values)
            workers = workers[supports]
            certified[file] = True
            source[file] = workers[0] if workers.size else DROPPED
            contributors[file] = False
            contributors[file, workers] = True
        return replace(verdict, certified=certified, source=source,
                       contributors=contributors,
                       presumed=verdict.presumed & ~certified,
                       contested=verdict.contested & ~certified)
