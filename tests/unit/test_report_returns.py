"""Reports of runs that went back: undone steps are told, shown and counted."""

import re
from dataclasses import replace

import numpy as np
import pytest

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.report import making
from aspis_mpi.report.turns import turns_of
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.summary import format_summary
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.record import (
    Cause, Draw, DrawKind, Evaluation, ExposureRecord, Rollback)
from tests.support.made_up_logs import a_record, create
from tests.support.report_pages import (
    DESIGN, NO_LIE, NOBODY, Page, draw_nothing)

#: Two returns, of which the second undoes what the first had left, too;
#: who was exposed just before, and all steps in their order.
BACK = (Rollback(8, 9.5, 8, 5), Rollback(13, 20.0, 10, 3))
EXPOSED = {7: 3, 12: 5}
STEPS = [*range(8), *range(5, 10), *range(3, 12)]
#: Turns whose steps were undone, and those in which two files were checked.
UNDONE, CHECKED = [*range(3, 13)], [1, 6, 7, 11, 14]


@pytest.fixture(autouse=True)
def carried(monkeypatch):
    """Nothing is looked at in a browser here."""
    draw_nothing(monkeypatch)


@pytest.fixture
def path(tmp_path):
    """The log of such a run, whose lies were all undone."""
    blank, returns = a_record(DESIGN), iter(BACK)
    with create(tmp_path / 'run.h5', DESIGN) as log:
        for turn, step in enumerate(STEPS):
            if turn in (8, 13):
                log.go_back(next(returns))
            lies = NO_LIE.copy()
            if turn == 6:
                # The lowest holder of a file is the one that is believed.
                lies[0, DESIGN.holders[0, 0]] = True
            log.append(replace(blank, step=step, turn=turn), lies.any(axis=0),
                       lies, NOBODY, NOBODY)
            log.evaluation(Evaluation(step + 1, turn, 1 / (step + 1), 0.5))
            log.draws([Draw(step, turn, 0, DrawKind.HEADS), *(
                Draw(step, turn, 0, DrawKind.CHECK, worker=i, checks=i + 1)
                for i in range(2) if turn in CHECKED)])
            if turn in EXPOSED:
                log.exposure(ExposureRecord(
                    step, step, EXPOSED[turn], ProofKind.AUDIT,
                    f'step {step}: an audit', turn=turn))
    return tmp_path / 'run.h5'


def test_turns_are_those_that_were_taken(path):
    with load_run(path) as run:
        turns = turns_of(run)
    assert turns.turn.tolist() == list(range(len(STEPS)))
    assert turns.step.tolist() == STEPS
    assert np.flatnonzero(turns.undone).tolist() == UNDONE
    assert np.flatnonzero(turns.checked).tolist() == CHECKED
    assert np.flatnonzero(turns.exposed).tolist() == list(EXPOSED)


def test_the_liars_of_undone_steps_are_named(path):
    told = Page(making.report([path])).told
    assert 'workers 3 and 5 lied; what they got in was undone' in told
    assert ('Proved wrong by an audit, in which the server computed the '
            'file: workers 3 in step 7 and 5 in step 9.') in told
    assert 'nobody lied in the steps that stand' in told
    assert ('In the 10 steps that were undone 1 wrong payload had been used; '
            'proofs are of workers 3 and 5.') in told
    assert 'nobody lied;' not in told


def test_the_summary_in_the_terminal_says_so_too(path):
    with load_run(path) as run:
        summary = summarize(run)
    assert summary.undone.exposed == [3, 5] and summary.undone.wrong == 1
    told = ' '.join(format_summary(summary).split())
    assert 'wrong no wrong file was used in the steps that stand' in told
    assert 'nobody, and nobody lied in the steps that stand' in told
    assert '1 wrong payload in them; exposed there: 3, 5' in told


def test_lies_without_a_proof_are_told(tmp_path):
    blank, lies = a_record(DESIGN), NO_LIE.copy()
    lies[0, DESIGN.holders[0, 0]] = True
    with create(tmp_path / 'run.h5', DESIGN) as log:
        log.append(blank, lies.any(axis=0), lies, NOBODY, NOBODY)
        log.go_back(Rollback(1, 1.0, 1, 0, Cause.NORM))
        log.append(replace(blank, turn=1), NOBODY, NO_LIE, NOBODY, NOBODY)
    assert 'somebody lied, in steps that were undone' in Page(
        making.report([tmp_path / 'run.h5'])).told


def test_returns_and_their_cost_are_told(path):
    told = Page(making.report([path])).told
    assert 'went back from step 8 to 5: ' + Cause.EXPOSURE.meaning in told
    assert '10 steps had to be done again after 2 returns' in told
    # Three replicas, and 22 turns for the 12 steps that stand.
    assert '5.5 × the gradients' in told


def test_the_picture_has_every_turn(path):
    shown = Page(making.report([path])).chart('Steps of the run')
    assert shown['axis'] == 'turn' and shown['x'] == list(range(len(STEPS)))
    stands, undone, exposed = (it['mean'] for it in shown['series'])
    assert [b if a is None else a for a, b in zip(stands, undone)] == STEPS
    assert [i for i, it in enumerate(undone) if it is not None] == UNDONE
    assert [i for i, it in enumerate(exposed) if it is not None] == list(
        EXPOSED)
    assert shown['marks'] == [7.5, 12.5]


def test_proofs_of_undone_steps_choose_no_course(path):
    courses = Page(making.report([path])).chart('Course')['steps']
    assert not any('exposed' in it['why'] for it in courses)


def test_checks_and_draws_are_within_reach(path):
    page = Page(making.report([path]))
    files = page.chart('Files that one more worker computed')['series']
    counts = [a if b is None else b for a, b in zip(
        *(it['mean'] for it in files))]
    assert [i for i, n in enumerate(counts) if n == 2] == CHECKED
    rows = page.chart('Draws')['rows']
    with load_run(path) as run:
        draws = run.draws
    assert [row[0] for row in rows] == draws['turn'].tolist()
    assert [row[3] for row in rows] == [
        DrawKind.numbered(kind).word for kind in draws['kind'].tolist()]


def test_each_return_has_a_row(path):
    source = Page(making.report([path])).source
    body = source.partition('<caption>Returns')[2].partition('</table>')[0]
    rows = [re.findall('<td[^>]*>(.*?)</td>', row)
            for row in re.findall('<tr><td.*?</tr>', body)]
    # Turn, seconds, from and to step, undone, wrong payloads, files checked,
    # exposed, cause.
    assert rows == [
        ['8', '9.500', '8', '5', '3', '1', '4', '3', 'exposure'],
        ['13', '20.000', '10', '3', '7', '0', '2', '5', 'exposure']]


def test_bars_of_many_turns_are_means(path, monkeypatch):
    monkeypatch.setattr('aspis_mpi.report.series.MOST', 11)
    monkeypatch.setattr('aspis_mpi.report.series.LEAST', 1)
    shown = Page(making.report([path])).chart('Files that one more')
    assert shown['span'] == 2 and shown['note'] == (
        'Each bar is the mean of 2 turns.')
    stands, undone = shown['series']
    assert 'low' not in stands and 'low' not in undone
    # Turns 0 and 1, of which the second has two files; 6 and 7 were undone.
    assert stands['mean'][0] == 1 and undone['mean'][3] == 2
    assert stands['mean'][3] is None


def test_many_draws_do_not_make_the_page_large(path, monkeypatch):
    monkeypatch.setattr('aspis_mpi.report.pictures.DRAWS', 4)
    shown = Page(making.report([path])).chart('Draws')
    assert len(shown['rows']) == 4
    assert 'the first 4 of 32' in shown['note']
