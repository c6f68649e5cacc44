"""Tables of the page, and pieces of HTML in which nothing is obeyed."""

from html import escape

import numpy as np

from aspis_mpi.report.card import short
from aspis_mpi.report.cost import cost_of
from aspis_mpi.words import counted, printable, share, size

#: Rows of a table of proofs or events; CSV and table say if there are more.
ROWS = 500


def text(value):
    """A value as text of HTML, without what a browser would obey."""
    return escape(printable(str(value), keep='\n'))


def table(caption, heads, rows, sortable=False):
    """A table with its name.

    Parameters
    ----------
    caption : str
    heads : sequence of str
    rows : sequence of sequence
        A cell is a value, or a pair of what sorts and what is shown.
    sortable : bool
        Whether its heads sort it.
    """
    kind = ' class="sorts"' if sortable else ''
    head = ''.join(f'<th scope="col">{text(name)}</th>' for name in heads)
    body = '\n'.join('<tr>' + ''.join(map(_cell, row)) + '</tr>'
                     for row in rows)
    return (f'<div class="scroll" tabindex="0" role="region" '
            f'aria-label="{text(caption)}"><table{kind}>'
            f'<caption>{text(caption)}</caption><thead><tr>{head}</tr>'
            f'</thead><tbody>\n{body}\n</tbody></table></div>')


def _cell(value):
    if isinstance(value, tuple):
        sorts, shown = value
        return f'<td data-sort="{text(sorts)}">{text(shown)}</td>'
    kind = ' class="number"' if isinstance(value, int | float) else ''
    return f'<td{kind}>{text(value)}</td>'


def wrong_files(facts):
    """A sentence in the place of a picture without anything in it."""
    return ('' if facts.wrong_files.any() else
            '<p>No wrong file was used in any step.</p>')


def exposures(facts):
    """Proofs against workers with their evidence; a sentence without any."""
    if not facts.exposures:
        return '<p>The log has no proof against any worker.</p>'
    return _told(len(facts.exposures), 'proof') + table(
        'Proofs against workers', ('step', 'since turn', 'worker', 'proof',
                                   'evidence', 'tensors'),
        [(it.step, it.since, it.worker, it.proof.word, it.text,
          '; '.join(_tensor(tensor) for tensor in it.tensors))
         for it in facts.exposures[:ROWS]], sortable=True)


def _tensor(it):
    far = (f'{short(it.distance)} of its norm'
           if np.isfinite(it.distance) else 'not comparable')
    return f'{it.tensor}: {far}, {it.entries:,} of {it.size:,} entries'


def events(facts):
    """Events, warnings and all; a sentence without any."""
    if not facts.events:
        return '<p>The log has no event.</p>'
    return _told(len(facts.events), 'event') + table(
        'Events', ('seconds', 'level', 'rank', 'code', 'event'),
        [((it.time, f'{it.time:.3f}'), _level(it.level), it.rank,
          it.code.word, it.text) for it in facts.events[-ROWS:]],
        sortable=True)


def _level(number):
    return 'error' if number >= 40 else 'warning' if number >= 30 else 'note'


def _told(n, one):
    return (f'<p>{counted(n, one)} in all; {ROWS} are shown.</p>'
            if n > ROWS else '')


def rollbacks(facts):
    """Returns to an earlier step; a sentence without any."""
    if not facts.rollbacks:
        return '<p>The run never went back to an earlier step.</p>'
    return table(
        'Returns to an earlier step', (
            'turn', 'seconds', 'from step', 'to step', 'undone',
            'wrong payloads', 'files checked', 'exposed', 'cause'),
        [(it.turn, (it.seconds, f'{it.seconds:.3f}'), it.start, it.end,
          it.undone, it.wrong, *_undone(facts, i), it.cause.word)
         for i, it in enumerate(facts.rollbacks)], sortable=True)


def _undone(facts, i):
    """Files that were checked, and workers exposed, in what a return undid."""
    def falls(turn, step):
        # To the first of the returns that undo it.
        by, *before = [(turn < it.turn) & (step >= it.end)
                       for it in reversed(facts.rollbacks[:i + 1])]
        return by & ~np.any(before, axis=0) if before else by

    turns = facts.turns
    checked = turns.checked[falls(turns.turn, turns.step)]
    return int(checked.sum()), ', '.join(
        str(it.worker) for it in facts.undone_exposures
        if falls(np.int64(it.turn), np.int64(it.step)))


def states(caption, matrix, kinds):
    """Number of steps that each worker was in each state: all of them.

    Parameters
    ----------
    caption : str
    matrix : ndarray of int, shape (K, T)
    kinds : sequence of (str, Colour)
    """
    counts = [(matrix == i).sum(axis=1).tolist() for i in range(len(kinds))]
    seen = [i for i, each in enumerate(counts) if any(each)]
    heads = ('worker', *(kinds[i][0].partition(':')[0] for i in seen))
    return table(caption, heads,
                 [(worker, *(counts[i][worker] for i in seen))
                  for worker in range(len(matrix))], sortable=True)


def comparison(runs):
    """Runs beside each other, a row each."""
    heads = ('run', 'scheme', 'attack', 'workers', 'steps', 'accuracy',
             'best', 'loss', 'wrong files', 'precision', 'recall', 'exposed',
             'bytes a step', '× plain bytes', 'seconds a step',
             '× gradients', 'steps undone', 'warnings')
    return table('Runs side by side; a head sorts the table', heads,
                 list(map(_row, runs)), sortable=True)


def _row(facts):
    it, cost = facts.summary, cost_of(facts)
    return (
        facts.name, it.job.scheme or '', it.job.attack or 'none',
        it.job.n_workers, it.pace.steps, _known(it.quality.accuracy, '.4f'),
        _known(it.quality.best_accuracy, '.4f'), _known(it.quality.loss),
        it.truth.wrong_files, _share(it.truth.precision),
        _share(it.truth.recall), len(it.exposures),
        (it.pace.bytes_in or 0, size(it.pace.bytes_in or 0)),
        _known(cost and cost.bytes, '.3g'),
        _known(it.pace.seconds['step'], '.3g'),
        _known(cost and cost.gradients, '.3g'), it.undone.steps,
        it.n_warnings)


def _known(value, form='.4g'):
    return ('', '–') if value is None else (value, format(value, form))


def _share(value):
    return ('', '–') if value is None else (value, share(value))
