"""One rank's view of itself, and how it tells rank 0."""

import json
import platform
from dataclasses import asdict, dataclass

from aspis_mpi.doctor import bits, cores, devices, kernels, memory, software
from aspis_mpi.doctor.bits import Bits
from aspis_mpi.doctor.cores import Cores
from aspis_mpi.doctor.devices import Devices
from aspis_mpi.doctor.kernels import Kernels
from aspis_mpi.doctor.memory import HostMemory
from aspis_mpi.doctor.software import Software

#: Bytes of what a rank says; more are not sent.
ROOM = 1 << 14
#: Characters of what went wrong in one look.
LONGEST = 300

#: What a rank looks at: how, and what comes of it.  The bits come before
#: the kernels, since computing them loads what the job computes with.
LOOKS = {'cores': (cores.look, Cores), 'memory': (memory.look, HostMemory),
         'software': (software.look, Software),
         'devices': (devices.look, Devices), 'bits': (bits.look, Bits),
         'kernels': (kernels.look, Kernels)}


@dataclass(frozen=True)
class Rank:
    """A rank as it sees itself; None is what it could not see.

    Attributes
    ----------
    number : int
    host : str
    cores : Cores or None
    memory : HostMemory or None
    software : Software or None
    devices : Devices or None
    bits : Bits or None
    kernels : Kernels or None
    troubles : tuple of (str, str)
        Topic of a look that raised, and what.
    """

    number: int
    host: str
    cores: Cores | None = None
    memory: HostMemory | None = None
    software: Software | None = None
    devices: Devices | None = None
    bits: Bits | None = None
    kernels: Kernels | None = None
    troubles: tuple = ()


def look(number, case):
    """The view of this rank; nothing that goes wrong here stops it.

    Parameters
    ----------
    number : int
    case : Case

    Returns
    -------
    Rank
    """
    seen, troubles = {}, []
    if case.trouble is not None:
        troubles.append(('job', line(case.trouble)))
    for topic, (see, _) in LOOKS.items():
        try:
            seen[topic] = see(case)
        except Exception as error:
            troubles.append((topic, line(error)))
    return Rank(number, platform.node(), **seen, troubles=tuple(troubles))


def line(error):
    """An exception in one line, not too long a one."""
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text}'[:LONGEST]


def to_bytes(rank):
    """A rank as `ROOM` bytes, JSON and blanks."""
    raw = json.dumps(asdict(rank)).encode()
    if len(raw) > ROOM:
        cut = Rank(rank.number, rank.host, troubles=(
            ('report', f'{len(raw)} bytes are more than {ROOM}'),))
        raw = json.dumps(asdict(cut)).encode()
    return raw.ljust(ROOM)


def from_bytes(raw, number, host):
    """The rank that `to_bytes` wrote.

    Parameters
    ----------
    raw : bytes or None
        None of a rank that did not answer.
    number : int
    host : str
        Where it runs.

    Returns
    -------
    Rank
        With a trouble, and nothing else, when it cannot be read.
    """
    if raw is None:
        return Rank(number, host, troubles=(
            ('report', 'no answer; it or its file system hangs'),))
    try:
        told = json.loads(raw)
        for topic, (_, record) in LOOKS.items():
            if told[topic] is not None:
                told[topic] = record(**told[topic])
        told['number'], told['host'] = number, host
        told['troubles'] = tuple(map(tuple, told['troubles']))
        return Rank(**told)
    except (ValueError, TypeError, KeyError) as error:
        return Rank(number, host, troubles=(('report', line(error)),))
