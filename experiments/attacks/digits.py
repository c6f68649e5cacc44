"""What attacks cost on handwritten digits: every attack, every defence."""

from experiments.attacks.grid import VALUES, Grid, Row, Run
from experiments.attacks.report import Table
from experiments.pages import paragraph

AGGREGATIONS = ('mean', 'median', 'median-of-means', 'trimmed-mean',
                'geometric-median')


class Digits(Table):
    """The table of the 1,797 digits, which come with the package."""

    job, page = 'digits.toml', 'TABLE.md'
    title, data = 'What attacks cost', 'Digits, `mlp`'
    chosen = 'the cells marked \\*'
    grid = Grid(
        values=tuple(VALUES),
        uncoded=(Row('uncoded', 'mean', 'ATT-1'),
                 Row('uncoded', 'median', 'ATT-1')),
        # All liars are found, so the mean is taken, whatever the job asks for.
        found=(Row('aspis', 'median-of-means', 'ATT-1'),
               Row('core', 'median-of-means', 'ATT-1')),
        missed=tuple(Row(scheme, aggregation, 'ATT-2')
                     for scheme in ('aspis', 'core')
                     for aggregation in AGGREGATIONS),
        marked=(Run('uncoded', 'mean'),
                Run('uncoded', 'mean', 'ATT-1', 'foe'),
                Run('aspis', 'mean'),
                Run('aspis', 'median-of-means', 'ATT-1', 'reversed'),
                Run('aspis', 'median-of-means', 'ATT-2', 'alie-strong'),
                Run('core', 'mean', 'ATT-2', 'constant')))

    def told_of_missed(self):
        """What the server's rules are prepared for, and what that changes."""
        told = [self._prepared(scheme) for scheme in ('aspis', 'core')]
        same = [aggregation for aggregation in AGGREGATIONS
                if self._parameters('aspis', aggregation)
                == self._parameters('core', aggregation)]
        return paragraph(
            f'{"; ".join(told)}. Aggregations with which both end with '
            f'equal bits in all runs here: {", ".join(same) or "none"}.')

    def _prepared(self, scheme):
        buckets, trim = (
            self.aggregator(scheme, 'median-of-means').buckets,
            self.aggregator(scheme, 'trimmed-mean').trim)
        worst = self.aggregator(scheme, 'mean').worst_case
        return (f'`{scheme}` expects at most {worst} wrong files, so '
                f'{buckets} buckets of median-of-means and {trim} entries '
                'trimmed at each end')

    def _parameters(self, scheme, aggregation):
        row = Row(scheme, aggregation, 'ATT-2')
        return [result.parameters for value in self.grid.values
                for result in self.results(row.cell(value))]
