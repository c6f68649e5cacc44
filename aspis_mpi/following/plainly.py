"""One line about a run, for a file or a pipe."""

from collections.abc import Iterator

from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.following.status import (
    is_quiet, moment, percent, tell_missing, waits)
from aspis_mpi.words import counted, duration, few, printable, short

#: Workers that are named.
NAMED = 4


def told_plainly(found: Facts | Missing, now: float) -> str:
    """All that matters in a line, which is another one if there is news.

    Parameters
    ----------
    found : Facts or Missing
    now : float
        Seconds since 1970.
    """
    if isinstance(found, Missing):
        return f'{printable(found.path)} {tell_missing(found, now)}'
    parts = [*_progress(found, now), *_workers(found)]
    if found.asked and not found.over:
        parts.append('was asked to end; waiting for it to go on')
    elif is_quiet(found, now):
        parts.append(f'no news since {moment(found.news, now)}; waiting')
    return '  '.join(parts)


def _progress(facts: Facts, now: float) -> Iterator[str]:
    steps, courses = facts.job.steps, facts.courses
    of = f'/{steps}' if steps else ''
    yield f'step {facts.steps:>{len(str(steps or ""))}}{of}'
    if courses.loss.n:
        yield f'loss {courses.loss.last:.4g}'
    if courses.accuracy.most == courses.accuracy.most:
        yield f'accuracy {percent(courses.accuracy.last)}'
    if facts.pace and not facts.over:
        yield f'{short(facts.pace)} steps/s'
        if facts.left is not None and not waits(facts, now):
            yield f'{duration(facts.left)} left'


def _workers(facts: Facts) -> Iterator[str]:
    for word, workers in (
            ('slow', [str(it.worker) for it in facts.slow]),
            ('silent', [str(it.worker) for it in facts.gone]),
            ('exposed', [f'{it.worker} ({it.proof.word})'
                         for it in facts.proofs]
             or [*map(str, facts.exposed)])):
        if workers:
            yield f'{word}: {few(workers, NAMED)}'
    if facts.rollbacks:
        yield (f"went back {counted(facts.rollbacks, 'time')}, "
               f"{counted(facts.undone, 'step')} undone")
