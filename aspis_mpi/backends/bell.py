"""Bells of the workers' ranks, which rank 0 rings when it sends something.

MPI tells a rank that sleeps nothing: it must wake up to look.  Of ranks that
share cores each such look costs the others as much as the worker's part in a
small step, and who looks seldom looks late.  So rank 0 sends an empty
datagram of the operating system after each message, which ends a sleep.

A ring says that a look is worth while, and nothing else: it may be lost, come
too often, or from anybody.
"""

import select
import socket

#: Seconds of a sleep in which nobody rings: longer than most waits, and rare
#: enough to cost nothing.
QUIET = 5e-3

#: Seconds of the shortest one: the system counts thousandths.
SHORTEST = 1e-3


def _address(name: str, rank: int) -> str:
    """Name of a socket that is no file: it goes with its process."""
    return f'\0aspis-{name}-{rank}'


def _socket() -> socket.socket:
    it = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    it.setblocking(False)
    return it


class Bell:
    """The bell of one rank.

    Parameters
    ----------
    name : str
        Of the run, the same on all ranks, and that of no other run.
    rank : int

    Raises
    ------
    OSError
        This system has no such sockets.
    """

    def __init__(self, name: str, rank: int):
        self._socket = _socket()
        self._socket.bind(_address(name, rank))
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Sleep until it is rung, once more than it was heard; true if so.

        At the most for so many seconds, in whole thousandths.
        """
        if not self._poll.poll(int(1e3 * min(seconds, QUIET))):
            return False
        self._socket.recv(1)
        return True


class Bells:
    """The way to the bells of all ranks.

    Parameters
    ----------
    name : str
        As of `Bell`.
    ranks : iterable of int

    Raises
    ------
    OSError
        This system has no such sockets.
    """

    def __init__(self, name: str, ranks: range):
        self._socket = _socket()
        self._addresses = {rank: _address(name, rank) for rank in ranks}

    def ring(self, rank: int) -> bool:
        """Ring one; false if it does not hear, or not once more."""
        try:
            self._socket.sendto(b'', self._addresses[rank])
        except OSError:
            return False
        return True
