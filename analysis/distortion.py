"""Worst cases that theory predicts: the share of wrong files over q."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aspis_mpi import registry
from aspis_mpi.assignment import theory
from aspis_mpi.assignment.worst import MOST_WORK
from aspis_mpi.words import nearest
from figure import (add_picture, line_style, mistakes_in_a_line, pyplot, save,
                    whole_numbers)

#: Where no picture is named.
PICTURE = Path('distortion.png')
#: Options that are numbers, and the least that each may be.
LEAST = {'workers': 1, 'adversaries': 0, 'seconds': 0}
MARKERS = 'osD^vP*X'


@dataclass(frozen=True)
class Curve:
    """A scheme's worst cases for q = 0, 1 ... as far as it promises any."""

    text: str                   # as it was asked for
    label: str
    cases: list                 # of `theory.WorstCase`


def main():
    """Read the list of schemes, print a table, draw the picture."""
    arguments = _command_line()
    with mistakes_in_a_line('distortion'):
        _check(arguments)
        curves = [curve_of(text, arguments.workers, arguments.adversaries,
                           arguments.seconds)
                  for text in arguments.schemes]
        _draw(curves, arguments.picture)
        _print(curves)
        print(f'picture: {arguments.picture}')


def _command_line():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'schemes', nargs='+', metavar='SCHEME[:r[:K]]',
        help=f'{", ".join(theory.SCHEMES)}, or an assignment whose files are '
        'voted on, such as mols or bibd; then its replication or load, and '
        'its number of workers')
    parser.add_argument('--workers', type=int, default=15, metavar='K',
                        help='number of workers; default: 15')
    parser.add_argument('--adversaries', type=int, metavar='q',
                        help='draw up to so many; default: just less than '
                        'half of the workers')
    parser.add_argument('--seconds', type=int, default=1, metavar='N',
                        help='search the worst workers of a design for about '
                        'N seconds at most, for each q; default: 1')
    add_picture(parser, PICTURE)
    parser.set_defaults(picture=PICTURE)
    return parser.parse_args()


def _check(arguments):
    """Raise a ValueError unless the numbers of the command line make sense."""
    for name, least in LEAST.items():
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise ValueError(f'--{name} {value} must be at least {least}')


def curve_of(text, n_workers, most, seconds=1):
    """The `Curve` of a scheme.

    Parameters
    ----------
    text : str
        SCHEME[:r[:K]].
    n_workers : int
        K, if the text has none.
    most : int or None
        The largest q, just less than K/2 if it is None.
    seconds : int
        The time of a search, roughly; what is found does not depend on the
        machine.

    Raises
    ------
    ValueError
        There is no such scheme, or none for these r and K.
    """
    name, *numbers = text.split(':')
    if len(numbers) > 2 or not all(n.isdecimal() for n in numbers):
        raise ValueError(f'{text}: must be of the form SCHEME[:r[:K]]')
    copies = [int(n) for n in numbers[:1]]
    k = int(numbers[1]) if len(numbers) == 2 else n_workers
    try:
        worst = _worst_of(name, k, copies, seconds)
        cases = [worst(0)]
    except ValueError as error:
        raise ValueError(f'{text}: {error}') from error
    last = (k - 1) // 2 if most is None else min(most, k)
    for q in range(1, last + 1):
        try:
            cases.append(worst(q))
        except ValueError:
            # Nothing is promised for more.
            break
    files = cases[0].files
    return Curve(text, f'{text} ({files} files, K = {k})', cases)


def _worst_of(name, k, copies, seconds):
    """The worst case of a scheme as a function of q."""
    if name in theory.SCHEMES:
        return lambda q: theory.SCHEMES[name](k, q, *copies)
    parts = registry.parts('assignment')
    if name not in parts:
        raise ValueError('there is no such scheme; '
                         f'{nearest(name, [*theory.SCHEMES, *parts])}')
    part, options = parts[name], {}
    if copies:
        if part.replicated_by is None:
            raise ValueError('takes no replication')
        options = {part.replicated_by: copies[0]}
    misfit = registry.misfit('assignment', part, (k,), options)
    if misfit:
        raise ValueError(misfit)
    design = part(k, **options)
    return lambda q: theory.voted(design, q, seconds * MOST_WORK)


def _draw(curves, picture):
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(7, 4.5))
    for i, curve in enumerate(curves):
        q = np.arange(len(curve.cases))
        bound = [case.fraction for case in curve.cases]
        line, = axis.plot(q, bound, label=curve.label, markersize=4,
                          marker=MARKERS[i % len(MARKERS)],
                          linestyle=line_style(i))
        attained = [case.attained / case.files for case in curve.cases]
        axis.fill_between(q, attained, bound, alpha=0.25,
                          color=line.get_color(), linewidth=0)
    axis.set_xlabel('workers that lie, q')
    axis.set_ylabel('share of wrong files, at worst')
    axis.set_ylim(bottom=-0.01)
    axis.grid(alpha=0.3)
    whole_numbers(axis.xaxis)
    axis.legend(loc='upper left', bbox_to_anchor=(0, -0.16), frameon=False,
                fontsize=8, ncols=2)
    save(figure, picture, bbox_inches='tight')


def _print(curves):
    """A column a scheme: wrong files, and their share, for each q."""
    most = max(len(curve.cases) for curve in curves)
    columns = [[curve.text, *map(_cell, curve.cases),
                *['-'] * (most - len(curve.cases))] for curve in curves]
    widths = [max(map(len, column)) for column in columns]
    for q, row in enumerate(zip(*columns)):
        cells = map(str.rjust, row, widths)
        print('  '.join([f'{q - 1 if q else "q":>3}', *cells]))


def _cell(case):
    """Wrong files of all; from what is attained where that is not sure."""
    wrong = (str(case.bound) if case.exact
             else f'{case.attained}-{case.bound}')
    return f'{wrong} of {case.files} = {case.fraction:.3f}'


if __name__ == '__main__':
    main()
