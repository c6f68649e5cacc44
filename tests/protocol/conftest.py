"""Servers that are sent replicas."""

import pytest

from tests.support.replica_bench import SILENCE, ReplicaBench


@pytest.fixture
def bench(assemble):
    """Makes a `ReplicaBench`; keywords are sections of the job."""
    def make(silence=SILENCE, **sections):
        return ReplicaBench(assemble(**sections), silence)
    return make


@pytest.fixture
def long(bench):
    """A run of many steps that takes plain means where it may vote."""
    return bench(run={'steps': 300}, aggregation={'name': 'mean'})
