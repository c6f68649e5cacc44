"""Threads and ranks against the cores that each host gives them."""

import os
from dataclasses import dataclass

from aspis_mpi.doctor.finding import (
    Finding, Level, alike, by_host, counted, listed, spans, who)

TOPIC = 'cores'

#: Environment variables that bound the threads of a rank's BLAS.
THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


@dataclass(frozen=True)
class Cores:
    """The cores on which a rank may run, and how many of them it wants.

    Attributes
    ----------
    allowed : tuple of int
        Cores that the host lets it choose from.
    bound : tuple of int
        Those that the launcher has bound it to.
    threads : int
        Of its BLAS, which decide the bits of a sum.
    wanted : int
        Cores that it keeps busy.
    """

    allowed: tuple
    bound: tuple
    threads: int
    wanted: int


def look(case):
    """The `Cores` of this rank."""
    bound = os.sched_getaffinity(0)
    allowed = _allowed(bound)
    threads = threads_of(os.environ, len(bound))
    wanted = threads
    if case.job is not None and not case.here.rank:
        # Aggregation is the server's.
        wanted = max(threads, case.job.runtime.threads)
    return Cores(tuple(sorted(allowed)), tuple(sorted(bound)), threads,
                 wanted)


def threads_of(environment, default):
    """Threads of a rank as its environment bounds them.

    >>> threads_of({'OMP_NUM_THREADS': '4,2'}, 16)
    4
    """
    for name in THREADS:
        text = environment.get(name, '').partition(',')[0].strip()
        if text.isdigit() and int(text):
            return int(text)
    return default


def _allowed(bound):
    """Cores that this process could be bound to, whatever it is bound to.

    The kernel takes all cores of the machine for those of the allocation;
    the binding is put back at once.
    """
    try:
        os.sched_setaffinity(0, range(os.cpu_count()))
        return os.sched_getaffinity(0)
    except OSError:
        return bound
    finally:
        os.sched_setaffinity(0, bound)


def findings(ranks):
    """Threads that differ, then hosts that are alike in one line each."""
    ranks = [rank for rank in ranks if rank.cores is not None]
    groups = alike(ranks, lambda rank: rank.cores.threads)
    for group in groups[1:]:
        ours, theirs = group[0].cores.threads, groups[0][0].cores.threads
        yield Finding(
            Level.PROBLEM, TOPIC, f'{who(group)} have '
            f'{counted(ours, "thread")} and the others {theirs}, so that '
            'their sums have other bits: set OMP_NUM_THREADS to the same '
            'number on all hosts.')
    hosts = {}
    for host, local in by_host(ranks).items():
        hosts.setdefault(_host(local), []).append(host)
    for (level, text), names in hosts.items():
        verb = 'Host {} has' if len(names) == 1 else 'Hosts {} each have'
        yield Finding(level, TOPIC, f'{verb.format(listed(names))} {text}')


def _host(local):
    """The state of one host, in words without its name."""
    allowed = set().union(*(rank.cores.allowed for rank in local))
    wanted = sum(rank.cores.wanted for rank in local)
    most = max(rank.cores.wanted for rank in local)
    text = (f'{counted(len(allowed), "core")} for '
            f'{counted(len(local), "rank")}')
    text += (f', one of which has {most} threads'
             if wanted < most * len(local) else
             f' of {counted(most, "thread")}')
    used = busy(local)
    if used < min(wanted, len(allowed)):
        return Level.PROBLEM, (
            f'{text}, but {_crowded(local)}: bind otherwise, with mpirun '
            '--bind-to none for example.')
    if wanted <= len(allowed):
        return Level.OK, f'{text}.'
    if max(rank.cores.threads for rank in local) > 1:
        return Level.PROBLEM, (
            f'{text}: more threads than cores; set OMP_NUM_THREADS=1.')
    way = 'take fewer ranks a host or more cores'
    if most > max(rank.cores.threads for rank in local):
        way = f'set runtime.threads = {most} lower, or {way}'
    return Level.NOTE, f'{text}: slower than possible, but right; {way}.'


def busy(local):
    """Cores that the threads of a host's ranks can keep busy at once.

    Parameters
    ----------
    local : list of Rank
        Of one host.

    Returns
    -------
    int
        Size of a largest matching of threads with cores that they may run
        on.
    """
    import numpy as np
    from scipy.sparse import csr_array

    from aspis_mpi.assignment import graphs
    masks = [rank.cores.bound for rank in local
             for _ in range(rank.cores.wanted)]
    ends = np.cumsum([0, *map(len, masks)])
    columns = np.fromiter((core for mask in masks for core in mask), int)
    graph = csr_array((np.ones(columns.size, bool), columns, ends))
    return int((graphs.matching(graph) >= 0).sum())


def _crowded(local):
    """Ranks that are bound to the same cores, or to too few, in words."""
    groups = alike(local, lambda rank: rank.cores.bound)
    group = max(groups, key=lambda group: sum(
        rank.cores.wanted for rank in group) / len(group[0].cores.bound))
    bound = group[0].cores.bound
    word = 'core' if len(bound) == 1 else 'cores'
    cores = f'{word} {listed(spans(bound))}'
    if len(group) == 1:
        return f'a rank is bound to {cores} alone'
    return f'{len(group)} ranks are bound to {cores}'
