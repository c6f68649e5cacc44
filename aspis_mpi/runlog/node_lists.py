"""Lists of nodes as SLURM writes them: `node[01-03,07],login`.

Its manual lets numbers in brackets stand at the end of a name alone, so that
names that go on behind their numbers are written out.
"""

from collections import defaultdict
from collections.abc import Iterable

#: Of as many of them SLURM makes a number safely.
DIGITS, MOST = '0123456789', 9


def compressed(names: Iterable[str]) -> str:
    """The list of some nodes, in the order of names and numbers.

    Parameters
    ----------
    names : iterable of str
        One that is there twice counts once.

    >>> compressed(['a11', 'a09', 'login', 'a10', 'a7', 'b1-ib'])
    'a[7,09-11],b1-ib,login'
    """
    numbered, found = defaultdict(list), []
    for name in set(names):
        place = max(1, len(name.rstrip(DIGITS)), len(name) - MOST)
        if place >= len(name):
            found.append((name, name))
            continue
        numbered[name[:place]].append(name[place:])
    found += [(prefix, prefix + _ranges(sorted(
        all_digits, key=lambda digits: (int(digits), digits))))
        for prefix, all_digits in numbered.items()]
    return ','.join(text for _, text in sorted(found))


def _ranges(numbers: list[str]) -> str:
    """Numbers that ascend, in brackets unless there is one alone."""
    ranges: list[list[str]] = []
    for digits in numbers:
        if ranges and _next(ranges[-1][0], ranges[-1][-1]) == digits:
            ranges[-1].append(digits)
            continue
        ranges.append([digits])
    text = ','.join(it[0] if len(it) == 1 else f'{it[0]}-{it[-1]}'
                    for it in ranges)
    return text if len(numbers) == 1 else f'[{text}]'


def _next(first: str, last: str) -> str:
    """The number after the last of a range, as wide as the first at least."""
    return f'{int(last) + 1:0{len(first)}}'
