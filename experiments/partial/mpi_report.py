"""From runs between real ranks to a table, and what must hold in it."""

from dataclasses import dataclass

import numpy as np

from experiments.pages import markdown, paragraph

#: How far a ratio of step times may be from the simulated one.
CLOSE = 0.1
#: Median seconds from the report that is enough to the signal, and from
#: there to the last vector.
PROMPT = 0.01
#: Largest difference of a parameter, in units of the largest parameter.
EQUAL = 1e-5
#: What the authors' own MPI program gave on the machine of the table.
PUBLISHED = {'wait for all': 1.0, 'cyclic': 1.8, 'fractional repetition': 2.8}


@dataclass(frozen=True, eq=False)
class Run:
    """What is read of one run log: an entry a step, but for the last two.

    `others` is how many cores were busy with other things meanwhile.
    """

    seconds: np.ndarray
    wait: np.ndarray
    transfer: np.ndarray
    signal: np.ndarray
    epochs: np.ndarray
    others: float
    parameters: np.ndarray

    @property
    def rest(self):
        """Seconds after the last vector: adding up, and the next step."""
        return self.seconds - self.wait - self.transfer


@dataclass(frozen=True, eq=False)
class Pair:
    """The original protocol and the partial one, with the same delays."""

    delay: str
    original: list[Run]
    partial: list[Run]
    original_simulated: Run
    partial_simulated: Run
    original_form: float
    partial_form: float
    reference: np.ndarray       # parameters of waiting for all, simulated

    @property
    def ratio(self):
        """Mean step times of all runs, original over partial."""
        return _mean(self.original) / _mean(self.partial)

    @property
    def simulated(self):
        """The same ratio where messages and computing take no time."""
        return _mean([self.original_simulated]) / _mean(
            [self.partial_simulated])

    @property
    def deviation(self):
        """Of the ratio from the simulated one, as a share of it."""
        return self.ratio / self.simulated - 1

    def difference(self):
        """The largest of all parameters and runs, relative."""
        scale = abs(self.reference).max()
        return max(abs(run.parameters - self.reference).max() / scale
                   for run in self.original + self.partial)


@dataclass(frozen=True, eq=False)
class Code:
    """One gradient code, or waiting for all, with workers that are late."""

    name: str
    runs: list[Run]
    simulated: Run


@dataclass(frozen=True)
class Target:
    """A figure that must be within a bound, and whether it is."""

    what: str
    bound: str
    ours: str
    holds: bool


def text(pairs, codes, warm):
    """The report, as Markdown."""
    runs = [run for pair in pairs for run in pair.original + pair.partial]
    late = [run for code in codes for run in code.runs]
    steps = pairs[0].partial[0].seconds.size
    return '\n\n'.join([
        '# Partial stragglers between real ranks',
        paragraph(
            f'`mpi.toml`, Open MPI, 16 ranks on one machine; each number is '
            f'from {len(pairs[0].partial)} runs of {steps} steps ({warm} '
            'more at the start do not count) that took turns with those '
            f'they are compared with. {_busy(runs)}'),
        _table_of_targets(pairs),
        '## Where the time of a step goes',
        paragraph('Means in ms. *late* is what collecting takes longer than '
                  'the delays of the step demand, as simulated: parameters '
                  'on their way, ranks that wait for a core, reports. '
                  '*transfer* is from the signal to the last vector, *rest* '
                  'from there to the next `Model`.'),
        _parts(pairs),
        '## Codes of Tandon et al. against waiting for all',
        paragraph('12 workers, of which 3 may be missing; each is late by '
                  'Exp(10 ms) in each step. Speed-up is of the mean step '
                  'over that of waiting for all. *their program* is the '
                  "authors' MPI code under such delays, where computing "
                  f'comes on top of the delay. {_busy(late)}'),
        _codes(codes)]) + '\n'


def holds(pairs):
    """Whether every target is met."""
    return all(target.holds for pair in pairs for target in _targets(pair))


def _targets(pair):
    signal = _medians(pair.partial, 'signal')
    transfer = _medians(pair.partial, 'transfer')
    difference = pair.difference()
    yield Target(
        'mean step, `full-workers` ÷ `coverage`',
        f'within {CLOSE:.0%} of {pair.simulated:.2f}, simulated (closed '
        f'form: {pair.original_form / pair.partial_form:.2f})',
        f'{pair.ratio:.2f} ({100 * pair.deviation:+.1f} %)',
        abs(pair.deviation) <= CLOSE)
    yield Target('report that is enough → signal, median',
                 f'≤ {1e3 * PROMPT:g} ms', f'{1e3 * signal:.2f} ms',
                 signal <= PROMPT)
    yield Target('signal → last vector, median',
                 f'≤ {1e3 * PROMPT:g} ms', f'{1e3 * transfer:.2f} ms',
                 transfer <= PROMPT)
    yield Target('parameters against waiting for all',
                 f'≤ {EQUAL:g}', f'{difference:.0e}', difference <= EQUAL)


def _table_of_targets(pairs):
    rows = [(pair.delay, target.what, target.bound, target.ours,
             'met' if target.holds else '**missed**')
            for pair in pairs for target in _targets(pair)]
    return markdown(('delay', 'what', 'target', 'ours', ''), rows)


def _parts(pairs):
    rows = []
    for pair in pairs:
        for name, runs, simulated in (
                ('full-workers', pair.original, pair.original_simulated),
                ('coverage', pair.partial, pair.partial_simulated)):
            late = np.mean([run.wait - simulated.wait for run in runs])
            rows.append((
                pair.delay, f'`{name}`', _ms(_mean([simulated])),
                ', '.join(_ms(_mean([run])) for run in runs), _ms(late),
                _ms(np.mean([run.transfer for run in runs])),
                _ms(np.mean([run.rest for run in runs]))))
    return markdown(('delay', 'collection', 'simulated', 'MPI, each run',
                     'late', 'transfer', 'rest'), rows)


def _codes(codes):
    first = codes[0]
    rows = [(code.name, _ms(_mean([code.simulated])),
             ', '.join(_ms(_mean([run])) for run in code.runs),
             f'{_mean([first.simulated]) / _mean([code.simulated]):.2f}×',
             f'{_mean(first.runs) / _mean(code.runs):.2f}×',
             f'{PUBLISHED[code.name]:.1f}×') for code in codes]
    return markdown(('scheme', 'simulated, ms', 'MPI, each run, ms',
                     'simulated', 'MPI', 'their program'), rows)


def _busy(runs):
    return ('Other processes kept at most '
            f'{max(run.others for run in runs):.2f} cores busy during a run.')


def _mean(runs):
    """Mean seconds of a step."""
    return float(np.mean([run.seconds.mean() for run in runs]))


def _medians(runs, name):
    """The largest of the runs' medians."""
    return max(float(np.median(getattr(run, name))) for run in runs)


def _ms(seconds):
    return f'{1e3 * seconds:.1f}'
