"""The base of every assignment: an incidence matrix and an order."""

import copy
from itertools import combinations
from math import comb
from typing import Self

import numpy as np
import numpy.typing as npt

from aspis_mpi import streams
from aspis_mpi.arrays import Floats

#: The most files that a run log counts, which a design that may have more
#: looks at before it is made.
MOST_FILES = (1 << 16) - 1

#: So many sets of workers are tried one by one, not more.
MOST_SETS = 20_000

#: Pairs of file and set that are looked at together (memory).
BLOCK = 1 << 22

#: Numbers of files or workers, -1 for none.
Indices = npt.NDArray[np.int32]


class Assignment:
    """The holders of each file, and the order in which each worker computes.

    Parameters
    ----------
    incidence : array_like of bool, shape (n_files, n_workers)
        Entry (i, j) is set when worker j computes file i.
    order : array_like of int, shape (n_workers, load), optional
        Files of each worker in the order of computing, padded with -1;
        ascending by default.
    width : int, optional
        Of `order`, at least the largest number of files of a worker, which
        is the default.  More leaves room for files of others.

    Attributes
    ----------
    load : int
        l: the largest number of files that one worker computes.
    width : int
        The largest that it may ever be.
    holders : ndarray of int32, shape (n_files, replication)
        The workers of each file, ascending, padded with -1.
    loads : ndarray of int, shape (n_workers,)
        Number of files of each worker; 0 for who takes no part.
    least_copies : int
        The smallest number of workers that hold one file.
    """

    #: The option by which a file gets more or fewer workers, where there is
    #: one; what is wrong with their number is told by its name.
    replicated_by: str | None = None
    #: The numbers of workers for which there is such a design, if not for all;
    #: `list` says it.
    exists = ''
    #: The seed by which workers get other names after each step, if they do.
    names_seed: int | None = None
    #: Which worker of the design each worker is, where that goes by hosts.
    placement: npt.NDArray[np.int64] | None = None
    #: The order part that suits the design where the job names none.
    default_order = 'natural'

    def __init__(self, incidence: npt.ArrayLike,
                 order: npt.ArrayLike | None = None,
                 width: int | None = None):
        self.incidence = np.ascontiguousarray(incidence, dtype=bool)
        self.n_files, self.n_workers = self.incidence.shape
        self.loads = self.incidence.sum(axis=0)
        self.load = int(self.loads.max())
        self.width = self.load if width is None else width
        if self.width < self.load:
            raise ValueError(f'width {self.width} must be at least '
                             f'{self.load}, the files of one worker')
        self.holders = _padded(self.incidence)
        self.least_copies = int(self.incidence.sum(axis=1).min())
        self.order = (_padded(self.incidence.T, self.width) if order is None
                      else np.asarray(order, dtype=np.int32))
        self._check()

    def _check(self) -> None:
        if not self.incidence.any(axis=1).all():
            empty = int(np.argmin(self.incidence.any(axis=1)))
            raise ValueError(f'file {empty} has no worker')
        if self.order.shape != (self.n_workers, self.width):
            raise ValueError(f'order of shape {self.order.shape} must be of '
                             f'shape {(self.n_workers, self.width)}')
        for worker, files in enumerate(self.order):
            held = np.flatnonzero(self.incidence[:, worker])
            if not (np.array_equal(np.sort(files[:held.size]), held)
                    and (files[held.size:] == -1).all()):
                raise ValueError(
                    f'order of worker {worker} does not name its files')

    def reordered(self, order: npt.ArrayLike) -> Self:
        """The same design with another order of computing.

        Parameters
        ----------
        order : array_like of int, shape (n_workers, load)
            Files of each worker in the order of computing, padded with -1
            at the end.

        Returns
        -------
        Assignment
            Of the same class; it shares everything else with this one.

        Raises
        ------
        ValueError
            The order of some worker does not name its files, each once.
        """
        other = copy.copy(self)
        other.order = np.array(order, dtype=np.int32)
        other._check()
        return other

    def renaming(self, seed: int) -> Self:
        """The same design, whose workers get other names after each step."""
        other = copy.copy(self)
        other.names_seed = seed
        return other

    @property
    def renames(self) -> bool:
        """True if workers have other files in each step."""
        return self.names_seed is not None

    def at(self, step: int) -> Self:
        """The design of a step: itself, if its workers keep their names.

        Parameters
        ----------
        step : int

        Returns
        -------
        Assignment
            Of the same class.  Worker j has the files that the design gives
            to worker p[j], p a uniform permutation that is drawn anew for
            each step but the first; files keep their numbers.

        References
        ----------
        Konstantinidis, Vaswani, Ramamoorthy, "Detection and mitigation of
        Byzantine attacks in distributed training", arXiv 2208.08085: the
        random permutation of the workers of Aspis+.
        """
        if self.names_seed is None or not step:
            return self
        return self._named(streams.generator(
            self.names_seed, 'names', step).permutation(self.n_workers))

    def placed(self, placement: npt.ArrayLike) -> Self:
        """The same design, whose workers have other names for good.

        Parameters
        ----------
        placement : array_like of int, shape (n_workers,)
            A permutation p: worker j has the files that the design gives to
            worker p[j].

        Returns
        -------
        Assignment
            Of the same class.
        """
        names = np.array(placement, dtype=np.int64)
        if not np.array_equal(np.sort(names), np.arange(self.n_workers)):
            raise ValueError('a placement must name each of '
                             f'{self.n_workers} workers once')
        other = self._named(names)
        other.placement = names
        return other

    def _named(self, names: npt.NDArray[np.int64]) -> Self:
        other = copy.copy(self)
        other.incidence = np.ascontiguousarray(self.incidence[:, names])
        other.order = self.order[names]
        other.loads = self.loads[names]
        other.holders = _padded(other.incidence)
        return other

    def widened(self, width: int) -> Self:
        """The same design with room for more files of each worker."""
        other = copy.copy(self)
        other.width = width
        other.order = np.full((self.n_workers, width), -1, dtype=np.int32)
        other.order[:, :self.load] = self.order[:, :self.load]
        return other

    @property
    def by_units(self) -> 'Assignment':
        """The assignment of what is always given to the same workers.

        Of single files: itself.
        """
        return self

    def of_units(self, layout: 'Assignment') -> 'Assignment':
        """The same files, where their units are laid out otherwise.

        Parameters
        ----------
        layout : Assignment
            Of as many files as `by_units` has.

        Returns
        -------
        Assignment
            With as much room as this one has.
        """
        return layout.widened(self.width)

    def order_of_units(self, order: Indices) -> Indices:
        """The order of units of which an order of files is."""
        return order

    def costs_of_units(self, costs: Floats) -> Floats:
        """Cost of each unit, where each file has one of its own."""
        return costs

    def most_in(self, units: int) -> int:
        """The most files in so many units."""
        return units

    @property
    def replication(self) -> int:
        """r: the largest number of workers that hold one file."""
        return self.holders.shape[1]

    def files(self, worker: int) -> Indices:
        """Files of a worker in the order in which it computes them."""
        return self.order[worker, :self.loads[worker]]

    def check_copies(self, copies: int) -> None:
        """Raise a ValueError unless every file has `copies` workers."""
        if not 1 <= copies <= self.least_copies:
            raise ValueError(
                f'copies {copies} must be between 1 and the number of '
                f'workers of each file, {self.least_copies}; '
                f'{self.way_out}')

    @property
    def way_out(self) -> str:
        """Advice on what to change for another number of workers of a file."""
        if self.replicated_by is None:
            return 'use another assignment'
        return f'set assignment.{self.replicated_by}'

    def majorities(self, q: int) -> int:
        """The most files whose strict majority some q workers can hold.

        The workers of smallest coverage decide nothing: this general bound
        adds up the q largest loads and divides by the votes that a majority
        needs; designs with a closed form give the exact number.
        """
        votes = self.incidence.sum(axis=1) // 2 + 1
        reach = int(np.sort(self.loads)[::-1][:q].sum())
        return min(self.n_files, reach // int(votes.min()))

    def touched(self, q: int) -> int:
        """At least as many files as some q workers hold together."""
        return min(self.n_files, int(np.sort(self.loads)[::-1][:q].sum()))

    def unanimous(self, q: int) -> int:
        """The most files all of whose holders are some q workers.

        Exact where at most `MOST_SETS` sets of q workers can be formed of
        those that hold files; else a bound, the q largest loads divided by
        the holders that a file has at least.
        """
        if q < self.least_copies:
            return 0
        working = int(np.count_nonzero(self.loads))
        if q >= working:
            return self.n_files
        if comb(working, q) <= MOST_SETS:
            return self._most_held(q)
        reach = int(np.sort(self.loads)[::-1][:q].sum())
        return min(self.n_files, reach // self.least_copies)

    def _most_held(self, q: int) -> int:
        """`unanimous` by counting, for every set of q workers with files."""
        few = self.incidence.sum(axis=1) <= q
        held = self.incidence[few][:, self.loads > 0]
        # Files with the same holders go together.
        held, copies = np.unique(held, axis=0, return_counts=True)
        sets = np.array(list(combinations(range(held.shape[1]), q)))
        others = np.ones((len(sets), held.shape[1]), dtype=np.float32)
        np.put_along_axis(others, sets, 0, axis=1)

        most, rows = 0, max(1, BLOCK // len(held))
        table = held.T.astype(np.float32)
        for start in range(0, len(sets), rows):
            elsewhere = others[start:start + rows] @ table
            most = max(most, int(((elsewhere == 0) @ copies).max()))
        return most


def check_most(option: str, value: int, most: int) -> None:
    """Refuse an option that makes more files than a run log counts.

    Parameters
    ----------
    option : str
        Its name.
    value : int
    most : int
        With which there are at most `MOST_FILES`.
    """
    if value > most:
        raise ValueError(f'{option} {value} must be at most {most}, with '
                         f'which there are {MOST_FILES} files or a few less')


def _padded(incidence: npt.NDArray[np.bool_],
            width: int | None = None) -> Indices:
    """Column numbers of the set entries of each row, padded with -1."""
    counts = incidence.sum(axis=1)
    width = int(counts.max()) if width is None else width
    table = np.full((incidence.shape[0], width), -1, dtype=np.int32)
    table[np.arange(width) < counts[:, None]] = np.nonzero(incidence)[1]
    return table
