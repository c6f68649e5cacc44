"""The devices of torch on each rank, where a job needs torch."""

from dataclasses import dataclass
from glob import glob

from aspis_mpi.doctor.finding import (
    Finding, Level, alike, by_host, counted, listed, who)
from aspis_mpi.parts import extras

TOPIC = 'torch'

#: Files of the driver, by which a host with devices is known.
DRIVERS = '/dev/nvidia[0-9]*', '/dev/kfd'


@dataclass(frozen=True)
class Devices:
    """Torch as one rank sees it.

    Attributes
    ----------
    threads : int
        That torch computes with on the CPU.
    names : tuple of str
        Devices that it sees, by their numbers.
    device : str
        The one that it takes.
    unit : str
        What tells it from the other devices of the host.
    trouble : str
        Why it cannot take the one that the job names.
    """

    threads: int
    names: tuple
    device: str
    unit: str = ''
    trouble: str = ''


def look(case):
    """The `Devices` of this rank, None where torch does not matter."""
    if not _matters(case.job):
        return None
    from aspis_mpi.learning import devices
    names = tuple(devices.names())
    if case.job is None:
        wanted = 'cuda' if names else 'cpu'
    else:
        wanted = case.job.runtime.device
    threads = devices.threads()
    device = devices.device_of_rank(wanted, len(names))
    if not is_here(device, len(names)):
        return Devices(threads, names, '', trouble=(
            f"runtime.device = '{wanted}', but torch sees "
            f'{counted(len(names), "device")}'))
    return Devices(threads, names, device, devices.identity(device))


def is_here(device, n_devices):
    """True if torch can take a device.

    >>> is_here('cpu', 0), is_here('cuda', 0), is_here('cuda:1', 2)
    (True, False, True)
    """
    number = device.removeprefix('cuda:')
    return device == 'cpu' or number.isdigit() and int(number) < n_devices


def _matters(job):
    """True if torch is worth importing, which takes seconds."""
    if not extras.is_here('torch'):
        return False
    if job is None:
        return any(map(glob, DRIVERS))
    from aspis_mpi import registry
    return any('device' in registry.options(part.cls)
               for part in job.parts.values())


def findings(ranks):
    """Threads and devices of the ranks; nothing where torch is not used."""
    ranks = [rank for rank in ranks if rank.devices is not None]
    if not ranks:
        return
    for group in alike(ranks, lambda rank: rank.devices.trouble):
        if text := group[0].devices.trouble:
            yield Finding(Level.PROBLEM, TOPIC,
                          f'{who(group)}: {text}.')
    groups = alike(ranks, lambda rank: rank.devices.threads)
    for group in groups[1:]:
        yield Finding(
            Level.PROBLEM, TOPIC, f'{who(group)} give torch '
            f'{counted(group[0].devices.threads, "thread")} and the others '
            f'{groups[0][0].devices.threads}: set OMP_NUM_THREADS to the '
            'same number on all hosts.')
    hosts = {}
    able = [rank for rank in ranks if rank.devices.device]
    for host, local in by_host(able).items():
        hosts.setdefault(_host(local), []).append(host)
    for (level, text), names in hosts.items():
        word = 'host' if len(names) == 1 else 'hosts'
        yield Finding(level, TOPIC, f'On {word} {listed(names)} {text}')


def _host(local):
    """The devices of the ranks of one host, in words."""
    names = dict.fromkeys(name for rank in local
                          for name in rank.devices.names)
    kinds = f' ({listed(names)})' if names else ''
    threads = counted(local[0].devices.threads, 'thread')
    taken = [rank.devices.device for rank in local]
    if not any(device.startswith('cuda') for device in taken):
        return Level.OK, (f'torch has {threads} a rank and computes on the '
                          'CPU.')
    text = f'the local ranks take, in turn, {listed(taken)}{kinds}'
    # A rank that SLURM shows one device only calls it cuda:0 like others.
    units = [rank.devices.unit for rank in local]
    most = max(map(units.count, units))
    if most > 1:
        return Level.NOTE, (f'{text}: up to {most} share a device, whose '
                            'memory must do for all of them.')
    return Level.OK, f'{text}.'
