"""Every random generator of a run, by name, and the words of a secret."""

import hashlib
import random

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
    """The same with bytes for arrays, which compare as a whole."""
    if isinstance(value, dict):
        return {key: _frozen(it) for key, it in value.items()}
    return value.tobytes() if isinstance(value, np.ndarray) else value
