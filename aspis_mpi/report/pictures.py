"""The pictures of a run: each a record for the script of the page."""

import numpy as np

from aspis_mpi.report import palette
from aspis_mpi.report.series import (
    Series, chart, columns_of, curves, state_map)
from aspis_mpi.report.trust import STATES
from aspis_mpi.report.truth import KINDS
from aspis_mpi.report.turns import CHECKS
from aspis_mpi.runlog.totals import PHASES
from aspis_mpi.schemes.record import DrawKind

#: Draws that a page has at most.
DRAWS = 20_000

FILES = (('certified', palette.BLUE), ('presumed', palette.SKY),
         ('dropped', palette.ORANGE), ('missing', palette.INK),
         ('checked', palette.GREEN))
BARS = (('finished and used', palette.BLUE),
        ('finished, compared only', palette.SKY),
        ('finished, not part of the sum', palette.GREY),
        ('worked until its last report, or its sum', palette.BLUE))


def pictures(facts, n_runs=1):
    """The pictures of a run, by the name of their section.

    Parameters
    ----------
    facts : Facts
    n_runs : int
        Runs on the page.

    Returns
    -------
    dict of str to list of dict
        For JSON; a section with nothing to show has none.
    """
    found = {'training': list(_training(facts, n_runs))}
    if not len(facts.steps):
        return found
    lines = columns_of(facts.steps['step'], n_runs)
    cells = columns_of(facts.steps['step'], n_runs, len(facts.states))
    return found | {
        'detection': [
            state_map('Detection against the truth', facts.kinds, KINDS,
                      cells, 'Rows are workers. The server does not know '
                      'who lies; the log does.' + _lost(facts)),
            *_wrong(facts, lines)],
        'trust': [state_map('Trust in each worker', facts.states, STATES,
                            cells, 'Rows are workers, as the server saw '
                            'them.') | _returns(facts)],
        'course': [_courses(facts)] if facts.courses else [],
        'files': [chart('Files of each step', 'files', _files(facts), lines)],
        'cost': [chart('Bytes of each step', 'bytes', _bytes(facts), lines,
                       logarithmic=True),
                 chart(f'Seconds of each step ({facts.summary.pace.clock} '
                       'clock)', 'seconds', _seconds(facts), lines)],
        'returns': [*_turns(facts, n_runs), *_draws(facts)]}


def comparison(runs):
    """Curves of several runs, one line each."""
    colours = [palette.LINES[i % len(palette.LINES)]
               for i in range(len(runs))]

    def lines(column):
        return [Series(it.label, it.evaluation[column], colour)
                for it, colour in zip(runs, colours)]

    steps = [it.evaluation['step'] for it in runs]
    if any(np.isfinite(it.evaluation['accuracy']).any() for it in runs):
        yield curves('Accuracy on held-out samples', 'accuracy', steps,
                     lines('accuracy'))
    if any(map(len, steps)):
        yield curves('Loss on held-out samples', 'loss', steps, lines('loss'),
                     logarithmic=True)


def _training(facts, n_runs):
    evaluation, name = facts.evaluation, 'held-out samples'
    if np.isfinite(evaluation['accuracy']).any():
        yield curves('Accuracy', 'accuracy', [evaluation['step']],
                     [Series(name, evaluation['accuracy'], palette.BLUE)])
    if len(evaluation):
        yield curves('Loss', 'loss', [evaluation['step']],
                     [Series(name, evaluation['loss'], palette.BLUE)],
                     logarithmic=True)
    steps = facts.steps
    if len(steps) and np.isfinite(steps['loss']).any():
        yield chart('Loss on the batches', 'loss',
                    [Series('batch', steps['loss'], palette.RED)],
                    columns_of(steps['step'], n_runs), logarithmic=True) | {
                        'points': True}
    if len(steps) and np.isfinite(steps['gradient_norm']).any():
        yield chart('Norm of the aggregated gradient', 'norm',
                    [Series('norm', steps['gradient_norm'], palette.GREEN)],
                    columns_of(steps['step'], n_runs), logarithmic=True)


def _wrong(facts, lines):
    if facts.wrong_files.any():
        yield chart('Wrong files that were used', 'files',
                    [Series('wrong files', facts.wrong_files, palette.RED)],
                    lines)


def _lost(facts):
    """A sentence on what the truth does not have, or nothing."""
    return ('' if not facts.rollbacks else
            ' Of undone steps it has kept nothing but how many wrong payloads '
            'were used: see Checks and returns.')


def _turns(facts, n_runs):
    """The run turn by turn, where it went back or spots were checked."""
    it = facts.turns
    columns = columns_of(it.turn, n_runs)
    if facts.rollbacks:
        yield chart('Steps of the run, turn by turn', 'step', [
            Series('stands', _where(it.step, ~it.undone), palette.BLUE),
            Series('undone later', _where(it.step, it.undone),
                   palette.ORANGE),
            Series('a worker was exposed', _where(
                it.step, it.exposed > 0), palette.RED, shape='dots')],
            columns, 'Each turn does one step; where the line falls, the run '
            'went back.', axis='turn') | {
                'marks': [back.turn - 0.5 for back in facts.rollbacks],
                'marked': {'name': 'the run went back here',
                           'colour': palette.BACK}}
    if it.checked.any():
        yield chart('Files that one more worker computed', 'files', [
            Series('in turns that stand', _where(it.checked, ~it.undone),
                   palette.BLUE, shape='bars'),
            Series('in turns that were undone', _where(
                it.checked, it.undone), palette.ORANGE, shape='bars')],
            columns, axis='turn')


def _where(values, known):
    """Numbers where they are known, else NaN."""
    return np.where(known, values, np.nan)


def _draws(facts):
    """Draws by chance, as rows without a picture."""
    found = facts.draws
    if len(found):
        more = ('' if len(found) <= DRAWS else
                f' These are the first {DRAWS:,} of {len(found):,}; '
                '`load_run(path).draws` has all.')
        yield {'kind': 'rows', 'title': 'Draws of the server',
               'about': 'Coins, seeds, and who checks which file, of undone '
               'turns as well.', 'note': more, 'heads': [
                   'turn', 'step', 'epoch', 'drawn', 'seed', 'worker',
                   'file'],
               'rows': list(map(_draw, found[:DRAWS]))}


def _draw(row):
    kind = DrawKind.numbered(int(row['kind']))
    seed = (int(row['seed_high']) << 64) + int(row['seed_low'])
    computes = kind in CHECKS
    return [*(int(row[name]) for name in ('turn', 'step', 'epoch')),
            kind.word, f'{seed:032x}' if kind is DrawKind.CHALLENGE else '',
            int(row['worker']) if computes else '',
            int(row['checks']) if computes else '']


def _files(facts):
    return [Series(name, facts.steps[f'files_{name}'], colour)
            for name, colour in FILES] + [
        Series('audited', facts.steps['audits'], palette.PINK)]


def _bytes(facts):
    return [Series('into the server', facts.steps['bytes_in'], palette.BLUE),
            Series('out of it', facts.steps['bytes_out'], palette.SKY),
            Series('if all replicas had been sent', facts.replicas.nbytes,
                   palette.RED)]


def _seconds(facts):
    colours = dict(zip(PHASES, palette.LINES[1:]))
    return [Series('the whole step', facts.steps['seconds_step'],
                   palette.BLUE)] + [
        Series(name, facts.steps[f'seconds_{name}'], colours[name])
        for name in PHASES]


def _returns(facts):
    """Lines at the steps that the run went back to."""
    return {'marks': [it.end - 0.5 for it in facts.rollbacks],
            'marked': {'name': 'the run went back to here',
                       'colour': palette.BACK}}


def _courses(facts):
    return {'kind': 'course', 'title': 'Course of a step',
            'axis': 'seconds since the parameters were sent',
            'about': 'Rows are workers. Choose another step in the list.',
            'note': '' if facts.courses[0]['arrivals'] else
            'This log has no arrivals, so that a worker has one bar, until '
            'its last report; log.detail = "arrivals" keeps each file.',
            'bars': [{'name': name, 'colour': colour}
                     for name, colour in BARS],
            'steps': facts.courses}
