"""Totals of a run log, from its rows."""

import logging
import tomllib
from operator import attrgetter

import numpy as np

from aspis_mpi import registry
from aspis_mpi.detection.spot import odds
from aspis_mpi.learning.images.imageset import IN_LOG
from aspis_mpi.runlog.amounts import (
    Checks, Differing, Found, JobFigures, Layouts, PaceFigures, PartFigures,
    Proved, Quality, Summary, TransferFigures, Trust, Truth, Undone, Waited,
    Warned)
from aspis_mpi.schemes.record import Cause, DrawKind, Outcome

#: Events of this level and above are warnings; the last few are kept.
LEVEL, LAST_WARNINGS = logging.WARNING, 3
#: Workers that were waited for and are named.
MOST_WAITED = 3

#: Shares of a liar of which it is told how likely it would have been found.
SHARES = 1.0, 0.1, 0.01

PHASES = ('wait', 'transfer', 'detect', 'aggregate', 'update')


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
        job=job_of(run), images=_images(run), pace=_pace(run, steps),
        transfer=_transfer(run, steps),
        quality=_quality(run.evaluation),
        verdicts=_verdicts(steps['verdict']), truth=_truth(run),
        trust=_trust(run, steps), checks=_checks(run, steps),
        exposures=_exposures(run), undone=_undone(run),
        waited=_waited(run, steps), layouts=_layouts(run),
        n_warnings=len(warnings),
        last_warnings=tuple(Warned(
            event.time, event.level, event.rank, event.text, event.code.word)
            for event in warnings[-LAST_WARNINGS:]))


def _exposures(run):
    """The first proof against each worker; a part has workers of its own."""
    firsts = [{proof.worker: proof for proof in reversed(part.exposures)}
              for part in run.parts]
    return tuple(Proved(it.step, it.since, it.worker, it.proof.word, it.text,
                        tuple(map(_differing, it.tensors)))
                 for part in firsts
                 for it in sorted(part.values(), key=attrgetter('step')))


def _undone(run):
    """Sums of all times that a run went back."""
    rollbacks = run.rollbacks
    steps = [it.undone for it in rollbacks]
    return Undone(
        times=len(steps), steps=sum(steps), most=max(steps, default=0),
        wrong=sum(it.wrong for it in rollbacks),
        by_hand=sum(it.cause is Cause.HAND for it in rollbacks),
        exposed=sorted({it.worker for it in run.undone_exposures}))


def _differing(tensor):
    return Differing(tensor.tensor, _number(tensor.distance), tensor.entries,
                     tensor.size)


def _waited(run, steps):
    """Workers that were late, or cost over a thousandth of the run."""
    if not run.n_steps:
        return ()
    last = slice(run.n_steps - 1, run.n_steps)
    seconds, late = run.read('account', last)[0], run.late.sum(axis=0)
    counts = (late > 0) | (seconds > 1e-3 * steps['seconds_step'].sum())
    first = np.argsort(-seconds, kind='stable')
    return tuple(Waited(worker, float(seconds[worker]), int(late[worker]))
                 for worker in first[counts[first]][:MOST_WAITED].tolist())


def _layouts(run):
    """Changes of who has which file, where files follow speeds."""
    if not run.option('assignment', 'adapt', 0):
        return None
    *earlier, (step, order) = run.parts[-1].orders
    files = (order >= 0).sum(axis=1)
    return Layouts(len(earlier), step, int(files.min()), int(files.max()))


def _part(part):
    return PartFigures(str(part.path), part.n_workers, part.n_files,
                       part.first_step, part.n_steps)


def job_of(run):
    """The `JobFigures` of a run."""
    last = run.parts[-1]
    return JobFigures(
        scheme=run.option('scheme', 'name'),
        problem=run.option('problem', 'name'),
        model=run.option('problem', 'model'),
        detection=run.option('detection', 'name'),
        aggregation=_aggregation(run),
        attack=run.attack, n_workers=last.n_workers, n_files=last.n_files,
        replication=int(last.incidence.sum(axis=1).max()),
        load=int(last.incidence.sum(axis=0).max()),
        steps=run.option('run', 'steps'),
        batch_size=run.option('problem', 'batch_size'),
        whole_files=_whole(last))


def _whole(part):
    """The number of whole files where these were split, else None."""
    wholes = part.wholes
    if wholes is None or wholes[-1] + 1 == part.n_files:
        return None
    return int(wholes[-1]) + 1


def _aggregation(run):
    """The rule, and what comes before it."""
    before = run.option('aggregation', 'before', [])
    rule = run.option('aggregation', 'name')
    return f'{rule} after {", ".join(before)}' if before else rule


def _images(run):
    """Sets of images that the parts were trained on, mostly one or none."""
    inputs = [tomllib.loads(part.attrs.get('inputs', ''))
              for part in run.parts]
    return tuple(dict.fromkeys(
        it[IN_LOG] for it in inputs if IN_LOG in it))


def _pace(run, steps):
    seconds = float(np.nansum(steps['seconds_step']))
    samples = _samples(run)
    return PaceFigures(
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
    return TransferFigures(
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
    """Number of steps of each verdict, the cleanest first."""
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
        exposed=_exposed(run),
        excluded=int(steps['n_excluded'][-1]))


def _checks(run, steps):
    """Spot checks, where the rule makes some; undone ones have found, too."""
    rule = registry.parts('detection').get(run.option('detection', 'name'))
    if not len(steps) or rule is None or not rule.spot_checks:
        return None
    draws, last = run.draws, run.parts[-1]
    # Of whole sums more copies are drawn until one is outvoted.
    draws = draws[draws['kind'] == (
        DrawKind.MORE if rule.recomputes else DrawKind.CHECK)]
    turns = np.unique(draws['turn']).size
    kappa = 1.0 if rule.recomputes else odds.honest_checkers(
        min(part.n_workers for part in run.parts),
        last.option('scheme', 'adversaries', 0))
    return Checks(
        files=int(steps['files_checked'].sum()),
        steps=int(np.count_nonzero(steps['files_checked'])), turns=turns,
        undone=np.unique(draws['turn'][run.undone(draws)]).size,
        found=tuple(Found(share, odds.found(share, turns, 1.0, kappa))
                    for share in SHARES),
        exposed=_exposed(run))


def _exposed(run):
    """Workers that were exposed in any step of any part."""
    return np.flatnonzero(run.exposed.any(axis=0)).tolist()
