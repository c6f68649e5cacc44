"""Sentences on a run, of what `totals` counts."""

from pathlib import Path

from aspis_mpi.files.digests import brief
from aspis_mpi.runlog.totals import PHASES
from aspis_mpi.words import (
    counted, few, lasting, printable, share, short, size)

#: Workers that were wrong, and tensors of each, that are named.
MOST_WRONG, MOST_TENSORS = 3, 2

#: Transfers of which there is nothing to tell: every replica travels.
PLAIN = (None, 'replicas')


def rows(summary):
    """The rows of a summary, each a label and what it tells."""
    told = [('run', f'{summary.path}, written by {summary.package}, '
                    f'{summary.created}'),
            *_parts_row(summary), ('job', _tell_job(summary.job)),
            *_images_row(summary),
            ('attack', summary.job.attack or 'none'),
            ('steps', _tell_steps(summary.job, summary.pace)),
            ('accuracy', _tell_quality(summary.quality))]
    if summary.pace.steps:
        told += [('verdicts', _tell_verdicts(summary.verdicts)),
                 ('wrong', _tell_wrong_files(summary)),
                 _trust_row(summary), *_checks_row(summary),
                 *_tensors_row(summary), *_undone_row(summary.undone),
                 *_waited_row(summary), *_layouts_row(summary.layouts),
                 ('traffic', _tell_traffic(summary.pace)),
                 ('time', _tell_time(summary.pace))]
    if summary.pace.steps and summary.transfer.name not in PLAIN:
        told += [('transfer', _tell_transfer(
            summary.transfer, summary.pace.steps, summary.checks is None))]
    return [*told, ('warnings', _tell_warnings(summary))]


def in_brief(summary):
    """The run in a few words, as one of many."""
    job = summary.job
    told = [f'{job.scheme or "no preset"} on {tell_problem(job)}',
            counted(job.n_workers, 'worker'), job.attack or 'no attack',
            f'{_tell_done(job, summary.pace)} steps',
            _tell_score(summary.quality),
            counted(summary.truth.wrong_files, 'wrong file'),
            counted(summary.n_warnings, 'warning')]
    if summary.continues:
        told.insert(0, f'a part of {summary.continues}')
    if len(summary.parts) > 1:
        told.insert(0, counted(len(summary.parts), 'part'))
    return ', '.join(told)


def _parts_row(summary):
    """The logs of a run that has several, or where a later one belongs."""
    first, *later = summary.parts
    if summary.continues:
        yield 'part', (f'of {summary.continues}, from step '
                       f'{first.first_step} on')
    if later:
        yield 'parts', '; '.join([
            f"{len(summary.parts)}: {counted(first.n_workers, 'worker')}",
            *(f'{part.n_workers} from step {part.first_step} on '
              f'({Path(part.path).name})' for part in later)])


def _images_row(summary):
    """Row of the set of images, and of how `prepare` had checked it."""
    if summary.images:
        yield 'images', '; '.join(
            printable(brief(it)) for it in summary.images)


def _trust_row(summary):
    """Row of flags; where a rule certifies, of files and exposures."""
    it = summary.trust
    if it is None:
        return 'flagged', _tell_flags(summary)
    return ('trust', f'files a step: {it.certified:.3g} certified, '
            f'{it.presumed:.3g} presumed, {it.lost:.3g} lost; exposed: '
            f'{few(it.exposed) or "nobody"}')


def _checks_row(summary):
    """Row of spot checks, if there are any."""
    it = summary.checks
    if it is None:
        return
    first, *others = it.found
    told = ', '.join([
        f'{share(first.probability)} if {_percent(first.share)} of its files '
        'are wrong', *(f'{share(one.probability)} if {_percent(one.share)} '
                       'are' for one in others)])
    undone = f", {counted(it.undone, 'more turn')} undone" * bool(it.undone)
    yield 'checks', (
        f"{counted(it.files, 'file')} in {it.steps} of "
        f"{counted(summary.pace.steps, 'step')}{undone}; a liar would have "
        f'been found by now with probability {told}; exposed: '
        f'{few(it.exposed) or "nobody"}')


def _percent(value):
    """A share in per cent.

    >>> _percent(0.01)
    '1 %'
    """
    return f'{100 * value:g} %'


def _tensors_row(summary):
    """Row of the tensors in which exposed workers were wrong, if known."""
    found = [it for it in summary.exposures if it.tensors]
    told = [f'worker {it.worker}, step {it.step}: '
            + few(list(map(_tell_tensor, it.tensors)), MOST_TENSORS)
            for it in found[:MOST_WRONG]]
    if told:
        rest = len(found) - len(told)
        yield 'tensors', '; '.join(told) + (
            f'; {counted(rest, "more worker")}' if rest else '')


def _tell_tensor(tensor):
    far = ('not comparably' if tensor.distance is None else
           f'by {short(tensor.distance)} of its norm')
    return (f'{printable(tensor.name)} {far} '
            f'({tensor.entries:,} of {tensor.size:,} entries)')


def _undone_row(undone):
    """Row of the times that the run went back, if it did."""
    if not undone.times:
        return
    one = undone.times == 1
    hand = f', {undone.by_hand} by hand' if undone.by_hand else ''
    yield 'undone', (
        f"went back {'once' if one else f'{undone.times} times'}"
        f"{', by hand' if one and hand else hand}: "
        f"{counted(undone.steps, 'step')} undone"
        + ('' if one else f', {undone.most} at most in one go')
        + f", with {counted(undone.wrong, 'wrong payload')} in "
        + ('it' if undone.steps == 1 else 'them')
        + (f'; exposed there: {few(undone.exposed)}'
           if undone.exposed else ''))


def _waited_row(summary):
    """Row of workers that the run has waited for, if for any."""
    told = [f'worker {it.worker} {short(it.seconds)} s'
            + (f" (late in {counted(it.late, 'step')})" if it.late else '')
            for it in summary.waited]
    if told:
        yield 'waited', 'for ' + ', '.join(told)


def _layouts_row(layouts):
    """Row of the layouts of files by speeds, where there are any."""
    if layouts is not None and layouts.changes:
        yield 'layouts', (
            f'files went to others {counted(layouts.changes, "time")}; from '
            f'step {layouts.last_step} on {layouts.fewest} to {layouts.most} '
            'a worker')


def tell_problem(job):
    """The problem of a job and its model, as one word each."""
    return f'{job.problem}' + (f' ({job.model})' if job.model else '')


def _tell_job(job):
    return (f'{job.scheme or "no preset"} on {tell_problem(job)}; '
            f"{counted(job.n_workers, 'worker')}, "
            f"{_tell_files(job)} on {job.replication} each; "
            f'detection {job.detection}, aggregation {job.aggregation}')


def _tell_files(job):
    """The files of a step, and of what they are parts."""
    if job.whole_files is None:
        return counted(job.n_files, 'file')
    return f"{job.n_files} nodes of {counted(job.whole_files, 'file')}"


def _tell_done(job, pace):
    return f'{pace.steps}' + (f' of {job.steps}' if job.steps else '')


def _tell_steps(job, pace):
    second = 'virtual second' if pace.clock == 'virtual' else 'second'
    text = f'{_tell_done(job, pace)} done'
    if pace.steps_per_second:
        text += f'; {short(pace.steps_per_second)} a {second}'
    if pace.samples_per_second:
        text += f', {short(pace.samples_per_second)} samples a {second}'
    return text


def _tell_score(quality):
    """The last evaluation alone."""
    if quality.accuracy is not None:
        return f'accuracy {quality.accuracy:.4f}'
    if quality.step is None:
        return 'not evaluated yet'
    return 'loss ' + ('not finite' if quality.loss is None
                      else short(quality.loss))


def _tell_quality(quality):
    if quality.step is None:
        return 'not evaluated yet'
    loss = 'not finite' if quality.loss is None else short(quality.loss)
    if quality.best_accuracy is None:
        return f"none; loss {loss} after {counted(quality.step, 'step')}"
    now = 'NaN' if quality.accuracy is None else f'{quality.accuracy:.4f}'
    return (f"{now} after {counted(quality.step, 'step')}, loss {loss}; best "
            f'{quality.best_accuracy:.4f} after {quality.best_step}')


def _tell_verdicts(verdicts):
    return ', '.join(f'{count} {verdict}'
                     for verdict, count in verdicts.items() if count)


def _standing(undone):
    """End of a sentence that is of the steps that were not undone."""
    return ' in the steps that stand' if undone.times else ''


def _tell_wrong_files(summary):
    truth = summary.truth
    if not truth.wrong_files:
        return f'no wrong file was used{_standing(summary.undone)}'
    used = counted(truth.wrong_files, 'wrong file was', 'wrong files were')
    return (f'{used} used in '
            f"{counted(truth.steps_with_wrong_files, 'step')}; "
            f'{truth.wrong_files_mean:.2f} a step on average, '
            f'{truth.wrong_files_most} at most')


def _tell_flags(summary):
    truth = summary.truth
    right, wrong = truth.flagged_right, truth.flagged_wrong
    if not right + wrong + truth.flagged_missed:
        return f'nobody, and nobody lied{_standing(summary.undone)}'
    return (f'precision {share(truth.precision)}, recall '
            f"{share(truth.recall)}: {counted(right, 'time')} an adversary, "
            f"{counted(wrong, 'time')} an honest worker; "
            f"{counted(truth.flagged_missed, 'time')} one that lied was "
            'missed')


def _tell_traffic(pace):
    return (f'{size(pace.bytes_in)} into the server and '
            f'{size(pace.bytes_out)} out of it a step')


def _tell_transfer(transfer, n_steps, tells_epochs=True):
    """Its exactness; of epochs only where each has new vectors."""
    code = f' ({transfer.code})' if transfer.code else ''
    exact = n_steps - transfer.approximate_steps
    parts = [f'{transfer.name}{code} after {transfer.collection}: {exact} of '
             f"{counted(n_steps, 'step')} exact"]
    if transfer.approximate_steps:
        parts.append(f'mean residual {short(transfer.residual)} in the '
                     'others')
    if transfer.incomplete_steps:
        parts.append(f'{transfer.incomplete_steps} incomplete')
    if transfer.steps_of_several_epochs and tells_epochs:
        parts.append(f'{transfer.steps_of_several_epochs} of several epochs')
    if transfer.waiting is not None:
        parts.append(f'{100 * transfer.waiting:.0f} % of the time was '
                     'waiting')
    return ', '.join(parts)


def _tell_time(pace):
    if pace.seconds['step'] == 0:
        return f'none passed on the {pace.clock} clock'
    parts = [f'{phase} {lasting(pace.seconds[phase])}'
             for phase in PHASES if pace.seconds[phase] is not None]
    if pace.seconds['step'] is not None:
        parts.insert(0, f'{lasting(pace.seconds["step"])} a step')
    return ', '.join(parts)


def _tell_warnings(summary):
    if not summary.n_warnings:
        return 'none'
    shown = len(summary.last_warnings)
    rest = f'; the last {shown}' if shown < summary.n_warnings else ''
    return f'{summary.n_warnings} in all{rest}:'
