"""Cells of a sweep beside each other: a table, a CSV file, a picture."""

import argparse
import csv
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aspis_mpi.report.palette import LINES
from aspis_mpi.sweep.grid import Axis
from aspis_mpi.sweep.reading import load
from aspis_mpi.sweep.results import MEASURES, Cell, collect
from aspis_mpi.sweep.sweep import RECORD
from aspis_mpi.words import nearest
from figure import mistakes_in_a_line, pyplot, save, say

#: Heading, factor and digits of each measure.
COLUMNS = {'accuracy': ('accuracy (%)', 100, '.1f'),
           'loss': ('loss', 1, '.3g'),
           'gradients': ('gradients a file', 1, '.3g'),
           'bytes': ('MB a step', 1e-6, '.3g'),
           'seconds': ('s a step', 1, '.3g')}
#: Endings of texts, and of what is written unless told otherwise.
MARKDOWN, CSV = '.md', '.csv'
ENDINGS = MARKDOWN, CSV, '.png'
#: What stands where nothing was measured.
NOTHING = '–'
#: Share of a place of the x axis that its marks take; and their forms, which
#: change when the colours begin again.
SPREAD, MARKS = 0.6, 'osD^'
#: Largest over smallest loss from which its axis is logarithmic.
WIDE = 50
#: Panels beside each other, at most.
ACROSS = 3
#: Inches of a place of the x axis: for each colour, and at least.
PLACE, NARROW = 0.13, 0.3


@dataclass(frozen=True)
class Sheet:
    """A sweep's axes but for those that are averaged over, and its cells."""

    title: str
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    clocks: str
    reasons: dict[str, str]
    left_out: dict[str, str]


def main():
    """Read the logs, print the table, write table, numbers and picture."""
    arguments = _arguments()
    with mistakes_in_a_line('compare'):
        sweep = load(_file(arguments.sweep), arguments.runs)
        sheet = _sheet(sweep, arguments.axes)
        say(markdown(sheet).rstrip('\n'))
        for path in arguments.outputs or [sweep.folder / f'compare{ending}'
                                          for ending in ENDINGS]:
            _write(path, sheet)
            say(f'written: {path}')


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('sweep', type=Path, metavar='SWEEP',
                        help='a sweep file, or the folder of its runs')
    parser.add_argument('--runs', type=Path, metavar='FOLDER',
                        help='the folder, if the file alone does not tell')
    parser.add_argument('--axes', nargs='+', default=[], metavar='AXIS',
                        help='those that come first, in this order, the '
                        'others behind them as in the file; in the picture '
                        'the first is told by colour, the second stands '
                        'below, others are panels')
    parser.add_argument('-o', '--output', type=Path, action='append',
                        metavar='FILE', dest='outputs', help='.md, .csv, '
                        '.png, .svg or .pdf; may be given several times; '
                        'default: compare.md, .csv and .png in the folder')
    return parser.parse_args()


def _file(sweep):
    """The sweep file, which a folder of runs has as well."""
    if not sweep.is_dir():
        return sweep
    if not (sweep / RECORD).is_file():
        raise FileNotFoundError(f'{sweep} holds no {RECORD}: it is no folder '
                                'of a sweep')
    return sweep / RECORD


def _sheet(sweep, first):
    """The sheet of a sweep, in the order of its axes.

    Parameters
    ----------
    sweep : Sweep
    first : list of str
        Names of axes that come before the others.
    """
    found, repeating = collect(sweep), sweep.grid.repeating
    axes = [axis for i, axis in enumerate(sweep.grid.axes)
            if i not in repeating]
    order = _order([axis.name for axis in axes], first)
    axes = tuple(axes[i] for i in order)
    cells = [replace(cell, settings=tuple(cell.settings[i] for i in order))
             for cell in found.cells]
    cells.sort(key=lambda cell: _places(axes, cell.settings))
    return Sheet(sweep.title or Path(sweep.path).stem, axes, tuple(cells),
                 ' and '.join(found.clocks), found.reasons, found.left_out)


def _places(axes, settings):
    """Positions of settings on their axes."""
    return [axis.settings.index(it) for axis, it in zip(axes, settings)]


def _order(names, first):
    """Positions of axes, some of them first."""
    for name in first:
        if name not in names:
            raise ValueError(f'--axes {name}: there is no such axis to put '
                             f'first; {nearest(name, names)}')
    front = [names.index(name) for name in dict.fromkeys(first)]
    return front + [i for i in range(len(names)) if i not in front]


def _write(path, sheet):
    """Write a sheet in the form that the ending of a name says."""
    if path.suffix not in (MARKDOWN, CSV):
        _draw(sheet, path)
        return
    text = markdown(sheet) if path.suffix == MARKDOWN else _numbers(sheet)
    try:
        path.write_text(text, encoding='utf-8')
    except OSError as error:
        raise OSError(f'{path}: {error.strerror}') from error


# --- texts -------------------------------------------------------------

def markdown(sheet):
    """The table in Markdown, a cell a row, with what it means."""
    head = [*(axis.label for axis in sheet.axes), 'runs',
            *(heading for heading, _, _ in COLUMNS.values())]
    rows = [head, ['---'] * len(head), *map(_row, sheet.cells)]
    told = ('Mean ± standard deviation over the runs of a cell, where these '
            'differ; accuracy and loss of held-out samples, seconds of the '
            f'{sheet.clocks} clock{_timeless(sheet)}.')
    return '\n'.join([
        f'# {sheet.title}', '', *(_line(row) for row in rows), '', told,
        *(f'\n{name} ended early and counts with its last evaluation: '
          f'{reason}' for name, reason in sheet.reasons.items()),
        *(f'\n{name} does not count, since it is {state}'
          for name, state in sheet.left_out.items())]) + '\n'


def _timeless(sheet):
    """Words for cells in none of which time passed, else empty."""
    if any(cell.amounts['seconds'].mean > 0 for cell in sheet.cells):
        return ''
    return ', on which no time passed'


def _row(cell):
    runs = (f'{cell.runs}' if cell.measured == cell.runs
            else f'{cell.measured} of {cell.runs}')
    if cell.failed:
        runs += f', {len(cell.failed)} ended early'
    return [*(setting.label for setting in cell.settings), runs,
            *(_told(cell.amounts[name], *COLUMNS[name][1:])
              for name in MEASURES)]


def _told(amount, factor, digits):
    """An amount as a person reads it."""
    if math.isnan(amount.mean):
        return NOTHING
    mean = f'{factor * amount.mean:{digits}}'
    if math.isnan(amount.deviation) or not amount.deviation:
        return mean
    return f'{mean} ± {factor * amount.deviation:{digits}}'


def _line(row):
    return f'| {" | ".join(word.replace("|", "/") for word in row)} |'


def _numbers(sheet):
    """The same as CSV: names of settings, and numbers without rounding."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerow([*(axis.name for axis in sheet.axes), 'runs', 'measured',
                    'ended_early', *(f'{name}{part}' for name in MEASURES
                                     for part in ('', '_deviation'))])
    for cell in sheet.cells:
        amounts = [cell.amounts[name] for name in MEASURES]
        lines.writerow([*(setting.name for setting in cell.settings),
                        cell.runs, cell.measured, len(cell.failed),
                        *(number for it in amounts
                          for number in (it.mean, it.deviation))])
    return text.getvalue()


# --- the picture -------------------------------------------------------

def _draw(sheet, picture):
    """The first axis by colour, the second along x, others by panels."""
    plt = pyplot()
    measure = 'loss' if all(math.isnan(cell.amounts['accuracy'].mean)
                            for cell in sheet.cells) else 'accuracy'
    panels = dict.fromkeys(_panel(cell) for cell in sorted(
        sheet.cells, key=lambda it: _places(sheet.axes, it.settings)[2:]))
    across = _across(panels)
    down = -(-len(panels) // across)
    along = sheet.axes[1].settings if len(sheet.axes) > 1 else ()
    colours = len(sheet.axes[0].settings) if sheet.axes else 1
    width = max(4.0, 1.2 + max(NARROW, PLACE * colours) * len(along))
    figure, axes = plt.subplots(
        down, across, figsize=(width * across, 3.4 * down + 0.6),
        squeeze=False, sharey=True, layout='constrained')
    for axis in axes.flat[len(panels):]:
        axis.remove()
    for axis, panel in zip(axes.flat, panels):
        _draw_panel(axis, sheet, panel, measure)
        axis.set_title(', '.join(panel), fontsize=10)
    heading, _, _ = COLUMNS[measure]
    for axis in axes[:, 0]:
        axis.set_ylabel(f'test {heading}')
    if measure == 'loss' and _is_wide(sheet.cells):
        axes[0, 0].set_yscale('log')
    figure.suptitle(sheet.title)
    _legend(figure, axes[0, 0])
    save(figure, picture)


def _across(panels):
    """Panels beside each other: a row for each setting but the last."""
    last = {panel[-1:] for panel in panels}
    return min(ACROSS, len(last) if len(last) > 1 else len(panels))


def _panel(cell):
    """Labels of the settings by which a panel is chosen."""
    return tuple(setting.label for setting in cell.settings[2:])


def _draw_panel(axis, sheet, panel, measure):
    """A mark for each cell, with its standard deviation."""
    colours = [it.name for it in sheet.axes[0].settings] if sheet.axes else []
    places = ([it.name for it in sheet.axes[1].settings]
              if len(sheet.axes) > 1 else [])
    factor = COLUMNS[measure][1]
    for i, name in enumerate(colours or ['']):
        cells = [cell for cell in sheet.cells if _panel(cell) == panel
                 and (not colours or cell.settings[0].name == name)]
        where = np.array([places.index(cell.settings[1].name) if places else 0
                          for cell in cells])
        amounts = [cell.amounts[measure] for cell in cells]
        shift = SPREAD * ((i + 0.5) / max(1, len(colours)) - 0.5)
        axis.errorbar(
            where + shift, [factor * it.mean for it in amounts],
            np.nan_to_num([factor * it.deviation for it in amounts]),
            label=sheet.axes[0].settings[i].label if colours else None,
            linestyle='', capsize=3, markersize=5,
            marker=MARKS[i // len(LINES) % len(MARKS)])
    labels = ([it.label for it in sheet.axes[1].settings] if places
              else [''])
    many = len(labels) > 4
    axis.set_xticks(range(len(labels)), labels, rotation=30 * many,
                    ha='right' if many else 'center',
                    rotation_mode='anchor' if many else 'default')
    axis.set_xlim(-0.5, len(labels) - 0.5)
    axis.grid(axis='y', alpha=0.3)


def _is_wide(cells):
    """True if the losses need a logarithmic axis."""
    losses = [cell.amounts['loss'].mean for cell in cells]
    losses = [loss for loss in losses if math.isfinite(loss)]
    return bool(losses) and min(losses) > 0 and (
        max(losses) > WIDE * min(losses))


def _legend(figure, axis):
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc='outside lower center',
                      ncols=min(4, len(labels)), frameon=False)


if __name__ == '__main__':
    main()
