"""A warm Python for the tests that draw."""

from pathlib import Path

import pytest

from tests.support.warm_python import WarmPython

ANALYSIS = Path(__file__).parents[2] / 'analysis'


@pytest.fixture(scope='session')
def analyse():
    """Runs a script of analysis/ as a user does: `analyse(script, ...)`."""
    with WarmPython('matplotlib.pyplot',
                    'aspis_mpi.runlog.reader') as python:
        yield lambda script, *words: python(ANALYSIS / script, *words)
