"""Screens: payloads and files whose norms are far above those of the others.

A check looks at one file of a payload and is made by one worker, which may
collude: with probability (q - 1) / (K - 1) a payload of norm 1e30 would be
borne out.  So what is above a screen is never used on one check.

Every norm is compared with a median of the workers'.  q < K / 2 liars cannot
move it below the smallest norm of an honest worker, nor above the largest
one: of 2 n values, both in the middle lie between those.  What is no number
is above all others there.  Where so many have died or are late that q may be
half of those whose sums are here, the largest one that q of them cannot be
above alone takes its place; where all may be liars nothing is usual.

A *ratio* is a norm over what is usual for it.  Comparisons are written so
that a ratio that is no number, or infinite, is above every limit.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from aspis_mpi.arrays import Array, Bools, Floats, Ints
from aspis_mpi.checks import check_positive
from aspis_mpi.coding import challenge

#: Limit of the ratio of a piece of a payload.
OF_PIECES = 10.0
#: A cleared ratio may be so many times as large for a while.
CLEARED = 1.5
#: A piece with less than this part of its equal share in most payloads, such
#: as rows of an embedding that few of them touch, has no usual norm: the
#: equal share takes its place.
SPARSE = 1e-3
#: What was cleared: worker, place, limit, last turn.
Limit = tuple[int, int, float, int]
#: Place of files among those of the pieces, and of the whole payload.
FILE, WHOLE = -1, 0


class Screened(NamedTuple):
    """Ratios, and the largest ones that are let in.

    Both are float64, of shape (n workers, 1 + n pieces) for payloads, the
    whole of each first, and (n files,) for files.
    """

    ratios: Floats
    limits: Floats

    @property
    def above(self) -> Bools:
        """Payloads or files that are not let in, shape (n,)."""
        # Whatever is no number is not below its limit either.
        over = ~(self.ratios <= self.limits)
        return np.asarray(over.any(axis=1)) if over.ndim > 1 else over


class Cleared:
    """Larger limits of who was found right above one, for a while.

    Parameters
    ----------
    rows : iterable of (int, int, float, int)
        As `rows` gives them: worker, place, limit, last turn.
    """

    def __init__(self, rows: Iterable[Limit] = ()):
        self._limits = {(worker, place): (limit, until)
                        for worker, place, limit, until in rows}

    def rows(self) -> list[Limit]:
        """All of it, for a checkpoint."""
        return [(*key, *value) for key, value in sorted(self._limits.items())]

    def clear(self, worker: int, place: int, ratio: float,
              until: int) -> None:
        """Let a worker have 1.5 times a ratio, up to a turn.

        One that is infinite or no number gives no limit: nothing would be
        above it.
        """
        limit = CLEARED * float(ratio)
        if np.isfinite(limit):
            self._limits[worker, place] = (limit, until)

    def raise_limits(self, limits: Floats, rows: dict[int, int],
                     turn: int) -> None:
        """Put what is in force in the place of smaller limits.

        Parameters
        ----------
        limits : ndarray of float64, shape (n, n places)
            Changed.
        rows : dict of int to int
            The row of each worker.
        turn : int
            Later than all before; what has ended is forgotten.
        """
        self._limits = {key: it for key, it in self._limits.items()
                        if turn <= it[1]}
        for (worker, place), (limit, _) in self._limits.items():
            if worker in rows and place >= 0:
                row = rows[worker]
                limits[row, place] = max(limits[row, place], limit)

    def of_files(self, worker: int, turn: int) -> float:
        """The limit of a worker's files that is in force; 0 without one."""
        limit, until = self._limits.get((worker, FILE), (0.0, -1))
        return limit if turn <= until else 0.0


class Screens:
    """The limits of one run.

    Parameters
    ----------
    outlier : float
        Largest ratio of a payload and of a file, at least 1.
    sizes : ndarray of int, shape (n pieces,)
        Numbers in each piece of a payload.
    cleared : Cleared, optional
        From a checkpoint.

    Attributes
    ----------
    cleared : Cleared
    """

    def __init__(self, outlier: float, sizes: Ints,
                 cleared: Cleared | None = None):
        check_positive('outlier', outlier)
        if outlier < 1:
            raise ValueError(f'outlier {outlier} must be at least 1')
        self.cleared = Cleared() if cleared is None else cleared
        self._outlier = float(outlier)
        self._parts = np.sqrt(sizes / max(sizes.sum(), 1))

    def payloads(self, norms: Floats, samples: Ints, workers: Ints,
                 turn: int, q: int = 0) -> Screened:
        """Look at the payloads of a turn.

        Parameters
        ----------
        norms : ndarray of float64, shape (n, n pieces)
            Of each worker's pieces, `aspis_mpi.detection.spot.pieces`.
        samples : ndarray of int, shape (n,)
            In each payload, at least 1.
        workers : ndarray of int, shape (n,)
            Who sent them.
        turn : int
        q : int
            Of them may be liars.

        Returns
        -------
        Screened
            The usual norm of worker j's payload is m max(rho_j, sqrt(rho_j)),
            rho_j its samples over their median, m the median of
            |y_i| / max(rho_i, sqrt(rho_i)): a sum of n gradients grows with
            n where they agree, and with sqrt(n) where they are noise.  That
            of a piece is the median of its norms, likewise scaled.
        """
        with np.errstate(over='ignore', invalid='ignore'):
            scale = _scales(samples)[:, None]
            whole = np.sqrt(np.square(norms).sum(axis=1, keepdims=True))
            scaled = np.hstack([whole, norms]) / scale
        usual = _usual(scaled, q)
        shares = usual[WHOLE] * self._parts
        usual[1:] = np.where(usual[1:] < SPARSE * shares, shares, usual[1:])
        limits = np.full(scaled.shape, OF_PIECES)
        limits[:, WHOLE] = self._outlier
        self.cleared.raise_limits(
            limits, {w: row for row, w in enumerate(workers.tolist())}, turn)
        return Screened(_over(scaled, usual), limits)

    def files(self, norms: Floats, samples: Ints, owners: Ints,
              turn: int, q: int = 0) -> Screened:
        """Look at the files of a checked turn.

        Parameters
        ----------
        norms : ndarray of float64, shape (n,)
            Of all files that were sketched, see `file_norms`.
        samples : ndarray of int, shape (n,)
            In each file, at least 1.
        owners : ndarray of int, shape (n,)
            In whose payload each file is.
        turn : int
        q : int
            Of the owners may be liars.

        Returns
        -------
        Screened
            What is usual is as of `payloads`, with files in their place.
        """
        with np.errstate(over='ignore', invalid='ignore'):
            scaled = norms / _scales(samples)
        limits = np.array([max(self._outlier, self.cleared.of_files(j, turn))
                           for j in owners.tolist()])
        # Liars may own more files than others.
        of_liars = int(np.sort(np.bincount(owners))[::-1][:q].sum())
        return Screened(_over(scaled, _usual(scaled, of_liars)), limits)

    def clear(self, worker: int, ratios: Floats, until: int) -> None:
        """Let a worker have what was found right, and half as much more.

        Parameters
        ----------
        worker : int
        ratios : ndarray of float64, shape (1 + n pieces,)
            Of its payload.
        until : int
            The last turn for which it counts, H turns from now.
        """
        bounds = np.full(ratios.shape, OF_PIECES)
        bounds[WHOLE] = self._outlier
        for place in np.flatnonzero(ratios > bounds).tolist():
            self.cleared.clear(worker, place, ratios[place], until)

    def clear_files(self, worker: int, ratio: float, until: int) -> None:
        """Let a worker's files have what was found right, and half more."""
        if ratio > self._outlier:
            self.cleared.clear(worker, FILE, ratio, until)


def file_norms(sketches: Array) -> Floats:
    """Norms of files that their sketches do not belie.

    Parameters
    ----------
    sketches : ndarray of float64, shape (..., k + 1, copies)

    Returns
    -------
    ndarray of float64, shape (...,)
        The larger of the norm that is stated and the root mean square of the
        sketch over 2.5; NaN where a number is none, or a norm is negative.
    """
    sound = (np.isfinite(sketches).all(axis=(-2, -1))
             & (sketches[..., -1, :] >= 0).all(axis=-1))
    return np.where(sound, challenge.norms(sketches), np.nan)


def _scales(samples: Ints) -> Floats:
    """max(rho, sqrt(rho)), rho the samples over their median."""
    if not samples.min(initial=1) >= 1:
        raise ValueError(f'samples {samples.min()} must be at least 1')
    rho = samples / np.median(samples)
    return np.maximum(rho, np.sqrt(rho))


def _medians(values: Floats) -> Floats:
    """Medians over the first axis; what is no number is above all others.

    A whole sort takes a tenth of the time of `numpy.median` for the few
    values that there are, of many pieces.
    """
    ordered, n = np.sort(values, axis=0), len(values)
    with np.errstate(over='ignore', invalid='ignore'):
        return np.asarray((ordered[(n - 1) // 2] + ordered[n // 2]) / 2)


def _usual(values: Floats, wrong: int) -> Floats:
    """Medians over the first axis, as far as wrong values cannot raise it."""
    n = len(values)
    if n > 2 * wrong:
        return _medians(values)
    if n <= wrong:
        return np.zeros(values.shape[1:])
    return np.asarray(np.sort(values, axis=0)[n - wrong - 1])


def _over(norms: Floats, usual: Floats) -> Floats:
    """Norms over what is usual; 0 for a norm of 0 whatever that is."""
    with np.errstate(all='ignore'):
        return np.where(norms == 0, 0.0, norms / usual)
