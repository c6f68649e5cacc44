"""The stages of a run on the server: steps, and what comes before them."""

from abc import ABC, abstractmethod

import numpy as np

from aspis_mpi.arrays import Bools
from aspis_mpi.protocol.buffers import Buffer
from aspis_mpi.protocol.messages import Message, Said
from aspis_mpi.protocol.server.states import FOLLOWS, State
from aspis_mpi.protocol.transitions import Machine
from aspis_mpi.schemes.closing import Audit


class Stage(Machine[State], ABC):
    """One stage of a run, from its first message to its last.

    The server talks to nothing else, but where a stage is over: what a step
    has collected and what a probe has found is for those who asked for it.

    Attributes
    ----------
    number : int
        Of the step.
    turn : int
        That of all its messages.
    name : str
        What it is called in a sentence.
    state : State
    living : ndarray of bool, shape (K,)
        Who takes part and was not given up.
    excluded : ndarray of bool, shape (K,)
        Who has no work from its beginning on.
    silent : ndarray of bool, shape (K,)
        Who was given up.
    noted : set of int
        Workers of whom it was said that a message was malformed.
    bytes_in, messages : int
        What came in, as the server counts it.
    hopeless : str
        Why it can never be finished; empty if it can.
    hastened : bool
        Somebody may be late sooner than was thought: `alarm` has changed.
    expires : float
        The second at which its time is over; infinite without a deadline.
    """

    number: int
    turn: int
    name: str
    living: Bools
    excluded: Bools
    silent: Bools
    noted: set[int]
    bytes_in: int
    messages: int
    follows = FOLLOWS
    hopeless: str = ''
    hastened: bool = False
    expires: float = np.inf

    @abstractmethod
    def announce(self, workers: list[int], parameters: Buffer) -> Said:
        """Its first messages, to workers that take part.

        Parameters
        ----------
        workers : list of int
        parameters : Buffer

        Returns
        -------
        list of (int, Message)
            What is to be sent.
        """

    @abstractmethod
    def handle(self, worker: int, message: Message) -> Said:
        """Take a message of this stage from a living worker.

        Returns
        -------
        list of (int, Message)
            What is to be sent.

        Raises
        ------
        Malformed
            No honest worker sends that.
        """

    @abstractmethod
    def expire(self) -> Said:
        """Go on, since the time is over; what is to be sent."""

    @abstractmethod
    def admit(self, workers: list[int]) -> Said:
        """Let some that were left out take part; what is to be sent."""

    @abstractmethod
    def lose(self, workers: list[int]) -> Said:
        """Go on without workers that are silent, exposed or dead.

        Parameters
        ----------
        workers : list of int

        Returns
        -------
        list of (int, Message)
            What is to be sent.
        """

    @abstractmethod
    def excuse(self, workers: list[int]) -> Said:
        """Wait no longer for late workers, whose messages still count.

        Parameters and what it answers are those of `lose`.
        """

    @abstractmethod
    def blame(self, worker: int, reason: str) -> None:
        """Note that a worker sent what no honest one sends."""

    @abstractmethod
    def miss(self, worker: int) -> None:
        """Note that a worker never comes back."""

    @abstractmethod
    def silence(self, worker: int) -> str:
        """Note that a worker is silent; what it did, for people."""

    @abstractmethod
    def alarm(self, silence: float) -> float:
        """The first second at which something may be due.

        A lower bound: whoever reports in the meantime has longer.

        Parameters
        ----------
        silence : float
            Seconds until a worker is silent.
        """

    @abstractmethod
    def overdue(self, now: float, silence: float) -> Bools:
        """Workers that have been silent for so many seconds, bool (K,)."""

    @abstractmethod
    def tardy(self, now: float) -> Bools:
        """Workers that are late from now on, bool (K,)."""

    @property
    @abstractmethod
    def due(self) -> bool:
        """True where there is something to compute, and none to wait for."""

    @abstractmethod
    def proceed(self, audit: Audit | None) -> Said:
        """Compute what is due; what is to be sent.

        Parameters
        ----------
        audit : Audit or None
            Computes the gradient of a file as the server does.
        """
