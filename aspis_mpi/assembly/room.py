"""Memory of this host, and what the data of a job need of it."""

import os

import numpy as np

from aspis_mpi.errors import JobError
from aspis_mpi.words import short_of_memory, size


def check_data(job, problem):
    """Refuse data for which the system has no memory; none is taken.

    Raises
    ------
    JobError
    """
    try:
        np.empty(problem.data_bytes, dtype=np.uint8)
    except (MemoryError, OverflowError, ValueError):
        raise JobError(
            f"{job.path}: problem.name = '{job.problem.name}': its data take "
            f'{size(problem.data_bytes)}: {short_of_memory(MemoryError())}'
        ) from None


def beyond(problem):
    """A sentence where this host has too little memory for data, or ''."""
    there = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    if problem.data_bytes <= there:
        return ''
    return (f'The data alone take {size(problem.data_bytes)} of each rank; '
            f'this host has {size(there)} of memory.')
