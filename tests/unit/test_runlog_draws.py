"""Draws of spot checks in the run log: written, gone on with, undone."""

import h5py
import pytest

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.rows import of_draw
from aspis_mpi.runlog.stretch import Stretch
from aspis_mpi.schemes.record import Rollback
from tests.support.made_up_logs import create, fill, made_up_draws, mark

DESIGN = Subset(5, replication=3)


def add(log, steps, shift=0):
    for step in steps:
        log.draws(made_up_draws(step, shift))
        fill(log, DESIGN, [step])


def rows(steps, shift=0):
    return [of_draw(one) for step in steps
            for one in made_up_draws(step, shift)]


@pytest.fixture
def path(tmp_path):
    """Eight steps."""
    with create(tmp_path / 'run.h5', DESIGN) as log:
        add(log, range(8))
    return tmp_path / 'run.h5'


def test_draws_read_as_they_were_written(path):
    """Also the largest number of 64 bits."""
    with load_run(path) as run:
        assert run.draws.tolist() == rows(range(8))
        assert run.draws['seed_high'].max() == 2 ** 64 - 1


def test_a_run_that_goes_on_draws_the_rest_anew(path):
    with create(path, DESIGN, stretch=Stretch(5, goes_on=True)) as log:
        add(log, [5, 6], 40)
    with load_run(path) as run:
        assert run.draws.tolist() == rows(range(5)) + rows([5, 6], 40)


def test_draws_of_undone_turns_stay(path):
    with create(path, DESIGN, stretch=Stretch(8, goes_on=True)) as log:
        log.go_back(Rollback(60, 9.5, 8, 3))
        add(log, [3, 4], 60)
    with load_run(path) as run:
        assert run.steps['step'].tolist() == list(range(5))
        assert run.draws.tolist() == rows(range(8)) + rows([3, 4], 60)
        assert run.undone(run.draws).tolist() == (
            [False] * 9 + [True] * 15 + [False] * 6)


def test_draws_of_a_joined_run_are_those_that_count(path):
    second = path.with_name('run.2.h5')
    with create(second, DESIGN) as log:
        add(log, [5, 6], 40)
    mark(second, 5)
    with load_run(path) as run:
        assert run.draws.tolist() == rows(range(5)) + rows([5, 6], 40)


def test_a_log_of_before_has_none_and_goes_on(path):
    with h5py.File(path, 'r+') as file:
        del file['/draws']
    with load_run(path) as run:
        assert len(run.draws) == 0 and run.draws.dtype.names[0] == 'step'
    with create(path, DESIGN, stretch=Stretch(5, goes_on=True)) as log:
        add(log, [5])
    with load_run(path) as run:
        assert run.draws.tolist() == rows([5])


def test_draws_that_never_reached_the_disk_are_none(path):
    with h5py.File(path, 'r+') as file:
        file['/draws'].resize(40, axis=0)
    with load_run(path) as run:
        assert run.draws.tolist() == rows(range(8))
