"""The facts that a step with spot checks has found about workers."""

import numpy as np

from aspis_mpi.arrays import Bools, Ints
from aspis_mpi.detection.base import Proof, ProofKind, Verdict
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.schemes.spot.case import Case


class Findings:
    """Proofs, pairs of which one is wrong, and who disagreed.

    Parameters
    ----------
    n_workers : int

    Attributes
    ----------
    exposed : ndarray of bool, shape (K,)
        Workers that are proved wrong.
    graph : ndarray of bool, shape (K, K)
        Who showed something else of a file than its owner.
    remarks : list of str
        What a person should read.
    audits : int
        Files that the server has computed.
    contradiction : Contradiction or None
        Why the assumptions cannot hold.
    """

    def __init__(self, n_workers: int):
        self.exposed: Bools = np.zeros(n_workers, dtype=bool)
        self.graph: Bools = np.zeros((n_workers, n_workers), dtype=bool)
        self.remarks: list[str] = []
        self.audits = 0
        self.contradiction: Contradiction | None = None
        self._proofs: list[Proof] = []
        # Sentences, by owner and checker of which one is wrong.
        self._pairs: dict[tuple[int, int], str] = {}

    def expose(self, worker: int, kind: ProofKind, sentence: str) -> bool:
        """Take a proof; whether the worker was not exposed before."""
        if self.exposed[worker]:
            return False
        self.exposed[worker] = True
        self._proofs.append(Proof(worker, sentence, kind))
        return True

    def disagree(self, case: Case) -> None:
        """Note who has shown something else than the owner of a file."""
        for worker in case.against:
            self.graph[case.owner, worker] = True
            self.graph[worker, case.owner] = True

    def leave_out(self, case: Case) -> None:
        """Nobody can say who of two is wrong: both are left out."""
        other = case.against[0]
        pair = min(case.owner, other), max(case.owner, other)
        if not case.settled_nothing and pair not in self._pairs:
            self._pairs[pair] = sentence = (
                f'workers {pair[0]} and {pair[1]} contradict each other about '
                f'{case.title}, and too few others can compute it: '
                'neither gets work from now on')
            self.remarks.append(sentence)

    def count(self, believed: Bools, q: int) -> None:
        """See whether more are proved wrong than can be.

        Parameters
        ----------
        believed : ndarray of bool, shape (K,)
            Workers that no proof stood against before.
        q : int
        """
        wrong = int(np.count_nonzero(~believed | self.exposed))
        if wrong > q:
            self.contradict(ContradictionKind.EXPOSED, f'{wrong} workers are '
                            f'proved wrong, more than q = {q}')

    def contradict(self, kind: ContradictionKind, text: str) -> None:
        """Take a reason why the assumptions cannot hold."""
        self.contradiction = Contradiction(kind, text)

    def verdict(self, source: Ints, contributors: Bools) -> Verdict:
        """The verdict, given whose files are used.

        Parameters
        ----------
        source : ndarray of int16, shape (f,)
        contributors : ndarray of bool, shape (f, K)
        """
        return Verdict(
            self.exposed.copy(), source, contributors,
            contradiction=self.contradiction, exposed=self.exposed,
            proofs=tuple(self._proofs), pairs=tuple(
                (*pair, said) for pair, said in self._pairs.items()
                if not self.exposed[list(pair)].any()))
