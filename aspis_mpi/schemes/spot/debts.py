"""Sums that nobody answered for, looked at by what others compute.

Else who never answers when it is asked could send anything as long as it is
not.
"""

import numpy as np

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.schemes.tables.payloads import sketches


class Debts:
    """The sums of a step whose senders owe an answer.

    Parameters
    ----------
    transfer : Spotted
    sums : Ledger
    found : Findings
    """

    def __init__(self, transfer, sums, found):
        self._transfer = transfer
        self._sums = sums
        self._scrutiny = transfer.scrutiny
        self._found = found

    def settle(self, secret, believed, audit):
        """Compare such sums with what is right, or what others have shown.

        Parameters
        ----------
        secret : bytes
            Of this epoch.
        believed : ndarray of bool, shape (K,)
        audit : callable or None
            Given a file, its gradient as the server computes it.

        Yields
        ------
        (int, ProofKind, str)
            A worker that is proved wrong, and how.
        """
        for it, cases in self._owing(believed):
            it.owes = False
            if self._is_wrong(it, cases, secret, audit):
                yield (it.worker, ProofKind.AUDIT if audit
                       else ProofKind.DISAGREEMENTS,
                       f'worker {it.worker} did not answer for a vector that '
                       'is not the sum that '
                       + ('the server, computing it, finds' if audit else
                          'more workers find than can be wrong'))

    def doubt(self, secret, believed):
        """Let more workers compute what is not in a sum as it should be.

        The word of two, of whom both may be wrong, would expose nobody.
        Parameters are those of `settle`.
        """
        for it, cases in self._owing(believed):
            if not (all(case.strict for case in cases)
                    or self._is_sum(it, cases, self._rows(it, secret))):
                for case in cases:
                    case.strict = True

    def _owing(self, believed):
        """Sums not answered for all of whose files others have now shown.

        Returns
        -------
        list of (Sent, list of Case)
        """
        cases = {file: case for it in self._sums.fresh
                 for file, case in it.cases.items()}
        return [(it, [cases[file] for file in it.files.tolist()])
                for it in self._sums.sent if it.owes and believed[it.worker]
                and all(file in cases for file in it.files.tolist())]

    def _is_sum(self, it, cases, rows):
        """True if a sum is of what the owners of these cases have shown."""
        return it.payload.satisfies(self._scrutiny.passes, rows, np.array(
            [case.by_owner for case in cases]), all)

    def _rows(self, it, secret):
        """The sketch of a sum by the secret of this epoch."""
        return sketches([it.payload], 1, secret, self._transfer.n_sketches,
                        self._scrutiny)[it.worker]

    def _is_wrong(self, it, cases, secret, audit):
        """True if it is proved that a sum is not that of what is right."""
        rows = self._rows(it, secret)
        if self._is_sum(it, cases, rows):
            return False
        right = [case.right for case in cases]
        if audit:
            right = [self._transfer.sketch([audit(case.file)], secret)[0]
                     for case in cases]
            self._found.audits += it.files.size
        if all(one is not None for one in right):
            return it.payload.satisfies(self._scrutiny.guilty, rows,
                                        np.array(right), any)
        self._found.remarks.append(
            f'worker {it.worker} did not answer for a vector that is not '
            'what others find')
        return False
