"""Runs under reactive redundancy, replayed, resumed, and shown."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.schemes.record import DrawKind
from tests.support.reactive_runs import tables
from tests.support.resumed_runs import Killed, mortal
from tests.support.spot_replays import assert_done_again, draw, parameters

RANDOM = {'scheme': {'name': 'reactive-random'}, 'detection': {'rate': 0.4}}
LIARS = {'adversary': {'count': 2, 'files': 'random', 'value': 'reversed'}}
#: Sections of jobs in which what comes when depends on time.
RUNS = {
    'nobody lies': {},
    'liars': LIARS,
    'liars, by chance': RANDOM | LIARS,
    'several files a worker': LIARS | {'assignment': {'load': 3}},
    'a silent worker': LIARS | {
        'delay': {'name': 'exponential', 'mean': 0.01, 'silent': [3],
                  'silent_from': 4},
        'faults': {'silence': 2.0}},
    'slow workers': RANDOM | LIARS | {
        'delay': {'name': 'slow', 'mean': 0.01, 'workers': [2],
                  'factor': 20.0}},
}


@pytest.mark.parametrize('sections', RUNS.values(), ids=RUNS)
def test_the_same_draws_and_arrivals_give_the_same_bits(
        sections, tmp_path, monkeypatch):
    given = {'delay': {'name': 'exponential', 'mean': 0.01},
             'log': {'detail': 'arrivals'}} | sections
    job = loading.from_tables(tables(**given), 'job.toml')
    draw(monkeypatch, 11)
    code, first = simulate(job, out=tmp_path / 'first.h5')
    assert code == DONE
    # Whoever draws anew gets something else.
    draw(monkeypatch, 12)
    code, again = simulate(job, replay=first, out=tmp_path / 'again.h5')
    assert code == DONE
    assert parameters(first).tobytes() == parameters(again).tobytes()
    with load_run(first) as one, load_run(again) as other:
        assert_done_again(one, other)
        assert (one.draws['kind'] == DrawKind.MORE).any()
        assert bool(one.exposures) == ('adversary' in sections)


@pytest.mark.parametrize('dies', [4, 9])
def test_a_killed_run_goes_on_with_what_it_knew(dies, tmp_path):
    """Liars are not feared again, and no lie has been used."""
    given = tables(
        run={'checkpoint_every': 3, 'evaluate_every': 1},
        adversary={'count': 2, 'value': 'reversed'})
    del given['problem']['name']
    job = loading.from_tables(given | {'problem': given['problem'] | {
        'name': 'quadratic', 'parameters': 40}}, 'job.toml')
    whole, log = tmp_path / 'whole.h5', tmp_path / 'killed.h5'
    assert simulate(job, mortal(), out=whole)[0] == DONE
    with pytest.raises(Killed):
        simulate(job, mortal(dies_at=dies + 1), out=log)
    assert simulate(job, mortal(), out=log, resume=True)[0] == DONE
    assert parameters(whole).tobytes() == parameters(log).tobytes()
    with load_run(log) as run:
        assert run.n_steps == 12 and not run.wrong_files.any()
        # All are found in the first step, and nothing is compared since.
        assert not run.steps['files_checked'][1:].any()
        assert {row.worker for row in run.exposures} == set(
            np.flatnonzero(run.adversaries[0]).tolist())


def row(printed, label):
    """The rows from one label to the next, in one line."""
    lines = iter(printed.splitlines())
    first = next(line for line in lines if line.startswith(label))
    found = [first[10:]]
    for line in lines:
        if not line.startswith(' ' * 10):
            break
        found.append(line.strip())
    return ' '.join(found)


def test_it_says_how_many_files_were_compared(tmp_path, monkeypatch, capsys):
    draw(monkeypatch, 5)
    job = loading.from_tables(tables(**RANDOM, run={'steps': 50}))
    _, path = simulate(job, out=tmp_path / 'run.h5')
    assert main(['show', str(path)]) == 0
    with load_run(path) as run:
        looked = int((run.steps['files_checked'] > 0).sum())
        assert (run.steps['files_checked'][
            run.steps['files_checked'] > 0] == 14).all()
    assert 10 < looked < 30
    said = row(capsys.readouterr().out, 'checks')
    assert said.startswith(
        f'{14 * looked} files in {looked} of 50 steps; a liar would have '
        'been found by now with probability 1.000 if 100 % of its files are '
        f'wrong, {int(1000 * (1 - 0.9 ** looked)) / 1000:.3f} if 10 % are')


def test_a_run_that_went_on_charges_its_workers_as_if_it_never_stopped(
        tmp_path, monkeypatch):
    """What few are asked for goes by the usual times of all before."""
    rows = np.full((14, 4), 0.05)
    rows[1:12, [1, 3]] = 50.0
    np.save(tmp_path / 'trace.npy', rows)

    def job(steps):
        return loading.from_tables(tables(
            run={'steps': steps, 'seed': 3, 'evaluate_every': 0},
            scheme={'workers': 4, 'adversaries': 1},
            assignment={'adapt': 1}, faults={'tolerate': 1},
            delay={'name': 'trace', 'path': str(tmp_path / 'trace.npy')},
            log={'detail': 'arrivals'}), 'job.toml')
    first, again = tmp_path / 'first.h5', tmp_path / 'again.h5'
    draw(monkeypatch, 14)
    simulate(job(5), out=first)
    simulate(job(14), out=first, resume=True)
    code, _ = simulate(job(14), out=again, replay=first)
    assert code == DONE
    with load_run(first) as one, load_run(again) as other:
        assert_done_again(one, other)
        assert one.read('account').tobytes() == (
            other.read('account').tobytes())
        assert one.read('account')[-1, [1, 3]].min() > 60
        assert len(one.orders) > 1
