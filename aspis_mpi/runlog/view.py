"""View of a run, in however many files its log lies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Array
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.flagging import Flagging
from aspis_mpi.schemes.record import ExposureRecord, Rollback

#: Bytes of unpacked truth, and of arrivals, that are looked at in one go.
WINDOW = 1 << 24


class View:
    """Base of whatever is read as a run: arrays by name, the job in words.

    Attributes
    ----------
    path : Path
        Of the log, or of its first part.
    attrs : dict
        Root attributes.
    config : dict
        The complete job.
    n_steps, n_files, n_workers : int
        T, f, K.
    """

    path: Path
    attrs: dict[str, Any]
    config: dict[str, Any]
    n_steps: int
    n_files: int
    n_workers: int
    _load: int

    @property
    def parts(self) -> tuple[Any, ...]:
        """The logs that the run consists of, a `Run` each."""
        raise NotImplementedError

    @property
    def exposures(self) -> list[ExposureRecord]:
        """Workers that were proved wrong, a list of `ExposureRecord`."""
        raise NotImplementedError

    @property
    def rollbacks(self) -> list[Rollback]:
        """Times that the run went back, a list of `Rollback` by turn."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what is open; what was read stays."""
        raise NotImplementedError

    def read(self, name: str, steps: slice = slice(None)) -> Array:
        """Rows of the data set of a name, for some of the steps."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Array:
        if name in schema.ROWS:
            return self.read(name)
        raise AttributeError(f'a run has no {name}')

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *schema.ROWS]

    def option(self, section: str, key: str, default: Any = None) -> Any:
        """One value of the job, `default` where the job has none."""
        return self.config.get(section, {}).get(key, default)

    @property
    def lied(self) -> npt.NDArray[np.bool_]:
        """Workers that lied in each step, on a file or a payload, (T, K).

        An adversary need not; lies about sketches and reports alone are not
        in the truth.
        """
        lied = self.read('payload_lies')
        for steps in self._windows():
            lied[steps] |= self.read('lies', steps).any(axis=1)
        return lied

    def wrong_payloads(self, step: int) -> int:
        """Payloads that were wrong and used, in steps from this one on.

        A payload is a worker's in a step.
        """
        first = int(np.searchsorted(self.read('steps')['step'], step))
        return sum(int(wrong.any(axis=1).sum())
                   for _, wrong in self._wrong(first))

    @property
    def wrong_files(self) -> npt.NDArray[np.int64]:
        """Number of wrong files of each step, int64 (T,).

        A file is wrong when one of its contributors lied on it or on its
        payload.
        """
        counts = np.zeros(self.n_steps, dtype=np.int64)
        for steps, wrong in self._wrong():
            counts[steps] = wrong.any(axis=2).sum(axis=1)
        return counts

    def _wrong(self, first: int = 0) -> Iterator[
            tuple[slice, npt.NDArray[np.bool_]]]:
        """Values that were wrong and used, (n, f, K), some steps at a time."""
        for steps in self._windows(first):
            wrong = self.read('lies', steps)
            wrong |= self.read('payload_lies', steps)[:, None, :]
            wrong &= self.read('contributors', steps)
            yield steps, wrong

    def _windows(self, first: int = 0) -> Iterator[slice]:
        """Steps of which the truth is looked at in one go."""
        span = max(1, WINDOW // (self.n_files * self.n_workers))
        for start in range(first, self.n_steps, span):
            yield slice(start, start + span)

    @property
    def flagging(self) -> Flagging:
        """Counts of right and wrong flags, a `Flagging`."""
        flagged, adversary = self.flagged, self.adversaries
        lied = self.lied & adversary & ~self.excluded
        return Flagging(
            right=int((flagged & adversary).sum()),
            wrong=int((flagged & ~adversary).sum()),
            missed=int((lied & ~flagged).sum()))

    def finished(self, arrivals: Array) -> npt.NDArray[np.bool_]:
        """Positions of the orders that had been finished, bool (n, l).

        Parameters
        ----------
        arrivals : structured ndarray, shape (n,)
            Some of the rows of `arrivals`; l is the largest load.
        """
        bits = np.unpackbits(arrivals['finished'], axis=1, count=self._load)
        return bits.view(bool)

    def undone(self, arrivals: Array) -> npt.NDArray[np.bool_]:
        """Arrivals, or draws, of steps that were undone later, bool (n,).

        Parameters
        ----------
        arrivals : structured ndarray, shape (n,)
            Some of the rows of `arrivals`, or of `draws`.
        """
        found = np.zeros(len(arrivals), dtype=bool)
        for it in self.rollbacks:
            found |= (arrivals['turn'] < it.turn) & (
                arrivals['step'] >= it.end)
        return found

    @property
    def undone_exposures(self) -> list[ExposureRecord]:
        """Those of the exposures that are of steps undone later."""
        found = self.exposures
        where = np.array([(it.turn, it.step) for it in found],
                         dtype=[('turn', 'i8'), ('step', 'i8')])
        return [it for it, undone in zip(found, self.undone(where))
                if undone]

    @property
    def attack(self) -> str:
        """Attack of the adversaries, in words; empty without adversaries."""
        count = self.option('adversary', 'count', 0)
        if not count:
            return ''
        named = [self.option('adversary', key)
                 for key in ('files', 'value', 'protocol')]
        if named[-1] == 'none':
            named.pop()
        word = 'adversary' if count == 1 else 'adversaries'
        return f'{count} {word} ({", ".join(filter(None, named))})'
