"""Cells of a sweep, from the CSV file that analysis/compare.py makes."""

import csv
from dataclasses import dataclass

#: Where the liars are and what they send, in the cell without an attack.
RANDOM, NONE = 'random', 'none'


@dataclass(frozen=True)
class Cell:
    """The runs of a scheme under one attack, which differ in their seed.

    Attributes
    ----------
    scheme, liars, value : str
        Names of settings of the sweep.
    q : int
        Liars, for all of whom the server is prepared.
    runs, measured : int
        Those that should be there, and those that are.
    ended_early : int
        Those that the server gave up.
    accuracy, deviation : float
        Held-out, in per cent: mean, and standard deviation over the runs;
        NaN, like what follows, where nothing is measured.
    gradients : float
        Computed of each file, by whomever.
    megabytes : float
        To and from the server, a step.
    """

    scheme: str
    q: int
    liars: str
    value: str
    runs: int
    measured: int
    ended_early: int
    accuracy: float
    deviation: float
    gradients: float
    megabytes: float


def read(path, **fixed):
    """The cells in a CSV file.

    Parameters
    ----------
    path : Path
    **fixed : str
        Settings that are the same for all, which the sweep has no axes for.

    Returns
    -------
    list of Cell
    """
    with open(path, newline='', encoding='utf-8') as file:
        rows = [fixed | row for row in csv.DictReader(file)]
    return [_cell(row) for row in rows]


def _cell(row):
    return Cell(row['scheme'], int(row['q']), row['liars'], row['value'],
                int(row['runs']), int(row['measured']),
                int(row['ended_early']), 100 * float(row['accuracy']),
                100 * float(row['accuracy_deviation']),
                float(row['gradients']), float(row['bytes']) / 1e6)
