"""The checks of a run: coins, screens, and what of them outlives a step."""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from aspis_mpi.arrays import Floats, Ints, Vector
from aspis_mpi.detection.rules.spot import Spot
from aspis_mpi.detection.spot import odds, ripe
from aspis_mpi.detection.spot.pieces import Pieces
from aspis_mpi.detection.spot.screens import (
    Cleared, Limit, Screened, Screens)
from aspis_mpi.schemes.spot.lots import ByCoins, Lots, Source
from aspis_mpi.streams import Coins

#: Norms that so many times exceed those before are no training any more,
GROWN = 100.0
#: which are so many turns at least, and at most.
FEWEST, MOST = 10, 1000


class Inspection:
    """The checks of one run.

    Parameters
    ----------
    rule : Spot
    samples : ndarray of int, shape (f,)
        Of each file.
    workers, load : int
        K, and c, files of each.
    size : int
        d.
    work : ndarray of int, shape (f,), optional
        Of each file, where they are not alike.

    Attributes
    ----------
    rule : Spot
    work : ndarray of int, shape (f,), or None
    coins : Coins
        Of every draw of the run: those of the operating system.  No key of
        a job reaches it, only a test that wants draws to be repeated.
    recorded : Source or None
        Draws of an earlier run, in the place of those of coins.
    screens : Screens
        Once it is known by what a gradient is `cut`, which only the server
        asks for.
    """

    def __init__(self, rule: Spot, samples: Ints, workers: int, load: int,
                 size: int, work: Ints | None = None):
        self.rule = rule
        self.work = work
        self.coins = Coins()
        self.recorded: Source | None = None
        self._samples = samples
        self._load = load
        self._size = size
        self._kappa = odds.honest_checkers(workers, rule.q)
        # Steps, and a usual norm of the sums of each.
        self._usual: deque[tuple[int, float]] = deque(maxlen=MOST)
        self._step = self._watched_until = -1

    def cut(self, tensors: Sequence[slice]) -> None:
        """Look at each of some tensors; at pieces of one size without any."""
        self._pieces = Pieces(self._size, tensors)
        self.screens = Screens(self.rule.outlier, self._pieces.sizes)

    def cleared(self) -> list[Limit]:
        """Larger limits that are in force, for a checkpoint."""
        return self.screens.cleared.rows()

    def clear(self, rows: Sequence[Limit]) -> None:
        """Put limits in force that a checkpoint has."""
        self.screens.cleared = Cleared(rows)

    def export(self) -> tuple[int, Floats]:
        """The turn until which all is looked at, and usual norms of sums.

        Returns
        -------
        watched : int
        norms : ndarray of float64, shape (n, 2)
            Steps, and the norm of each.
        """
        return self._watched_until, np.array(self._usual).reshape(-1, 2)

    def restore(self, watched: int, norms: Floats) -> None:
        """Know what was exported."""
        self._watched_until = watched
        self._usual.clear()
        self._usual.extend((int(step), norm)
                           for step, norm in norms.tolist())

    def begin(self, step: int) -> None:
        """A step begins: what was seen of it and of later ones is undone."""
        self._step = step
        while self._usual and self._usual[-1][0] >= step:
            self._usual.pop()

    def has_grown(self, norms: Sequence[Floats], q: int) -> bool:
        """Tell whether the sums of a step are far above those before.

        Those of half of the workers are, so that q liars cannot make it seem
        so; where not, they are remembered, unless liars alone may be small.
        """
        with np.errstate(over='ignore', invalid='ignore'):
            whole = np.sqrt(np.square(norms).sum(axis=1))
        n = len(whole)
        if n <= q:
            return False
        middle = float(np.sort(whole)[min((n - 1) // 2, n - q - 1)])
        usual = np.median([it for _, it in self._usual] or [0.0])
        if len(self._usual) >= FEWEST and usual > 0 and (
                not middle <= GROWN * usual):
            return True
        if n > 2 * q:
            self._usual.append((self._step, middle))
        return False

    def watch(self, turn: int) -> None:
        """Look at every step for as many turns as H has checked ones."""
        self._watched_until = turn + math.ceil(self.horizon * self.rule.rate)

    def watches(self, turn: int) -> bool:
        """True if a turn is looked at whatever the coin says."""
        return turn <= self._watched_until

    def lots(self) -> Lots:
        """The draws of a step that begins."""
        return Lots(self.recorded or ByCoins(self.coins))

    def norms(self, values: Vector) -> Floats:
        """Norms of the pieces of a payload."""
        return self._pieces.norms(values)

    def payloads(self, norms: Sequence[Floats], files: Sequence[Ints],
                 workers: Sequence[int], turn: int, q: int) -> Screened:
        """Look at the payloads of a turn, q of them of liars; one row each."""
        samples = np.array([self._samples[some].sum() for some in files])
        return self.screens.payloads(np.array(norms), samples,
                                     np.array(workers), turn, q)

    def files(self, norms: Floats, files: Ints, owners: Ints,
              turn: int, q: int) -> Screened:
        """Look at files of a turn, (n,), by what was shown of them."""
        return self.screens.files(norms, self._samples[files], owners, turn,
                                  q)

    def require(self, workers: int, q: int) -> None:
        """Refuse a turn of workers that may all be liars.

        Nobody else could check them, so that parameters would never be ripe
        and all checkpoints have to stay.

        Parameters
        ----------
        workers : int
            That live and are not exposed.
        q : int
            Of them may be wrong.

        Raises
        ------
        ValueError
        """
        if q and workers <= q:
            raise ValueError(
                f'of {workers} workers that are left {q} may be wrong '
                '(scheme.adversaries): nobody can check them; resume with '
                'more workers')

    @property
    def horizon(self) -> int:
        """H: after so many usual turns whoever lies in each is exposed."""
        rule = self.rule
        return odds.horizon(rule.rate, self._kappa, self._load, rule.q,
                            rule.rollback_risk)

    def worth(self, workers: int, q: int, forced: bool) -> float:
        """Usual turns as which a turn counts.

        Parameters
        ----------
        workers : int
            That take part.
        q : int
            Of them may be wrong.
        forced : bool
            Whether it is looked at whatever the coin says.

        Returns
        -------
        float
            H where all liars are known: nobody is left to be exposed, and
            no parameters will be undone for it.  0 while so many rest that
            nobody can check another one; they come back in time.
        """
        if not q:
            return float(self.horizon)
        if workers <= q:
            return 0.0
        rate, kappa = self.rule.rate, odds.honest_checkers(workers, q)
        usual = odds.exposed_in_turn(rate, self._kappa, self._load)
        return ripe.worth(odds.exposed_in_turn(
            1.0 if forced else rate, kappa, self._load), usual)
