"""The plotting library that a page carries: uPlot, by its Python package.

uPlot (MIT) draws lines on a canvas with zoom and a cursor in 120 kB of plain
JavaScript, where Plotly takes 4.8 MB and Bokeh 1.3 MB.  The package
`uplot-python` has it as a file, which is read; nothing of it is imported.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from aspis_mpi.errors import ReportError
from aspis_mpi.parts.extras import command

#: The module, the package that brings it, and its files.
MODULE, PACKAGE = 'uplot', 'uplot-python'
SCRIPT, STYLE = 'uPlot.iife.js', 'uPlot.min.css'


class Library(NamedTuple):
    """Texts of the library, as they stand in the page."""

    script: str
    style: str


def library():
    """Texts of the plotting library.

    Returns
    -------
    Library

    Raises
    ------
    ReportError
        It is not installed.
    """
    spec = find_spec(MODULE)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        script, style = (Path(folder, 'static', name)
                         for name in (SCRIPT, STYLE))
        if script.is_file() and style.is_file():
            return Library(script.read_text(encoding='utf-8'),
                           style.read_text(encoding='utf-8'))
    # Another package has the same module, so that it may be the wrong one.
    raise ReportError(f'a report needs {PACKAGE}, which is not installed; '
                      f'install it with: {command(PACKAGE)}')
