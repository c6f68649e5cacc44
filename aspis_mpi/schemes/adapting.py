"""Layouts that follow the speeds of workers, from one turn to the next.

A speed is how many files a second of a worker were *accepted*: nobody is
faster for what it reports.  And no speed counts for more than the (q+1)-th
largest, so that q liars get no more files than an honest worker may have.
Who lies next to whom on the ring is drawn from the operating system.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Ints
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.layout import (
    coins_of, completion, laid_out, most_files, soonest)
from aspis_mpi.errors import ReplayError
from aspis_mpi.schemes.record import Draw, DrawKind
from aspis_mpi.streams import Coins
from aspis_mpi.words import few

#: A new layout has to be better by a tenth.
GAIN = 1.1
#: Turns after which a worker without files is tried with one that is waited
#: for, where all files are; twice as many each time that it is still slow.
PATIENCE = 10
#: A file takes at least so many seconds.
INSTANT = 1e-9


@dataclass(frozen=True, eq=False)
class Change:
    """A layout, and what is to be gained by it.

    `before` and `after` are seconds of a step, expected.  Workers that are
    `tried` have a file to find out how fast they are now.
    """

    layout: Assignment
    before: float
    after: float
    seed: tuple[int, int]
    tried: Sequence[int] = ()

    @property
    def sentence(self) -> str:
        """It in words."""
        loads = self.layout.loads
        said = (f'files are laid out by speeds, {loads.min()} to '
                f'{loads.max()} a worker')
        takes = '; a step is to take'
        if len(self.tried) == 1:
            said += (f'; worker {self.tried[0]} has some again, to see '
                     'whether it is still slow')
        elif self.tried:
            said += (f'; workers {few(self.tried)} have some again, to see '
                     'whether they are still slow')
        if self.tried and self.after > self.before:
            takes = ': then a step takes'
        instead = (f' instead of {self.before:.4g} s'
                   if np.isfinite(self.before) else '')
        return f'{said}{takes} {self.after:.4g} s{instead}'


class Adapting:
    """Lays files out anew every so many turns, where that helps.

    Parameters
    ----------
    every : int
        Turns; at least 1.
    design : Assignment
        Of all workers; files are laid out as in it again where that is as
        good as any.  Files of a unit stay together.
    hosts : sequence of int
        Number of the host of each worker: those of a host go side by side.
    fewest : int
        Workers that take part, at the least.
    costs : ndarray of float64, shape (f,), optional
        Time of each file over that of a usual one, where they differ.
    coins : Coins, optional
        Those of the operating system.

    Attributes
    ----------
    costs : ndarray of float64, shape (f,)
    recorded : iterable of Draw, or None
        Draws of an earlier run, in the place of those of coins.
    """

    def __init__(self, every: int, design: Assignment, hosts: Sequence[int],
                 fewest: int, costs: Floats | None = None,
                 coins: Coins | None = None):
        self.every = every
        self.costs: Floats = np.ones(
            design.n_files) if costs is None else np.asarray(costs)
        self._even = costs is None
        self.recorded: deque[Draw] | None = None
        self._design = design
        self._hosts = list(hosts)
        self._fewest = fewest
        self._coins = Coins() if coins is None else coins
        self._worked = np.zeros(design.n_workers, dtype=np.int64)
        self._patience = np.full(design.n_workers, PATIENCE)

    def replay(self, draws: Iterable[Draw]) -> None:
        """Lay out as an earlier run has."""
        self.recorded = deque(draw for draw in draws
                              if draw.kind is DrawKind.LAYOUT)

    def export(self) -> Ints:
        """The last turn in which each worker had files, and its patience.

        Returns
        -------
        ndarray of int64, shape (2, K)
        """
        return np.array([self._worked, self._patience])

    def restore(self, turns: Ints) -> None:
        """Go on with what was exported."""
        self._worked, self._patience = turns.copy()

    def due(self, turn: int) -> bool:
        """True if the layout may change before a turn."""
        return turn > 0 and not turn % self.every

    def change(self, turn: int, order: Ints, seconds: Floats, present: Bools,
               q: int, copies: int | None) -> Change | None:
        """The change before a turn, None where it would gain too little.

        Parameters
        ----------
        turn : int
        order : ndarray of int32, shape (K, width)
            That is in force.
        seconds : ndarray of float64, shape (K,)
            A file, of each worker; NaN where it is not known.
        present : ndarray of bool, shape (K,)
            Who may get files.
        q : int
            Of them may be wrong.
        copies : int or None
            Of each file that are waited for; None: all.
        """
        working = (order >= 0).any(axis=1)
        self._worked[working | ~present] = turn
        n, seed = np.count_nonzero(present), self._seed(turn)
        # Of q workers all may lie about their speeds.
        if n < self._fewest or n <= q or seed is None:
            return None
        design, everything = self._design.by_units, copies is None
        tried = present & everything & (
            turn - self._worked >= self._patience)
        honest = believed(seconds, present, q)
        before = completion(order, honest, self.costs, copies)
        if self._even and not tried.any() and before <= GAIN * soonest(
                honest, design.n_files, copies or design.least_copies):
            return None
        layout = laid_out(
            design, honest, self._hosts,
            most_files(design.n_files, design.least_copies, n), tried,
            present & (not everything), coins_of(seed), copies,
            None if self._even else self._design.costs_of_units(self.costs))
        if layout is None:
            return None
        layout, after = self._better(self._design.of_units(layout), honest,
                                     copies, tried.any())
        if not (before > GAIN * after or tried.any()):
            return None
        self._patience[tried] *= 2
        self._patience[(layout.by_units.loads > 1) & present] = PATIENCE
        if self.recorded:
            self.recorded.popleft()
        return Change(layout, before, after, seed,
                      np.flatnonzero(tried).tolist())

    def _better(self, layout: Assignment, seconds: Floats,
                copies: int | None, tries: bool
                ) -> tuple[Assignment, float]:
        """A layout, or the design if that is as good; seconds of a step."""
        after, designed = (
            completion(it.order, seconds, self.costs, copies)
            for it in (layout, self._design))
        if designed <= after and not tries:
            return self._design, designed
        return layout, after

    def _seed(self, turn: int) -> tuple[int, int] | None:
        """A seed of the operating system, or the one recorded for a turn.

        It was drawn in the turn before.

        Raises
        ------
        ReplayError
            The record had a layout for an earlier turn.
        """
        if self.recorded is None:
            return self._coins.seed()
        if not self.recorded or self.recorded[0].turn >= turn:
            return None
        if self.recorded[0].turn < turn - 1:
            raise ReplayError('the record has a layout after step '
                              f'{self.recorded[0].step} that is not found')
        return self.recorded[0].seed


def believed(seconds: Floats, present: Bools, q: int) -> Floats:
    """Seconds of a file that count: nobody is faster than q others.

    Parameters
    ----------
    seconds : ndarray of float64, shape (K,)
        NaN where nothing is known, which counts as the median.
    present : ndarray of bool, shape (K,)
        The others take for ever.
    q : int

    >>> believed(np.array([1., 2., 4., np.nan]), np.ones(4, bool), 1)
    array([2., 2., 4., 2.])
    """
    known = seconds[present & ~np.isnan(seconds)]
    usual = np.median(known) if known.size else 1.0
    counted = np.where(np.isnan(seconds), usual, seconds)
    fastest = np.sort(counted[present])[q]
    return np.where(present, np.maximum(counted, max(fastest, INSTANT)),
                    np.inf)
