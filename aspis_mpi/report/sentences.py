"""The first screen: sentences on a run, by the questions that they answer."""

from datetime import datetime

import numpy as np

from aspis_mpi.report.blame import slow_card, wrong_card
from aspis_mpi.report.card import NAMED, Card, short
from aspis_mpi.report.cost import cost_card
from aspis_mpi.words import counted, few

#: Accuracy below its best from which training did not end well.
FELL = 0.05


def cards(facts):
    """The cards of a run, in the order in which a reader asks.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    list of Card
    """
    return [_outcome(facts), wrong_card(facts), slow_card(facts),
            cost_card(facts)]


def notices(facts):
    """Sentences on what a reader must know before all else, maybe none."""
    summary = facts.summary
    done, wanted = summary.pace.steps, summary.job.steps
    if wanted and done < wanted:
        yield (f'The log holds {done} of {counted(wanted, "step")}: it is '
               'still being written, or the run was stopped or cut off. What '
               'stands here is complete up to its last step; make the report '
               'again to see more.' + _last_warning(summary))
    if not done:
        yield 'No step is complete yet, so that there is nothing to draw.'
    if summary.continues:
        yield (f'This log is a later part of {summary.continues}; a report '
               'of that one shows the whole run.')


def _last_warning(summary):
    """The reason why a run has stopped, if it says one."""
    return ''.join(f' Its last warning: {it.text}'
                   for it in summary.last_warnings[-1:])


# -- the run and its outcome

def lead(facts):
    """Sentences on the run that a report begins with."""
    it, summary = facts.summary.job, facts.summary
    model = f' ({it.model})' if it.model else ''
    of = f' of {it.steps:,}' if it.steps else ''
    by = '1 of them' if it.replication == 1 else f'{it.replication} of them'
    yield (f'{counted(it.n_workers, "worker")} trained {it.problem}{model} '
           f'for {summary.pace.steps:,}{of} steps with '
           f'{it.scheme or "no preset"}; each of '
           f'{counted(it.n_files, "file")} was computed by {by}.')
    yield (f'Detection is {it.detection}, aggregation {it.aggregation}; '
           + (f'{it.attack} attacked.' if it.attack else
              'no attack was asked for.'))
    if len(summary.parts) > 1:
        yield (f'The run went on with other numbers of workers: '
               f'{_sizes(summary.parts)}.')
    if summary.images:
        yield f'Images: {few(summary.images, 2)}.'
    clock = ('on a virtual clock, in one process'
             if summary.pace.clock == 'virtual' else
             f'by {counted(summary.n_ranks, "rank")}')
    yield (f'Begun {_moment(summary.created)} {clock}, with '
           f'{summary.package}.')


def _moment(written):
    """A moment of the log as a reader has it.

    >>> _moment('2026-11-30T07:28:14+00:00')
    '2026-11-30 07:28 UTC'
    """
    moment = datetime.fromisoformat(written)
    zone = moment.tzname() or ''
    return f'{moment:%Y-%m-%d %H:%M} {zone}'.strip()


def _sizes(parts):
    return ', then '.join(
        f'{part.n_workers} from step {part.first_step} on' for part in parts)


def _outcome(facts):
    quality = facts.summary.quality
    told, verdict, mood = [], 'not evaluated', ''
    if quality.step is not None:
        told, verdict, mood = _quality(facts, quality)
    if facts.summary.pace.steps:
        told.append('Verdicts of the steps: ' + ', '.join(
            f'{count:,} {name}' for name, count in
            facts.summary.verdicts.items() if count) + '.')
    for it in facts.rollbacks[:NAMED]:
        told.append(f'The run went back from step {it.start} to {it.end}: '
                    f'{it.cause.meaning}')
    return Card('Did training go well?', mood, verdict, '', told)


def _quality(facts, it):
    """Sentences, the verdict and its mood."""
    first, when = facts.evaluation[0], counted(it.step, 'step')
    if it.loss is None:
        return ([f'The loss on held-out samples is not finite after {when}.'],
                'training failed: the loss is not finite', 'bad')
    told = [f'The loss on held-out samples went from {short(first["loss"])} '
            f'(after {counted(int(first["step"]), "step")}) to '
            f'{short(it.loss)} (after {when}).']
    verdict = f'loss {_course(short, first["loss"], it.loss)}'
    if it.accuracy is not None:
        verdict = 'accuracy ' + _course(
            '{:.3f}'.format, first['accuracy'], it.accuracy)
        told.insert(0, f'The accuracy on held-out samples is '
                    f'{it.accuracy:.4f} after {when}; the best was '
                    f'{it.best_accuracy:.4f} after {it.best_step}.')
    trouble = _trouble(facts, it)
    return told, verdict + trouble, 'bad' if trouble else 'good'


def _course(form, first, last):
    """The first and the last number, if they are two."""
    if first == last or not np.isfinite(first):
        return form(last)
    return f'{form(first)} → {form(last)}'


def _trouble(facts, it):
    """End of a verdict that is not good, else empty."""
    several = len(facts.evaluation) > 1
    if several and it.loss >= float(facts.evaluation[0]['loss']):
        return '; the loss did not fall'
    if it.accuracy is not None and it.best_accuracy - it.accuracy > FELL:
        return f'; it was {it.best_accuracy:.3f}'
    return ''
