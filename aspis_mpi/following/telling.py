"""Lines of a terminal that tell facts of a run."""

import textwrap
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from aspis_mpi.following.course import Course
from aspis_mpi.following.crew import Gone, Slow
from aspis_mpi.following.drawing import (
    BLOCKS, Glyphs, bar, curve, is_logarithmic)
from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.following.status import (
    percent, tell_missing, tell_status, waits)
from aspis_mpi.runlog.sentences import tell_problem
from aspis_mpi.runlog.summary import LABEL
from aspis_mpi.schemes.record import ExposureRecord
from aspis_mpi.words import counted, duration, lasting, printable, short

#: Workers that are named in a row, and slow ones, of which more is told.
NAMED, SLOW = 4, 2
#: Columns that lines have at most, however wide the terminal is, those of a
#: number beside a curve, and those from which on a curve has its range.
MOST, NUMBER, WIDE = 110, 9, 60
#: Lines of a terminal from which on curves are two high, and three.
HIGH, HIGHER = 20, 32
#: Lines of a row, at most.
LINES = 4


class Mood(Enum):
    """Subject of a line, for its colour."""

    PLAIN = ''
    HEAD = 'head'
    CURVE = 'curve'
    WARNING = 'warning'
    WRONG = 'wrong'
    GOOD = 'good'


class Line(NamedTuple):
    """One line of the terminal."""

    text: str
    mood: Mood = Mood.PLAIN


class Room(NamedTuple):
    """Room for lines: columns and lines of a terminal, and its characters."""

    width: int = 80
    height: int = 24
    glyphs: Glyphs = BLOCKS


def told(found: Facts | Missing, now: float, room: Room) -> list[Line]:
    """All that there is to see at a moment, as lines that fit.

    Parameters
    ----------
    found : Facts or Missing
    now : float
        Seconds since 1970.
    room : Room

    Returns
    -------
    list of Line
        At most one less than the terminal has; the last one tells when
        there was news.
    """
    width = min(room.width - 1, MOST)
    if isinstance(found, Missing):
        lines = [Line(_end_of(found.path, width), Mood.HEAD)]
        last = _row('', tell_missing(found, now), width, Mood.WARNING)
    else:
        lines = [*_head(found, width), *_progress(found, width, room.glyphs),
                 *_pace(found, now, width), *_curves(found, width, room),
                 *_workers(found, width), *_history(found, width)]
        last = _status(found, now, width)
    lines = lines[:max(0, room.height - 1 - len(last))] + last
    return [Line(line.text[:width], line.mood)
            for line in lines[-max(1, room.height - 1):]]


def _end_of(path: str, width: int) -> str:
    """A path, or its end where it is too long."""
    path = printable(path)
    return path if len(path) <= width else f'...{path[3 - width:]}'


def _row(label: str, text: str, width: int, mood: Mood = Mood.PLAIN
         ) -> list[Line]:
    """A label, and a text that is as many lines as it may be."""
    label = label.ljust(LABEL) if label else ''
    lines = textwrap.wrap(
        printable(text), max(width, LABEL + 8), initial_indent=label,
        subsequent_indent=' ' * len(label), break_on_hyphens=False,
        max_lines=LINES, placeholder=' ...')
    return [Line(line, mood) for line in lines]


def _head(facts: Facts, width: int) -> Iterator[Line]:
    job = facts.job
    yield Line(_end_of(facts.path, width), Mood.HEAD)
    parts = [f'{job.scheme or "no preset"} on {tell_problem(job)}',
             counted(job.n_workers, 'worker'), job.attack or 'no attack']
    if facts.n_parts > 1:
        parts.append(counted(facts.n_parts, 'part'))
    yield from _row('', ', '.join(parts), width)


def _progress(facts: Facts, width: int, glyphs: Glyphs) -> Iterator[Line]:
    done, steps = facts.steps, facts.job.steps
    text = f'{done:,}' + (f' of {steps:,}' if steps else ' done')
    if steps:
        room = max(0, width - LABEL - len(text) - 7)
        drawn = bar(done / steps, room, glyphs)
        text = f'{text} {drawn} {100 * done // steps:>3} %'
    yield Line('steps'.ljust(LABEL) + text)


def _pace(facts: Facts, now: float, width: int) -> Iterator[Line]:
    if facts.pace and not facts.over:
        left = ('' if facts.left is None or waits(facts, now)
                else f', {duration(facts.left)} left')
        yield from _row('pace', f'{short(facts.pace)} steps a second{left}',
                        width)


def _curves(facts: Facts, width: int, room: Room) -> Iterator[Line]:
    high = 1 + (room.height >= HIGH) + (room.height >= HIGHER)
    courses = facts.courses
    for label, course, form, lines in (
            ('loss', courses.loss, short, high),
            ('accuracy', courses.accuracy, percent, high),
            ('a step', courses.seconds, lasting, 1)):
        # Steps on a virtual clock may take no time at all.
        if course.n and course.most == course.most and (
                course is not courses.seconds or course.most > 0):
            yield from _curve_rows(label, course, form, width, lines,
                                   room.glyphs)
    if not courses.loss.n:
        yield from _row('loss', 'not evaluated yet', width)


def _curve_rows(label: str, course: Course, form: Callable[[float], str],
                width: int, height: int, glyphs: Glyphs) -> Iterator[Line]:
    """The last number, the curve, and beside it what it reaches."""
    ends = ['', '']
    # Of a share and of seconds equal steps are equal.
    logarithmic = form is short and is_logarithmic(course.least, course.most)
    if width >= WIDE:
        low, high = form(course.least), form(course.most)
        ends = ([f'up to {high}', f'from {low}{", log." * logarithmic}']
                if height > 1 else [f'{low} to {high}', ''])
    columns = max(1, width - LABEL - NUMBER - max(map(len, ends)) - 1)
    drawn = curve(course.columns(columns), height, glyphs, logarithmic)
    beside = [ends[0], *[''] * (height - 2), *ends[1:]][:height]
    for number, (line, end) in enumerate(zip(drawn, beside)):
        first = label.ljust(LABEL) + form(course.last).ljust(NUMBER)
        start = ' ' * (LABEL + NUMBER) if number else first
        yield Line(f'{start}{line} {end}'.rstrip(), Mood.CURVE)


def _workers(facts: Facts, width: int) -> Iterator[Line]:
    """Workers that are slow, do not answer, or are wrong."""
    if facts.waiting is not None:
        yield from _row(
            'waiting', f'{100 * facts.waiting:.0f} % of the time, between '
            "the middle worker's end and the last one's", width)
    if facts.slow:
        yield from _row('slow', _list([*map(_tell_slow, facts.slow)], SLOW),
                        width, Mood.WARNING)
    if facts.gone:
        yield from _row('silent', _list([*map(_tell_gone, facts.gone)]),
                        width, Mood.WRONG)
    proved = [*map(_tell_proof, facts.proofs)] + [
        f'worker {worker}, of which this log has no proof'
        for worker in facts.exposed
        if worker not in {it.worker for it in facts.proofs}]
    if proved:
        yield from _row('exposed', _list(proved), width, Mood.WRONG)
    elif facts.flagged:
        yield from _row('flagged', _list([
            f"worker {worker} in {counted(count, 'step')}"
            for worker, count in facts.flagged.items()]), width,
            Mood.WARNING)


def _list(told: list[str], most: int = NAMED) -> str:
    """The first few clauses, and how many more workers there are."""
    rest = len(told) - most
    first = ', '.join(told[:most])
    return first + (f" and {counted(rest, 'more worker')}" if rest > 0
                    else '')


def _tell_slow(it: Slow) -> str:
    parts = [f'cost {100 * it.share:.0f} % of the time'] if it.share else []
    if it.times is not None:
        parts.insert(0, f'{short(it.times)} times as long as others')
    if it.last_late is not None:
        parts.append(f"late in {counted(it.late, 'step')}, last in "
                     f'{it.last_late:,}')
    if it.rests:
        parts.append('gets no work')
    return f"worker {it.worker} ({'; '.join(parts)})"


def _tell_gone(it: Gone) -> str:
    heard = ('never heard' if it.last is None
             else f'last heard in step {it.last:,}')
    return f"worker {it.worker} ({'dead; ' * it.lost}{heard})"


def _tell_proof(it: ExposureRecord) -> str:
    return f'worker {it.worker} in step {it.step:,} ({it.proof.word})'


def _history(facts: Facts, width: int) -> Iterator[Line]:
    """The past of the run: verdicts, steps that were undone, warnings."""
    if facts.verdicts:
        yield from _row('verdicts', ', '.join(
            f'{count:,} {verdict}'
            for verdict, count in facts.verdicts.items()), width)
    if facts.rollbacks:
        yield from _row('undone', f"{counted(facts.undone, 'step')}: went "
                        f"back {counted(facts.rollbacks, 'time')}", width,
                        Mood.WARNING)
    event = facts.last_warning
    if event is not None:
        said = textwrap.shorten(f'{event.time:.1f} s: '
                                f'{printable(event.text)}', 2 * width)
        yield from _row('warnings', f'{facts.warnings:,}, the last at {said}',
                        width)


def _status(facts: Facts, now: float, width: int) -> list[Line]:
    mood = (Mood.GOOD if facts.over else
            Mood.WARNING if waits(facts, now) else Mood.PLAIN)
    return _row('', tell_status(facts, now), width, mood)
