"""Facts of the log instead of sentences: every code is used and listed."""

import ast
from functools import cache
from pathlib import Path

import pytest

import aspis_mpi
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.contradiction import ContradictionKind
from aspis_mpi.schemes.events import EventCode

PACKAGE = Path(aspis_mpi.__file__).parent
ROOT = PACKAGE.parent
TREES = {path: ast.parse(path.read_text(encoding='utf-8'))
         for path in sorted(PACKAGE.rglob('*.py'))}
#: Whoever reads events or gives advice; `checkpoints` looks at names of files.
READERS = [path for path in (
    *sorted((ROOT / 'analysis').glob('*.py')),
    *sorted((PACKAGE / 'runlog').glob('*.py')),
    PACKAGE / 'assembly' / 'display.py', PACKAGE / 'assembly' / 'keeper.py',
    PACKAGE / 'protocol' / 'server' / 'advice.py')
    if path.name != 'checkpoints.py']
#: Methods of texts that look for something in them.
SEARCHES = {'startswith', 'endswith', 'find', 'rfind', 'index', 'count',
            'partition', 'rpartition', 'split', 'rsplit', 'removeprefix',
            'search', 'match', 'fullmatch', 'findall', 'finditer'}


@cache
def trees():
    """Syntax trees of the package, by path."""
    return {path: ast.parse(path.read_text(encoding='utf-8'))
            for path in sorted(PACKAGE.rglob('*.py'))}


def calls(*names):
    """Every call of a function or method with one of these names."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (
                    getattr(node.func, 'attr', None) in names
                    or getattr(node.func, 'id', None) in names):
                yield f'{path.relative_to(ROOT)}:{node.lineno}', node


def used(name):
    """Members of an enumeration that the package names, but for itself."""
    return {node.attr for tree in trees().values() for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr.isupper()
            and getattr(node.value, 'id', None) == name}


@pytest.mark.parametrize('kinds', [EventCode, ProofKind, ContradictionKind])
def test_every_listed_one_is_used_and_every_used_one_is_listed(kinds):
    assert used(kinds.__name__) == set(kinds.__members__)


def test_every_event_has_a_code():
    """As an argument, not by the default for logs of before."""
    found = list(calls('note', '_note'))
    assert len(found) > 12
    for place, call in found:
        code = call.args[1]
        assert isinstance(code, ast.Starred) or names(code) & {
            'EventCode', 'code'}, place
    for place, call in calls('Event'):
        assert len(call.args) == 5, place
    for place, call in calls('Remark', '_say'):
        if place.startswith(('aspis_mpi/protocol', 'aspis_mpi/assembly/c',
                             'aspis_mpi/assembly/start')):
            assert names(call.args[0]) == {'EventCode'}, place


def names(node):
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}


@pytest.mark.parametrize('path', READERS, ids=lambda path: path.name)
def test_no_reader_looks_for_something_in_a_sentence(path):
    tree = ast.parse(path.read_text(encoding='utf-8'))
    for node in ast.walk(tree):
        imported = {alias.name for alias in getattr(node, 'names', ())
                    if isinstance(alias, ast.alias)}
        assert not imported & {'re', 'fnmatch', 'difflib'}, path
        if isinstance(node, ast.Compare):
            sides = node.left, *node.comparators
            assert not any(map(is_sentence, sides)), (path, node.lineno)
        if isinstance(node, ast.Attribute) and node.attr in SEARCHES:
            assert not is_sentence(node.value), (path, node.lineno)


def is_sentence(node):
    """Whether this is the text of an event, a proof or a contradiction."""
    return any(isinstance(item, ast.Attribute)
               and item.attr in ('text', 'sentence')
               for item in ast.walk(node))


@pytest.mark.parametrize('text, wrong', [
    ("event.text", True), ("proof.sentence.lower()", True),
    ("event.code", False), ("step.number", False)])
def test_what_a_sentence_is(text, wrong):
    assert is_sentence(ast.parse(text, mode='eval').body) is wrong


def test_a_code_of_a_later_program_is_unknown():
    assert EventCode(200) is EventCode.UNKNOWN
    with pytest.raises(ValueError):
        ProofKind(200)
