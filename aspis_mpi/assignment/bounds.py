"""Bounds of the number of files that q workers can decide, without search."""

from math import comb, floor, inf

import numpy as np
import numpy.typing as npt

#: More than rounding takes off a bound that is a whole number.
ROUNDING = 1e-4

#: True where a worker (column) holds a file (row).
Incidence = npt.NDArray[np.bool_]


def upper_bound(incidence: npt.ArrayLike, needed: npt.ArrayLike,
                q: int) -> int:
    """A number of files that no q workers decide more of, without search.

    Parameters
    ----------
    incidence : array_like of bool, shape (n_files, n_workers)
    needed : array_like of int, shape (n_files,)
    q : int

    Returns
    -------
    int
        The smallest of the bounds by loads, by pairs and by expansion.

    Notes
    -----
    With t the least of `needed`, c the number of files decided:

    - *loads*: c t is at most the sum of the q largest loads;
    - *pairs*, t >= 2: c t (t - 1)/2 is at most q (q - 1)/2 times the most
      files that two workers share;
    - *expansion*, see `expansion_bound`.
    """
    table = np.asarray(incidence, dtype=bool)
    n_files = len(table)
    if q == 0:
        return 0
    least = int(np.min(needed))
    loads = np.sort(table.sum(axis=0))[::-1]
    bounds = [n_files, int(loads[:q].sum()) // least]
    if least > 1:
        counts = table.astype(np.float64)
        shared = counts.T @ counts
        np.fill_diagonal(shared, 0)
        bounds.append(int(shared.max()) * comb(q, 2) // comb(least, 2))
    bounds.append(expansion_bound(table, least, q))
    return min(bounds)


def expansion_bound(incidence: Incidence, needed: int, q: int) -> int:
    """The bound by the second singular value of a biregular design.

    Parameters
    ----------
    incidence : ndarray of bool, shape (n_files, n_workers)
        All files with r holders, all workers with l files; of any other the
        bound is the number of files.
    needed : int
        t.
    q : int

    Returns
    -------
    int

    Notes
    -----
    Between q workers and c files of which they hold t replicas or more there
    are c t edges or more.  With s the second singular value the expander
    mixing lemma allows no more than

        q c l/f + s sqrt(q c (1 - q/K) (1 - c/f)),

    which is solved for c where t > q l/f = q r/K.  The other bound goes by
    neighbours: with mu = s^2/(l r) the q workers hold at least n = (q l/r) /
    (mu + (1 - mu) q/K) files, one replica of each; the q l - n others make
    at most (q l - n)/(t - 1) files decided.

    References
    ----------
    Konstantinidis, Ramamoorthy, "ByzShield", arXiv 2010.04902, section 4
    (neighbours); Haemers, "Interlacing eigenvalues and graphs", Linear
    Algebra and its Applications 226, 1995 (mixing, of bipartite graphs).
    """
    f, k = incidence.shape
    holders, loads = incidence.sum(axis=1), incidence.sum(axis=0)
    r, load = int(holders[0]), int(loads[0])
    if (holders != r).any() or (loads != load).any() or min(f, k) < 2:
        return f
    counts = incidence.astype(np.float64)
    square = counts.T @ counts if k <= f else counts @ counts.T
    # Squares of singular values, ascending; rounding may leave one below 0.
    second = max(0.0, float(np.linalg.eigvalsh(square)[-2]))
    mixing = neighbours = inf
    ahead = needed - q * load / f
    if ahead > 0:
        spread = second * q * (1 - q / k)
        mixing = 1 / (1 / f + ahead ** 2 / spread) if spread > 0 else 0
    if needed > 1:
        mu = second / (load * r)
        reached = q * load / r / (mu + (1 - mu) * q / k)
        neighbours = (q * load - reached) / (needed - 1)
    return min(f, floor(min(mixing, neighbours, f) + ROUNDING))
