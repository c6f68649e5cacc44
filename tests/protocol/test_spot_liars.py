"""Liars that a job may choose, against spot checks."""

import os

import numpy as np
import pytest

from aspis_mpi.errors import DONE, JobError
from tests.support.coded_jobs import assembled
from tests.support.spot_cells import ATTACKS, Cell
from tests.support.spot_runs import SpotRun, liar

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
RUNS = 300 if THOROUGH else 6
EVERY = {'rate': 1.0, 'first': 0}
NEVER = {'rate': 1e-15, 'first': 0}


@pytest.mark.parametrize('q', [1, 3, 7])
@pytest.mark.parametrize('attack', ATTACKS if THOROUGH else ['all'])
def test_liars_are_exposed_as_soon_as_promised(attack, q):
    """On average; until then as few wrong payloads are used."""
    for share in (1.0, 0.5) if THOROUGH else (1.0,):
        cell = Cell(attack, q, share, RUNS)
        assert cell.right, (share, np.mean(cell.until), cell.most)


@pytest.mark.parametrize('keys', [
    {'protocol': 'refuse', 'value': 'reversed', 'scale': 1.0},
    {'protocol': 'frame', 'value': 'honest'},
    {'protocol': 'load-one', 'value': 'honest'},
    {'protocol': 'payloads', 'value': 'honest'},
    {'protocol': 'sketches', 'value': 'honest'},
    {'protocol': 'norms', 'value': 'honest'},
    {'value': 'screened', 'load': 2}, {'value': 'nan'},
    {'value': 'bit-flip'}],
    ids=lambda keys: keys.get('protocol', keys['value']))
@pytest.mark.parametrize('audits', ['contested', 'none'])
def test_no_honest_worker_is_exposed_by_any_of_them(keys, audits):
    run = SpotRun(scheme={'workers': 7, 'adversaries': 2},
                  detection=EVERY | {'audits': audits},
                  adversary=liar(count=2, workers=[1, 5], **keys))
    assert run.code == DONE and run.exposed <= {1, 5}
    if (keys.get('protocol'), audits) != ('refuse', 'none'):
        assert run.exposed


def test_without_audits_who_refuses_is_never_used_where_it_is_asked():
    run = SpotRun(detection=EVERY | {'audits': 'none'}, adversary=liar(
        workers=[5], protocol='refuse', value='reversed', scale=1.0))
    assert run.code == DONE
    assert not any(5 in record.source for record in run.records)


def test_a_lie_below_the_screens_is_used_where_nobody_looks():
    """And one that is longer is not."""
    for ratio, used in (2.0, True), (12.0, False):
        run = SpotRun(
            run={'steps': 10, 'checkpoint_every': 0}, detection=NEVER,
            adversary=liar(workers=[5], value='screened', load=2,
                           ratio=ratio))
        first = run.records[0]
        assert (5 in first.source) == used


def test_framing_needs_somebody_who_asks_for_checks():
    with pytest.raises(JobError, match='nobody is asked to check'):
        assembled('robust-partial', scheme={'adversaries': 1}, adversary={
            'count': 1, 'protocol': 'frame', 'value': 'honest'})
