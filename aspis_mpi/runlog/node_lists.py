"""Lists of nodes as SLURM writes them: `node[01-03,07],login`.

Its manual lets numbers in brackets stand at the end of a name alone, so that
names that go on behind their numbers are written out.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

#: A name and its number, of as many digits as SLURM counts safely.
_NUMBERED = re.compile(r'(.+?)([0-9]{1,9})', re.DOTALL)


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
        match = _NUMBERED.fullmatch(name)
        if match is None:
            found.append((name, name))
            continue
        prefix, digits = match.groups()
        numbered[prefix].append(digits)
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
