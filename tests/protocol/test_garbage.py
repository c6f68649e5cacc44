"""What is over is gone at once: the server's memory stays flat."""

import gc

import pytest

from tests.support.coded_jobs import run


@pytest.fixture
def garbage():
    """What only the collector of cycles would have freed."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)

    def found():
        gc.collect()
        return [thing for thing in gc.garbage if type(thing).__module__
                .startswith(('aspis_mpi.protocol', 'aspis_mpi.schemes'))]
    yield found
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize('name, sections', [
    ('partial', {}), ('gradient-code', {}),
    ('aspis', {'problem': {'batch_size': 90}}),
    ('robust-partial', {'assignment': {'load': 5}})], ids=str)
def test_nothing_of_a_step_waits_for_the_collector(name, sections, garbage):
    it = run(name, run={'steps': 20}, **sections)
    assert it.code == 0
    # The run itself is still there; its steps are not.
    assert not garbage()
