"""Which modules are the user's own: found in the text of what imports them."""

import os

import numpy
import pytest

from aspis_mpi.parts.modules import own_modules


@pytest.fixture
def write(tmp_path):
    """Writes files below a folder, by their paths, and answers it."""
    def files(texts):
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path
    return files


def names(folder, name, file):
    found = own_modules(name, folder / file)
    assert all(path.is_file() for path in found.values())
    return set(found)


def test_one_module_and_what_lies_beside_it(write):
    folder = write({
        'mine.py': 'import numpy, beside\nfrom below import *\n',
        'beside.py': 'def late():\n    import further.down as d\n',
        'below.py': '', 'further/down.py': 'import mine', 'unused.py': ''})
    assert names(folder, 'mine', 'mine.py') == {
        'mine', 'beside', 'below', 'further.down'}


def test_a_package(write):
    folder = write({
        'own/__init__.py': 'from . import first',
        'own/first.py': 'from .second import thing',
        'own/second.py': 'from own.deep import third',
        'own/deep/__init__.py': '', 'own/deep/third.py': 'from .. import last',
        'own/last.py': '', 'own/unused.py': '', 'last.py': ''})
    everything = {'own', 'own.first', 'own.second', 'own.deep',
                  'own.deep.third', 'own.last'}
    assert names(folder, 'own.second', 'own/second.py') == everything
    assert names(folder, 'own', 'own/__init__.py') == everything


def test_packages_around_an_import_are_run_as_well(write):
    folder = write({'mine.py': 'import a.b.c', 'a/b/c.py': '',
                    'a/__init__.py': 'import d', 'd.py': ''})
    assert names(folder, 'mine', 'mine.py') == {'mine', 'a', 'a.b.c', 'd'}


@pytest.mark.parametrize('text', ['import (', '\0', 'from . import x'])
def test_what_cannot_be_read_imports_nothing(text, write):
    assert names(write({'mine.py': text}), 'mine', 'mine.py') == {'mine'}


@pytest.mark.parametrize('module', [os, numpy])
def test_what_is_installed_is_not_the_users(module):
    assert set(own_modules(module.__name__, module.__file__)) == {
        module.__name__}


def test_aspis_mpi_itself_is_not(write):
    folder = write({'mine.py': 'import aspis_mpi.words',
                    'aspis_mpi/words.py': ''})
    assert names(folder, 'mine', 'mine.py') == {'mine'}
