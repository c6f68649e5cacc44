"""Age of the news of a run, in words: does it go on, wait, or is it over."""

import time

from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.words import duration

#: How to leave.
LEAVE = '(Ctrl-C to leave)'


def is_quiet(facts: Facts, now: float) -> bool:
    """True if nothing came for longer than is usual."""
    return not facts.over and now - facts.news > facts.patience


def waits(facts: Facts, now: float) -> bool:
    """True if nobody knows when the run will go on."""
    return is_quiet(facts, now) or facts.asked and not facts.over


def tell_status(facts: Facts, now: float) -> str:
    """The state of a run, and how old the news are."""
    last = (f'last step at {moment(facts.news, now)}' if facts.steps
            else f'no step yet, begun at {moment(facts.news, now)}')
    if facts.over:
        return 'the run is over'
    if facts.asked:
        return (f'was asked to end, {last}; waiting for it to go on {LEAVE}')
    if is_quiet(facts, now):
        return (f'no news for {duration(now - facts.news)}, {last}; waiting '
                f'{LEAVE}')
    return f'{last} {LEAVE}'


def tell_missing(it: Missing, now: float) -> str:
    """The same of a log that is not there."""
    return (f"{'is gone' if it.before else 'is not there yet'}; waiting for "
            f'it since {moment(it.since, now)} {LEAVE}')


def moment(seconds: float, now: float) -> str:
    """The time of the day, with the day unless it is today."""
    then, today = (time.localtime(it) for it in (seconds, now))
    form = '%H:%M:%S' if then[:3] == today[:3] else '%Y-%m-%d %H:%M:%S'
    return time.strftime(form, then)


def percent(value: float) -> str:
    """A share with a digit after the point."""
    return f'{100 * value:.1f} %'
