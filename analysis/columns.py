"""Drawing of workers over the steps of a run."""

import numpy as np

from figure import whole_numbers


def draw_workers(axis, states, columns, kinds):
    """Draw what each worker is in each step, the first worker on top.

    Parameters
    ----------
    axis : Axes
        Of matplotlib.
    states : ndarray of int, shape (K, T)
        Numbers of kinds; white where negative.
    columns : Columns
    kinds : sequence of (str, Colour)
        Labels and colours, by rising importance: where several steps share
        a column, the last one shows.

    Returns
    -------
    list of Patch
        The handles of a legend.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = ListedColormap([
        colour.light for _, colour in kinds]).with_extremes(under='white')
    axis.pcolormesh(columns.edges, np.arange(len(states) + 1) - 0.5,
                    columns.worst(states), cmap=colours, vmin=-0.5,
                    vmax=len(kinds) - 0.5, rasterized=True)
    axis.set_xlim(columns.edges[0], columns.edges[-1])
    axis.invert_yaxis()
    axis.set_ylabel('worker')
    whole_numbers(axis.yaxis)
    return [Patch(facecolor=colour.light, edgecolor='#606060', label=label)
            for label, colour in kinds]
