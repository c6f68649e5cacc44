"""The arrays behind the picture of analysis/trust.py."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.job import loading
from aspis_mpi.report import exposed, trust as facts
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.record import ExposureRecord
from tests.support.made_up_logs import a_record

ROOT = Path(__file__).parents[2]
K, D = 7, 12


@pytest.fixture
def trust(monkeypatch):
    """The script, as a module."""
    monkeypatch.syspath_prepend(ROOT / 'analysis')
    return import_module('trust')


@pytest.fixture
def simulated(tables, tmp_path):
    """Makes the log of a run of K = 7, r = 3, q = 2, f = 35, d = 12."""
    def make(**sections):
        job = tables(run={'steps': 8}, scheme={'workers': K},
                     detection={'name': 'certified', 'memory': 'step'},
                     faults={'silence': 5.0})
        for name, keys in sections.items():
            job[name] = job.get(name, {}) | keys
        _, path = simulate(loading.from_tables(job), out=tmp_path / 'run.h5',
                           overwrite=True)
        return path
    return make


LIARS = {'count': 2, 'files': 'all'}


@pytest.fixture
def written(tmp_path):
    """Writes a log of steps that differ from a blank one as told."""
    assignment = Subset(K, replication=3)
    blank, nobody = a_record(assignment), np.zeros(K, dtype=bool)
    blank = replace(blank, last_report=np.ones(K))
    nothing = np.zeros((assignment.n_files, K), dtype=bool)

    def write(steps, job='', exposures=(), first=0):
        path = tmp_path / 'written.h5'
        with RunLog(path, assignment, job=job, seed=1, parameters=D, mpi='',
                    hosts=['a'], clock='virtual', overwrite=True) as log:
            for number, facts in enumerate(steps, first):
                log.append(replace(blank, step=number, **facts), nobody,
                           nothing, nobody, nobody)
            for exposure in exposures:
                log.exposure(exposure)
        return path
    return write


def of(*workers):
    return np.isin(np.arange(K), workers)


def pairs(*edges):
    graph = np.zeros((K, K), dtype=bool)
    for a, b in edges:
        graph[a, b] = graph[b, a] = True
    return graph


def times(worker, seconds):
    return np.where(of(worker), seconds, 1.0)


def states(trust, path):
    with load_run(path) as run:
        return facts.states_of(run)


# -- workers

def test_liars_are_exposed_and_nobody_else_is_suspected(trust, simulated):
    path = simulated(adversary=LIARS)
    with load_run(path) as run:
        found, adversaries = facts.states_of(run), run.adversaries.T
        assert run.disagreements.any(axis=2).all()
    assert found.shape == (K, 8)
    assert ((found == facts.EXPOSED) == adversaries).all()
    assert (found[~adversaries] == facts.FINE).all()


def test_without_proofs_liars_are_flagged_and_nobody_suspected(trust,
                                                               simulated):
    path = simulated(adversary=LIARS, detection={'name': 'clique'})
    with load_run(path) as run:
        found, adversaries = facts.states_of(run), run.adversaries.T
        assert (run.flagged.T == adversaries).all()
        assert run.disagreements.any(axis=2).all()
    assert ((found == facts.FLAGGED) == adversaries).all()
    assert (found[~adversaries] == facts.FINE).all()


def test_who_disagrees_and_nobody_is_flagged_is_suspected(trust, written):
    found = states(trust, written([
        {'disagreements': pairs((0, 1), (0, 2))},
        {'disagreements': pairs((0, 1), (0, 2)), 'flagged': of(0)},
        {'disagreements': pairs((0, 1), (1, 2)), 'flagged': of(0)},
        {'disagreements': pairs((0, 1)), 'flagged': of(0),
         'exposed': of(0)}]))
    fine, suspected = facts.FINE, facts.SUSPECTED
    assert found[:3].tolist() == [
        [suspected, facts.FLAGGED, facts.FLAGGED, facts.EXPOSED],
        [suspected, fine, suspected, fine],
        [suspected, fine, suspected, fine]]
    assert (found[3:] == fine).all()


def test_the_dead_and_the_slow(trust, simulated):
    path = simulated(run={'steps': 9}, delay={
        'name': 'slow', 'mean': 0.01, 'workers': [1], 'factor': 10.0,
        'silent': [4], 'silent_from': 3})
    found = states(trust, path)
    assert (found[1] == facts.SLOW).all()
    # Worker 4 is asked in two more steps, to no avail.
    with load_run(path) as run:
        assert np.flatnonzero(run.excluded[:, 4]).tolist() == [6, 7, 8]
    assert found[4].tolist() == (
        3 * [facts.FINE] + 2 * [facts.UNHEARD] + 4 * [facts.DEAD])
    assert (np.delete(found, [1, 4], axis=0) == facts.FINE).all()


def test_each_state_of_a_worker(trust, written):
    found = states(trust, written([
        {},
        {'disagreements': pairs((0, 1)), 'exposed': of(0)},
        {'disagreements': pairs((2, 3)), 'excluded': of(0),
         'exposed': of(0)},
        {'excluded': of(0, 5), 'exposed': of(0)},
        # Memory ends: worker 0 is back, falls silent and is left out.
        {'last_report': times(6, np.nan)},
        {'last_report': times(6, 2.5), 'excluded': of(0)},
        {'last_report': times(6, 1.9),
         'files_done': np.where(of(6), 7, 15).astype(np.uint16)}]))
    fine, slow, unheard, suspected, dead, excluded, _, exposed = range(8)
    assert found.tolist() == [
        [fine, exposed, excluded, excluded, dead, dead, fine],
        [fine] * 7,
        [fine, fine, suspected, fine, fine, fine, fine],
        [fine, fine, suspected, fine, fine, fine, fine],
        [fine] * 7,
        [fine, fine, dead, dead, fine, fine, fine],
        [fine, fine, fine, fine, unheard, slow, slow]]


def test_disagreements_are_read_in_windows(trust, written, monkeypatch):
    path = written([{'disagreements': pairs((n % K, (n + 1) % K))}
                    for n in range(10)])
    whole = states(trust, path)
    monkeypatch.setattr(facts, 'WINDOW', 3 * K * K)
    assert (states(trust, path) == whole).all()
    assert (whole == facts.SUSPECTED).sum(axis=0).tolist() == [2] * 10


# -- files

def test_files_add_up_and_are_those_of_the_log(trust, simulated):
    path = simulated(adversary=LIARS, delay={'silent': [0],
                                             'silent_from': 3})
    with load_run(path) as run:
        found = trust.trust_of(run)
        steps = run.steps
    assert [layer.label.split()[0] for layer in found.files] == [
        'certified', 'presumed', 'contested,', 'missing']
    assert (sum(layer.counts for layer in found.files) == 35).all()
    assert (found.files[0].counts == steps['files_certified']).all()
    assert (found.files[3].counts == steps['files_missing']).all()
    # One file is held by worker 0 and the two liars alone.
    assert found.files[0].counts.tolist() == 3 * [35] + 5 * [34]
    assert 'certified in 3 of 8 steps' in found.certificates


def test_contested_is_what_remains(trust, written):
    with load_run(written([{'files_certified': 20, 'files_presumed': 4,
                            'files_missing': 1, 'files_dropped': 14}])) as r:
        counts = [layer.counts.tolist() for layer in facts.files_of(r)]
    assert counts == [[20], [4], [10], [1]]


def test_a_rule_without_certificates_says_so(trust, simulated):
    with load_run(simulated(adversary=LIARS,
                            detection={'name': 'clique'})) as run:
        found = trust.trust_of(run)
    assert found.certificates == (
        "no file was certified or presumed: detection 'clique'")
    assert [layer.label for layer in found.files] == [
        'used', 'dropped', 'missing']
    assert (sum(layer.counts for layer in found.files) == 35).all()


# -- bytes

def test_replicas_cost_what_they_cost(trust, simulated):
    with load_run(simulated()) as run:
        replicas = facts.replicas_of(run)
        assert replicas.d == D
        np.testing.assert_array_equal(run.steps['bytes_in'],
                                      replicas.nbytes)


def test_what_a_code_saves(trust, simulated):
    with load_run(simulated(
            scheme={'name': 'partial', 'adversaries': 0},
            detection={'name': 'none'})) as run:
        replicas = facts.replicas_of(run)
        assert replicas.d == D
        assert replicas.nbytes.tolist() == 8 * [21 * (64 + 4 * D)]


# -- exposures

def test_an_exposure_has_its_sentence(trust, simulated):
    with load_run(simulated(adversary=LIARS)) as run:
        found = exposed.exposures_of(run)
        liars = np.flatnonzero(run.adversaries[0])
        assert {exposure.worker for exposure in found} == set(liars)
    for exposure in found:
        assert (exposure.step, exposure.steps) == (0, 8)
        assert exposure.sentence.startswith(
            f'step 0: worker {exposure.worker} disagrees with ')


def test_the_sentence_is_of_that_worker_and_step(trust, written):
    def said(step, worker, text, proof=ProofKind.AUDIT):
        return ExposureRecord(step, step, worker, proof, text)

    found = written(
        [{'exposed': of(2)}, {'exposed': of(2, 5)}, {'exposed': of(1)}],
        exposures=[
            said(10, 5, 'worker 2 in step 10, of another one'),
            said(10, 2, 'step 1: worker 3: x', ProofKind.MALFORMED),
            said(10, 2, 'the second proof of the step'),
            said(11, 2, 'step 10: worker 2, of another step'),
            said(11, 5, 'step 11: worker 5\x1b[2J lies')], first=10)
    with load_run(found) as run:
        found = exposed.exposures_of(run)
    assert [(e.worker, e.step, e.steps) for e in found] == [
        (2, 10, 2), (5, 11, 1), (1, 12, 1)]
    assert found[0].sentence == 'step 1: worker 3: x'
    assert trust._plain(found[1].sentence) == 'step 11: worker 5 [2J lies'
    assert found[2].sentence.endswith('the log has no proof')


# -- the picture

def test_a_column_shows_the_worst_of_its_steps(trust):
    columns = trust.Columns(np.arange(10_000), trust.COLUMNS)
    span, starts = columns.span, columns.starts
    assert span * len(starts) >= 10_000 and len(starts) <= trust.COLUMNS
    assert len(columns.edges) == len(starts) + 1
    assert columns.edges[-1] == 9999.5
    found = np.zeros((2, 10_000), dtype=np.uint8)
    found[1, 5000], found[1, 5001] = facts.EXPOSED, facts.SLOW
    shown = columns.worst(found)
    assert shown.shape == (2, len(starts))
    assert shown[1, 5000 // span] == facts.EXPOSED
    assert np.count_nonzero(shown) == 1
    np.testing.assert_allclose(
        trust.Columns(np.arange(5), 2).average(np.arange(5)), [1, 3.5])


@pytest.mark.parametrize('sections', [
    {'adversary': LIARS, 'detection': {'audits': 'none'}},
    {'adversary': LIARS, 'detection': {'name': 'clique'}},
    {'scheme': {'name': 'partial', 'adversaries': 0},
     'detection': {'name': 'none'}}])
def test_the_script_draws_and_tells(analyse, simulated, sections):
    path = simulated(**sections)
    done = analyse('trust.py', path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    picture = path.with_suffix('.trust.png')
    assert picture.read_bytes().startswith(b'\x89PNG')
    lines = done.stdout.splitlines()
    assert lines[-2:] == ['no wrong file was used', f'picture: {picture}']
    assert 'all replicas' in lines[-3] and f'(d = {D})' in lines[-3]


def test_long_logs_and_single_steps_are_drawn(analyse, written, tmp_path):
    for count in (1, 1300):
        done = analyse('trust.py', written([{}] * count), '-o',
                       tmp_path / 'x.png')
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_mistakes_get_one_line_and_exit_2(analyse, written, tmp_path):
    for arguments, reason in (
            ([tmp_path / 'missing.h5'], 'there is no file'),
            ([__file__], 'HDF5'), ([written([])], 'holds no step')):
        done = analyse('trust.py', *arguments)
        assert done.returncode == 2
        assert reason in done.stderr
        assert done.stderr.count('\n') == 1
