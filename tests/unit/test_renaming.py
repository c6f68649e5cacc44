"""Workers that get other names after each step."""

import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from tests.support.coded_jobs import Run

SEED, STEPS = 11, 6
DESIGNS = [Subset(6, replication=3), Cyclic(7, load=3).widened(5)]


def job(rename=True, **sections):
    """Six workers that hold 20 files of three; two of them may be wrong."""
    tables = {
        'run': {'steps': STEPS, 'seed': SEED, 'evaluate_every': 0},
        'problem': {'name': 'quadratic', 'parameters': 13, 'batch_size': 50},
        'scheme': {'workers': 6, 'adversaries': 2},
        'assignment': {'name': 'subset', 'replication': 3,
                       'rename': rename}}
    for name, keys in sections.items():
        tables[name] = {
            key: value for key, value in (tables.get(name, {}) | keys).items()
            if value is not None}
    return loading.from_tables(tables)


@pytest.mark.parametrize('design', DESIGNS, ids=lambda it: it.name)
def test_the_design_of_each_step_has_the_same_files_under_other_names(design):
    renamed = design.renaming(SEED)
    assert renamed.at(0) is renamed
    assert design.at(3) is design
    for step in 1, 2, 50:
        other = renamed.at(step)
        assert type(other) is type(design) and other.width == design.width
        names = [next(part for part in range(design.n_workers)
                      if (design.order[part] == files).all())
                 for files in other.order]
        assert sorted(names) == list(range(design.n_workers))
        assert (other.incidence == design.incidence[:, names]).all()
        assert (other.loads == design.loads[names]).all()
        for file, holders in enumerate(other.holders):
            assert np.flatnonzero(other.incidence[file]).tolist() == [
                worker for worker in holders.tolist() if worker >= 0]
        # Checks that the order names the files of each worker.
        other.reordered(other.order)


def test_names_are_drawn_anew_for_each_step_and_the_same_for_all_who_ask():
    renamed = Cyclic(7, load=3).renaming(SEED)
    orders = [renamed.at(step).order.tobytes() for step in range(30)]
    assert len(set(orders)) == 30
    assert orders == [Cyclic(7, load=3).renaming(SEED).at(step).order.tobytes()
                      for step in range(30)]
    assert orders[5] != Cyclic(7, load=3).renaming(SEED + 1).at(
        5).order.tobytes()


def test_every_worker_gets_every_name_equally_often():
    """Chi-squared of 49 counts, with 36 degrees of freedom: 99.99 %."""
    renamed, n = Cyclic(7, load=1).renaming(SEED), 700
    counts = sum(renamed.at(step).incidence.astype(int)
                 for step in range(1, n + 1))
    assert ((counts - n / 7) ** 2).sum() / (n / 7) < 84


SCHEMES = {
    'replicas': {},
    'challenged sums': {
        'transfer': {'name': 'sums', 'challenge': True},
        'aggregation': {'name': 'mean'}},
    'plain sums': {
        'scheme': {'name': 'wait-for-all', 'adversaries': 0},
        'assignment': {'name': 'cyclic', 'replication': None, 'load': 3}},
}


@pytest.mark.parametrize('sections', SCHEMES.values(), ids=SCHEMES)
def test_parameters_are_those_of_workers_that_keep_their_names(sections):
    kept, other = (Run(Assembly(job(rename, **sections)))
                   for rename in (False, True))
    assert kept.code == other.code == DONE
    assert other.values.tobytes() == kept.values.tobytes()
    for record in other.records:
        design = other.assembly.assignment.at(record.step)
        assert (record.files_done == design.loads).all()
        assert not (record.contributors & ~design.incidence).any()
        assert record.contributors.any(axis=1).all()
    assert (kept.records[1].contributors
            != other.records[1].contributors).any()


def test_lies_follow_the_files_that_liars_have_in_a_step():
    it = Assembly(job(adversary={'count': 2, 'files': 'majorities'}))
    liars = it.attack.adversaries(0)
    for step in range(STEPS):
        held = it.assignment.at(step).incidence
        expected = held & liars & (
            2 * (held & liars).sum(axis=1, keepdims=True) > 3)
        assert (it.attack.lies(step) == expected).all() and expected.any()


def test_an_exposed_worker_stays_excluded_whatever_its_name():
    it = Run(Assembly(job(
        detection={'memory': 'forever', 'budget': 'fixed'},
        adversary={'count': 2, 'workers': [1, 4], 'value': 'reversed'})))
    assert it.code == DONE
    assert it.records[0].exposed.nonzero()[0].tolist() == [1, 4]
    for record in it.records[1:]:
        assert record.excluded.nonzero()[0].tolist() == [1, 4]
        assert not record.files_done[[1, 4]].any()
        assert record.files_missing == 0


def test_the_log_has_the_order_of_each_step(tmp_path):
    code, path = simulate(job(), out=tmp_path / 'run.h5')
    assert code == DONE
    design = Subset(6, replication=3).renaming(SEED)
    with load_run(path) as run:
        for step in range(STEPS):
            assert (run.order_at(step)[:, :design.load]
                    == design.at(step).order[:, :design.load]).all()


@pytest.mark.parametrize('sections, said', [
    ({'assignment': {'reorder': 2}}, 'assignment.reorder = 2: with '),
    ({'scheme': {'name': 'partial', 'adversaries': 0},
      'assignment': {'name': 'cyclic', 'replication': None, 'load': 3}},
     "has a code made for these workers; use transfer.name = 'replicas'"),
    ({'scheme': {'name': 'spot'},
      'assignment': {'name': 'uncoded', 'replication': None}},
     'draws who checks whom itself; set false'),
], ids=['reorder', 'code', 'spot'])
def test_what_cannot_be_renamed_is_refused(sections, said):
    with pytest.raises(JobError) as error:
        Assembly(job(**sections))
    assert said in str(error.value)
