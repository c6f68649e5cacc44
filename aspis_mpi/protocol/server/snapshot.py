"""All that a server needs to go on as if it had never stopped.

Nothing else outlives a step: every random number is drawn from a stream
that has the step in its name, so no generator and no position in the data
has to be kept, and workers begin each step anew.
"""

from dataclasses import dataclass, field

import numpy as np

from aspis_mpi.arrays import Array, Bools, Floats, Ints, Vector
from aspis_mpi.detection.equality import Equality
from aspis_mpi.detection.memory import Row
from aspis_mpi.detection.spot.screens import Limit

#: Of files that are on no grid.
NO_GRID = np.zeros((2, 0), dtype=np.int8)


@dataclass(frozen=True, eq=False)
class Members:
    """The server's knowledge of its K workers between two steps.

    Attributes
    ----------
    keys : tuple of str
        Host and device of each worker, by which it is known again.
    evidence : list of Row
        See `detection.memory`.
    account, silent, resting : ndarray of float64, bool, bool, shape (K,)
        What each has cost, and who has no work for it; see `Accounts`.
    speeds : ndarray of float64, shape (K,)
    order : ndarray of int32, shape (K, l)
        Of the last step,
    absent : ndarray of bool, shape (K,)
        in which these had no work.
    equality : Equality
        When replicas are equal, as the start-up probe has settled it.
    vouched : bool
        Whether the launcher says the keys, rather than the workers.
    turn : int
        The one that comes next: evidence is stamped with turns.
    age : float
        Turns that were done, in the worth of usual ones, undone ones
        included.
    cleared : list of (int, int, float, int)
        See `detection.spot.screens.Cleared`.
    placement : ndarray of int, shape (K,), or None
        The worker of the design that each one is, by its host.
    layout : ndarray of int32, shape (K, width), or None
        Files of each worker by speeds, from this step on.
    unworked : ndarray of int64, shape (2, K), or None
        Since when workers had no files; see `Adapting.export`.
    usual : ndarray of float64, shape (4, K, ANSWERS), or None
        Seconds of answers of each kind; see `Habits.export`.
    watched : int
    norms : ndarray of float64, shape (n, 2), or None
        See `Inspection.export`.
    """

    keys: tuple[str, ...]
    evidence: list[Row]
    account: Floats
    silent: Bools
    resting: Bools
    speeds: Floats
    order: Ints
    absent: Bools
    equality: Equality
    vouched: bool = False
    turn: int = 0
    age: float = 0.0
    cleared: list[Limit] = field(default_factory=list)
    placement: Ints | None = None
    layout: Ints | None = None
    unworked: Ints | None = None
    usual: Floats | None = None
    watched: int = -1
    norms: Floats | None = None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A server between two steps.

    Attributes
    ----------
    step : int
        Steps that are done, and so the number of the next one.
    seconds : float
        Since the run began.
    parameters : ndarray of float32, shape (d,)
    optimizer : dict of str to ndarray
        The optimizer's attributes that change from step to step.
    floor : float
        Norms below it are not told from it; see `Equality`.
    failures : int
        Steps in a row whose premise was violated.
    members : Members
    made : float
        Age of the run, in turns, when the parameters were made for the first
        time.
    grid : ndarray of int8, shape (2, B)
        See `Grid.state`; empty without one.
    diverged : int
        The last step that has diverged, as long as nobody is exposed for
        it; -1 without any.
    """

    step: int
    seconds: float
    parameters: Vector
    optimizer: dict[str, Array]
    floor: float
    failures: int
    members: Members
    made: float
    grid: Array = field(default_factory=lambda: NO_GRID)
    diverged: int = -1
