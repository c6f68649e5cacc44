"""Memory that the job needs on each host against what is left there."""

import os
from dataclasses import dataclass
from pathlib import Path

from aspis_mpi.doctor.finding import Finding, Level, by_host, counted, listed
from aspis_mpi.words import size

TOPIC = 'memory'

#: Share of what is left from which on a host is called tight.
TIGHT = 0.8
#: Limits from here on are none, in bytes.
UNLIMITED = 1 << 60

#: Where each version of control groups keeps limit, use, and the name of
#: what the kernel takes back from the page cache when it has to.
FILES = {2: ('memory.max', 'memory.current', 'inactive_file'),
         1: ('memory.limit_in_bytes', 'memory.usage_in_bytes',
             'total_inactive_file')}


@dataclass(frozen=True)
class HostMemory:
    """Bytes that a rank sees on its host.

    Attributes
    ----------
    resident : int
        Of its process.
    available : int
        On the host, to everybody.
    group : int or None
        What the limits of its control groups leave, None without any.
    slurm : int or None
        What SLURM gave the job on this host.
    """

    resident: int
    available: int
    group: int | None = None
    slurm: int | None = None


def look(case):
    """The `HostMemory` of this rank."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return HostMemory(pages * os.sysconf('SC_PAGESIZE'),
                  _available(Path('/proc/meminfo').read_text()),
                  group_left(Path('/sys/fs/cgroup'),
                             Path('/proc/self/cgroup').read_text()),
                  slurm_limit(os.environ))


def _available(text):
    """Bytes of `MemAvailable` of /proc/meminfo."""
    line, = [line for line in text.splitlines()
             if line.startswith('MemAvailable:')]
    return int(line.split()[1]) * 1024


def slurm_limit(environment):
    """Bytes a host that SLURM gave the job, None where it did not count.

    >>> slurm_limit({'SLURM_MEM_PER_NODE': '2048'})
    2147483648
    """
    def number(name):
        text = environment.get(name, '')
        return int(text) if text.isdigit() else 0
    megabytes = number('SLURM_MEM_PER_NODE') or (
        number('SLURM_MEM_PER_CPU') * number('SLURM_CPUS_ON_NODE'))
    return megabytes << 20 or None


def group_left(root, membership):
    """Bytes that the control groups of a process leave it.

    Parameters
    ----------
    root : Path
        /sys/fs/cgroup.
    membership : str
        /proc/self/cgroup.

    Returns
    -------
    int or None
        None where no group has a limit.
    """
    left = []
    for line in membership.splitlines():
        _, controllers, path = line.split(':', 2)
        if controllers and 'memory' not in controllers.split(','):
            continue
        base = root / 'memory' if controllers else root
        # The groups above limit it, too.
        group = base / path.lstrip('/')
        for folder in (group, *group.parents):
            if folder.is_relative_to(base):
                left.append(_left(folder, *FILES[1 if controllers else 2]))
    return min((rest for rest in left if rest is not None), default=None)


def _left(folder, limit, use, cache):
    """Bytes that one control group leaves, None without a limit."""
    try:
        most = (folder / limit).read_text().strip()
        if not most.isdigit() or int(most) >= UNLIMITED:
            return None
        used = int((folder / use).read_text())
        stat = dict(line.split() for line in
                    (folder / 'memory.stat').read_text().splitlines())
    except OSError:
        # The top has no such files, nor has a group of another namespace.
        return None
    return max(0, int(most) - used + int(stat.get(cache, 0)))


def findings(ranks, plan=None):
    """The hosts with too little in one line, or the tightest.

    Parameters
    ----------
    ranks : iterable of Rank
    plan : Plan, optional
        What rank 0 and the others need.
    """
    hosts = by_host(rank for rank in ranks if rank.memory is not None)
    if not hosts:
        return
    left = {host: left_on([rank.memory for rank in local])
            for host, local in hosts.items()}
    if plan is None:
        host = min(left, key=left.get)
        yield Finding(Level.OK, TOPIC, f'{_least(left, host, size)}; give me '
                      'a job, and I compare it with what the job needs.')
        return
    needs = {host: sum(plan.worker_memory if rank.number else
                       plan.server_memory for rank in local)
             for host, local in hosts.items()}
    host = max(needs, key=lambda host: needs[host] / max(1, left[host]))
    text = (f'Host {host} needs {size(needs[host])} more for its '
            f'{counted(len(hosts[host]), "rank")} (server '
            f'{size(plan.server_memory)}, a worker '
            f'{size(plan.worker_memory)}) and has {size(left[host])}')
    short = [host for host in hosts if needs[host] > left[host]]
    if short:
        yield Finding(Level.PROBLEM, TOPIC, f'{text}; {_others(short, host)}'
                      'take fewer ranks a host, ask for more memory, or let '
                      'less travel (see plan).')
    elif needs[host] > TIGHT * left[host]:
        yield Finding(Level.NOTE, TOPIC, f'{text}, which is tight.')
    else:
        yield Finding(Level.OK, TOPIC, f'{text}.')


def left_on(seen):
    """Bytes that are left to all ranks of a host together.

    Parameters
    ----------
    seen : list of HostMemory
        Of all ranks of one host.
    """
    left = [memory.available for memory in seen]
    left += [memory.group for memory in seen if memory.group is not None]
    resident = sum(memory.resident for memory in seen)
    left += [max(0, memory.slurm - resident) for memory in seen
             if memory.slurm is not None]
    return min(left)


def _least(left, host, size):
    where = f'Host {host} has' if len(left) == 1 else (
        f'Of {len(left)} hosts {host} has the least memory left,')
    return f'{where} {size(left[host])}' + (
        ' of memory left' if len(left) == 1 else '')


def _others(short, host):
    others = [name for name in short if name != host]
    if not others:
        return ''
    verb = 'has' if len(others) == 1 else 'have'
    return f'{listed(others)} {verb} too little, too; '
