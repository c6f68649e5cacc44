"""Draws of a step: by coins that nobody foresees, or as a log has them.

Each is noted at once, so that a run can be done again with the same draws.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from aspis_mpi.detection.spot.draws import Check, draw
from aspis_mpi.errors import ReplayError
from aspis_mpi.schemes.record import Draw, DrawKind
from aspis_mpi.streams import Coins

COIN = DrawKind.HEADS, DrawKind.TAILS, DrawKind.DUE


class Source(ABC):
    """A source of draws, of one run; each is of a step and an epoch."""

    @abstractmethod
    def due(self, step: int, due: bool) -> bool:
        """True if a step is checked whatever its coin says.

        `due`: whether it is by the job, as far as it is known.
        """

    @abstractmethod
    def coin(self, step: int, epoch: int, rate: float) -> bool:
        """True with probability `rate`."""

    @abstractmethod
    def seed(self, step: int, epoch: int) -> tuple[int, int]:
        """A seed of sketches, two numbers of 64 bits."""

    @abstractmethod
    def checks(self, step: int, epoch: int, workers: Sequence[int],
               files: Mapping[int, Sequence[int]]) -> list[Check]:
        """Checks among some workers, see `draw`."""

    @abstractmethod
    def another(self, step: int, epoch: int, workers: Sequence[int],
                file: int) -> int:
        """One of some workers, at least one, that computes a file."""


class ByCoins(Source):
    """Draws of coins."""

    def __init__(self, coins: Coins):
        self._coins = coins

    def due(self, step: int, due: bool) -> bool:
        """As it is by the job."""
        return due

    def coin(self, step: int, epoch: int, rate: float) -> bool:
        """True with probability `rate`."""
        return self._coins.coin(rate)

    def seed(self, step: int, epoch: int) -> tuple[int, int]:
        """A seed of sketches, two numbers of 64 bits."""
        return self._coins.seed()

    def checks(self, step: int, epoch: int, workers: Sequence[int],
               files: Mapping[int, Sequence[int]]) -> list[Check]:
        """Checks among some workers, by a uniform derangement."""
        return draw(self._coins, workers, files)

    def another(self, step: int, epoch: int, workers: Sequence[int],
                file: int) -> int:
        """One of some workers, each with the same probability."""
        return workers[self._coins.below(len(workers))]


class AsRecorded(Source):
    """Draws that an earlier run has noted, in their order.

    Parameters
    ----------
    draws : iterable of Draw

    Raises
    ------
    ReplayError
        From every method: the record has another draw there, or none.
    """

    def __init__(self, draws: Iterable[Draw]):
        self._left = deque(draws)
        # Older logs do not say it.
        self._tells = any(one.kind is DrawKind.DUE for one in self._left)

    def due(self, step: int, due: bool) -> bool:
        """As it was: a part of the run may have had fewer steps to make."""
        if not self._tells:
            return due
        return bool(self._left) and self._left[0].step == step and (
            self._left[0].kind is DrawKind.DUE)

    def coin(self, step: int, epoch: int, rate: float) -> bool:
        """The side on which it fell."""
        return self._next(step, epoch, COIN).kind is DrawKind.HEADS

    def seed(self, step: int, epoch: int) -> tuple[int, int]:
        """The seed that was drawn."""
        return self._next(step, epoch, (DrawKind.CHALLENGE,)).seed

    def checks(self, step: int, epoch: int, workers: Sequence[int],
               files: Mapping[int, Sequence[int]]) -> list[Check]:
        """As many checks as come next, each of a file that is there."""
        owners = {file: worker for worker, owned in files.items()
                  for file in owned}
        found = []
        while self._left and self._left[0].kind is DrawKind.CHECK and (
                self._left[0].step == step):
            one = self._left.popleft()
            if one.worker not in workers or one.checks not in owners:
                raise _other(step, f'worker {one.worker} checks file '
                             f'{one.checks}')
            found.append(Check(one.worker, owners[one.checks], one.checks))
        return found

    def another(self, step: int, epoch: int, workers: Sequence[int],
                file: int) -> int:
        """The worker that computed the file."""
        one = self._next(step, epoch, (DrawKind.MORE,))
        if one.worker not in workers or one.checks != file:
            raise _other(step, f'worker {one.worker} computes file '
                         f'{one.checks}')
        return one.worker

    def _next(self, step: int, epoch: int,
              kinds: Sequence[DrawKind]) -> Draw:
        wanted = ' or '.join(kind.word for kind in kinds)
        if not self._left:
            raise ReplayError(f'the record has no {wanted} for step {step}')
        one = self._left.popleft()
        if (one.step, one.epoch) != (step, epoch) or one.kind not in kinds:
            raise _other(step, f'{one.kind.word} of step {one.step}, epoch '
                         f'{one.epoch}, where epoch {epoch} needs {wanted}')
        return one


def _other(step: int, said: str) -> ReplayError:
    return ReplayError(f'the draws of the record are not those of this job '
                       f'in step {step}: {said}')


class Lots:
    """The draws of one step.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source):
        self._source = source
        self._notes: list[Draw] = []
        self._step = self._turn = -1

    def begin(self, step: int, turn: int, notes: list[Draw]) -> None:
        """Say which step it is, and where draws are noted."""
        self._step, self._turn, self._notes = step, turn, notes

    def due(self, due: bool) -> bool:
        """True if the step is checked whatever its coin says."""
        return self._source.due(self._step, due)

    def coin(self, epoch: int, rate: float, due: bool = False) -> bool:
        """True with probability `rate`, and always for a step that is due."""
        heads = self._source.coin(self._step, epoch, rate)
        self._put_down(epoch, DrawKind.DUE if due else
                       DrawKind.HEADS if heads else DrawKind.TAILS)
        return heads or due

    def seed(self, epoch: int) -> tuple[int, int]:
        """A seed of sketches, two numbers of 64 bits."""
        seed = self._source.seed(self._step, epoch)
        self._put_down(epoch, DrawKind.CHALLENGE, seed=seed)
        return seed

    def checks(self, epoch: int, workers: Sequence[int],
               files: Mapping[int, Sequence[int]]) -> list[Check]:
        """Checks among some workers, see `aspis_mpi.detection.spot.draws`."""
        checks = self._source.checks(self._step, epoch, workers, files)
        for one in checks:
            self._put_down(epoch, DrawKind.CHECK, one.checker, one.file)
        return checks

    def another(self, epoch: int, workers: Sequence[int], file: int) -> int:
        """One of some workers, at least one, that computes a file."""
        worker = self._source.another(self._step, epoch, workers, file)
        self._put_down(epoch, DrawKind.MORE, worker, file)
        return worker

    def _put_down(self, epoch: int, kind: DrawKind, worker: int = -1,
              file: int = -1, seed: tuple[int, int] = (0, 0)) -> None:
        self._notes.append(Draw(self._step, self._turn, epoch, kind, seed,
                                worker, file))
