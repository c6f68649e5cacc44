"""Every random generator of a run, by name, and the words of a secret."""

import hashlib
import os
import random
import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt


def generator(seed: int, *names: object) -> np.random.Generator:
    """The generator called `names`, the same on every rank and machine.

    Parameters
    ----------
    seed : int
        The seed of the job.
    names : str or int
        What it is for, from general to special: `'samples', step`.

    Returns
    -------
    numpy.random.Generator

    Notes
    -----
    Streams with different names are independent: the name is hashed into
    the key of a counter-based Philox generator.

    >>> a, b = generator(7, 'samples', 3), generator(7, 'samples', 3)
    >>> bool(a.integers(1 << 60) == b.integers(1 << 60))
    True
    """
    digest = _digest(seed, names, 16)
    key = np.frombuffer(digest, dtype='<u8').astype(np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def word(seed: int, *names: object) -> int:
    """A number of 63 bits that seeds a generator of another library's.

    Parameters are those of `generator`.

    >>> 0 <= word(7, 'item', 0, 3) != word(7, 'item', 3, 0) < 1 << 63
    True
    """
    return int.from_bytes(_digest(seed, names, 8), 'little') >> 1


def key(seed: int, *names: object) -> bytes:
    """The 16 bytes that name a stream of raw words, as `raw_words` takes them.

    Parameters are those of `generator`.

    >>> key(7, 'dither', 0, 3) != key(7, 'dither', 3, 0), len(key(7))
    (True, 16)
    """
    return _digest(seed, names, 16)


def _digest(seed: int, names: tuple[object, ...], size: int) -> bytes:
    """Bytes that a seed and a name make, the same on every machine."""
    text = '/'.join(repr(name) for name in (int(seed), *names))
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def raw_words(secret: bytes, start: int, n: int) -> npt.NDArray[np.uint64]:
    """Words start, start + 1, ... of the stream that belongs to a secret.

    Parameters
    ----------
    secret : bytes
        16 bytes, the key of a Philox generator.
    start, n : int
        At least 0; words before `start` cost nothing.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Raw output of Philox 4x64, which no library's distribution shapes:
        the same on every machine and with every version.

    Raises
    ------
    ValueError
        A secret of another length.
    """
    if len(secret) != 16:
        raise ValueError(f'a secret of {len(secret)} bytes must have 16')
    key = np.frombuffer(secret, dtype='<u8').astype(np.uint64)
    # A step of the counter gives four words.
    skipped = start % 4
    philox = np.random.Philox(key=key, counter=start // 4)
    return philox.random_raw(skipped + n)[skipped:]


def unforeseen(n: int) -> bytes:
    """Bytes of the operating system: no key of a job leads to them."""
    return os.urandom(n)


class Coins:
    """Draws that nobody may foresee: of the operating system, but in tests.

    Parameters
    ----------
    read : callable, optional
        Given n, n random bytes: those of the operating system by default, so
        that nothing in a job or a log leads to them.
        `generator(...).bytes` makes draws that can be repeated.

    >>> coins = Coins(generator(7, 'coins').bytes)
    >>> sorted(coins.permutation(4)), coins.coin(1.0), coins.below(1)
    ([0, 1, 2, 3], True, 0)
    """

    def __init__(self, read: Callable[[int], bytes] = unforeseen):
        self._read = read

    def seed(self) -> tuple[int, int]:
        """Two numbers of 64 bits without a sign; `secret` makes a key."""
        low, high = struct.unpack('<2Q', self._read(16))
        return low, high

    def coin(self, probability: float) -> bool:
        """True with a probability, to 2^-53.

        Raises
        ------
        ValueError
            It is not between 0 and 1.
        """
        if not 0 <= probability <= 1:
            raise ValueError(f'probability {probability} must be between 0 '
                             'and 1')
        return self._word() >> 11 < probability * 2.0 ** 53

    def below(self, n: int) -> int:
        """One of 0 ... n - 1, each with the same probability exactly.

        Raises
        ------
        ValueError
            n is below 1 or above 2^64.
        """
        if not 1 <= n <= 1 << 64:
            raise ValueError(f'n {n} must be between 1 and 2^64')
        # What is above the last multiple of n is drawn again.
        last = (1 << 64) // n * n
        while (word := self._word()) >= last:
            continue
        return word % n

    def permutation(self, n: int) -> list[int]:
        """The numbers 0 ... n - 1 in a uniform order (Fisher and Yates)."""
        order = list(range(n))
        for place in range(n - 1, 0, -1):
            other = self.below(place + 1)
            order[place], order[other] = order[other], order[place]
        return order

    def _word(self) -> int:
        return int.from_bytes(self._read(8), 'little')


def secret(seed: tuple[int, int]) -> bytes:
    """The 16 bytes of a seed, as `raw_words` takes them.

    >>> secret((1, 256)).hex()
    '01000000000000000001000000000000'
    """
    return struct.pack('<2Q', *seed)


def shared() -> dict[str, object]:
    """States of the generators that all code of a process shares, by name.

    Nothing of a run draws from them, but what users bring might.
    """
    return {"Python's random": random.getstate(),
            "numpy's np.random": _frozen(np.random.get_state(legacy=False))}


def advance_shared() -> None:
    """Draw from each of them, so that they are elsewhere."""
    random.random()
    np.random.random()


def _frozen(value: object) -> object:
    """A value with arrays as bytes, which can be compared."""
    if isinstance(value, dict):
        return {key: _frozen(it) for key, it in value.items()}
    return value.tobytes() if isinstance(value, np.ndarray) else value
