"""Presets of published schemes that vote in each file by itself."""

import numpy as np
import pytest

from aspis_mpi import JobError
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from tests.support.coded_jobs import Run


def job(name, q=2, workers=15, **sections):
    """The job of a preset, with as many liars as it is prepared for."""
    tables = {
        'run': {'steps': 4, 'seed': 5, 'evaluate_every': 0},
        'problem': {'name': 'quadratic', 'parameters': 13, 'batch_size': 75},
        'scheme': {'name': name, 'workers': workers, 'adversaries': q},
        'adversary': {'count': q}}
    for section, keys in sections.items():
        tables[section] = tables.get(section, {}) | keys
    return loading.from_tables(tables)


@pytest.mark.parametrize('files', ['all', 'majorities', 'random'])
def test_draco_is_exact_whatever_q_liars_send(files):
    lying, honest = (Run(Assembly(job('draco', adversary=keys)))
                     for keys in ({'files': files}, {'count': 0}))
    assert lying.code == honest.code == DONE
    assert lying.values.tobytes() == honest.values.tobytes()
    assert lying.assembly.worst_case == 0
    assert lying.assembly.assignment.replication == 5


def test_draco_needs_more_right_replicas_than_wrong_ones():
    with pytest.raises(JobError, match=(
            r'assignment\.replication = 3: must be at least 2q \+ 1 = 5 .*'
            r'set that, or scheme\.adversaries = 1')):
        Assembly(job('draco', assignment={'replication': 3}))


def test_detox_loses_a_group_in_which_liars_are_the_majority():
    """Three of 15 workers hold one majority of five, wherever they are."""
    it = Run(Assembly(job('detox', q=3, adversary={
        'workers': [0, 1, 7], 'files': 'all'})))
    assert it.code == DONE and it.assembly.worst_case == 1
    for record in it.records:
        lies = it.assembly.attack.lies(record.step)
        wrong = (record.contributors & lies).any(axis=1)
        assert np.flatnonzero(wrong).tolist() == [0]
        assert not record.flagged.any()
