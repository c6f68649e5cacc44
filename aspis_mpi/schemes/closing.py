"""The last question of a step: its gradient, of all that has come."""

from collections.abc import Callable
from dataclasses import dataclass

from aspis_mpi.arrays import Bools, Ints, Vector
from aspis_mpi.schemes.belief import Belief
from aspis_mpi.schemes.locator import Locator
from aspis_mpi.schemes.wholes import Wholes

#: Seconds, from whatever second on.
Clock = Callable[[], float]
#: Given a file, its gradient as the server computes it, float32 (d,), valid
#: until the next call.
Audit = Callable[[int], Vector]


@dataclass(frozen=True, eq=False)
class Closing:
    """All that a table needs from outside to close its step.

    Parameters
    ----------
    scheme : Belief
    believed : ndarray of bool, shape (K,)
        Workers that no proof stands against.
    samples : ndarray of int, shape (f,)
        Samples of each file.
    out : ndarray of float32, shape (d,)
        Receives the mean gradient if the step has one.
    threads : int
        For the aggregation.
    clock : Clock
    audit : Audit, optional
    locator : Locator, optional
        Finds where exposed workers were wrong.
    wholes : Wholes, optional
        Of which the files are nodes.
    """

    scheme: Belief
    believed: Bools
    samples: Ints
    out: Vector
    threads: int
    clock: Clock
    audit: Audit | None = None
    locator: Locator | None = None
    wholes: Wholes | None = None

    def joined(self, rows: list[Vector],
               files: Ints) -> tuple[list[Vector], Ints]:
        """Sums of files as an aggregation gets them, and their samples.

        Parameters
        ----------
        rows : list of ndarray of float32, shape (d,)
            Of files of the assignment.
        files : ndarray of int, shape (n,)
            Their numbers, ascending.
        """
        if self.wholes is None:
            return rows, self.samples[files]
        return self.wholes.join(rows, files, self.samples[files])
