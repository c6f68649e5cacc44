"""The tensors in which an exposed worker was wrong."""

from collections.abc import Collection

import numpy as np

from aspis_mpi.arrays import Vector
from aspis_mpi.detection.base import Proof, ProofKind, Verdict
from aspis_mpi.detection.tensors import TensorDifference, Tensors


class Locator:
    """Compares what exposed workers sent with what is right, by tensors.

    Vectors are read once more for that, so it is done when a proof is new.

    Parameters
    ----------
    tensors : Tensors
        Of a gradient.
    told : collection of (int, ProofKind)
        Workers with kinds of proof that are not new.
    """

    def __init__(self, tensors: Tensors,
                 told: Collection[tuple[int, ProofKind]] = ()):
        self._tensors = tensors
        self._told = told

    def differences(self, worker: int, kind: ProofKind, right: Vector,
                    sent: Vector) -> tuple[TensorDifference, ...]:
        """The tensors in which a worker was wrong; none if told before.

        Parameters
        ----------
        worker : int
        kind : ProofKind
        right, sent : ndarray of float32, shape (d,)
        """
        if not self._tensors or (worker, kind) in self._told:
            return ()
        return self._tensors.differences(right, sent)

    def completed(self, proofs, verdict, table):
        """Proofs by disagreements with tensors, where a file is certified.

        Parameters
        ----------
        proofs : iterable of Proof
        verdict : Verdict
        table : PushedTable

        Returns
        -------
        tuple of Proof
        """
        return tuple(self._completed(it, verdict, table) for it in proofs)

    def _completed(self, proof: Proof, verdict: Verdict, table) -> Proof:
        if proof.kind is not ProofKind.DISAGREEMENTS or (
                not self._tensors
                or (proof.worker, proof.kind) in self._told):
            return proof
        pair = _wrong(proof.worker, verdict, table)
        return proof if pair is None else proof._replace(
            tensors=self._tensors.differences(*pair))


def _wrong(worker, verdict, table):
    """A certified value and another one that a worker sent, or None."""
    files = np.flatnonzero(verdict.certified & (verdict.source >= 0)
                           & ~verdict.contributors[:, worker])
    everybody = np.ones(len(verdict.flagged), dtype=bool)
    for file in files.tolist():
        if worker not in table.senders(file, everybody):
            continue
        right = table.values(verdict.source[file], file)
        _, disagrees = table.against(file, np.array([worker]), right)
        if disagrees.any():
            return (table.codec.dense(right),
                    table.codec.dense(table.values(worker, file)))
    return None
