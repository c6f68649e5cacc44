"""The list of the package's folders and modules, from their docstrings."""

import ast
from pathlib import Path

import aspis_mpi

from making.descriptions import table

ROOT = Path(aspis_mpi.__file__).parent


def packages():
    """Every folder of the package, with the first line of its docstring."""
    return _listed(path for path in sorted(ROOT.rglob('__init__.py'))
                   if path.parent != ROOT)


def loose():
    """Every module at the package's root."""
    return _listed(path for path in sorted(ROOT.glob('*.py'))
                   if path.name != '__init__.py')


def _listed(paths):
    return table(('where', 'what lives there'),
                 [(f'`{_name(path)}`', _first_line(path)) for path in paths])


def _name(path):
    place = path.parent if path.name == '__init__.py' else path
    return place.relative_to(ROOT).as_posix() + (
        '/' if place.is_dir() else '')


def _first_line(path):
    tree = ast.parse(path.read_text(encoding='utf-8'))
    return (ast.get_docstring(tree) or '').partition('\n')[0]
