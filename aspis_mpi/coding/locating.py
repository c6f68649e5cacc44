"""A cyclic code that corrects what wrong workers send: DRACO's.

As many files as workers, n, each on 2q + 1 consecutive ones.  Let w be
exp(2 pi i / n) and P_i the monic polynomial that is 0 at w^j for every worker
j that does not hold file i; its degree is n - 2q - 1.  Worker j sends

    y_j = c_j sum_i P_i(w^j) g_i,  c_j > 0 real,

a sum of its own files, and the y_j / c_j are values of a polynomial of degree
n - 2q - 1 whose leading coefficient is sum_i g_i, since every P_i is monic.
So any n - 2q right payloads give the sum, and any q wrong ones are found: the
values are a Reed-Solomon code over the complex numbers.
"""


import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Bools

Complex = npt.NDArray[np.complex128]

#: An error of a payload below this part of the largest one is not told from
#: rounding to float32, which is 6e-8 of each payload at most.
TOLERANCE = 1e-5
#: Nor is one that is below this part of another one told from rounding to
#: float64, before that one is left out.
EPSILON = 1e-12


class ErrorCode:
    """The code of n workers, q of which may be wrong.

    Parameters
    ----------
    holders : ndarray of bool, shape (n, n)
        Files by worker: each on 2q + 1 consecutive workers, modulo n.
    q : int

    Attributes
    ----------
    weights : ndarray of complex128, shape (n, n)
        Entry (j, i): coefficient of file i in y_j; rows have norm 1.

    Raises
    ------
    ValueError
        Files that are not on 2q + 1 consecutive workers each.

    References
    ----------
    Chen, Wang, Charles, Papailiopoulos, "DRACO: Byzantine-resilient
    distributed training via redundant gradients", ICML 2018, section 4
    (cyclic code), which solves linear systems for the same weights.
    """

    def __init__(self, holders: Bools, q: int):
        n = len(holders)
        if holders.shape != (n, n) or not _consecutive(holders, 2 * q + 1):
            raise ValueError(
                'each of as many files as workers must be on 2q + 1 = '
                f'{2 * q + 1} consecutive workers')
        self.q = q
        self._degree = n - 2 * q - 1
        self._points = np.exp(2j * np.pi * np.arange(n) / n)
        values = np.array([[_value(self._points, ~holders[i], j)
                            if holders[i, j] else 0.0 for i in range(n)]
                           for j in range(n)])
        self._scale = 1 / np.linalg.norm(values, axis=1)
        self.weights = values * self._scale[:, None]

    def decoding(self, right: Bools) -> Complex:
        """Weights of payloads in the sum of all gradients.

        Parameters
        ----------
        right : ndarray of bool, shape (n,)
            At least n - 2q workers.

        Returns
        -------
        ndarray of complex128, shape (n,)
            sum_j b_j y_j = sum_i g_i; 0 for all others.
        """
        powers = np.arange(self._degree + 1)
        values = self._points[right, None] ** powers
        found = np.zeros(right.size, dtype=complex)
        found[right] = np.linalg.pinv(values)[-1] / self._scale[right]
        return found

    def wrong(self, projections: Complex) -> Bools | None:
        """Workers whose payloads are wrong, from projections of all of them.

        Parameters
        ----------
        projections : ndarray of complex128, shape (n, k)
            V y_j, for V that nobody knew when the payloads were made; zero
            where there is no payload.

        Returns
        -------
        ndarray of bool, shape (n,), or None
            At most q of them; None if more than q are wrong.

        Notes
        -----
        What the code leaves of the powers above the degree, 2q *syndromes*
        for each projection, is what the wrong payloads alone have put
        there: in each window of q + 1 of them a combination of the vectors
        (1, x, ..., x^q), one for each wrong worker, any q + 1 of which are
        independent.  These span the largest singular vectors of all
        windows, and a worker is wrong whose vector lies in their span.

        What is found is left out, and the rest looked at again: next to a
        payload of norm 1e30 a smaller error is lost in rounding.
        """
        values = projections / self._scale[:, None]
        # Payloads that are no numbers are wrong.
        wrong = ~np.isfinite(values).all(axis=1)
        floor = TOLERANCE * float(np.median(np.abs(
            values[~wrong]).max(axis=1, initial=0.0))) if (
                not wrong.all()) else 0.0
        while wrong.sum() <= self.q:
            left = np.where(wrong[:, None], 0.0, values)
            if self._residual(values, ~wrong) <= floor:
                return wrong
            found = self._located(left, floor) & ~wrong
            if not found.any():
                return None
            wrong |= found
        return None

    def _located(self, values: Complex, floor: float) -> Bools:
        """Workers whose values are no values of the polynomial, (n,)."""
        n, q = len(values), self.q
        above = self._degree + 1 + np.arange(2 * q)
        waves = self._points[None, :] ** -above[:, None]
        syndromes = waves @ values / n
        windows = np.concatenate([syndromes[m:m + q + 1] for m in range(q)],
                                 axis=1)
        left, sizes, _ = np.linalg.svd(windows)
        least = max(floor / n, EPSILON * np.abs(values).max())
        rank = min(int(np.count_nonzero(sizes > least)), q)
        vectors = waves[:q + 1] / np.sqrt(q + 1)
        inside = np.linalg.norm(left[:, :rank].conj().T @ vectors, axis=0)
        found = np.zeros(n, dtype=bool)
        found[np.argsort(-inside)[:rank]] = True
        return found

    def _residual(self, values: Complex, right: Bools) -> float:
        """Largest distance of values from those of a polynomial."""
        powers = np.arange(self._degree + 1)
        base = self._points[right, None] ** powers
        fitted = base @ np.linalg.lstsq(base, values[right], rcond=None)[0]
        return float(np.abs(values[right] - fitted).max(initial=0.0))


def _value(points: Complex, zeros: Bools, at: int) -> complex:
    """The monic polynomial with some zeros, at a point."""
    return complex(np.prod(points[at] - points[zeros]))


def _consecutive(holders: Bools, count: int) -> bool:
    """True if each file is on so many consecutive workers."""
    starts = holders & ~np.roll(holders, 1, axis=1)
    whole = count == holders.shape[1]
    return bool((holders.sum(axis=1) == count).all()
                and (whole or (starts.sum(axis=1) == 1).all()))
