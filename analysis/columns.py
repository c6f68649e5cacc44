"""Pictures over the steps of a run, of which several may share a column."""

import numpy as np

from figure import whole_numbers


class Columns:
    """The columns of a picture over T steps.

    Parameters
    ----------
    steps : ndarray of int, shape (T,)
        Their numbers, ascending.
    most : int
        So many columns at most.

    Attributes
    ----------
    span : int
        Steps in each column, the last one may have fewer.
    starts : ndarray of int, shape (columns,)
        The first row of each.
    edges : ndarray of float, shape (columns + 1,)
        Where they lie on an axis of steps.
    """

    def __init__(self, steps, most):
        self.span = -(-len(steps) // most)
        self.starts = np.arange(0, len(steps), self.span)
        self.edges = np.append(steps[self.starts], steps[-1] + 1) - 0.5

    def worst(self, values):
        """The largest value of each column, (..., T) to (..., columns)."""
        return np.maximum.reduceat(values, self.starts, axis=-1)

    def average(self, values):
        """The mean of each column, (T,) to (columns,)."""
        counts = np.diff(np.append(self.starts, len(values)))
        return np.add.reduceat(values, self.starts) / counts


def draw_workers(axis, states, columns, kinds):
    """Draw what each worker is in each step, the first worker on top.

    Parameters
    ----------
    axis : Axes
        Of matplotlib.
    states : ndarray of int, shape (K, T)
        Numbers of kinds; white where negative.
    columns : Columns
    kinds : sequence of (str, str)
        Labels and colours, by rising importance: where several steps share
        a column, the last one shows.

    Returns
    -------
    list of Patch
        The handles of a legend.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = ListedColormap([colour for _, colour in kinds]).with_extremes(
        under='white')
    axis.pcolormesh(columns.edges, np.arange(len(states) + 1) - 0.5,
                    columns.worst(states), cmap=colours, vmin=-0.5,
                    vmax=len(kinds) - 0.5, rasterized=True)
    axis.set_xlim(columns.edges[0], columns.edges[-1])
    axis.invert_yaxis()
    axis.set_ylabel('worker')
    whole_numbers(axis.yaxis)
    return [Patch(facecolor=colour, edgecolor='#606060', label=label)
            for label, colour in kinds]
