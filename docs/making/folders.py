"""The list of the package's folders and modules, from their docstrings."""

import ast
import inspect
from pathlib import Path

import aspis_mpi
from aspis_mpi import registry

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


def bases():
    """The class that all parts of a family share, or the only part."""
    found = {family: _shared(registry.parts(family).values())
             for family in registry.FAMILIES}
    return table(('family', 'class', 'what it is'), [
        (family, f'`{base.__module__}.{base.__qualname__}`',
         registry.summary(base)) for family, base in found.items()
        if base is not object])


def _shared(parts):
    first, *others = parts
    return next(cls for cls in inspect.getmro(first)
                if all(issubclass(other, cls) for other in others))


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
