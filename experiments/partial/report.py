"""From closed forms and runs to a table, and what must hold in it."""

from dataclasses import dataclass

import numpy as np

from experiments.pages import Condition, markdown, paragraph
from experiments.partial import points

#: By how much a simulated step may differ from its closed form: in seconds,
#: and in the error of its coefficients.
EQUAL_SECONDS, EQUAL_ERROR = 1e-9, 1e-6
#: Standard errors within which ours must be of what was published.
ERRORS = 3
#: What skipping covered files must come to without latency: seconds a step,
#: and computations as a share of those without skipping.
SECONDS, SHARE = 1.6, 0.55


@dataclass(frozen=True, eq=False)
class Row:
    """A published number and our samples, an array for each assignment."""

    point: points.Point
    samples: list[np.ndarray]

    @property
    def ours(self):
        """The mean."""
        return float(np.mean(self.samples))

    @property
    def error(self):
        """How far the mean of one assignment's trials is off, as a rule.

        With several assignments this is how much they differ, because the
        published number is that of one of them.
        """
        means = [sample.mean() for sample in self.samples]
        if len(means) > 1:
            return float(np.std(means, ddof=1))
        sample = self.samples[0]
        return float(sample.std(ddof=1) / np.sqrt(sample.size))

    @property
    def agrees(self):
        """Whether the difference is within the errors and the rounding."""
        # The published number is a mean of as many trials: it has an error,
        # too.  Between assignments it is a single one, ours their mean.
        both = np.sqrt(2 if len(self.samples) == 1 else 1)
        allowed = ERRORS * both * self.error + self.point.rounding
        return abs(self.ours - self.point.value) <= allowed

    @property
    def ratio(self):
        """Ours in units of the published number, NaN where that is 0."""
        return self.ours / self.point.value if self.point.value else np.nan


@dataclass(frozen=True)
class Mark:
    """How far a simulated run is from the closed forms, at most."""

    point: points.Point
    n_steps: int
    seconds: float
    error: float

    @property
    def agrees(self):
        """Whether all steps took as long and missed as much."""
        return (self.seconds <= EQUAL_SECONDS
                and self.error <= EQUAL_ERROR)


@dataclass(frozen=True, eq=False)
class Skipping:
    """Times and computations of the steps of one run."""

    settings: tuple[str, ...]
    seconds: np.ndarray
    computations: np.ndarray


def text(rows, marks, skipping):
    """The tables with explanations, as Markdown."""
    parts = ['# Partial stragglers', _preamble(), _rows(rows, marks),
             _speed_ups(rows)]
    if skipping:
        parts += ['## Skipping what is covered', _skipping(skipping)]
    return '\n\n'.join(parts) + '\n'


def conditions(rows, marks, skipping):
    """What must hold, each with its figures."""
    for row in rows:
        yield Condition(row.agrees, (
            f'{_named(row.point)}: {row.ours:.3f} ± {row.error:.3f} against '
            f'published {row.point.published}'))
    for mark in marks:
        yield Condition(mark.agrees, (
            f'{_named(mark.point)}: {mark.n_steps} simulated steps differ '
            f'from the closed form by at most {mark.seconds:.1e} in time '
            f'and {mark.error:.1e} in error'))
    if skipping:
        yield from _skipping_conditions(skipping)


def _skipping_conditions(skipping):
    plain, skips = skipping[:2]
    seconds = skips.seconds.mean()
    yield Condition(seconds <= SECONDS, (
        f'skipping completes after {seconds:.2f}, at most {SECONDS}, without '
        f'it after {plain.seconds.mean():.2f}'))
    share = skips.computations.mean() / plain.computations.mean()
    yield Condition(share <= SHARE, (
        f'skipping computes {share:.2f} as many files, at most {SHARE}'))


def _named(point):
    return f'{point.group}, {point.scheme}, {point.at}'


def _preamble():
    return paragraph(
        f'{points.TRIALS} steps each of 200 workers and 200 files, '
        f'{points.LOAD} files a worker. A file takes a worker Exp(1), drawn '
        'once for all its files of a step. *exact*: time until every file '
        'is finished as often as the copies say, on a grid of whole units, '
        f'with {points.LOAD} minus copies dead workers. *approximate*: '
        f'error of the coefficients at time T, {points.LOAD - 1} dead '
        'workers. *original* uses only workers that have finished '
        'everything; its approximate gradients are decoded optimally. '
        f'*agrees*: within {ERRORS} standard errors of the difference of two '
        'such means and the rounding of the published number. Random '
        'orders: mean and standard deviation over '
        f'{len(points.SEEDS)} graphs and orders. *simulated*: the largest '
        'difference of a simulated step from its closed form.')


def _rows(rows, marks):
    marked = {mark.point: f'{max(mark.seconds, mark.error):.0e}'
              for mark in marks}
    cells = []
    for row in rows:
        point = row.point
        ratio = '' if np.isnan(row.ratio) else f'{row.ratio:.3f}'
        cells.append((point.group, point.scheme, point.at, point.published,
                      f'{row.ours:.3f} ± {row.error:.3f}', ratio,
                      'yes' if row.agrees else '**no**',
                      marked.get(point, '')))
    return markdown(('', 'scheme', 'at', 'published', 'ours', 'ratio',
                     'agrees', 'simulated'), cells)


def _speed_ups(rows):
    """Original over partial: published and ours."""
    found = {(row.point.group, row.point.scheme, row.point.at): row
             for row in rows}
    told = []
    for (group, scheme, at), row in found.items():
        if scheme == 'original' and group != points.APPROXIMATE:
            partial = found[group, 'partial', at]
            published = row.point.value / partial.point.value
            told.append(f'{row.ours / partial.ours:.2f} ({group}, {at}; '
                        f'published {published:.2f})')
    return paragraph(f'Original ÷ partial: {", ".join(told)}.')


def _skipping(skipping):
    rows = []
    for run in skipping:
        error = run.seconds.std(ddof=1) / np.sqrt(run.seconds.size)
        rows.append((' '.join(f'`{setting}`' for setting in run.settings),
                     f'{run.seconds.mean():.2f} ± {error:.2f}',
                     f'{run.computations.mean():.0f}'))
    return markdown(('settings', 'completion', 'computations'), rows)
