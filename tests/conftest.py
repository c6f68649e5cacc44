"""Fixtures that several folders of tests share."""

import numpy as np
import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading
from tests.support.seeded_secrets import seeded_secrets

#: Folders whose tests start processes for every core: one at a time, though
#: beside tests of other folders.
ONE_AT_A_TIME = 'tests/mpi', 'tests/slurm'


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Say which tests one process runs, where there are several.

    Not by marks of groups: pytest 9.2 with xdist 3.8 spreads a group over
    all processes without a word.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group(nodeid)
    return ByGroup(config, log)


def group(test):
    """The folder of a test if it is one of these, else its file."""
    file = test.partition('::')[0]
    return next((folder for folder in ONE_AT_A_TIME
                 if file.startswith(f'{folder}/')), file)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """What several tests share draws the same, whichever asks for it first."""
    if fixturedef.scope == 'function':
        return (yield)
    with seeded_secrets(request.node.nodeid, fixturedef.argname,
                        request.param_index):
        return (yield)


@pytest.fixture(autouse=True)
def secrets(request):
    """A test draws the same each time, alone or after others."""
    with seeded_secrets(request.node.nodeid):
        yield


@pytest.fixture
def record_property(record_property):
    """Records figures as Python's own numbers, which processes exchange."""
    return lambda name, value: record_property(
        name, np.asarray(value).tolist())


@pytest.fixture
def tables():
    """Makes the tables of a small exact job; keywords override sections.

    K = 5 workers, each file on r = 3 of them, f = 10, l = 6, q = 2, d = 12.
    Without a preset nothing is remembered from step to step.
    """
    def make(**sections):
        job = {'run': {'steps': 3, 'seed': 7},
               'problem': {'name': 'quadratic', 'parameters': 12},
               'scheme': {'workers': 5, 'adversaries': 2}}
        for name, keys in sections.items():
            job[name] = job.get(name, {}) | keys
        if 'name' not in job['scheme']:
            job['detection'] = {'name': 'core', 'memory': 'step'} | job.get(
                'detection', {})
        return job
    return make


@pytest.fixture
def assemble(tables):
    """Makes the `Assembly` of a small exact job."""
    def make(**sections):
        return Assembly(loading.from_tables(tables(**sections)))
    return make
