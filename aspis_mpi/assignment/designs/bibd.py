"""Balanced designs: any two workers share equally many files."""

from itertools import count, islice

import numpy as np

from aspis_mpi.assignment.base import MOST_FILES, check_most
from aspis_mpi.assignment.blocks import families, planes, triples
from aspis_mpi.assignment.existence import advice
from aspis_mpi.assignment.searched import Searched

#: Constructions, the first that fits is taken.
CONSTRUCTIONS = triples, planes, families
#: Other numbers of shared files that are tried for a way out, and how hard.
MOST_OTHERS, FEW_TRIED = 2, 100_000
#: Of more shared files than that, which make long searches, the next number of
#: workers is looked for no further away than this, and not as hard.
MANY_SHARED, NEAR = 6, 10


class Balanced(Searched):
    """Balanced incomplete blocks: each two workers share `shared` files.

    Parameters
    ----------
    n_workers : int
        K.
    replication : int
        r, below K.  There are shared K (K - 1)/(r (r - 1)) files, and each
        worker computes shared (K - 1)/(r - 1) of them.
    shared : int
        lambda, the files that any two workers have in common.

    Raises
    ------
    ValueError
        No construction here makes such a design; the nearest number of
        workers for which one does is named.

    Notes
    -----
    Triple systems of Bose and Skolem (r = 3), planes over GF(p) (r = p and
    p + 1), otherwise cyclic difference families.  Whatever made the blocks,
    each pair of workers is counted before they are used.

    References
    ----------
    Konstantinidis, Vaswani, Ramamoorthy, "Detection and mitigation of
    Byzantine attacks in distributed training", arXiv 2208.08085 (Aspis+).

    >>> design = Balanced(7)
    >>> design.n_files, design.load
    (7, 3)
    """

    name = 'bibd'
    replicated_by = 'replication'
    default_order = 'search'
    exists = (
        'replication = 3: K = 1 or 3 mod 6; 4: K = 13, 16, 37, 40, 49, 52, '
        '61, 64; 5: 21, 25, 41, 61, 65; 6: 31; 7: 49; 8: 57, 64; 9: 73; 10: '
        '91; 12: 133; with more shared files for others: shared = 2, '
        'replication = 3: 4, 6, 7, 9, 12, 13, 15, 16, 18, 19')

    def __init__(self, n_workers, *, replication: int = 3, shared: int = 1):
        if not 2 <= replication < n_workers:
            raise ValueError(f'replication {replication} must be between 2 '
                             'and the number of workers less one, '
                             f'{n_workers - 1}; set assignment.replication')
        if shared < 1:
            raise ValueError(f'shared {shared} must be at least 1')
        check_most('shared', shared, MOST_FILES * replication * (
            replication - 1) // (n_workers * (n_workers - 1)))
        construction = _construction(n_workers, replication, shared)
        if construction is None:
            raise ValueError(_refusal(n_workers, replication, shared))
        blocks = construction.blocks(n_workers, replication, shared)
        incidence = np.zeros((len(blocks), n_workers), dtype=bool)
        np.put_along_axis(incidence, blocks, True, axis=1)
        check(incidence, replication, shared)
        super().__init__(incidence)


def check(incidence, replication, shared):
    """Raise a ValueError unless a design is balanced.

    Parameters
    ----------
    incidence : ndarray of bool, shape (n_files, n_workers)
    replication, shared : int
        The workers of each file, and the files of each two workers.
    """
    counts = incidence.astype(np.int64)
    if (counts.sum(axis=1) != replication).any():
        file = int(np.argmax(counts.sum(axis=1) != replication))
        raise ValueError(f'file {file} has {counts[file].sum()} workers, must '
                         f'have {replication}')
    together = counts.T @ counts
    np.fill_diagonal(together, shared)
    if (together != shared).any():
        one, other = np.argwhere(together != shared)[0].tolist()
        raise ValueError(f'workers {one} and {other} share '
                         f'{together[one, other]} files, must share {shared}')


def _construction(n_workers, replication, shared):
    """The first construction of such a design, or None."""
    return next((it for it in CONSTRUCTIONS
                 if it.exists(n_workers, replication, shared)), None)


def _near(k, r, shared):
    """The nearest number of workers with a design, as half a sentence."""
    if shared <= MANY_SHARED:
        return advice(k, lambda n: n > r and _construction(n, r, shared)
                      is not None)
    return advice(k, lambda n: n > r and families.exists(
        n, r, shared, FEW_TRIED // 4), NEAR)


def _refusal(k, r, shared):
    """The sentence on a design that does not exist, with a way out."""
    near = _near(k, r, shared)
    whole = (n for n in count(1) if n != shared
             and families.counts_fit(k, r, n))
    other = next((n for n in islice(whole, MOST_OTHERS)
                  if triples.exists(k, r, n) or planes.exists(k, r, n)
                  or families.exists(k, r, n, FEW_TRIED)), None)
    also = '' if other is None else (
        f', and with {k} there is one of assignment.shared = {other}')
    return (f'no design of replication {r} and shared {shared} is known here '
            f'for {k} workers: {near}{also}')
