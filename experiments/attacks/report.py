"""From run logs to the table of attacks, and what must hold in it."""

from statistics import mean, median

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job.loading import from_tables
from aspis_mpi.schemes.record import MOST_CONTRADICTIONS
from experiments.attacks import grid
from experiments.pages import Condition, markdown, paragraph

#: The option that tells how strong a value is, and how it is written.
STRENGTHS = {'constant': ('scale', '−'), 'reversed': ('scale', '× −'),
             'foe': ('epsilon', 'ε = '), 'alie': ('z', 'z = ')}
#: Points of accuracy that an attack must cost a plain mean to show anything.
SHOWS = 5.0
#: Points of accuracy by which runs may differ that should be equal.
CLOSE = 1.0


class Table:
    """The results of all runs, as Markdown.

    Parameters
    ----------
    simulated, mpi : dict of Run to Result
    """

    def __init__(self, simulated, mpi):
        self._simulated = simulated
        self._mpi = mpi

    def text(self):
        """The tables with explanations."""
        return '\n\n'.join([
            self._preamble(), self._columns(), self._shows_nothing(),
            '## Without redundancy: nobody is checked',
            self._rows(grid.UNCODED),
            '## ATT-1, lies on every file: all liars are found',
            self._rows(grid.FOUND), self._known(),
            '## ATT-2, lies where the liars win the vote',
            self._rows(grid.MISSED), self._prepared(),
            '## Runs that diverged', self._diverged(),
            '## The same under MPI', self._under_mpi()])

    def conditions(self):
        """What must hold, each with its figures."""
        plain = self._mean(grid.Run('uncoded', 'mean'))
        calm = self._mean(grid.Run('aspis', 'mean'))
        yield Condition(
            abs(calm - plain) <= CLOSE,
            f'attack-free aspis + mean ({calm:.1f} %) is within {CLOSE:g} '
            f'point of attack-free uncoded + mean ({plain:.1f} %)')
        for row in grid.FOUND:
            for value in grid.VALUES:
                yield self._all_found(row.cell(value), calm)

    def _all_found(self, cell, calm):
        results = self._results(cell)
        right = all(result.found == 1 and not result.accused
                    and not any(result.wrong_files) for result in results)
        accuracy = self._mean(cell)
        return Condition(
            right and abs(accuracy - calm) <= CLOSE,
            f'{cell.scheme} under ATT-1 with {cell.value}: '
            f'{"all liars" if right else "not all liars, or others,"} are '
            f'found in every step, {accuracy:.1f} % is within {CLOSE:g} '
            f'point of attack-free aspis + mean ({calm:.1f} %)')

    def _results(self, cell):
        return [self._simulated[run] for run in grid.seeds(cell)]

    def _mean(self, cell):
        return mean(result.accuracy for result in self._results(cell))

    def _preamble(self):
        job = self._simulated[grid.MOST].config
        coded, plain = (self._aggregator(scheme, 'mean').n_files
                        for scheme in ('aspis', 'uncoded'))
        return paragraph(
            f'Held-out accuracy in per cent after {job["run"]["steps"]} '
            f'steps: mean (lowest–highest) of {len(grid.SEEDS)} seeds, '
            'which draw initial parameters, batches and liars. '
            f'Digits, `{job["problem"]["model"]}`, batches of '
            f'{job["problem"]["batch_size"]} samples, lr '
            f'{job["optimizer"]["lr"]:g}, momentum '
            f'{job["optimizer"]["momentum"]:g}; '
            f'{job["scheme"]["workers"]} workers, '
            f'{job["adversary"]["count"]} of which lie in every step, q = '
            f'{job["scheme"]["adversaries"]}; '
            f'{job["assignment"]["replication"]} replicas of each of '
            f'{coded} files, or {plain} files without redundancy.')

    def _columns(self):
        return paragraph(
            '*found*: liars flagged, of those there were. *wrong*: files of '
            'a step whose lie was used, at most. *none*: the same without '
            'an attack. Then the values that liars send; ↓ is the lowest '
            'accuracy of any seed in the second half of the steps, given '
            f'where it is {SHOWS:g} points or more below the mean. *worst* '
            'and *median*: of all evaluations in the second half of the '
            'attacked runs. *cost*: points from *none* to the lowest mean. '
            '\\*: run again under MPI, see below. †: diverged, see below.')

    def _shows_nothing(self):
        costs = {value: self._cost(grid.UNCODED[0], value)
                 for value in grid.VALUES}
        quiet = [f'{self._heading(value)} (cost {_points(cost)})'
                 for value, cost in costs.items() if cost < SHOWS]
        told = ', '.join(quiet) or 'no attack here'
        return paragraph(f'**Shows nothing**, since it costs uncoded + mean '
                         f'less than {SHOWS:g} points: {told}.')

    def _known(self):
        asked = ', '.join(dict.fromkeys(row.aggregation
                                        for row in grid.FOUND))
        return paragraph(
            f'These jobs ask for {asked}, which *none* shows; a step in '
            'which q liars are flagged takes the mean of the files that '
            'others hold.')

    def _prepared(self):
        """What the server's rules are prepared for, and what that changes."""
        told = [self._tell_prepared(scheme) for scheme in ('aspis', 'core')]
        same = [aggregation for aggregation in grid.AGGREGATIONS
                if self._parameters('aspis', aggregation)
                == self._parameters('core', aggregation)]
        return paragraph(
            f'{"; ".join(told)}. Aggregations with which both end with '
            f'equal bits in all runs here: {", ".join(same) or "none"}.')

    def _tell_prepared(self, scheme):
        buckets, trim = (
            self._aggregator(scheme, 'median-of-means').buckets,
            self._aggregator(scheme, 'trimmed-mean').trim)
        worst = self._aggregator(scheme, 'mean').worst_case
        return (f'`{scheme}` expects at most {worst} wrong files, so '
                f'{buckets} buckets of median-of-means and {trim} entries '
                'trimmed at each end')

    def _aggregator(self, scheme, aggregation):
        config = self._simulated[grid.Run(scheme, aggregation)].config
        return Assembly(from_tables(config)).scheme.aggregator

    def _parameters(self, scheme, aggregation):
        row = grid.Row(scheme, aggregation, 'ATT-2')
        return [result.parameters for value in grid.VALUES
                for result in self._results(row.cell(value))]

    def _cost(self, row, value):
        return self._mean(row.calm) - self._mean(row.cell(value))

    def _heading(self, value):
        """The value with the strength that its log tells."""
        told = self._simulated[grid.UNCODED[0].cell(value)]
        adversary = told.config['adversary']
        option, symbol = STRENGTHS[adversary['value']]
        strength = f'{adversary[option]:g}'.replace('-', '−')
        return f'`{adversary["value"]}` {symbol}{strength}'

    def _rows(self, rows):
        headings = [self._heading(value)
                    + (' (shows nothing)'
                       if self._cost(grid.UNCODED[0], value) < SHOWS else '')
                    for value in grid.VALUES]
        return markdown(
            ['scheme', 'aggregation', 'found', 'wrong', 'none', *headings,
             'worst', 'median', 'cost'], map(self._row, rows))

    def _row(self, row):
        cells = [row.cell(value) for value in grid.VALUES]
        results = [result for cell in cells for result in self._results(cell)]
        late = [accuracy for result in results for accuracy in result.late]
        return [row.scheme, _aggregation(row),
                _range([100 * result.found for result in results]) + ' %',
                _range([max(result.wrong_files) for result in results]),
                self._cell(row.calm), *map(self._cell, cells),
                _points(min(late)), _points(median(late)),
                _points(max(self._cost(row, v) for v in grid.VALUES))]

    def _cell(self, cell):
        results = self._results(cell)
        values = [result.accuracy for result in results]
        lowest = min(min(result.late) for result in results)
        return ''.join([
            f'{mean(values):.1f} ({min(values):.1f}–{max(values):.1f})',
            f' ↓{lowest:.1f}' if lowest <= mean(values) - SHOWS else '',
            ' \\*' if cell in self._mpi else '',
            ' †' if any(result.diverged for result in results) else ''])

    def _diverged(self):
        cells = dict.fromkeys(row.cell(value) for row in grid.ROWS
                              for value in grid.VALUES)
        lines = [self._tell_diverged(cell) for cell in cells
                 if any(result.diverged for result in self._results(cell))]
        ended = paragraph(
            'When more than q workers send numbers that are not finite, the '
            'server keeps the parameters; after '
            f'{MOST_CONTRADICTIONS} such steps it ends the run with exit '
            'code 3. The accuracy is that of the last evaluation before.')
        return '\n'.join([ended, '', *lines])

    def _tell_diverged(self, cell):
        ends = ', '.join(
            f'{result.steps}' + ('' if result.stopped else ' (not ended, loss '
                                 f'{result.loss:.2g})')
            for result in self._results(cell) if result.diverged)
        return (f'- {cell.scheme} + {cell.aggregation}, {cell.files}, '
                f'{self._heading(cell.value)}: ended after steps {ends}')

    def _under_mpi(self):
        """The marked cells, simulated and with real ranks, side by side."""
        headings = ['scheme', 'aggregation', 'attack', 'simulated', 'MPI',
                    'wrong files simulated', 'MPI', 'accuracy, wrong files',
                    'parameters']
        return paragraph(
            f'Seed {grid.SEEDS[0]} of the cells marked \\*, `mpirun -n 16`: '
            'one parameter server and 15 workers. Wrong files are those of '
            'all steps together, compared step by step.') + '\n\n' + (
            markdown(headings, map(self._pair, self._mpi)))

    def _pair(self, run):
        one, two = self._simulated[run], self._mpi[run]
        equal = (one.accuracy == two.accuracy
                 and one.wrong_files == two.wrong_files)
        attack = 'none' if not run.value else (
            f'{run.files}, {self._heading(run.value)}')
        return [run.scheme, run.aggregation, attack, f'{one.accuracy:.1f}',
                f'{two.accuracy:.1f}', sum(one.wrong_files),
                sum(two.wrong_files), 'equal' if equal else 'different',
                'equal bits' if one.parameters == two.parameters
                else 'different']


def _aggregation(row):
    return 'mean (all found)' if row in grid.FOUND else row.aggregation


def _range(values):
    """Lowest to highest, one number where they are equal."""
    ends = [f'{end:.0f}' for end in (min(values), max(values))]
    return '–'.join(dict.fromkeys(ends))


def _points(value):
    """One decimal, with a true minus and no minus before zero."""
    return f'{round(value, 1) + 0.0:.1f}'.replace('-', '−')
