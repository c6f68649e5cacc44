"""Lines for the person who asked: how bad, about what, and what to do."""

from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum

#: Names that a sentence lists before it only counts.
NAMED = 6


class Level(IntEnum):
    """The weight of a finding; only a problem makes the exit code 3."""

    OK = 0
    NOTE = 1        # works, but not as well as it could
    PROBLEM = 2

    def __str__(self):
        return 'PROBLEM' if self is Level.PROBLEM else self.name.lower()


@dataclass(frozen=True)
class Finding:
    """An observation on one topic, in sentences."""

    level: Level
    topic: str
    text: str

    def __str__(self):
        return f'{str(self.level):<7}  {self.topic:<8}  {self.text}'


def as_text(findings):
    """All findings, the worst first, and a line that sums them up.

    Those of one level stay in their order, so that two outputs can be
    compared line by line.

    Parameters
    ----------
    findings : iterable of Finding

    Returns
    -------
    str
    """
    findings = sorted(findings, key=lambda finding: -finding.level)
    levels = [finding.level for finding in findings]
    problems, notes = levels.count(Level.PROBLEM), levels.count(Level.NOTE)
    remarks = counted(notes, 'note')
    lines = [*map(str, findings), f'{counted(problems, "problem")}, {remarks}.'
             if problems else f'Nothing is wrong; {remarks}.']
    return '\n'.join(lines)


def counted(number, word):
    """A number of things.

    >>> counted(1, 'rank'), counted(3, 'rank'), counted(0, 'note')
    ('1 rank', '3 ranks', 'no notes')
    """
    return f'{number or "no"} {word}{"" if number == 1 else "s"}'


def listed(words):
    """Words with commas, and how many more there are.

    >>> listed(['a']), listed('abc'), listed('abcdefghi')
    ('a', 'a, b and c', 'a, b, c, d, e, f and 3 more')
    """
    words = list(map(str, words))
    if len(words) > NAMED + 1:
        words = [*words[:NAMED], f'{len(words) - NAMED} more']
    if len(words) < 2:
        return ''.join(words)
    return f'{", ".join(words[:-1])} and {words[-1]}'


def spans(numbers):
    """Numbers with their runs drawn together.

    >>> spans([0, 1, 2, 5, 7, 8])
    ['0-2', '5', '7-8']
    """
    runs = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
            continue
        runs.append([number, number])
    return [f'{first}-{last}' if first < last else str(first)
            for first, last in runs]


def who(ranks):
    """Some ranks and their hosts, in words.

    Parameters
    ----------
    ranks : iterable with attributes `number` and `host`

    Returns
    -------
    str
        The beginning of a sentence, `Ranks 4-7 on node2`.
    """
    ranks = list(ranks)
    numbers = [rank.number for rank in ranks]
    word = 'Rank' if len(numbers) == 1 else 'Ranks'
    hosts = dict.fromkeys(rank.host for rank in ranks)
    return f'{word} {listed(spans(numbers))} on {listed(hosts)}'


def by_host(ranks):
    """The ranks of each host, hosts in the order of their first ranks."""
    hosts = defaultdict(list)
    for rank in ranks:
        hosts[rank.host].append(rank)
    return hosts


def alike(ranks, aspect):
    """Groups of ranks with the same aspect, the largest first.

    Of groups of one size the one with the lowest rank comes first.

    Parameters
    ----------
    ranks : iterable of Rank
    aspect : callable
        Of a rank, hashable.

    Returns
    -------
    list of list of Rank
    """
    groups = defaultdict(list)
    for rank in ranks:
        groups[aspect(rank)].append(rank)
    return sorted(groups.values(), key=lambda group: -len(group))
