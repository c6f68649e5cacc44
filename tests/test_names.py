"""First lines of docstrings: a noun phrase, or a verb, never a clause.

A clause ("What a worker sends.") makes the reader solve for the noun; the
noun itself ("The vector of a worker.") can be read on its own in a list.
"""

import ast
import re
from pathlib import Path

import pytest

import aspis_mpi

ROOT = Path(aspis_mpi.__file__).parent

#: Beginnings of clauses.  For booleans it is "True if", or a noun.
CLAUSE = re.compile(
    r'(What|Whatever|Whether|Who|Whoever|Whom|Whose|How|However|When|'
    r'Whenever|Where|Wherever|Which|Whichever|Why|That|If|Because|There|'
    r'Any so many|So many|By how|In which|On which|With which|As ever)\b')

#: Beginnings that belong to a method, not to a property, which is a thing.
ACTION = re.compile(r'(Return|Get|Give|Tell|Say|Compute|Find|Check|Make)\b')


def documented(tree):
    """Module, classes and functions of a tree that have a docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node, text.partition('\n')[0]


def is_property(node):
    return isinstance(node, ast.FunctionDef) and any(
        ast.unparse(it).endswith('property') for it in node.decorator_list)


def wrong(tree):
    """First lines that are clauses, and properties that are actions."""
    return [(node.body[0].lineno, line) for node, line in documented(tree)
            if CLAUSE.match(line)
            or is_property(node) and ACTION.match(line)]


def modules():
    """Names of the modules, as paths."""
    for path in sorted(ROOT.rglob('*.py')):
        yield path.relative_to(ROOT).with_suffix('').as_posix()


@pytest.mark.parametrize('text', [
    '"""What lives here."""', 'class A:\n    """Who is there."""',
    'def f():\n    """Whether it is so."""',
    'class A:\n    @property\n    def b(self):\n        """Return b."""'])
def test_a_clause_is_found(text):
    assert len(wrong(ast.parse(text))) == 1


@pytest.mark.parametrize('text', [
    '"""True if it is so.\n\nWhat follows may be a clause."""',
    'def f():\n    """Return the whole."""',
    'class A:\n    @property\n    def b(self):\n        """Wholes."""'])
def test_nothing_else_is_found(text):
    assert not wrong(ast.parse(text))


@pytest.mark.parametrize('name', list(modules()))
def test_first_lines_are_no_clauses(name):
    tree = ast.parse((ROOT / f'{name}.py').read_text(encoding='utf-8'))
    assert not wrong(tree)
