"""Fixtures that several folders of tests share."""

import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading


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
