"""Numbers over steps as a page has them: all, or honest columns of them."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.report.columns import Columns
from aspis_mpi.report.palette import LINES, Colour

#: Columns of a picture at most, on a page with one run, and with many.
MOST, LEAST = 1000, 120
#: Columns of a page, over all of its runs, and cells of one map.
COLUMNS, CELLS = 3000, 400_000
#: Largest over smallest from which an axis is logarithmic.
SPREAD = 50


@dataclass(frozen=True, eq=False)
class Series:
    """One line of a picture: a number in each of the T steps."""

    name: str
    values: np.ndarray          # (T,)
    colour: Colour
    shape: str = 'line'         # or dots, or bars


def columns_of(steps, n_runs=1, n_rows=1):
    """Columns of the pictures of a run.

    Parameters
    ----------
    steps : ndarray of int, shape (T,)
    n_runs : int
        Runs on the page, which share its bytes.
    n_rows : int
        Rows of a map; 1 of lines.
    """
    most = min(MOST, COLUMNS // n_runs, CELLS // (n_rows * n_runs))
    return Columns(steps, max(LEAST, most))


def plain(values):
    """Numbers as JSON can hold them: None for NaN and infinity.

    >>> plain(np.array([1.5, np.nan])), plain(np.array([2, 3]))
    ([1.5, None], [2, 3])
    """
    values = np.asarray(values)
    if values.dtype.kind != 'f':
        return values.tolist()
    return [value if np.isfinite(value) else None
            for value in values.tolist()]


def chart(title, unit, series, columns, about='', logarithmic=False,
          axis='step'):
    """A picture of lines, as the page's script takes it.

    Parameters
    ----------
    title, unit, about : str
    series : sequence of Series
    columns : Columns
    logarithmic : bool
        Whether the axis may be, where the numbers spread.
    axis : str
        Numbers of the columns: of steps, or of turns.

    Returns
    -------
    dict
        For JSON.
    """
    series, always = _lively(series)
    note = ('' if columns.span == 1 else
            f'Each bar is the mean of {columns.span} {axis}s.'
            if series[0].shape == 'bars' else
            f'Each point stands for {columns.span} {axis}s: the line is their '
            'mean, the band reaches from the least to the most.')
    return {
        'kind': 'lines', 'title': title, 'unit': unit,
        'about': f'{about} {always}'.strip(), 'note': note,
        'axis': axis, 'span': columns.span,
        'x': columns.firsts.tolist(),
        'log': logarithmic and _spreads(series),
        'series': [_line(it, columns) for it in series]}


def _lively(series):
    """Lines that are not 0 all along, and a sentence on the others."""
    lively = [it for it in series if it.values.any()]
    if not lively or len(lively) == len(series):
        return series, ''
    still = ', '.join(it.name for it in series if not it.values.any())
    return lively, f'Always 0: {still}.'


def curves(title, unit, x, lines, logarithmic=False):
    """A picture of a line a run, each with points of its own.

    Parameters
    ----------
    title, unit : str
    x : list of ndarray
        Steps of each line, ascending.
    lines : list of Series
    logarithmic : bool
    """
    every = np.unique(np.concatenate(x))
    return {
        'kind': 'lines', 'title': title, 'unit': unit, 'about': '',
        'note': '', 'axis': 'step', 'span': 1, 'x': every.tolist(),
        'points': True, 'log': logarithmic and _spreads(lines),
        'series': [
            {'name': it.name, 'colour': it.colour, 'dash': i // len(LINES),
             'mean': plain(_among(every, steps, it.values))}
            for i, (steps, it) in enumerate(zip(x, lines))]}


def _among(every, steps, values):
    """The values of some of the steps, NaN in the others."""
    found = np.full(len(every), np.nan)
    found[np.searchsorted(every, steps)] = values
    return found


def _line(series, columns):
    told = {'name': series.name, 'colour': series.colour,
            'shape': series.shape}
    if columns.span == 1:
        return told | {'mean': plain(series.values)}
    mean = plain(columns.known_average(series.values))
    if series.shape == 'bars':
        return told | {'mean': mean}
    return told | {'mean': mean,
                   'low': plain(columns.least(series.values)),
                   'high': plain(columns.most(series.values))}


def _spreads(series):
    """True if the numbers need a logarithmic axis, and can have one."""
    values = np.concatenate([it.values for it in series]).astype(float)
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0
                and values.max() > SPREAD * values.min())


def state_map(title, states, kinds, columns, about=''):
    """A picture of the state of each worker in each step.

    Parameters
    ----------
    title, about : str
    states : ndarray of int, shape (K, T)
        Numbers of kinds; negative where there is no such worker.
    kinds : sequence of (str, Colour)
        By rising importance.
    columns : Columns

    Returns
    -------
    dict
        Each row is a text with a digit a column, a blank where nothing is.
    """
    note = ('' if columns.span == 1 else
            f'Each column stands for {columns.span} steps and shows the '
            'gravest state of each worker in them; the counts below are of '
            'all steps.')
    digits = np.array([' ', *map(str, range(len(kinds)))])
    return {
        'kind': 'map', 'title': title, 'about': about, 'note': note,
        'axis': 'step', 'span': columns.span, 'x': columns.firsts.tolist(),
        'edges': columns.edges.tolist(),
        'states': [{'name': name, 'colour': colour}
                   for name, colour in kinds],
        'rows': [''.join(row)
                 for row in digits[columns.worst(states) + 1].tolist()]}
