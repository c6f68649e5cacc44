"""Numbers and names as a person reads them."""

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from math import floor
from typing import Any, Self


class Named(IntEnum):
    """Base of numbers with names, each with a line on its meaning.

    >>> Fruit = Named('Fruit', {'APPLE': (0, 'Grows on trees.')})
    >>> Fruit.numbered(0).meaning, Fruit.APPLE.word
    ('Grows on trees.', 'apple')
    """

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        """A number that knows what it means."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member

    @classmethod
    def numbered(cls, number: int) -> Self:
        """The member with a number, as a log has it."""
        # A checker of types takes the call for that of `__new__`.
        members: Any = cls
        return members(number)

    @property
    def word(self) -> str:
        """The name as a log and a page have it."""
        return self.name.lower()


def size(n_bytes: float) -> str:
    """A number of bytes with three digits and a decimal unit.

    >>> size(61_012_345_678), size(640)
    ('61 GB', '640 B')
    """
    # What is no float any more is as good as that.
    n_bytes = min(n_bytes, 1e300)
    for unit in ('B', 'kB', 'MB', 'GB'):
        if n_bytes < 999.5:
            return f'{n_bytes:.3g} {unit}'
        n_bytes /= 1000
    return f'{n_bytes:.3g} TB'


def short(value: float) -> str:
    """A number with about three digits.

    >>> short(0.12345), short(12345.6)
    ('0.123', '12,346')
    """
    return f'{value:.3g}' if abs(value) < 100 else f'{value:,.0f}'


def lasting(seconds: float) -> str:
    """A time of what happens again and again.

    >>> lasting(0.01234), lasting(1.5)
    ('12.3 ms', '1.5 s')
    """
    return (f'{short(seconds)} s' if seconds >= 1
            else f'{seconds * 1e3:.3g} ms')


def duration(seconds: float) -> str:
    """A time in the unit that a person would choose.

    >>> duration(42), duration(4000)
    ('42 s', '1 h 07 min')
    """
    if seconds < 120:
        return f'{seconds:.0f} s'
    if seconds < 3600:
        return f'{seconds / 60:.0f} min'
    return f'{seconds // 3600:.0f} h {seconds % 3600 / 60:02.0f} min'


def share(value: float | None) -> str:
    """Three digits, cut: only what is exactly 1 reads 1.000.

    Parameters
    ----------
    value : float or None
        None or NaN where it is not known.

    >>> share(0.9997), share(1.0), share(None), share(float('nan'))
    ('0.999', '1.000', 'unknown', 'unknown')
    """
    # NaN is the one number that differs from itself.
    if value is None or value != value:
        return 'unknown'
    return f'{floor(value * 1e3) / 1e3:.3f}'


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number and what it counts, in the singular or the plural.

    Parameters
    ----------
    n : int
    one : str
    many : str, optional
        `one` with an s by default.

    >>> counted(1, 'file'), counted(0, 'file'), counted(2, 'is', 'are')
    ('1 file', '0 files', '2 are')
    """
    return f'{n} {one}' if n == 1 else f'{n} {many or one + "s"}'


def every(n: int, one: str) -> str:
    """The interval of what comes back.

    >>> every(1, 'step'), every(20, 'step')
    ('every step', 'every 20 steps')
    """
    return f'every {one if n == 1 else counted(n, one)}'


def few(names: Sequence[object], most: int = 8) -> str:
    """The first names with commas, and how many more there are.

    Parameters
    ----------
    names : sequence
    most : int

    >>> few([3, 5]), few('abcd', 2), few([])
    ('3, 5', 'a, b and 2 more', '')
    """
    first = ', '.join(map(str, names[:most]))
    rest = len(names) - most
    return f'{first} and {rest} more' if rest > 0 else first


def printable(text: str, keep: str = '') -> str:
    """A text without what a terminal would obey.

    Parameters
    ----------
    text : str
    keep : str
        Characters that stay nevertheless.

    >>> printable('red \\x1b[31m\\n'), printable('two\\nlines\\a', keep='\\n')
    ('red  [31m ', 'two\\nlines ')
    """
    return ''.join(c if c.isprintable() or c in keep else ' ' for c in text)


def reason(error: BaseException) -> str:
    """The reason of the system for a refusal, in one line.

    HDF5 has it within a text of its own, with line ends, addresses, the time.

    >>> reason(RuntimeError('write failed (errno = 28, buf = 0x1)'))
    'No space left on device'
    """
    found = re.search(r'errno = (\d+)', str(error))
    number = getattr(error, 'errno', None) or found and int(found[1])
    return os.strerror(number) if number else ' '.join(str(error).split())


def short_of_memory(error: MemoryError) -> str:
    """A clause on memory that could not be had, and what to do.

    >>> short_of_memory(MemoryError()).partition(';')[0]
    'there is not enough memory'
    """
    said = ' '.join(str(error).split())
    return (f'there is not enough memory{": " * bool(said)}{said}; make it '
            'smaller, or take a machine with more: `python -m aspis_mpi plan` '
            'says how much a rank needs')


def nearest(word: str, known: Iterable[str]) -> str:
    """The phrase that helps after a misspelt `word`.

    >>> nearest('meen', ['mean', 'median'])
    "did you mean 'mean'?"
    >>> nearest('xyz', ['mean', 'median'])
    'known: mean, median'
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f'known: {", ".join(sorted(known))}'
