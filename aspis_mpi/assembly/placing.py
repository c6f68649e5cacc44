"""Hosts of ranks, and the workers of the design that the ranks are by them.

Hosts are those that the launcher tells rank 0, never those that ranks name:
who could choose its host could choose its files.  In a simulation the job
names them, `network.hosts`; under MPI they then stand in for real ones, so
that a test can have several hosts on one machine.
"""

import numpy as np

from aspis_mpi.assignment.placement import by_hosts, most_on_a_host
from aspis_mpi.backends.hosts import RANKS
from aspis_mpi.errors import JobError
from aspis_mpi.schemes.events import EventCode, Remark

#: What simulated hosts are called.
NAME = 'host-{}'


def stand_ins(job):
    """The host of each rank by the job, int (K + 1,), or None.

    Where there is one rank fewer on the hosts, rank 0 has one of its own.

    Raises
    ------
    JobError
        They have room for another number of ranks.
    """
    counts, k = job.network.hosts, job.n_workers
    if counts is None:
        return None
    if sum(counts) not in (k, k + 1) or min(counts) < 1:
        raise JobError(
            f'{job.path}: network.hosts = {counts}: must be the numbers of '
            f'ranks on each host, from 1, and their sum {k + 1}, rank 0 '
            f'included, or {k} where rank 0 has a host of its own')
    return dealt(counts, k)


def dealt(counts, n_workers):
    """The host of each rank, int (K + 1,), of numbers of ranks on hosts.

    >>> dealt([2, 2], 3).tolist(), dealt([2, 2], 4).tolist()
    ([0, 0, 1, 1], [2, 0, 0, 1, 1])
    """
    hosts = np.repeat(np.arange(len(counts)), counts)
    return (np.append(len(counts), hosts) if hosts.size == n_workers
            else hosts)


def names(hosts):
    """Names of the hosts of simulated ranks, () without any."""
    return () if hosts is None else tuple(NAME.format(it) for it in hosts)


def crowds(design, hosts):
    """Workers of a file on one host, at most, as placed and by ranks.

    Parameters
    ----------
    design : Design
    hosts : ndarray of int, shape (K,)
        Of each worker.
    """
    names = np.arange(hosts.size)
    return (most_on_a_host(design.assignment, hosts, names),
            most_on_a_host(design.unplaced, hosts, names))


def told(design, hosts=None):
    """Remarks on where the workers of a file are, for placed workers.

    Parameters
    ----------
    design : Design
    hosts : sequence, length K + 1, optional
        Of each rank; by default those that the job names.

    Returns
    -------
    tuple of Remark

    Raises
    ------
    JobError
        The job names none.
    """
    job, hosts = design.job, design.hosts if hosts is None else hosts
    if job.assignment.placement != 'hosts':
        return ()
    if hosts is None:
        raise JobError(
            f"{job.path}: assignment.placement = 'hosts': simulated ranks "
            "have only the hosts of network.hosts, which is missing; set it, "
            "or 'ranks'")
    hosts = np.unique(hosts, return_inverse=True)[1][1:]
    most, before = crowds(design, hosts)
    return Remark(EventCode.LAYOUT, (
        f'workers are placed by their {np.unique(hosts).size} hosts: of the '
        f'{design.assignment.replication} workers of a file at most {most} '
        f'are on one, by ranks it would be {before}')),


def settle(comm, assembly, places):
    """Place workers on all ranks, by the hosts that rank 0 knows.

    Called by every rank, where the job asks for it.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    assembly : Assembly
    places : Places or None
        On rank 0.

    Returns
    -------
    tuple of Remark
        What a person should know, on rank 0.

    Raises
    ------
    JobError
        On every rank: the launcher does not tell the hosts.
    """
    from aspis_mpi.backends.mpi.ranks import broadcast_text
    if assembly.job.assignment.placement != 'hosts':
        return ()
    remarks, text = (), ''
    if places is not None:
        remarks, text = _decided(assembly, places)
    text = broadcast_text(comm, text)
    if not text.startswith('['):
        raise JobError(text)
    if places is None:
        assembly.place([int(it) for it in text[1:-1].split(',')])
    return remarks


def _decided(assembly, places):
    """Remarks and placement, or why there is none, on rank 0."""
    job = assembly.job
    names = stand_ins(job)
    if names is None and places.source == RANKS:
        return (), (
            f"{job.path}: assignment.placement = 'hosts': this launcher does "
            'not tell rank 0 on which hosts the ranks are, and ranks are not '
            "asked; set 'ranks', or start it with srun or with mpirun of "
            'Open MPI 5 (python -m aspis_mpi doctor says who tells)')
    hosts = places.hosts if names is None else names
    numbers = assembly.hosts = np.unique(hosts, return_inverse=True)[1]
    assembly.place(by_hosts(assembly.unplaced, numbers[1:]))
    remarks = told(assembly, numbers)
    if names is not None:
        remarks += Remark(EventCode.LAYOUT, (
            'the hosts by which workers are placed are those of '
            'network.hosts, which stand in for real ones')),
    return remarks, str(assembly.assignment.placement.tolist())
