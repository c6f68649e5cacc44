"""The wrong and the slow of a run, as cards of the first screen."""

import numpy as np

from aspis_mpi.report.card import Card, listed, seconds
from aspis_mpi.report.trust import DEAD, SLOW, UNHEARD
from aspis_mpi.words import counted, share

#: Kinds of proof, as the end of a sentence.
PROOFS = {'disagreements': 'disagreeing with too many others',
          'audit': 'an audit, in which the server computed the file',
          'sketches': 'sketches of its own that contradict its vector',
          'malformed': 'sending what no honest worker sends'}

#: Share of the steps above which it is told that a worker was not heard, or
#: was slow, and of the seconds from which one was waited for a lot.
SILENT, OFTEN, MUCH = 0.05, 0.05, 0.1
#: So many times the slow steps of the median worker stand out.
TIMES = 3
#: Workers of which a verdict names all.
FEW = 4


# -- the wrong

def wrong_card(facts):
    """The card on who lied, when, and by which evidence."""
    truth = facts.summary.truth
    proofs, flags = list(_exposures(facts)), list(_flags(facts))
    told = [_used(facts), *_liars(facts), *_undone(facts)]
    # Without a proof, flags are the evidence that there is.
    if facts.summary.exposures:
        told += flags
    else:
        proofs += flags
    bad = truth.wrong_files or truth.flagged_wrong
    return Card('Was anybody wrong?', 'bad' if bad else 'good',
                _verdict(facts), ' '.join(proofs), told)


def _verdict(facts):
    wrong = _wrong(facts)
    verdict = 'nobody lied'
    if len(facts.summary.parts) > 1 and wrong:
        verdict = f'{counted(len(wrong), "worker")} lied, part by part'
    elif len(wrong) > FEW:
        verdict = f'{len(wrong)} workers lied'
    elif wrong:
        verdict = f'{_workers(sorted(it for it, _ in wrong))} lied'
    elif facts.summary.undone.wrong:
        verdict = 'somebody lied, in steps that were undone'
    truth = facts.summary.truth
    if truth.wrong_files:
        files = 'file' if truth.wrong_files == 1 else 'files'
        return f'{verdict}; {truth.wrong_files:,} wrong {files} used'
    if truth.flagged_wrong:
        return f'{verdict}; honest workers were flagged'
    if facts.summary.undone.wrong:
        return f'{verdict}; what they got in was undone'
    return f'{verdict}; no wrong file was used'


def _wrong(facts):
    """Those that lied by the truth, or by proof in undone steps, a set.

    Each is a number, and the part of the run that has it.  The log has the
    truth of the steps that stand; of undone ones it has the proofs.
    """
    parts = facts.summary.parts

    def part_of(step):
        return max((i for i, part in enumerate(parts, start=1)
                    if part.first_step <= step), default=1)

    return {(it.worker, it.part) for it in facts.liars} | {
        (it.worker, part_of(it.step)) for it in facts.undone_exposures}


def _workers(numbers):
    """Numbers of at least one worker, as the beginning of a sentence."""
    return ('worker ' if len(numbers) == 1 else 'workers ') + listed(numbers)


def _used(facts):
    truth = facts.summary.truth
    if not truth.wrong_files:
        stay = ' that stands' if facts.rollbacks else ''
        return f'No wrong file was used in any step{stay}.'
    word = 'file was' if truth.wrong_files == 1 else 'files were'
    return (f'{truth.wrong_files:,} wrong {word} used, in '
            f'{counted(truth.steps_with_wrong_files, "step")}, '
            f'at most {truth.wrong_files_most} in one.')


def _liars(facts):
    several = len(facts.summary.parts) > 1
    named = [f'{it.worker}' + (f' of part {it.part}' if several else '')
             + f' ({_when(it)})' for it in facts.liars]
    if named:
        yield f'By the truth of the log {_workers(named)} lied.'
    elif facts.rollbacks:
        yield 'By the truth of the log nobody lied in the steps that stand.'
    else:
        yield 'By the truth of the log nobody lied.'


def _when(liar):
    if liar.steps == 1:
        return f'once, in step {liar.first:,}'
    return (f'{liar.steps:,} times, from step {liar.first:,} to '
            f'{liar.last:,}')


def _undone(facts):
    """A sentence on the lies of steps of which nothing else is kept."""
    undone = facts.summary.undone
    if not undone.steps:
        return
    exposed = sorted({it.worker for it in facts.undone_exposures})
    yield (f'In the {counted(undone.steps, "step")} that were undone '
           f'{counted(undone.wrong, "wrong payload")} had been used'
           + (f'; proofs are of {_workers(exposed)}' if exposed else '')
           + '.')


def _exposures(facts):
    """A sentence for each kind of proof that was found."""
    found = facts.summary.exposures
    if not found:
        yield 'The server proved nobody wrong.'
    for kind in dict.fromkeys(it.proof for it in found):
        named = [f'{it.worker} in step {it.step:,}' for it in found
                 if it.proof == kind]
        yield (f'Proved wrong by {PROOFS.get(kind, kind)}: '
               f'{_workers(named)}.')


def _flags(facts):
    truth = facts.summary.truth
    if truth.flagged_right + truth.flagged_wrong + truth.flagged_missed:
        yield (f'Flags: precision {share(truth.precision)}, recall '
               f'{share(truth.recall)} ({truth.flagged_right:,} right, '
               f'{truth.flagged_wrong:,} on honest workers, '
               f'{truth.flagged_missed:,} missed).')


# -- the slow

def slow_card(facts):
    """The card on who was slow, or not heard at all."""
    question, n_steps = 'Was anybody slow?', len(facts.steps)
    if not n_steps:
        return Card(question, '', 'nothing yet', '', [])
    silent, slow, waited = _silent(facts), _slow(facts), facts.summary.waited
    share_of = _share(facts)
    verdict = []
    for named, what in ((silent, 'often not heard'), (slow, 'often slow')):
        if named:
            verdict.append((f'{len(named)} workers' if len(named) > FEW else
                            _workers(named)) + f' {what}')
    if not slow and waited and share_of(waited[0]) >= MUCH:
        verdict.append(f'waited for worker {waited[0].worker}')
    told = [_told_silent(facts, silent), _told_waited(waited, share_of),
            *_told_slow(facts, slow)]
    # What the verdict rests on comes first.
    evidence = told.pop(0 if silent else 2 if slow else 1)
    return Card(question, 'bad' if verdict else 'good',
                '; '.join(verdict) or 'nobody in particular', evidence, told)


def _share(facts):
    whole = np.nansum(facts.steps['seconds_step'])
    return lambda it: it.seconds / whole if whole else 0.0


def _often(counts, share_of_steps, n_steps):
    """Workers with so many steps, the largest counts first."""
    first = np.argsort(-counts, kind='stable')
    return first[counts[first] > share_of_steps * n_steps].tolist()


def _silent(facts):
    counts = np.isin(facts.states, (UNHEARD, DEAD)).sum(axis=1)
    return _often(counts, SILENT, len(facts.steps))


def _slow(facts):
    counts = (facts.states == SLOW).sum(axis=1)
    return [worker for worker in _often(counts, OFTEN, len(facts.steps))
            if counts[worker] > TIMES * np.median(counts)]


def _told_silent(facts, silent):
    if not silent:
        return 'Everybody was heard in nearly every step.'
    absent = np.isin(facts.states, (UNHEARD, DEAD))
    named = []
    for worker in silent:
        heard = np.flatnonzero(~absent[worker])
        last = heard[-1] + 1 if heard.size else 0
        since = ('' if last == len(facts.steps) else
                 f', from step {facts.steps["step"][last]:,} to the end')
        named.append(f'worker {worker} in '
                     f'{absent[worker].sum():,} steps{since}')
    return f'Not heard, or without work: {listed(named)}.'


def _told_waited(waited, share_of):
    if not waited:
        return 'The run waited for nobody in particular.'
    return 'The run waited ' + listed([
        f'{seconds(it.seconds)} ({share_of(it):.1%}) for worker {it.worker}'
        + (f', late in {it.late:,} steps' if it.late > 1 else '')
        for it in waited]) + '.'


def _told_slow(facts, slow):
    counts = (facts.states == SLOW).sum(axis=1)
    named = [f'worker {worker} in {counts[worker]:,}' for worker in slow]
    if named:
        yield (f'Slow steps: {listed(named)} of {len(facts.steps):,}; there '
               'it was late, or had under half of the files or over twice '
               'the time of the median.')
    elif counts.any():
        worst = int(counts.argmax())
        yield (f'Worker {worst} had the most slow steps: '
               f'{counts[worst]:,} of {len(facts.steps):,}.')
