"""The scripts of analysis/ on a run whose log has several parts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.report import trust as facts
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import (
    Arrival, ArrivalKind, Evaluation, ExposureRecord)
from tests.support.made_up_logs import create, made_up, mark

ROOT = Path(__file__).parents[2]


def ring(n_workers):
    """Each worker holds its own file and the two after it."""
    order = (np.arange(n_workers)[:, None] + np.arange(3)) % n_workers
    incidence = np.zeros((n_workers, n_workers), dtype=bool)
    incidence[order, np.arange(n_workers)[:, None]] = True
    return Assignment(incidence, order)


def certified(step, design):
    """A step whose files are all certified; worker 1 is exposed by it."""
    n_files, n_workers = design.n_files, design.n_workers
    nobody = np.zeros(n_workers, dtype=bool)
    source = design.holders[:, 0]
    return replace(
        made_up(step, n_files, n_workers), residual=0.0, seconds_wait=2.0,
        files_certified=n_files, files_presumed=0, files_dropped=0,
        files_missing=0, flagged=nobody | (np.arange(n_workers) == 1),
        exposed=np.arange(n_workers) == 1, excluded=nobody,
        disagreements=np.zeros((n_workers, n_workers), dtype=bool),
        source=source.astype(np.int16), bytes_out=10_000, bytes_in=5000,
        contributors=np.arange(n_workers) == source[:, None],
        files_done=design.loads.astype(np.uint16),
        first_report=nobody + 1.0, last_report=nobody + 1.0, late=nobody)


def reports(step, design):
    """Worker j finishes all its files j seconds after the model was sent."""
    done = np.packbits(np.ones(design.load, dtype=bool)).tobytes()
    yield Arrival(step, -1, ArrivalKind.MODEL, 0, 100.0 * step, 0, b'')
    for worker in range(design.n_workers):
        yield Arrival(step, worker, ArrivalKind.REPLICA, design.load,
                      100.0 * step + worker + 1, 1, done)


@pytest.fixture
def analysed(tmp_path):
    """A run of rings of 5, 4 and 6 workers, of which worker 1 lies."""
    for number, (steps, k) in enumerate(
            ((range(6), 5), (range(4, 9), 4), (range(7, 12), 6)), 1):
        design = ring(k)
        name = 'run.h5' if number == 1 else f'run.{number}.h5'
        liar = np.arange(k) == 1
        with create(tmp_path / name, design, clock='virtual') as log:
            for step in steps:
                log.arrivals(reports(step, design))
                nobody = np.zeros(k, dtype=bool)
                log.append(certified(step, design), liar,
                           design.incidence & liar, nobody, nobody)
                log.evaluation(Evaluation(step + 1, 1.0, 1 / (step + 1), .5))
            log.exposure(ExposureRecord(
                steps[0], steps[0], 1, ProofKind.AUDIT,
                f'step {steps[0]}: worker 1 of part {number}'))
        if number > 1:
            mark(tmp_path / name, steps[0])
    return tmp_path / 'run.h5'


@pytest.fixture
def draw(analysed, analyse):
    """Runs a script on all parts, or on one; what it prints."""
    def run(script, *arguments, path=analysed):
        done = analyse(f'{script}.py', path, *arguments)
        assert done.returncode == 0 and not done.stderr, done.stderr
        picture = path.with_suffix(f'.{script}.png')
        assert picture.read_bytes().startswith(b'\x89PNG')
        return done.stdout
    return run


def test_detection_of_a_joined_run(draw):
    printed = draw('detection')
    assert '5, then 4, then 6 workers' in printed
    assert 'at most, of 4 or 5 or 6' in printed
    assert 'precision 1.000, recall 1.000' in printed
    counts = {line[:20].strip(): int(line[20:].split()[0])
              for line in printed.splitlines()[2:-1]}
    # Four steps of five workers, three of four, five of six.
    assert counts == {
        'honest, not flagged': 4 * 4 + 3 * 3 + 5 * 5,
        'adversary, no lie': 0, 'no work this step': 0,
        'liar, flagged': 12, 'liar, missed': 0, 'honest, flagged': 0}


def test_trust_of_a_joined_run(draw):
    printed = draw('trust')
    assert 'every file was certified in 12 of 12 steps' in printed
    assert '5.2 of 5.16667 files' in printed
    for part, step in enumerate((0, 4, 7), 1):
        assert f'step {step}: worker 1 of part {part} (exposed' in printed


def test_states_of_workers_that_are_not_there(analysed, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'analysis')
    with load_run(analysed) as run:
        found, files = facts.states_of(run), facts.files_of(run)
        expected = np.full((6, 12), facts.FINE)
        replicas = facts.replicas_of(run)
    replica = 4 * replicas.d + 64
    assert replicas.nbytes.tolist() == [
        3 * k * replica for k in 4 * [5] + 3 * [4] + 5 * [6]]
    expected[1] = facts.EXPOSED
    expected[5, :4] = expected[4:, 4:7] = facts.ABSENT
    np.testing.assert_array_equal(found, expected)
    assert sum(layer.counts for layer in files).tolist() == (
        4 * [5] + 3 * [4] + 5 * [6])


@pytest.mark.parametrize('step, told', [
    ('2', 'in run.h5'), ('4', 'in run.2.h5'), ('6', 'in run.2.h5'),
    ('7', 'in run.3.h5'), (None, 'in run.3.h5')])
def test_timeline_of_a_joined_run(draw, step, told):
    printed = draw('timeline', *(
        () if step is None else ('--step', step)))
    assert f'step {step or 11}, ' in printed and told in printed
    n_files = 3 * {'run.h5': 5, 'run.2.h5': 4}.get(told[3:], 6)
    assert f'{n_files} files were finished, {n_files} in time' in printed


def test_accuracy_and_completion_of_a_joined_run(draw):
    assert f'{12:8d}    0.5000' in draw('accuracy')
    assert f'{12:6d} ' in draw('completion')


@pytest.mark.parametrize('script', ['detection', 'trust', 'completion',
                                    'accuracy', 'timeline'])
def test_a_part_alone_and_a_last_part_without_rows(analysed, draw, script):
    draw(script, path=analysed.with_name('run.2.h5'))
    with create(analysed.with_name('run.4.h5'), ring(5)):
        pass
    mark(analysed.with_name('run.4.h5'), 12)
    draw(script)
