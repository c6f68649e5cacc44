"""Colours and letters of every picture, for readers of any eyes.

The lines are those of Okabe and Ito (2008), which stay apart under the three
common kinds of colour blindness; in the dark they are lighter.  Where more
lines are drawn than there are colours, dashes tell them apart.
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """A colour on light and on dark ground."""

    light: str
    dark: str


BLUE = Colour('#0072b2', '#4fa8e0')
ORANGE = Colour('#e69f00', '#f0b429')
GREEN = Colour('#009e73', '#35c79a')
RED = Colour('#d55e00', '#f4772b')
PINK = Colour('#cc79a7', '#e29ac2')
SKY = Colour('#56b4e9', '#8fd0f5')
INK = Colour('#1a1a1a', '#f0f0f0')
GREY = Colour('#8a8a8a', '#a0a0a0')
#: Where a run went back to.
BACK = Colour('#7a3db8', '#c39bea')

#: Colours of lines, in the order in which they are used.
LINES = (BLUE, RED, GREEN, PINK, ORANGE, SKY, INK)

#: Of each state of `aspis_mpi.report.trust.STATES`, in their order.
STATES = (Colour('#ececec', '#30343a'), Colour('#56b4e9', '#56b4e9'),
          Colour('#0a5a9c', '#2a86d1'), Colour('#f0c000', '#f0c000'),
          Colour('#000000', '#ffffff'), Colour('#71777e', '#5d636b'),
          Colour('#cc79a7', '#d98ab5'), Colour('#d55e00', '#f07020'))
#: Of each kind of `aspis_mpi.report.truth.KINDS`, in their order.
KINDS = (Colour('#e8e8e8', '#30343a'), Colour('#bcdff5', '#35566b'),
         Colour('#a0a0a0', '#767c84'), Colour('#0072b2', '#4fa8e0'),
         Colour('#d55e00', '#f07020'), Colour('#000000', '#ffffff'))

#: Fonts of pictures, the first that is there; of pages, the system's.
PICTURE_FONTS = ('DejaVu Sans', 'Arial', 'sans-serif')
PAGE_FONTS = ('system-ui', 'Segoe UI', 'Roboto', 'DejaVu Sans', 'sans-serif')


def matplotlib_style():
    """Settings of matplotlib under which its pictures look alike.

    Returns
    -------
    dict
        Of `rcParams`, for `rcParams.update`; letters of an SVG stay letters.
    """
    from cycler import cycler
    return {
        'axes.prop_cycle': cycler(color=[it.light for it in LINES]),
        'axes.edgecolor': GREY.light, 'axes.labelcolor': INK.light,
        'axes.spines.top': False, 'axes.spines.right': False,
        'text.color': INK.light, 'xtick.color': INK.light,
        'ytick.color': INK.light, 'font.family': 'sans-serif',
        'font.sans-serif': list(PICTURE_FONTS), 'svg.fonttype': 'none',
        'pdf.fonttype': 42}
