"""The last question of a step: its gradient, of all that has come."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aspis_mpi.schemes.scheme import Scheme


@dataclass(frozen=True, eq=False)
class Closing:
    """All that a table needs from outside to close its step.

    Parameters
    ----------
    scheme : Scheme
    believed : ndarray of bool, shape (K,)
        Workers that no proof stands against.
    samples : ndarray of int, shape (f,)
        Samples of each file.
    out : ndarray of float32, shape (d,)
        Receives the mean gradient if the step has one.
    threads : int
        For the aggregation.
    clock : callable
        Seconds.
    audit : callable, optional
        Given a file, its gradient as the server computes it, float32 (d,),
        valid until the next call.
    """

    scheme: Scheme
    believed: np.ndarray
    samples: np.ndarray
    out: np.ndarray
    threads: int
    clock: Callable[[], float]
    audit: Callable[[int], np.ndarray] | None = None
