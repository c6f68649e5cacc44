"""Worst cases of the published schemes: wrong files of a step, by q.

K workers of which q lie as they like and know everything; a file is wrong
when a wrong value of it is used.  Whatever the rest of a scheme does, its
aggregation has to bear this share of wrong files.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

from aspis_mpi.assignment import worst
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.existence import dividing


@dataclass(frozen=True)
class WorstCase:
    """The most wrong files of a step, or bounds of that number.

    Some q workers make `attained` of the files wrong; none make more than
    `bound` of them wrong.
    """

    files: int
    attained: int
    bound: int

    @property
    def exact(self) -> bool:
        """True if nothing is left between the bounds."""
        return self.attained == self.bound

    @property
    def fraction(self) -> float:
        """The share of the files that are wrong, at most."""
        return self.bound / self.files


def baseline(n_workers: int, q: int, replication: int = 1) -> WorstCase:
    """One file a worker and no copies: q of K, the share q/K.

    Parameters
    ----------
    n_workers, q : int
        K, and at most as many liars.
    replication : int
        1.

    Notes
    -----
    Every robust aggregation of K gradients (Krum, Bulyan, median ...) begins
    with this share.

    >>> baseline(15, 2).fraction
    0.13333333333333333
    """
    _check(n_workers, q, replication)
    if replication != 1:
        raise ValueError(f'replication {replication} must be 1')
    return WorstCase(n_workers, q, q)


def detox(n_workers: int, q: int, replication: int = 3) -> WorstCase:
    """Groups that vote: floor(q/r') of K/r, r' = (r + 1)/2 a majority.

    Parameters
    ----------
    n_workers, q : int
    replication : int
        r, the size of a group: odd, and a divisor of K.

    Notes
    -----
    The share is floor(q/r') r/K, for liars that choose their groups.  The
    paper assumes that the server draws the groups at random after they are
    chosen, and has a smaller one on average.

    References
    ----------
    Rajput, Wang, Charles, Papailiopoulos, "DETOX", NeurIPS 2019; the worst
    case: Konstantinidis, Ramamoorthy, "ByzShield", arXiv 2010.04902, section
    5.

    >>> [detox(15, q).fraction for q in (2, 4, 6)]
    [0.2, 0.4, 0.6]
    """
    _check(n_workers, q, replication)
    _check_odd(replication)
    _check_groups(n_workers, replication)
    groups = n_workers // replication
    wrong = min(groups, q // ((replication + 1) // 2))
    return WorstCase(groups, wrong, wrong)


def draco(n_workers: int, q: int, replication: int = 3) -> WorstCase:
    """Groups too large for q liars to be a majority of: no wrong file.

    Parameters
    ----------
    n_workers, q : int
    replication : int
        r, at least 2 q + 1, a divisor of K (the repetition code).

    Raises
    ------
    ValueError
        r is less than 2 q + 1: nothing is promised then.

    References
    ----------
    Chen, Wang, Charles, Papailiopoulos, "DRACO", ICML 2018, theorem 1.

    >>> draco(15, 2, 5).fraction
    0.0
    """
    _check(n_workers, q, replication)
    if replication < 2 * q + 1:
        raise ValueError(f'replication {replication} must be at least '
                         f'2 q + 1 = {2 * q + 1}')
    _check_groups(n_workers, replication)
    return WorstCase(n_workers // replication, 0, 0)


def reactive(n_workers: int, q: int, replication: int = 1) -> WorstCase:
    """Copies where they are needed: no wrong file in steps looked at.

    Parameters
    ----------
    n_workers, q : int
        K, more than 2 q: so many can compute a file on which workers differ.
    replication : int
        1: each file has one worker until somebody looks.

    Notes
    -----
    Of the deterministic scheme, which looks at every step.  In the
    randomised one it is `baseline` in the other steps.

    References
    ----------
    Gupta, Vaidya, "Randomized reactive redundancy for Byzantine fault
    tolerance in parallelized learning", arXiv 1912.09528.

    >>> reactive(15, 7).fraction
    0.0
    """
    _check(n_workers, q, replication)
    _check_minority(n_workers, q)
    if replication != 1:
        raise ValueError(f'replication {replication} must be 1')
    return WorstCase(n_workers, 0, 0)


def aspis(n_workers: int, q: int, replication: int = 3) -> WorstCase:
    """A file for each r workers, and liars that are found: C(2q, r)/2.

    Parameters
    ----------
    n_workers, q : int
        Fewer than half of the workers lie.
    replication : int
        r, odd.

    Notes
    -----
    Liars that lie only where the honest holders belong to q fixed workers
    leave two largest cliques, and win the vote of half of the files that
    these 2 q workers hold alone.  The published rule `clique` can be made
    to let more through (`framing`); `core` cannot, if everybody answers.

    References
    ----------
    Konstantinidis, Ramamoorthy, "Aspis", arXiv 2108.02416, section 4.

    >>> [aspis(15, q).bound for q in range(2, 8)]
    [2, 10, 28, 60, 110, 182]
    """
    _check(n_workers, q, replication)
    _check_minority(n_workers, q)
    _check_odd(replication)
    wrong = comb(2 * q, replication) // 2
    return WorstCase(comb(n_workers, replication), wrong, wrong)


def framing(n_workers: int, q: int, replication: int = 3) -> WorstCase:
    """The rule `clique` when liars frame q - 1 honest workers.

    Parameters
    ----------
    n_workers, q : int
        Fewer than half of the workers lie.
    replication : int
        r.

    Notes
    -----
    The liars' clique, without the framed, is the largest; so every file
    whose holders are liars or framed, not all of them framed, is wrong:
    C(2q - 1, r) - C(q - 1, r).

    >>> [framing(15, q).bound for q in range(2, 8)]
    [1, 10, 34, 80, 155, 266]
    """
    _check(n_workers, q, replication)
    _check_minority(n_workers, q)
    wrong = (comb(2 * q - 1, replication) - comb(q - 1, replication)
             if q else 0)
    return WorstCase(comb(n_workers, replication), wrong, wrong)


def certified(n_workers: int, q: int, replication: int = 3) -> WorstCase:
    """Files that liars alone hold, which nobody contradicts: C(q, r).

    Parameters
    ----------
    n_workers, q : int
        Fewer than half of the workers lie.
    replication : int
        r.

    Notes
    -----
    The limit of every rule on a file for each r workers that uses unanimous
    files without computing them again; `certified` reaches it whatever the
    attack.

    >>> [certified(15, q).bound for q in range(2, 8)]
    [0, 1, 4, 10, 20, 35]
    """
    _check(n_workers, q, replication)
    _check_minority(n_workers, q)
    wrong = comb(q, replication)
    return WorstCase(comb(n_workers, replication), wrong, wrong)


def voted(assignment: Assignment, q: int,
          most_work: int = worst.MOST_WORK) -> WorstCase:
    """A vote on each file of any design, nobody detected.

    Parameters
    ----------
    assignment : Assignment
    q : int
    most_work : int
        As of `worst.most_decided`.

    Returns
    -------
    WorstCase
        The most files in which some q workers have the strict majority:
        exact by search, or bounds where that would take too long.

    Notes
    -----
    ByzShield is this of `mols` and `ramanujan`.  Ties of an even number of
    replicas are no majority.

    References
    ----------
    Konstantinidis, Ramamoorthy, "ByzShield", arXiv 2010.04902, section 5.

    >>> from aspis_mpi.assignment.designs.mols import LatinSquares
    >>> [voted(LatinSquares(15), q).bound for q in range(2, 8)]
    [1, 3, 5, 8, 12, 14]
    """
    needed = assignment.incidence.sum(axis=1) // 2 + 1
    found = worst.most_decided(assignment.incidence, needed, q, most_work)
    bound = (found.bound if found.exact
             else min(found.bound, assignment.majorities(q)))
    return WorstCase(assignment.n_files, found.attained, bound)


#: What is known in closed form, by a scheme's name, as functions of K, q and
#: r.
SCHEMES: dict[str, Callable[..., WorstCase]] = {
    'baseline': baseline, 'detox': detox, 'draco': draco,
    'reactive': reactive, 'aspis': aspis, 'framing': framing,
    'certified': certified}


def _check(n_workers: int, q: int, replication: int) -> None:
    if not 0 <= q <= n_workers:
        raise ValueError(f'q {q} must be between 0 and the number of '
                         f'workers, {n_workers}')
    if not 1 <= replication <= n_workers:
        raise ValueError(f'replication {replication} must be between 1 and '
                         f'the number of workers, {n_workers}')


def _check_minority(n_workers: int, q: int) -> None:
    if 2 * q >= n_workers:
        raise ValueError(f'q {q} must be less than half of {n_workers} '
                         'workers')


def _check_odd(replication: int) -> None:
    if replication % 2 == 0:
        raise ValueError(f'replication {replication} must be odd')


def _check_groups(n_workers: int, replication: int) -> None:
    if n_workers % replication:
        raise ValueError(f'replication {replication} must divide the number '
                         f'of workers, {n_workers}: '
                         f'{dividing(replication, n_workers)}')
