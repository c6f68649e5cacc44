"""The content of a signal to send, and the two fields that carry it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np

from aspis_mpi.arrays import Bools, Ints

#: An entry of `GlobalState.owners` that names no worker.
NOBODY = -1

#: Files and workers of some pairs, each of shape (n,).
Pairs = tuple[Ints, ...]


class Signal(Protocol):
    """A message with the fields of `Encode`, as `GlobalState` packs them."""

    @property
    def state(self) -> bytes:
        """Bits of who finished which of its files."""

    @property
    def owners(self) -> bytes:
        """Workers that send each file, 2 bytes each."""


@dataclass(frozen=True, eq=False)
class GlobalState:
    """The content of one signal: who finished what, who sends which file.

    Parameters
    ----------
    finished : ndarray of bool, shape (f, K)
    owners : ndarray of int16, shape (f,)
        The one worker that sends a file, or `NOBODY`; coded transfers
        name none, since several send a share of it.
    """

    finished: Bools
    owners: Ints

    @cached_property
    def has_owners(self) -> bool:
        """True where any file has an owner."""
        return bool((self.owners != NOBODY).any())

    @property
    def owning(self) -> Bools:
        """Workers by the files that they send, bool (f, K)."""
        # Of one type: others would be converted, number by number.
        workers = np.arange(self.finished.shape[1], dtype=self.owners.dtype)
        return self.owners[:, np.newaxis] == workers

    @cached_property
    def _by_owner(self) -> tuple[Ints, list[int]]:
        """All files by owner, and where those of each worker begin."""
        files = np.argsort(self.owners, kind='stable')
        workers = np.arange(self.finished.shape[1] + 1)
        return files, np.searchsorted(self.owners[files], workers).tolist()

    def owned(self, worker: int) -> Ints:
        """Files that a worker sends, ascending."""
        files, begins = self._by_owner
        return files[begins[worker]:begins[worker + 1]]

    def pack(self, told: Pairs) -> tuple[bytes, bytes]:
        """The two fields as bytes, as `Encode` carries them.

        Parameters
        ----------
        told : Pairs
            Of these files and workers the signal says whether the one is
            finished by the other, in n bits instead of f*K.
        """
        return (np.packbits(self.finished[told]).tobytes(),
                self.owners.astype('<i2').tobytes())

    @classmethod
    def unpack(cls, state: bytes, owners: bytes, told: Pairs,
               shape: tuple[int, int]) -> Self:
        """The state that `pack` wrote, for f files and K workers."""
        finished = np.zeros(shape, dtype=bool)
        finished[told] = np.unpackbits(
            np.frombuffer(state, dtype=np.uint8), count=told[0].size)
        return cls(finished, np.frombuffer(owners, dtype='<i2'))
