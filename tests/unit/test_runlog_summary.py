"""Summaries of a run log."""

import json
from dataclasses import asdict, astuple, replace

import numpy as np
import pytest

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.summary import format_summary, print_summary
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import (
    CODED, Evaluation, Event, ExposureRecord, Outcome)
from tests.support.made_up_logs import (
    JOB, create, fill, made_up, made_up_truth)


@pytest.mark.parametrize('steps', [0, 40])
def test_summary_is_json_and_fits_a_terminal(tmp_path, steps):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment, clock='virtual') as log:
        fill(log, assignment, range(steps))
        for step in range(20, steps + 1, 20):
            log.evaluation(Evaluation(step, step, 0.3, 1 - step / 100))
        for i in range(9):
            log.event(Event(i, 20 + 10 * (i % 2), 0, f'{i}\x1b[31m ' * 99))
    with load_run(tmp_path / 'run.h5') as run:
        summary = summarize(run)
    again = json.loads(json.dumps(asdict(summary), allow_nan=False))
    assert again['job']['scheme'] == 'aspis'
    assert again['job']['attack'] == '3 adversaries (all, reversed)'
    lines = format_summary(summary).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79
    assert all(line.isprintable() for line in lines)


def test_summary_is_printed_as_lines_or_as_json(tmp_path, capsys):
    create(tmp_path / 'run.h5', Uncoded(3)).close()
    print_summary(tmp_path / 'run.h5')
    assert '0 of 40 done' in capsys.readouterr().out
    print_summary(tmp_path / 'run.h5', as_json=True)
    assert json.loads(capsys.readouterr().out)['pace']['steps'] == 0


def test_summary_of_one_worker_and_one_step(tmp_path):
    with create(tmp_path / 'run.h5', Uncoded(1)) as log:
        fill(log, Uncoded(1), range(1))
        log.evaluation(Evaluation(1, 1.0, 0.25, 0.75))
    with load_run(tmp_path / 'run.h5') as run:
        lines = ' '.join(format_summary(summarize(run)).split())
    assert '; 1 worker, 1 file on 1 each; ' in lines
    assert '0.7500 after 1 step, loss' in lines


def test_summary_counts(tmp_path):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(40))
        log.evaluation(Evaluation(20, 1.0, 0.25, 0.75))
        log.evaluation(Evaluation(40, 2.0, 0.5, 0.5))
        for level, code in zip((20, 30, 40), EventCode):
            log.event(Event(1.0, level, 0, 'said', code))
        for step, worker in (3, 4), (5, 2), (9, 4):
            log.exposure(ExposureRecord(step, step - 1, worker,
                                        ProofKind.AUDIT, f'{step}'))
    with load_run(tmp_path / 'run.h5') as run:
        summary = summarize(run)
        seconds = run.steps['seconds_step'].sum()
        assert summary.truth.wrong_files == run.wrong_files.sum()
    assert (summary.pace.steps, summary.job.steps) == (40, 40)
    assert summary.pace.steps_per_second == pytest.approx(40 / seconds)
    assert summary.pace.samples_per_second == pytest.approx(
        910 * 40 / seconds)
    assert sum(summary.verdicts.values()) == 40
    assert summary.verdicts['clean'] == 6
    assert summary.quality.accuracy == 0.5
    assert summary.quality.best_accuracy == 0.75
    assert summary.quality.best_step == 20
    assert summary.n_warnings == 2
    assert [it.code for it in summary.last_warnings] == ['probe', 'tolerance']
    # Of worker 4 the first one.
    assert [astuple(it) for it in summary.exposures] == [
        (3, 2, 4, 'audit', '3', ()), (5, 4, 2, 'audit', '5', ())]


CODED_JOB = """
[collection]
name = "coverage"
copies = 1
[transfer]
name = "coded"
code = "least-squares"
"""


def coded(step, residual, epochs, verdict):
    """A coded step of two files and three workers that waits 0.3 of 0.4 s."""
    blank = made_up(step, 2, 3)
    return replace(
        blank, residual=residual, epochs=epochs, verdict=verdict,
        seconds_wait=0.3, seconds_step=0.4,
        source=np.full(2, CODED, dtype=np.int16))


def summary_of_coded_run(path):
    assignment = Assignment([[1, 1, 0], [0, 1, 1]])
    nobody, nothing = np.zeros(3, dtype=bool), np.zeros((2, 3), dtype=bool)
    with create(path, assignment, job=JOB + CODED_JOB) as log:
        for record in (coded(0, 0.0, 1, Outcome.CLEAN),
                       coded(1, 1.0, 1, Outcome.INCOMPLETE),
                       coded(2, 2.0, 3, Outcome.INCOMPLETE),
                       coded(3, 0.0, 2, Outcome.CLEAN)):
            log.append(record, nobody, nothing, nobody, nobody)
    with load_run(path) as run:
        assert (run.source == CODED).all()
        return summarize(run)


def test_summary_of_a_coded_run(tmp_path):
    summary = summary_of_coded_run(tmp_path / 'run.h5')
    transfer = summary.transfer
    assert (transfer.name, transfer.code) == ('coded', 'least-squares')
    assert (transfer.collection, transfer.copies) == ('coverage', 1)
    assert (transfer.approximate_steps, transfer.residual) == (2, 1.5)
    assert transfer.incomplete_steps == 2
    assert transfer.steps_of_several_epochs == 2
    assert transfer.waiting == pytest.approx(0.75)
    assert summary.pace.seconds['step'] == pytest.approx(0.4)
    assert ' '.join(format_summary(summary).split()).count(
        'transfer coded (least-squares) after coverage: 2 of 4 steps exact, '
        'mean residual 1.5 in the others, 2 incomplete, 2 of several epochs, '
        '75 % of the time was waiting') == 1


def test_replicas_have_the_same_keys_but_no_line(tmp_path):
    coded = summary_of_coded_run(tmp_path / 'coded.h5')
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(3))
    with load_run(tmp_path / 'run.h5') as run:
        plain = summarize(run)
    assert asdict(coded)['transfer'].keys() == asdict(
        plain)['transfer'].keys()
    assert plain.transfer.code is None
    assert 'steps exact' not in format_summary(plain)


def test_the_summary_names_whom_the_run_has_waited_for(tmp_path):
    """By what they cost; nobody where nobody cost more than a thousandth."""
    nobody = np.zeros(5, dtype=bool)
    record = replace(made_up(0, 10, 5), seconds_step=10.0, late=nobody)
    truth = made_up_truth(0, 10, 5)
    for account, late, told in (
            ([0, 0, 0, 0, 0.001], [], ''),
            ([0, 3.0, 0, 7.5, 0.001], [3],
             'for worker 3 7.5 s (late in 1 step), worker 1 3 s')):
        path = tmp_path / f'{len(told)}.h5'
        with create(path, Subset(5, replication=3)) as log:
            log.append(replace(record, account=np.array(account),
                               late=np.isin(np.arange(5), late)), *truth)
        with load_run(path) as run:
            lines = format_summary(summarize(run)).splitlines()
        found = [line[10:] for line in lines if line.startswith('waited')]
        assert found == [told] * bool(told)
