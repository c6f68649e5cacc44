"""The first screen: sentences on a run, by the questions that they answer."""

from typing import NamedTuple

import numpy as np

from aspis_mpi.report.trust import DEAD, UNHEARD
from aspis_mpi.runlog.totals import PHASES
from aspis_mpi.words import counted, few, share, size

#: Workers, proofs and events that are named.
NAMED = 6
#: Share of the steps above which it is told that a worker was not heard.
SILENT = 0.05


class Card(NamedTuple):
    """A question and its answer."""

    question: str
    mood: str                   # good, bad, or empty where neither is
    verdict: str                # the answer in a few words
    sentences: list[str]


def cards(facts):
    """The cards of a run, in the order in which a reader asks.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    list of Card
    """
    return [_run(facts), _outcome(facts), _wrong(facts), _cost(facts)]


def notices(facts):
    """Sentences on what a reader must know before all else, maybe none."""
    summary = facts.summary
    done, wanted = summary.pace.steps, summary.job.steps
    if wanted and done < wanted:
        yield (f'The log holds {done} of {counted(wanted, "step")}: it is '
               'still being written, or the run was stopped or cut off. What '
               'stands here is complete up to its last step; make the report '
               'again to see more.')
    if not done:
        yield 'No step is complete yet, so that there is nothing to draw.'
    if summary.continues:
        yield (f'This log is a later part of {summary.continues}; a report '
               'of that one shows the whole run.')


# -- the run and its outcome

def _run(facts):
    it, summary = facts.summary.job, facts.summary
    model = f' ({it.model})' if it.model else ''
    told = [f'{counted(it.n_workers, "worker")} trained {it.problem}{model} '
            f'with {it.scheme or "no preset"}; each of '
            f'{counted(it.n_files, "file")} was computed by '
            f'{it.replication} of them.',
            f'Detection is {it.detection}, aggregation {it.aggregation}; '
            + (f'{it.attack} attacked.' if it.attack else
               'no attack was asked for.')]
    if len(summary.parts) > 1:
        told.append(f'The run went on with other numbers of workers: '
                    f'{_sizes(summary.parts)}.')
    if summary.images:
        told.append(f'Images: {few(summary.images, 2)}.')
    clock = ('on a virtual clock, in one process'
             if summary.pace.clock == 'virtual' else
             f'by {counted(summary.n_ranks, "rank")}')
    told.append(f'It was begun {summary.created} {clock}, with '
                f'{summary.package}.')
    done = summary.pace.steps
    of = f' of {it.steps:,}' if it.steps else ''
    mood = 'bad' if it.steps and done < it.steps else ''
    return Card('What was run?', mood, f'{done:,}{of} steps of '
                f'{it.scheme or it.detection}', told)


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
    return Card('What came out?', mood, verdict, told)


def _quality(facts, it):
    first, when = facts.evaluation[0], counted(it.step, 'step')
    if it.loss is None:
        return ([f'The loss on held-out samples is not finite after {when}.'],
                'training failed: the loss is not finite', 'bad')
    fell = it.loss < float(first['loss']) or len(facts.evaluation) == 1
    told = [f'The loss on held-out samples went from {short(first["loss"])} '
            f'(after {counted(int(first["step"]), "step")}) to '
            f'{short(it.loss)} (after {when}).']
    verdict = f'loss {short(it.loss)}'
    if it.accuracy is not None:
        verdict = f'accuracy {it.accuracy:.4f}'
        told.insert(0, f'The accuracy on held-out samples is '
                    f'{it.accuracy:.4f} after {when}; the best was '
                    f'{it.best_accuracy:.4f} after {it.best_step}.')
    if not fell:
        verdict += '; the loss did not fall'
    return told, verdict, 'good' if fell else 'bad'


# -- the wrong and the slow

QUESTION = 'Was anybody wrong or slow?'


def _wrong(facts):
    truth = facts.summary.truth
    told = [_used(truth), *_liars(facts), *_exposures(facts), *_flags(truth),
            *_slow(facts)]
    verdict = (counted(len(facts.liars), 'worker') + ' lied'
               if facts.liars else 'nobody lied')
    if truth.wrong_files:
        files = 'file' if truth.wrong_files == 1 else 'files'
        return Card(QUESTION, 'bad', f'{verdict}; '
                    f'{truth.wrong_files:,} wrong {files} used', told)
    if truth.flagged_wrong:
        return Card(QUESTION, 'bad',
                    f'{verdict}; honest workers were flagged', told)
    return Card(QUESTION, 'good',
                f'{verdict}; no wrong file was used', told)


def _liars(facts):
    several = len(facts.summary.parts) > 1
    named = [f'{it.worker}' + (f' of part {it.part}' if several else '')
             + f' ({_when(it)})' for it in facts.liars]
    word = 'worker' if len(named) == 1 else 'workers'
    yield (f'By the truth of the log {word} {few(named, NAMED)} lied.'
           if named else 'By the truth of the log nobody lied.')


def _when(liar):
    if liar.steps == 1:
        return f'once, in step {liar.first:,}'
    return (f'{liar.steps:,} times, from step {liar.first:,} to '
            f'{liar.last:,}')


def _exposures(facts):
    """A sentence for each kind of proof that was found."""
    found = facts.summary.exposures
    if not found:
        yield 'The server proved nobody wrong.'
    for kind in dict.fromkeys(it.proof for it in found):
        named = [f'{it.worker} in step {it.step:,}' for it in found
                 if it.proof == kind]
        word = 'worker' if len(named) == 1 else 'workers'
        yield (f'Proved wrong by {PROOFS.get(kind, kind)}: {word} '
               f'{few(named, NAMED)}.')


#: Kinds of proof, as the end of a sentence.
PROOFS = {'disagreements': 'disagreeing with too many others',
          'audit': 'an audit, in which the server computed the file',
          'sketches': 'sketches of its own that contradict its vector',
          'malformed': 'sending what no honest worker sends'}


def _used(truth):
    if not truth.wrong_files:
        return 'No wrong file was used in any step.'
    word = 'file was' if truth.wrong_files == 1 else 'files were'
    return (f'{truth.wrong_files:,} wrong {word} used, in '
            f'{truth.steps_with_wrong_files:,} steps, '
            f'at most {truth.wrong_files_most} in one.')


def _flags(truth):
    if truth.flagged_right + truth.flagged_wrong + truth.flagged_missed:
        yield (f'Flags: precision {share(truth.precision)}, recall '
               f'{share(truth.recall)} ({truth.flagged_right:,} right, '
               f'{truth.flagged_wrong:,} on honest workers, '
               f'{truth.flagged_missed:,} missed).')


def _slow(facts):
    waited = facts.summary.waited
    if waited:
        yield 'The run waited for ' + ', '.join(
            f'worker {it.worker} for {seconds(it.seconds)}'
            + (f' (late in {counted(it.late, "step")})' if it.late else '')
            for it in waited) + '.'
    silent = np.isin(facts.states, (UNHEARD, DEAD)).sum(axis=1)
    often = np.argsort(-silent, kind='stable')[:NAMED]
    named = [f'worker {worker} in {counted(int(silent[worker]), "step")}'
             for worker in often.tolist()
             if silent[worker] > SILENT * len(facts.steps)]
    if named:
        yield f'Not heard, or without work: {", ".join(named)}.'
    if not waited and not named:
        yield 'The run waited for nobody in particular.'


# -- the cost

def _cost(facts):
    job, pace = facts.summary.job, facts.summary.pace
    if not pace.steps:
        return Card('What did protection cost?', '', 'nothing yet', [])
    extra = recomputed(facts)
    told = [f'Gradients: every file was computed {job.replication} times, '
            + (f'and {extra:.1%} of them once more to audit or to check.'
               if extra else 'and none once more to check.')]
    told += [*_bytes(facts), *_seconds(pace)]
    undone = sum(it.undone for it in facts.rollbacks)
    if undone:
        told.append(f'{counted(undone, "step")} had to be done again after '
                    f'{counted(len(facts.rollbacks), "return", "returns")} '
                    'to an earlier step.')
    return Card('What did protection cost?', '',
                f'{job.replication + extra:.3g} × the gradients'
                + _times(facts), told)


def recomputed(facts):
    """Files that were audited or checked, for each file of the run."""
    steps, files = facts.steps, facts.n_files.sum()
    again = steps['audits'].sum(dtype=int) + steps['files_checked'].sum(
        dtype=int)
    return float(again / files) if files else 0.0


def plain_bytes(facts):
    """Bytes into the server a step if each worker sent one vector."""
    workers = np.repeat(
        [part.n_workers for part in facts.summary.parts],
        [part.steps for part in facts.summary.parts])
    return float(workers.mean()) * 4 * facts.replicas.d


def _times(facts):
    plain = plain_bytes(facts)
    if not plain:
        return ''
    return f', {facts.summary.pace.bytes_in / plain:.3g} × the bytes'


def _bytes(facts):
    sent, plain = facts.summary.pace.bytes_in, plain_bytes(facts)
    every = float(facts.replicas.nbytes.mean())
    yield (f'Bytes: {size(sent)} a step came into the server and '
           f'{size(facts.summary.pace.bytes_out)} left it; one plain vector '
           f'of each worker would be {size(plain)}, all replicas '
           f'{size(every)}.')


def _seconds(pace):
    whole = pace.seconds['step']
    if not whole:
        yield f'Seconds: none passed on the {pace.clock} clock.'
        return
    shares = ', '.join(
        f'{name} {pace.seconds[name] / whole:.0%}'
        for name in PHASES if pace.seconds[name] is not None)
    virtual = 'virtual ' if pace.clock == 'virtual' else ''
    yield f'Seconds: a step took {seconds(whole, virtual)}: {shares}.'


def short(value):
    """A number with about three digits.

    >>> short(0.12345), short(12345.6), short(float('nan'))
    ('0.123', '12,346', 'not finite')
    """
    if not np.isfinite(value):
        return 'not finite'
    return f'{value:.3g}' if abs(value) < 100 else f'{value:,.0f}'


def seconds(value, kind=''):
    """A duration.

    >>> seconds(0.01234), seconds(90.0)
    ('12.3 ms', '90 s')
    """
    if value >= 1:
        return f'{short(value)} {kind}s'
    return f'{value * 1e3:.3g} {kind}ms'
