"""How Sphinx builds these pages: python -m sphinx -W docs docs/_build.

Where a page says `<!-- generated: module.function -->` stands in the built
page what that function of the folder making/ returns, so that the references
cannot differ from the code.
"""

import re
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = 'aspis_mpi'
extensions = ['myst_nb']
exclude_patterns = ['_build', 'making']
source_suffix = {'.md': 'myst-nb'}
# Pages that say `file_format: mystnb` are notebooks, whose cells are run each
# time; one that raises is a warning with its traceback, and so an error.
nb_execution_mode = 'force'
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_execution_timeout = 500
nb_merge_streams = True
# `--set` is no dash.
smartquotes = False
html_theme = 'alabaster'
html_theme_options = {
    'description': 'Training that stays right with Byzantine and slow '
                   'workers', 'page_width': '1100px',
    'fixed_sidebar': True}
html_show_sourcelink = html_show_copyright = html_show_sphinx = False
# A link to a heading that is not there is a warning, and so an error.
myst_heading_anchors = 3

GENERATED = re.compile(r'<!-- generated: (\w+)\.(\w+) -->')


def fill(_app, _page, source):
    """Put what is generated into the source of a page."""
    source[0] = GENERATED.sub(
        lambda found: getattr(import_module(f'making.{found[1]}'),
                              found[2])(), source[0])


def setup(app):
    """Called by Sphinx."""
    app.connect('source-read', fill)
