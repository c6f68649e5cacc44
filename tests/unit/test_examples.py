"""The examples in the docstrings print what they say."""

import doctest
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import aspis_mpi

#: Imported, it starts MPI in this process, for all tests after it.
MPI = 'aspis_mpi.backends.mpi'
MODULES = [module.name
           for module in pkgutil.walk_packages(aspis_mpi.__path__,
                                               'aspis_mpi.')
           if not module.name.startswith(MPI)
           and not module.name.endswith('__main__')]


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
    before = 'mpi4py.MPI' in sys.modules
    result = doctest.testmod(importlib.import_module(name))
    assert not result.failed
    assert ('mpi4py.MPI' in sys.modules) == before


def test_there_are_no_examples_of_mpi():
    folder = Path(*aspis_mpi.__path__, *MPI.split('.')[1:])
    texts = [path.read_text(encoding='utf-8') for path in folder.glob('*.py')]
    assert texts and not [text for text in texts if '>>> ' in text]
