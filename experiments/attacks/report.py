"""From run logs to the table of attacks, and what must hold in it."""

from dataclasses import replace
from statistics import mean, median

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job.loading import from_tables
from aspis_mpi.schemes.record import MOST_CONTRADICTIONS
from experiments.attacks.grid import FINAL, SEEDS, Run
from experiments.pages import Condition, markdown, paragraph

#: The option that tells how strong a value is, and how it is written.
STRENGTHS = {'constant': ('scale', '−'), 'reversed': ('scale', '× −'),
             'foe': ('epsilon', 'ε = '), 'alie': ('z', 'z = ')}
#: The runs without an attack that others are compared with.
CALM = Run('aspis', 'mean')
#: Points of accuracy that an attack must cost a plain mean to show anything.
SHOWS = 5.0
#: Points of accuracy by which runs may differ that should be equal.
CLOSE = 1.0


class Table:
    """The results of all runs of a grid, as Markdown.

    A table of one set of data is a subclass.

    Parameters
    ----------
    simulated, mpi : dict of Run to Result
    seeds : tuple of int
        Those that were run.

    Attributes
    ----------
    job : str
        File name of what all runs share, beside this module.
    page : str
        File name of the table, likewise.
    title : str
    data, chosen : str
        The data and the model, and the runs under MPI, as a person says it.
    grid : Grid
    """

    job = page = title = data = chosen = ''
    grid = None

    def __init__(self, simulated, mpi, seeds=SEEDS):
        self.grid = replace(self.grid, seeds=seeds)
        self.simulated = simulated
        self.mpi = mpi

    def text(self):
        """The page: tables with explanations."""
        return '\n\n'.join([
            f'# {self.title}', self._preamble(), self._columns(),
            self._shows_nothing(),
            '## Without redundancy: nobody is checked',
            self._rows(self.grid.uncoded),
            '## ATT-1, lies on every file: all liars are found',
            self._rows(self.grid.found), self.told_of_found(),
            '## ATT-2, lies where the liars win the vote',
            self._rows(self.grid.missed), self.told_of_missed(),
            '## Runs that diverged', self._diverged(),
            *self.more(),
            '## The same under MPI', self._under_mpi()]) + '\n'

    def told_of_found(self):
        """What is aggregated where all liars are found."""
        asked = ', '.join(dict.fromkeys(row.aggregation
                                        for row in self.grid.found))
        return paragraph(
            f'These jobs ask for {asked}, which *none* shows; a step in '
            'which all q liars are known takes the mean of the files that '
            'others hold.')

    def told_of_missed(self):
        """A paragraph under the rows of ATT-2."""
        raise NotImplementedError

    def more(self):
        """What this table alone has, before the runs under MPI."""
        return ()

    def conditions(self):
        """What must hold, each with its figures."""
        plain = self.mean(Run('uncoded', 'mean'))
        calm = self.mean(CALM)
        yield Condition(
            abs(calm - plain) <= CLOSE,
            f'attack-free aspis + mean ({calm:.1f} %) is within {CLOSE:g} '
            f'point of attack-free uncoded + mean ({plain:.1f} %)')
        for row in self.grid.found:
            for value in self.grid.values if row.scheme in FINAL else ():
                yield self._all_found(row.cell(value), calm)

    def _all_found(self, cell, calm):
        results = self.results(cell)
        right = all(result.found == 1 and not result.accused
                    and not any(result.wrong_files) for result in results)
        accuracy = self.mean(cell)
        return Condition(
            right and abs(accuracy - calm) <= CLOSE,
            f'{cell.scheme} under ATT-1 with {cell.value}: '
            f'{"all liars" if right else "not all liars, or others,"} are '
            f'found in every step, {accuracy:.1f} % is within {CLOSE:g} '
            f'point of attack-free aspis + mean ({calm:.1f} %)')

    def results(self, cell):
        """Those of a cell, for every seed."""
        return [self.simulated[run] for run in self.grid.runs(cell)]

    def mean(self, cell):
        """Accuracy of a cell, over the seeds."""
        return mean(result.accuracy for result in self.results(cell))

    def _preamble(self):
        job = self.simulated[self.grid.most].config
        coded, plain = (self.aggregator(scheme, 'mean').n_files
                        for scheme in ('aspis', 'uncoded'))
        return paragraph(
            f'Held-out accuracy in per cent after {job["run"]["steps"]} '
            f'steps: mean (lowest–highest) of {len(self.grid.seeds)} seeds, '
            'which draw initial parameters, batches and liars. '
            f'{self.data}, batches of '
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
        costs = {value: self._cost(self.grid.uncoded[0], value)
                 for value in self.grid.values}
        quiet = [f'{self.heading(value)} (cost {points(cost)})'
                 for value, cost in costs.items() if cost < SHOWS]
        told = ', '.join(quiet) or 'no attack here'
        return paragraph(f'**Shows nothing**, since it costs uncoded + mean '
                         f'less than {SHOWS:g} points: {told}.')

    def aggregator(self, scheme, aggregation):
        """The part that aggregates in the runs of a scheme."""
        config = self.simulated[Run(scheme, aggregation)].config
        return Assembly(from_tables(config)).scheme.aggregator

    def _cost(self, row, value):
        return self.mean(row.calm) - self.mean(row.cell(value))

    def heading(self, value):
        """The value with the strength that its log tells."""
        told = self.simulated[self.grid.uncoded[0].cell(value)]
        adversary = told.config['adversary']
        option, symbol = STRENGTHS[adversary['value']]
        strength = f'{adversary[option]:g}'.replace('-', '−')
        return f'`{adversary["value"]}` {symbol}{strength}'

    def _rows(self, rows):
        plain = self.grid.uncoded[0]
        headings = [self.heading(value) + (
            ' (shows nothing)' if self._cost(plain, value) < SHOWS else '')
                    for value in self.grid.values]
        return markdown(
            ['scheme', 'aggregation', 'found', 'wrong', 'none', *headings,
             'worst', 'median', 'cost'], map(self._row, rows))

    def _row(self, row):
        cells = [row.cell(value) for value in self.grid.values]
        results = [result for cell in cells for result in self.results(cell)]
        late = [accuracy for result in results for accuracy in result.late]
        final = row in self.grid.found and row.scheme in FINAL
        return [row.scheme,
                'mean (all found)' if final else row.aggregation,
                extent([100 * result.found for result in results]) + ' %',
                extent([max(result.wrong_files) for result in results]),
                self._cell(row.calm), *map(self._cell, cells),
                points(min(late)), points(median(late)),
                points(max(self._cost(row, v) for v in self.grid.values))]

    def _cell(self, cell):
        results = self.results(cell)
        values = [result.accuracy for result in results]
        lowest = min(min(result.late) for result in results)
        return ''.join([
            f'{mean(values):.1f} ({min(values):.1f}–{max(values):.1f})',
            f' ↓{lowest:.1f}' if lowest <= mean(values) - SHOWS else '',
            ' \\*' if cell in self.mpi else '',
            ' †' if any(result.diverged for result in results) else ''])

    def _diverged(self):
        lines = [self._tell_diverged(cell) for cell in self.grid.attacked
                 if any(result.diverged for result in self.results(cell))]
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
            for result in self.results(cell) if result.diverged)
        return (f'- {cell.scheme} + {cell.aggregation}, {cell.files}, '
                f'{self.heading(cell.value)}: ended after steps {ends}')

    def _under_mpi(self):
        """The marked cells, simulated and with real ranks, side by side."""
        headings = ['scheme', 'aggregation', 'attack', 'simulated', 'MPI',
                    'wrong files simulated', 'MPI', 'accuracy, wrong files',
                    'parameters']
        return '\n\n'.join([self.told_of_mpi(), markdown(
            headings, map(self._pair, self.mpi))])

    def told_of_mpi(self):
        """Which runs are made with real ranks."""
        workers = self.grid.marked[0].workers
        return paragraph(
            f'Seed {SEEDS[0]} of {self.chosen}, `mpirun -n '
            f'{workers + 1}`: one parameter server and {workers} workers. '
            'Wrong files are those of all steps together, compared step by '
            'step.')

    def _pair(self, run):
        one, two = self.simulated[run], self.mpi[run]
        equal = (one.accuracy == two.accuracy
                 and one.wrong_files == two.wrong_files)
        attack = 'none' if not run.value else (
            f'{run.files}, {self.heading(run.value)}')
        return [run.scheme, run.aggregation, attack, f'{one.accuracy:.1f}',
                f'{two.accuracy:.1f}', sum(one.wrong_files),
                sum(two.wrong_files), 'equal' if equal else 'different',
                'equal bits' if one.parameters == two.parameters
                else 'different']


def extent(values):
    """Lowest to highest, one number where they are equal."""
    ends = [f'{end:.0f}' for end in (min(values), max(values))]
    return '–'.join(dict.fromkeys(ends))


def points(value):
    """One decimal, with a true minus and no minus before zero."""
    return f'{round(value, 1) + 0.0:.1f}'.replace('-', '−')
