"""All that a server needs to go on as if it had never stopped.

Nothing else outlives a step: every random number is drawn from a stream
that has the step in its name, so no generator and no position in the data
has to be kept, and workers begin each step anew.
"""

from dataclasses import dataclass, field

from aspis_mpi.arrays import Array, Bools, Floats, Ints, Vector
from aspis_mpi.detection.equality import Equality
from aspis_mpi.detection.memory import Row
from aspis_mpi.detection.spot.screens import Limit


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
    """

    step: int
    seconds: float
    parameters: Vector
    optimizer: dict[str, Array]
    floor: float
    failures: int
    members: Members
    made: float
