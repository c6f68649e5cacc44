"""Whatever options go together, a run is right, repeatable and readable."""

import os

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.job import loading
from tests.support.drawn_jobs import drawn, merged
from tests.support.spot_replays import ROWS, parameters

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
RUNS = 600 if THOROUGH else 6


def run(tables, log, **options):
    return simulate(loading.from_tables(tables), out=log, **options)[0]


def rows(log):
    """The record of a run, as bytes."""
    with load_run(log) as it:
        return [it.read(name).tobytes() for name in ROWS] + [
            it.steps[name].tobytes() for name in (
                'step', 'turn', 'verdict', 'epochs', 'clipped', 'scale',
                'files_certified', 'files_missing', 'gradient_norm')]


def judge(log):
    """No honest worker is exposed, and figures are those of the arrays."""
    with load_run(log) as it:
        assert not (it.exposed & ~it.adversaries).any()
        assert {one.worker for one in it.exposures} >= set(
            np.flatnonzero(it.exposed.any(axis=0)).tolist())
        steps, source = it.steps, it.source
        assert (steps['n_excluded'] == it.excluded.sum(axis=1)).all()
        assert (steps['files_dropped'] == (source == -1).sum(axis=1)).all()
        assert (steps['files_missing'] == (source == -2).sum(axis=1)).all()
        sure = it.option('detection', 'name') == 'certified' or (
            it.option('scheme', 'name') == 'reactive')
        assert not (sure and it.wrong_files.any())


@pytest.mark.parametrize('seed', range(RUNS))
def test_a_drawn_job_is_run_done_again_and_gone_on_with(seed, tmp_path,
                                                        capsys):
    tables = drawn(np.random.default_rng([2026, seed]))
    log, again, parts = (tmp_path / f'{name}.h5' for name in (
        'whole', 'again', 'parts'))
    code = run(tables, log)
    assert code in (DONE, FAILED), tables
    judge(log)
    assert run(tables, again, replay=log) == code
    assert rows(again) == rows(log), tables
    for words in (['show', str(log)], ['show', '--json', str(log)],
                  ['export', str(log), '-o', str(tmp_path / 'tables')]):
        assert main(words) == 0, (words, tables)
    assert 'NaN' not in capsys.readouterr().out
    if code == FAILED:
        return
    assert np.array_equal(parameters(again), parameters(log)), tables

    assert run(merged(tables, {'run': {'steps': 3}}), parts) == DONE
    assert run(tables, parts, resume=True) == DONE
    judge(parts)
    with load_run(parts) as it:
        assert it.steps['step'].tolist() == list(range(6))
    assert run(tables, again, replay=parts, overwrite=True) == DONE
    assert np.array_equal(parameters(again), parameters(parts)), tables
