"""The adversaries that can outvote most files."""

from itertools import combinations, islice
from math import comb

import numpy as np

from aspis_mpi import streams
from aspis_mpi.attacks.choice import Who

#: Sets times files that are looked at, at most: some seconds; and sets at a
#: time.
MOST_WORK, AT_ONCE = 500_000_000, 1 << 12


class Worst(Who):
    """The same adversaries in all steps, those that outvote most files.

    Workers outvote a file when they are a strict majority of those that
    hold it.  All sets are looked at where these are few enough; otherwise
    workers are added one by one and then exchanged for as long as that
    helps, and no more files are outvoted than `bound` says.  Of sets as bad
    as each other the seed draws one.

    Parameters
    ----------
    n_workers, count, seed
        See `Who`.

    Notes
    -----
    With votes of r holders each, q workers are a majority of at most
    (sum of their q largest loads) / ((r + 1)/2) files.

    References
    ----------
    Konstantinidis, Ramamoorthy, "ByzShield: an efficient and robust system
    for distributed training", MLSys 2021, section 5, by exhaustive search.
    """

    name = 'worst'

    def __init__(self, n_workers, count, seed):
        super().__init__(n_workers, count, seed)
        self._members = self.drawn()

    def meet(self, incidence):
        """See `Who.meet`."""
        order = streams.generator(self.seed, 'worst').permutation(
            self.n_workers)
        found = most_outvoted(incidence[:, order], self.count)
        self._members = self.marked(order[found])

    def members(self, step):
        """The adversaries, bool (K,), whatever the step."""
        return self._members.copy()


def most_outvoted(incidence, count):
    """The workers that outvote most files, ascending.

    Parameters
    ----------
    incidence : ndarray of bool, shape (f, K)
    count : int

    Returns
    -------
    ndarray of int, shape (count,)
    """
    n_files, n_workers = incidence.shape
    if comb(n_workers, count) * n_files > MOST_WORK:
        return _by_exchange(incidence, count)
    sets = combinations(range(n_workers), count)
    best, most = np.arange(count), -1
    while some := list(islice(sets, AT_ONCE)):
        marked = np.zeros((len(some), n_workers), dtype=np.float32)
        np.put_along_axis(marked, np.array(some, dtype=int).reshape(
            len(some), count), 1, axis=1)
        found = _outvoted(incidence, marked)
        if found.max() > most:
            best, most = np.array(some[found.argmax()], int), found.max()
    return best


def bound(incidence, count):
    """Files that so many workers can outvote, at most.

    >>> bound(np.ones((4, 3), dtype=bool), 1)
    2
    """
    loads = np.sort(incidence.sum(axis=0))[::-1][:count].sum()
    needed = np.sort(incidence.sum(axis=1) // 2 + 1).cumsum()
    return int(np.searchsorted(needed, loads, side='right'))


def _outvoted(incidence, marked):
    """Files that each of some sets outvotes, (n,)."""
    votes = marked @ incidence.T.astype(np.float32)
    return (2 * votes > incidence.sum(axis=1)).sum(axis=1)


def _by_exchange(incidence, count):
    """A set that no exchange of one worker makes worse."""
    n_workers = incidence.shape[1]
    members = np.zeros(n_workers, dtype=bool)
    for _ in range(count):
        members[_next(incidence, members)] = True
    most = _outvoted(incidence, members[np.newaxis])[0]
    improved = True
    while improved:
        improved = False
        for out in np.flatnonzero(members).tolist():
            without = members.copy()
            without[out] = False
            without[_next(incidence, without)] = True
            found = _outvoted(incidence, without[np.newaxis])[0]
            if found > most:
                members, most, improved = without, found, True
                break
    return np.flatnonzero(members)


def _next(incidence, members):
    """The worker that adds most: files, else votes that files still lack."""
    votes = incidence[:, members].sum(axis=1)
    needed = incidence.sum(axis=1) // 2 + 1
    # A vote counts more the fewer are lacking, and not where none is.
    weights = np.where(votes < needed, 4.0 ** -(needed - votes), 0)
    gains = weights @ incidence
    gains[members] = -1
    return int(gains.argmax())
