"""Codes whose workers send the same combination in every step, or nothing."""

import numpy as np

from aspis_mpi.coding.code import Code, Decoding

#: Up to so many workers, least squares are solved by dense matrices.
DENSE = 500


class FixedCode(Code):
    """Weights that do not depend on who else has finished.

    Subclasses hand `_fix` their weights and override `_combination`.
    """

    needs_whole_workers = True

    def _fix(self, weights):
        """Take each worker's weights, a list of K arrays (load, copies)."""
        from scipy.sparse import csr_array
        self._weights = weights
        entries = np.concatenate([w.ravel() for w in weights])
        parts = np.arange(self.copies)
        columns = np.concatenate([(own[:, None] * self.copies + parts).ravel()
                                  for own in self._own])
        ends = np.cumsum([0] + [w.size for w in weights])
        shape = len(weights), self.assignment.n_files * self.copies
        self._matrix = csr_array((entries, columns, ends), shape)

    def encoding(self, worker, state):
        """All of the worker's files, which it must have finished."""
        files = self._own[worker]
        if not state[files, worker].all():
            raise ValueError(f'worker {worker} has not finished all of its '
                             f'{files.size} files, as its code needs')
        return files, self._weights[worker]

    def decoding(self, state):
        """Combine those who finished everything; the others count 0."""
        loads = self.assignment.loads
        full = (state.sum(axis=0) == loads) & (loads > 0)
        weights = self._combination(full)
        # Entry (k, i, k') is the share of part k' of file i in part k.
        shape = self.copies, self.assignment.n_files, self.copies
        shares = (self._matrix.T @ weights.T).T.reshape(shape)
        cover = np.einsum('kik->i', shares) / self.copies
        wrong = shares - np.eye(self.copies)[:, None, :]
        return Decoding(weights, cover, float(np.linalg.norm(wrong)))

    def changed(self, before, after):
        """Those who had nothing to send before."""
        return after.any(axis=0) & ~before.any(axis=0)

    def _combination(self, full):
        """The server's weights when the workers in `full` have sent.

        Returns
        -------
        ndarray of float64, shape (copies, K)
        """
        return self._nearest(full)

    def _nearest(self, full):
        """The weights of least norm whose sum is nearest to the exact one.

        They minimise the Euclidean norm of what separates the coefficients
        from 1 (and those between different parts from 0).
        """
        weights = np.zeros((self.copies, full.size))
        rows = self._matrix[np.flatnonzero(full)].T
        for k in range(self.copies if full.any() else 0):
            exact = np.zeros(rows.shape[0])
            exact[k::self.copies] = 1
            weights[k, full] = _least_squares(rows, exact)
        return weights


def _least_squares(matrix, target):
    """The x of least norm that minimises |matrix x - target|."""
    if matrix.shape[1] <= DENSE:
        return np.linalg.lstsq(matrix.toarray(), target, rcond=None)[0]
    from scipy.sparse.linalg import lsqr
    return lsqr(matrix, target, atol=1e-14, btol=1e-14, conlim=0,
                iter_lim=4 * matrix.shape[1])[0]


def clear(start, null, missing):
    """The vector of least norm in start + span(null) that is 0 on `missing`.

    Parameters
    ----------
    start : ndarray of float64, shape (K,)
        Orthogonal to the columns of `null`.
    null : ndarray of float64, shape (K, s)
        Orthonormal columns, any s rows of them independent.
    missing : ndarray of bool, shape (K,)
        At most s entries are set.

    Returns
    -------
    ndarray of float64, shape (K,)

    Notes
    -----
    O(s^3 + K s): decoding weights differ by what all workers together send
    to no effect.
    """
    shift = np.linalg.lstsq(null[missing], -start[missing], rcond=None)[0]
    cleared = start + null @ shift
    cleared[missing] = 0
    return cleared
