"""The truth of a run: who is an adversary and who lies where, each step."""

import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Bools
from aspis_mpi.attacks.choice import Who
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.attacks.targets import Files
from aspis_mpi.attacks.value import Value


class Attack:
    """The adversaries of each step, the files on which they lie, and the lies.

    Workers ask it what to do and the run log keeps what they did as
    `/truth`; nothing on the server's side may be given one.

    Parameters
    ----------
    who : Who
        The adversaries of each step.
    files : Files
        Where they lie.
    protocol : Protocol, optional
        What else they lie about.
    value : Value, optional
        What they say there; without one it is a lie.

    Attributes
    ----------
    protocol : Protocol
    value : Value

    Notes
    -----
    The last answer is kept, and kept on while neither the adversaries nor,
    for attacks that depend on it, the step changes.
    """

    def __init__(self, who: Who, files: Files,
                 protocol: Protocol | None = None, value: Value | None = None):
        self.protocol = Protocol(None) if protocol is None else protocol
        self.value = Value(None) if value is None else value
        who.meet(files.incidence)
        if who.count:
            self.value.meet(who.n_workers, who.count)
        self._who = who
        self._files = files
        self._step: int | None = None
        self._adversaries: Bools = np.zeros(0, dtype=bool)
        self._lies: Bools | None = None

    def adversaries(self, step: int) -> Bools:
        """The adversaries of `step`, bool (K,), read-only."""
        self._turn_to(step)
        return self._adversaries

    def lies(self, step: int) -> Bools:
        """The lies of `step`, by file and worker, bool (f, K), read-only."""
        self._turn_to(step)
        if self._lies is None:
            self._lies = _sealed(self._files.lies(
                step, self._adversaries & self.value.lies))
        return self._lies

    def told(self, step: int, later: Bools | bool) -> Bools:
        """The lies of `step` that may have been told, bool (f, K).

        Parameters
        ----------
        step : int
        later : ndarray of bool, shape (f,)
            Files whose vectors came after the step's first challenge.
        """
        if not self.protocol.patient:
            return self.lies(step)
        return self.lies(step) & np.reshape(later, (-1, 1))

    def payload_lies(self, step: int) -> Bools:
        """The workers whose payloads of `step` are lies, bool (K,)."""
        return self.adversaries(step) & self.protocol.payloads

    def dawdles(self, step: int) -> Bools:
        """The workers that let their answers of `step` wait, bool (K,)."""
        return self.protocol.dawdlers(step, self.adversaries(step))

    def _turn_to(self, step: int) -> None:
        if step == self._step:
            return
        adversaries = _sealed(self._who.members(step))
        if (self._files.changes
                or not np.array_equal(adversaries, self._adversaries)):
            self._lies = None
        self._step, self._adversaries = step, adversaries


def _sealed(array: npt.ArrayLike) -> Bools:
    """A read-only copy, which many workers may share."""
    sealed = np.array(array, dtype=bool)
    sealed.setflags(write=False)
    return sealed
