"""Arrays of a run of several parts, each part by itself."""

import numpy as np


def side_by_side(run, states_of, absent):
    """State of each worker in each step, from part to part of a run.

    Parameters
    ----------
    run : Run or JoinedRun
        Of T steps and K workers.
    states_of : callable
        Of a part; gives an array of int, (workers, steps).
    absent : int
        Stands where a part had no such worker.

    Returns
    -------
    ndarray of int8, shape (K, T)
    """
    states = np.full((run.n_workers, run.n_steps), absent, dtype=np.int8)
    end = 0
    for part in run.parts:
        start, end = end, end + part.n_steps
        if part.n_steps:
            states[:part.n_workers, start:end] = states_of(part)
    return states


def files_a_step(run):
    """Number of files in each step, int (T,)."""
    return np.repeat([part.n_files for part in run.parts],
                     [part.n_steps for part in run.parts])
