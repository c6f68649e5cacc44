"""Classical gradient codes: fractional repetition and cyclic repetition."""

from functools import cached_property

import numpy as np

from aspis_mpi import streams
from aspis_mpi.coding.code import check_whole
from aspis_mpi.coding.fixed import FixedCode, clear
from aspis_mpi.coding.structure import cyclic_starts, group_leads


class Tandon(FixedCode):
    """Fractional or cyclic repetition code, by the form of the assignment.

    *Groups* of workers with the same files: each sends the plain sum of its
    files, and one full worker of each group is enough.  *Cyclic*, file i on
    `load` consecutive workers: random weights such that any K - s full
    workers are enough, with s = load - 1; decoding solves a B = 1.

    Parameters
    ----------
    assignment
        Groups or cyclic.
    copies : int
        Must be 1.
    seed : int
        Of the random weights, at least 0.

    Notes
    -----
    The random weights are badly conditioned: for K = 200, s = 7 and random
    stragglers the relative error of the sum in float32 has the median 3e-5,
    the largest of 100 was 5e-3.

    References
    ----------
    Tandon, Lei, Dimakis, Karampatziakis, "Gradient coding: avoiding
    stragglers in distributed learning", ICML 2017, algorithms 1 and 2.
    """

    name = 'tandon'

    def __init__(self, assignment, copies, *, seed: int = 0):
        super().__init__(assignment, copies)
        check_whole(copies, self.name)
        if seed < 0:
            raise ValueError(f'seed {seed} must be at least 0')
        self._leads = group_leads(assignment)
        if self._leads is not None:
            self.stragglers = assignment.least_copies - 1
            self._fix([np.ones((own.size, 1)) for own in self._own])
            return
        starts = cyclic_starts(assignment)
        if starts is None:
            raise ValueError(
                "code 'tandon' needs groups of workers with the same files, "
                'or as many files as workers, each on consecutive workers; '
                'this assignment is neither')
        self.stragglers = assignment.load - 1
        self._fix(self._random(starts, seed))

    def _random(self, starts, seed):
        """Rows of B, orthogonal to a random H with H 1 = 0 (algorithm 2)."""
        rng = streams.generator(seed, 'tandon code')
        test = rng.standard_normal((self.stragglers, starts.size))
        test[:, -1] = -test[:, :-1].sum(axis=1)
        weights = []
        for worker, own in enumerate(self._own):
            # The file that ends its circle here has the weight 1.
            behind = (worker - starts[own]) % starts.size
            first = behind.argmax()
            others = np.delete(np.arange(own.size), first)
            columns = test[:, starts[own]]
            row = np.ones((own.size, 1))
            row[others, 0] = -np.linalg.solve(columns[:, others],
                                              columns[:, first])
            weights.append(row)
        return weights

    def decodable(self, full):
        """True for a full worker in each group, or any K - s full workers."""
        if self._leads is None:
            return bool(full.sum() >= full.size - self.stragglers)
        served = np.unique(self._leads[full & (self._leads >= 0)])
        return served.size == np.unique(self._leads[self._leads >= 0]).size

    def _combination(self, full):
        """The lowest full worker of each group, or the least a: a B = 1."""
        if self._leads is not None:
            return self._lowest(full)
        if not self.decodable(full):
            return self._nearest(full)
        return clear(*self._solutions, ~full)[None]

    def _lowest(self, full):
        workers = np.flatnonzero(full)
        _, first = np.unique(self._leads[workers], return_index=True)
        weights = np.zeros((1, full.size))
        weights[0, workers[first]] = 1
        return weights

    @cached_property
    def _solutions(self):
        """The least a with a B = 1, and all a with a B = 0 (K, s).

        Only the server needs them; O(K^3), once.
        """
        left, singular, right = np.linalg.svd(self._matrix.toarray())
        rank = singular.size - self.stragglers
        least = right[:rank].sum(axis=1) / singular[:rank]
        return left[:, :rank] @ least, left[:, rank:]
