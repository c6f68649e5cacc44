"""The modules of the user's own that a module imports, without doing so."""

import ast
from pathlib import Path

#: Folders of what is installed, whose modules are not the user's.
INSTALLED = {'site-packages', 'dist-packages', 'lib-dynload'}


def own_modules(name, path):
    """A module, and those that it imports from where it comes from.

    Parameters
    ----------
    name : str
        With its packages and dots.
    path : str or Path
        Of its file.

    Returns
    -------
    dict of str to Path
        By name.  Only imports that stand in the text are found.  What is
        installed imports nothing of the user's.
    """
    root = _root(name, Path(path))
    found = {name: Path(path)}
    todo = [] if _is_installed(root) else [name]
    while todo:
        module = todo.pop()
        for other in _imports(module, found[module]):
            file = None if other in found else _file(root, other)
            if file is not None:
                found[other] = file
                todo.append(other)
    return dict(sorted(found.items()))


def _root(name, path):
    """The folder in which the first package of a module is looked for."""
    depth = name.count('.') + (path.stem == '__init__')
    return path.absolute().parents[depth]


def _file(root, name):
    place = root.joinpath(*name.split('.'))
    for file in place.with_name(f'{place.name}.py'), place / '__init__.py':
        if file.is_file():
            return file
    return None


def _is_installed(root):
    return bool(INSTALLED & set(root.parts)) or (root / 'os.py').is_file()


def _imports(name, path):
    """Names of what may be modules, and of the packages around them."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    package = name if path.stem == '__init__' else name.rpartition('.')[0]
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = _base(package, node)
            names |= {f'{base}.{alias.name}'.strip('.')
                      for alias in node.names}
    return {'.'.join(parts[:n + 1]) for parts in
            (name.split('.') for name in names) for n in range(len(parts))
            if parts[0] != 'aspis_mpi'}


def _base(package, node):
    """The package that a `from ... import` is relative to."""
    if not node.level:
        return node.module
    around = package.split('.')[:len(package.split('.')) - node.level + 1]
    return '.'.join([*around, node.module or '']).strip('.')
