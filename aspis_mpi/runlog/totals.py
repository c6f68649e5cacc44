"""What a run log amounts to, in numbers."""

import logging
from dataclasses import dataclass

import numpy as np

from aspis_mpi import registry
from aspis_mpi.schemes.record import Event, Outcome

#: Events of this level and above are warnings; the last few are kept.
LEVEL, LAST_WARNINGS = logging.WARNING, 3
#: Workers that were waited for and are named.
MOST_WAITED = 3

PHASES = ('wait', 'transfer', 'detect', 'aggregate', 'update')


@dataclass(frozen=True)
class Part:
    """A log of its own within a run; a run of one log has one.

    The steps from `first_step` on; those that a later part did again are
    not counted.
    """

    path: str
    n_workers: int
    n_files: int
    first_step: int
    steps: int


@dataclass(frozen=True)
class Job:
    """What was to be done; None where the job does not say.

    The sizes are those of the last part.
    """

    scheme: str | None
    problem: str | None
    model: str | None
    detection: str | None
    aggregation: str | None
    attack: str                 # empty without adversaries
    n_workers: int
    n_files: int
    replication: int
    load: int
    steps: int | None
    batch_size: int | None


@dataclass(frozen=True)
class Pace:
    """Steps done and their cost: means a step, None before the first.

    Seconds are those of `clock`; `step` is the whole, which also holds what
    none of the phases is.
    """

    steps: int
    clock: str
    steps_per_second: float | None
    samples_per_second: float | None
    bytes_in: float | None
    bytes_out: float | None
    seconds: dict[str, float | None]


@dataclass(frozen=True)
class Transfer:
    """What travelled and how exact it was; None where nothing says it.

    `residual` is the mean over the steps in which it is not 0, `waiting`
    the share of the run's seconds in which enough was not yet there.
    """

    name: str | None
    code: str | None            # of coded transfer
    collection: str | None
    copies: int | None          # of each file that are waited for
    approximate_steps: int      # with a residual
    residual: float | None
    incomplete_steps: int
    waiting: float | None
    steps_of_several_epochs: int


@dataclass(frozen=True)
class Quality:
    """The model on the held-out samples; None where it was not measured."""

    step: int | None
    loss: float | None
    accuracy: float | None
    best_step: int | None
    best_accuracy: float | None


@dataclass(frozen=True)
class Truth:
    """What the log's truth says about wrong files and about the flags."""

    wrong_files: int
    wrong_files_mean: float | None
    wrong_files_most: int
    steps_with_wrong_files: int
    flagged_right: int
    flagged_wrong: int
    flagged_missed: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Trust:
    """What was believed and why; files are means of the steps."""

    certified: float
    presumed: float
    lost: float                 # dropped or missing
    audits: int
    exposed: list[int]          # workers, in any step of any part
    excluded: int               # workers without work in the last step


@dataclass(frozen=True)
class Waited:
    """A worker that the run has waited for."""

    worker: int
    seconds: float              # beyond the pace, and what others did for it
    late: int                   # steps


@dataclass(frozen=True)
class Summary:
    """What a run log amounts to, in Python's own types."""

    path: str
    package: str
    created: str
    n_ranks: int
    parts: tuple[Part, ...]
    continues: str | None       # of a later part alone: name of the first
    job: Job
    pace: Pace
    transfer: Transfer
    quality: Quality
    verdicts: dict[str, int]
    truth: Truth
    trust: Trust | None         # None under rules without certificates
    waited: tuple[Waited, ...]  # those that cost the most, by seconds
    n_warnings: int
    last_warnings: tuple[Event, ...]


def summarize(run):
    """Read what a `Summary` needs.

    Parameters
    ----------
    run : Run or JoinedRun

    Returns
    -------
    Summary
        `dataclasses.asdict` of it is what JSON can hold.
    """
    steps = run.steps
    warnings = [event for event in run.events if event.level >= LEVEL]
    return Summary(
        path=str(run.path), package=run.attrs['package'],
        created=run.attrs['created'], n_ranks=len(run.attrs['hosts']),
        parts=tuple(map(_part, run.parts)),
        continues=run.attrs.get('continues'),
        job=_job(run), pace=_pace(run, steps),
        transfer=_transfer(run, steps),
        quality=_quality(run.evaluation),
        verdicts=_verdicts(steps['verdict']), truth=_truth(run),
        trust=_trust(run, steps), waited=_waited(run, steps),
        n_warnings=len(warnings),
        last_warnings=tuple(warnings[-LAST_WARNINGS:]))


def _waited(run, steps):
    """Who was late, or cost more than a thousandth of the run."""
    if not run.n_steps:
        return ()
    last = slice(run.n_steps - 1, run.n_steps)
    seconds, late = run.read('account', last)[0], run.late.sum(axis=0)
    counts = (late > 0) | (seconds > 1e-3 * steps['seconds_step'].sum())
    first = np.argsort(-seconds, kind='stable')
    return tuple(Waited(worker, float(seconds[worker]), int(late[worker]))
                 for worker in first[counts[first]][:MOST_WAITED].tolist())


def _part(part):
    return Part(str(part.path), part.n_workers, part.n_files,
                part.first_step, part.n_steps)


def _job(run):
    last = run.parts[-1]
    return Job(
        scheme=run.option('scheme', 'name'),
        problem=run.option('problem', 'name'),
        model=run.option('problem', 'model'),
        detection=run.option('detection', 'name'),
        aggregation=run.option('aggregation', 'name'),
        attack=run.attack, n_workers=last.n_workers, n_files=last.n_files,
        replication=int(last.incidence.sum(axis=1).max()),
        load=int(last.incidence.sum(axis=0).max()),
        steps=run.option('run', 'steps'),
        batch_size=run.option('problem', 'batch_size'))


def _pace(run, steps):
    seconds = float(np.nansum(steps['seconds_step']))
    samples = _samples(run)
    return Pace(
        steps=len(steps), clock=run.attrs['clock'],
        steps_per_second=len(steps) / seconds if seconds > 0 else None,
        samples_per_second=samples / seconds if samples and seconds else None,
        bytes_in=_mean(steps['bytes_in']),
        bytes_out=_mean(steps['bytes_out']),
        seconds={phase: _mean(steps[f'seconds_{phase}'])
                 for phase in (*PHASES, 'step')})


def _samples(run):
    """Of all steps; None where a job does not say how many a step has."""
    sizes = [part.option('problem', 'batch_size') for part in run.parts]
    return sum(size * part.n_steps for size, part in zip(
        sizes, run.parts)) if all(sizes) else None


def _transfer(run, steps):
    approximate = steps['residual'] > 0
    waited = np.nansum(steps['seconds_wait'])
    seconds = np.nansum(steps['seconds_step'])
    return Transfer(
        name=run.option('transfer', 'name'),
        code=run.option('transfer', 'code'),
        collection=run.option('collection', 'name'),
        copies=run.option('collection', 'copies'),
        approximate_steps=int(np.count_nonzero(approximate)),
        residual=_mean(steps['residual'][approximate]),
        incomplete_steps=int(np.count_nonzero(
            steps['verdict'] == Outcome.INCOMPLETE)),
        waiting=_number(waited / seconds) if seconds > 0 else None,
        steps_of_several_epochs=int(np.count_nonzero(steps['epochs'] > 1)))


def _quality(evaluation):
    if not len(evaluation):
        return Quality(None, None, None, None, None)
    last, best = evaluation[-1], evaluation[-1:]
    if not np.isnan(evaluation['accuracy']).all():
        best = evaluation[[np.nanargmax(evaluation['accuracy'])]]
    return Quality(
        step=int(last['step']), loss=_number(last['loss']),
        accuracy=_number(last['accuracy']), best_step=int(best['step'][0]),
        best_accuracy=_number(best['accuracy'][0]))


def _verdicts(verdicts):
    """How many steps ended how, the cleanest first."""
    counts = np.bincount(verdicts, minlength=len(Outcome))
    return {outcome.name.lower(): int(counts[outcome])
            for outcome in sorted(Outcome, reverse=True)}


def _truth(run):
    counts, flagging = run.wrong_files, run.flagging
    return Truth(
        wrong_files=int(counts.sum()), wrong_files_mean=_mean(counts),
        wrong_files_most=int(counts.max(initial=0)),
        steps_with_wrong_files=int(np.count_nonzero(counts)),
        flagged_right=flagging.right, flagged_wrong=flagging.wrong,
        flagged_missed=flagging.missed,
        precision=_number(flagging.precision),
        recall=_number(flagging.recall))


def _mean(values):
    return _number(values.mean()) if len(values) else None


def _number(value):
    """A float that JSON can hold: None for NaN and infinity."""
    return float(value) if np.isfinite(value) else None


def _certifies(run, steps):
    """True where the rule says which files are right, as its class tells.

    One of the user's own may not be here.  But then the log tells: under
    other rules a file is certified by an audit alone, and none is presumed.
    """
    rule = registry.parts('detection').get(run.option('detection', 'name'))
    if rule is not None:
        return rule.certifies
    return bool(((steps['files_certified'] > steps['audits'])
                 | (steps['files_presumed'] > 0)).any())


def _trust(run, steps):
    if not len(steps) or not _certifies(run, steps):
        return None
    lost = steps['files_dropped'] + steps['files_missing']
    return Trust(
        certified=float(steps['files_certified'].mean()),
        presumed=float(steps['files_presumed'].mean()),
        lost=float(lost.mean()), audits=int(steps['audits'].sum()),
        exposed=np.flatnonzero(run.exposed.any(axis=0)).tolist(),
        excluded=int(steps['n_excluded'][-1]))
