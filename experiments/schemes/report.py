"""From the cells of the sweeps to a page, and what must hold in it."""

import math

from experiments.pages import Condition, markdown, paragraph
from experiments.schemes.cells import NONE, RANDOM

#: What liars send, and which of them there are: columns of a table.
VALUES, LIARS = ('alie', 'constant', 'min-max'), (RANDOM, 'worst')
#: Where any set of liars is the worst, and where these can be told apart.
PLAIN = 'mean', 'median', 'multi-krum', 'bulyan', 'nnm'
EXACT = 'draco', 'draco-cyclic'
#: With what the published claim compares Aspis: aggregation alone, and votes.
BEFORE = 'median', 'multi-krum', 'bulyan', 'detox', 'byzshield'
#: The scheme that the claim is made for, and those that go beyond it here.
CLAIMED, BEYOND = 'aspis', ('core', 'certified')
#: Points by which accuracies may differ that should be equal.
CLOSE = 1.0


class Report:
    """The results of one network, as Markdown.

    Parameters
    ----------
    cells : list of Cell
    labels : dict of str to str
        Schemes as a person calls them, in the order of the tables.
    batch : int
        Samples of a step.
    """

    def __init__(self, cells, labels, batch):
        self.labels = labels
        self.batch = batch
        self._all = cells
        self._cells = {(it.scheme, it.q, it.liars, it.value): it
                       for it in cells if it.measured}
        self.numbers = sorted({it.q for it in self._cells.values()})

    def cell(self, scheme, q, liars, value):
        """A cell, or None; of those without an attack there is one q."""
        if value == NONE:
            found = (self._cells.get((scheme, n, it, NONE))
                     for n in self.numbers for it in LIARS)
            return next(filter(None, found), None)
        if scheme in PLAIN + EXACT and (
                scheme, q, liars, value) not in self._cells:
            liars = next(it for it in LIARS if it != liars)
        return self._cells.get((scheme, q, liars, value))

    def attacked(self, scheme, q, liars=LIARS):
        """The cells of a scheme that are there, with an attack."""
        found = (self.cell(scheme, q, who, value)
                 for who in liars for value in VALUES)
        return [cell for cell in found if cell is not None]

    def lowest(self, scheme, q, liars=LIARS):
        """The lowest mean accuracy of a scheme under attack; NaN if none."""
        return min((it.accuracy for it in self.attacked(scheme, q, liars)),
                   default=math.nan)

    def best_before(self, q):
        """Name and lowest mean of what stands best without Aspis, or None."""
        lowest = {it: self.lowest(it, q) for it in BEFORE
                  if self.attacked(it, q)}
        if not lowest:
            return None
        best = max(lowest, key=lowest.get)
        return best, lowest[best]

    def section(self, q):
        """The table for one number of liars, with what is missing in it."""
        return '\n\n'.join(filter(None, [
            f'## {q} of 15 workers lie', self.missing(q), self.table(q)]))

    def missing(self, q):
        """A sentence where runs are missing, else empty."""
        cells = [it for it in self._all if it.q == q]
        there, of = (sum(it) for it in zip(*(
            (cell.measured, cell.runs) for cell in cells)))
        return '' if there == of else (
            f'{there} of {of} runs so far.')

    def table(self, q, liars=LIARS):
        """Accuracies of all schemes for one number of liars."""
        headings = ['scheme', 'no attack', *(
            f'{who}: {value}' for who in liars for value in VALUES), 'lowest']
        return markdown(headings, [
            [label, told(self.cell(scheme, q, RANDOM, NONE)),
             *(self._place(scheme, q, who, value)
               for who in liars for value in VALUES),
             f'{self.lowest(scheme, q, liars):.1f}']
            for scheme, label in self.labels.items()
            if self.attacked(scheme, q, liars)])

    def _place(self, scheme, q, liars, value):
        """An accuracy, or a sign that it stands in another column."""
        if liars != RANDOM and scheme in PLAIN + EXACT and (
                scheme, q, liars, value) not in self._cells:
            return '='
        return told(self.cell(scheme, q, liars, value))

    def costs(self):
        """Gradients and megabytes of a step, for each number of liars."""
        headings = ['scheme', *(f'{what}, q = {q}' for what in (
            'gradients', 'MB') for q in self.numbers)]
        return markdown(headings, [
            [label, *(self._cost(scheme, q, lambda it: (
                f'{self.batch * it.gradients:,.0f}')) for q in self.numbers),
             *(self._cost(scheme, q, lambda it: f'{it.megabytes:.1f}')
               for q in self.numbers)]
            for scheme, label in self.labels.items()
            if any(self.attacked(scheme, q) for q in self.numbers)])

    def _cost(self, scheme, q, written):
        """The most that a scheme costs under any attack."""
        found = self.attacked(scheme, q)
        return written(max(found, key=lambda it: (it.gradients, it.megabytes))
                       ) if found else '–'

    def claim(self):
        """The published claim beside what was measured."""
        told_ = [it for q in self.numbers if (it := self._claim(q))]
        return paragraph(
            'Published for Aspis on CIFAR-10: about 30 points more than the '
            'state of the art. Measured here, by the lowest number of each: '
            + '; '.join(told_) + '.') if told_ else ''

    def _claim(self, q):
        """Points above the best before, of those that were measured."""
        gained = [it for it in (CLAIMED, *BEYOND) if self.attacked(it, q)]
        before = self.best_before(q)
        if before is None or CLAIMED not in gained:
            return ''
        best, reached = before
        return (f'q = {q}, where {self.labels[best]} stands best of what '
                f'Aspis is compared with ({reached:.1f}): ' + ', '.join(
                    f'{self.labels[it]} '
                    f'{signed(self.lowest(it, q) - reached)}'
                    for it in gained)
                + f' (Aspis attack by attack: {self._by_attack(q)})')

    def _by_attack(self, q):
        """Points of Aspis above the best before, under each attack."""
        gains = []
        for value in VALUES:
            mine = self.cell(CLAIMED, q, 'worst', value)
            others = [it.accuracy for scheme in BEFORE
                      if (it := self.cell(scheme, q, 'worst', value))]
            if mine and others:
                gains.append(f'{value} '
                             f'{signed(mine.accuracy - max(others))}')
        return ', '.join(gains)

    def calm(self, scheme):
        """Accuracy of a scheme without an attack, in per cent."""
        return self.cell(scheme, None, RANDOM, NONE).accuracy

    def conditions(self):
        """Conditions on the cells, whatever the accuracies are."""
        cells = self._cells.values()
        furthest = max((abs(it.accuracy - self.calm('mean')) for it in cells
                        if it.scheme in EXACT), default=0.0)
        yield Condition(
            furthest < CLOSE, 'DRACO ends within '
            f'{furthest:.2f} points of the mean without an attack')
        moved = max(self._moved('certified', q, who)
                    for q in self.numbers for who in LIARS)
        yield Condition(not moved, 'certified ends with accuracies that '
                        f'differ by {moved:g} points, whatever liars send')

    def _moved(self, scheme, q, liars):
        """Points between the values that the same liars send."""
        found = [it.accuracy for it in self.attacked(scheme, q, [liars])]
        return max(found) - min(found) if found else 0.0


def told(cell):
    """An accuracy as a table has it."""
    if cell is None:
        return '–'
    spread = ('' if math.isnan(cell.deviation)
              else f' ± {cell.deviation:.1f}')
    return (f'{cell.accuracy:.1f}{spread}'
            + (f' †{cell.ended_early}' if cell.ended_early else ''))


def signed(points):
    """Points with their sign, a true minus."""
    return f'{points:+.1f}'.replace('-', '−')
