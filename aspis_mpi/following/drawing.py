"""Curves and bars of characters."""

from typing import NamedTuple

import numpy as np

from aspis_mpi.arrays import Floats

#: Largest over smallest from which a curve is logarithmic.
SPREAD = 10


class Glyphs(NamedTuple):
    """Characters that a terminal can show.

    Attributes
    ----------
    levels : str
        By rising height; the first is that of nothing.
    broken : str
        A number that is not finite.
    full, empty : str
        Of a bar.
    """

    levels: str
    broken: str
    full: str
    empty: str


BLOCKS = Glyphs(' ▁▂▃▄▅▆▇█', '×', '█', '░')
ASCII = Glyphs(' _.-:=+*#', 'x', '#', '.')


def is_logarithmic(least: float, most: float) -> bool:
    """True if numbers from the one to the other need such a scale."""
    return least > 0 and most > SPREAD * least


def curve(values: Floats, height: int = 1, glyphs: Glyphs = BLOCKS,
          logarithmic: bool = False) -> list[str]:
    """A curve, a column a number, as lines from the top.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN where there is none.
    height : int
        Lines.
    glyphs : Glyphs
    logarithmic : bool
        The scale is; all values are positive.

    Returns
    -------
    list of str

    >>> curve(np.array([1.0, 2.0, 3.0, np.nan, 1.0]))
    ['▁▅█×▁']
    >>> curve(np.array([0.0, 1.0, 2.0]), height=2, glyphs=ASCII)
    [' _#', '_##']
    """
    steps = len(glyphs.levels) - 1
    heights = _heights(np.log(values) if logarithmic else values,
                       height * steps)
    lines = []
    for line in reversed(range(height)):
        levels = np.clip(heights - line * steps, 0, steps)
        blank = glyphs.broken if line == 0 else ' '
        lines.append(''.join(
            glyphs.levels[level] if known else blank
            for level, known in zip(levels.tolist(), heights > 0)))
    return lines


def _heights(values: Floats, most: int) -> Floats:
    """Height of each number, 1 to `most`; 0 of one that is not finite."""
    known = np.isfinite(values)
    heights = np.zeros(len(values), dtype=int)
    if not known.any():
        return heights
    found = values[known]
    low, high = found.min(), found.max()
    share = (found - low) / (high - low) if high > low else 0 * found
    heights[known] = 1 + np.rint(share * (most - 1)).astype(int)
    return heights


def bar(share: float, width: int, glyphs: Glyphs = BLOCKS) -> str:
    """A bar of which a share is done; full only where all is.

    >>> bar(0.5, 8), bar(0.999, 4)
    ('████░░░░', '███░')
    """
    full = int(max(0.0, min(share, 1.0)) * width)
    return glyphs.full * full + glyphs.empty * (width - full)
