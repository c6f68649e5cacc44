"""The report of runs: whole, on its own, and with the numbers of the logs."""

import re
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.report import library, making
from aspis_mpi.report.trust import STATES, states_of
from aspis_mpi.report.truth import KINDS, kinds_of
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Arrival, ArrivalKind, Evaluation
from tests.support.made_up_logs import a_record, create
from tests.support.report_pages import (
    DESIGN, HOSTILE, NO_LIE, NOBODY, Page, draw_nothing, write)
from tests.support.run_parts import three_parts

KINDS_NAMED = {name: i for i, (name, _) in enumerate(KINDS)}


@pytest.fixture(autouse=True)
def carried(monkeypatch):
    """The library's place is taken by a short text, as what it draws is
    looked at in a browser; a test below is of the library itself."""
    draw_nothing(monkeypatch)


@pytest.fixture
def log(tmp_path):
    """The log of a run of 12 of 40 steps."""
    return write(tmp_path / 'run.h5')


@pytest.fixture
def page(log):
    """Its report."""
    return Page(making.report([log]))


# -- a page of its own

def test_nothing_is_fetched(page):
    for tag, attributes in page.tags:
        assert tag not in ('link', 'iframe', 'object', 'embed', 'base')
        for name in ('src', 'srcset', 'action', 'data', 'poster'):
            assert name not in attributes, (tag, attributes)
        assert attributes.get('href', '#').startswith('#')
    assert not re.search(r'url\(|@import|\bfetch\(|XMLHttpRequest|import\(',
                         page.source)
    policies = [it['content'] for tag, it in page.tags if tag == 'meta'
                and it.get('http-equiv') == 'Content-Security-Policy']
    assert policies[0].startswith("default-src 'none'")


def test_texts_of_a_log_are_not_obeyed(page):
    assert page.source.count('<script') == page.source.count('</script>') == 3
    assert 'alert("x")' not in page.source
    assert not any('onerror' in it for _, it in page.tags)
    assert any(HOSTILE in text for text in page.texts['td'])


def test_every_picture_has_its_name_and_its_place(page):
    places = [int(it['data-chart']) for tag, it in page.tags
              if tag == 'figure']
    assert places == list(range(len(page.charts))) and len(places) >= 10
    assert len(page.texts['strong']) == len(places)
    languages = [it.get('lang') for tag, it in page.tags if tag == 'html']
    assert languages == ['en']
    ids = [it['id'] for _, it in page.tags if 'id' in it]
    assert len(ids) == len(set(ids))
    links = [it['href'][1:] for tag, it in page.tags if tag == 'a']
    assert links and set(links) <= set(ids)


# -- the numbers of the log

def test_numbers_are_those_of_the_log(page, log):
    with load_run(log) as run:
        steps, evaluation = run.steps, run.evaluation
        kinds, states, wrong = kinds_of(run), states_of(run), run.wrong_files
    series = {it['name']: it['mean'] for it in
              page.chart('Files of each step')['series']}
    for name in ('certified', 'checked'):
        assert series.pop(name) == steps[f'files_{name}'].tolist()
    # What never was is said and not drawn.
    assert not series and page.chart('Files of each step')['about'] == (
        'Always 0: presumed, dropped, missing, audited.')
    loss = page.chart('Loss on the batches')
    assert loss['x'] == steps['step'].tolist()
    assert loss['series'][0]['mean'] == steps['loss'].tolist()
    assert page.chart('Loss')['series'][0]['mean'] == (
        evaluation['loss'].tolist())
    assert page.chart('Wrong files')['series'][0]['mean'] == wrong.tolist()
    assert page.chart('Bytes')['series'][0]['mean'] == (
        steps['bytes_in'].tolist())
    for title, matrix, names in (('Detection', kinds, KINDS),
                                 ('Trust', states, STATES)):
        shown = page.chart(title)
        assert [list(map(int, row)) for row in shown['rows']] == (
            matrix.tolist())
        assert [it['name'] for it in shown['states']] == [
            name for name, _ in names]


def test_the_first_screen_answers(page):
    told = page.told
    assert ('7 workers trained digits (mlp) for 12 of 40 steps with aspis; '
            'each of 35 files was computed by 3 of them.') in told
    assert 'workers 0 and 1 lied' in told
    assert ('the log workers 0 (12 times, from step 0 to 11) and 1 (12 '
            'times') in told
    assert ('Proved wrong by an audit, in which the server computed the '
            'file: worker 1 in step 3.') in told
    # 2 liars in 10 of 12 steps are flagged, in 2 they are missed.
    assert '(20 right, 0 on honest workers, 4 missed)' in told
    # 12 steps of two checked files among 35.
    assert ('each file was given to 3 workers; 5.7% of the files were '
            'computed once more') in told
    assert '3.06 × the gradients' in told
    # A quarter of each step, 0.1 s, was detection; it took half a second.
    assert 'Detection took' in told


def test_the_slow_and_the_silent_are_named(tmp_path):
    path, blank = tmp_path / 'run.h5', a_record(DESIGN)
    with create(path, DESIGN) as log:
        for step in range(12):
            last = np.full(7, 0.1)
            last[4] = np.nan if step >= 5 else 0.1
            late = (np.arange(7) == 2) & (step % 3 == 0)
            log.append(replace(blank, step=step, turn=step, last_report=last,
                               first_report=last, late=late), NOBODY, NO_LIE,
                       NOBODY, NOBODY)
    told = Page(making.report([path])).told
    assert 'worker 4 often not heard; worker 2 often slow' in told
    assert 'worker 4 in 7 steps, from step 5 to the end' in told
    assert 'Slow steps: worker 2 in 4 of 12' in told


def test_a_log_that_is_not_finished_says_so(page):
    assert 'The log holds 12 of 40 steps' in page.told
    assert f'Its last warning: be warned {HOSTILE}' in page.told


@pytest.mark.parametrize('losses, accuracies, verdict', [
    ((2.0, 1.0), (0.5, 0.75), '0.500 → 0.750'),
    ((1.0, 2.0), (0.5, 0.5), '0.500; the loss did not fall'),
    ((2.0, 1.0, 0.9), (0.1, 0.9, 0.4), '0.100 → 0.400; it was 0.900'),
    ((2.0, np.nan), (0.1, 0.1), 'training failed: the loss is not finite'),
    ((2.0, 1.0), (np.nan, np.nan), 'loss 2 → 1')])
def test_the_verdict_on_training(losses, accuracies, verdict, tmp_path):
    with create(tmp_path / 'run.h5', DESIGN) as log:
        for step, (loss, accuracy) in enumerate(zip(losses, accuracies)):
            log.append(replace(a_record(DESIGN), step=step, turn=step),
                       NOBODY, NO_LIE, NOBODY, NOBODY)
            log.evaluation(Evaluation(step, step, loss, accuracy))
    told = Page(making.report([tmp_path / 'run.h5'])).texts['p']
    assert any(it.endswith(verdict) for it in told)


def test_a_log_without_a_step_has_a_page(tmp_path):
    create(tmp_path / 'run.h5', DESIGN).close()
    page = Page(making.report([tmp_path / 'run.h5']))
    assert 'No step is complete yet' in page.told and page.charts == []


def test_a_log_that_is_being_written_has_a_page(tmp_path):
    with create(tmp_path / 'run.h5', DESIGN) as log:
        log.append(a_record(DESIGN), NOBODY, NO_LIE, NOBODY, NOBODY)
        log.flush()
        page = Page(making.report([tmp_path / 'run.h5']))
    assert 'The log holds 1 of 40 steps' in page.told


def test_the_slowest_step_and_a_chosen_one_are_there(log):
    with load_run(log) as run:
        slowest = int(run.steps['seconds_step'].argmax())
        last = run.last_report
    courses = Page(making.report([log], step=2)).chart('Course')['steps']
    assert [it['step'] for it in courses[:2]] == [2, slowest]
    for it in courses:
        assert [bar[2] for bar in it['bars']] == last[it['step']].tolist()


def test_sums_that_come_unasked_are_the_course_of_a_step(tmp_path):
    path, kinds = tmp_path / 'run.h5', ArrivalKind
    with create(path, DESIGN) as log:
        log.arrivals([Arrival(0, worker, kind, 0, seconds, 0, b'\0\0', 0)
                      for worker, kind, seconds in (
                          (-1, kinds.MODEL, 10.0), (0, kinds.PAYLOAD, 10.25),
                          (3, kinds.PAYLOAD, 10.5), (3, kinds.SKETCH, 10.75),
                          (0, kinds.PAYLOAD, 11.0))])
        log.append(a_record(DESIGN), NOBODY, NO_LIE, NOBODY, NOBODY)
    course, = Page(making.report([path])).chart('Course')['steps']
    done = DESIGN.loads.tolist()
    assert course['bars'] == [[0, 0, 0.25, 3, done[0]],
                              [3, 0, 0.5, 3, done[3]]]
    assert course['sketches'] == [[3, 0.75]]
    # What comes after the first is no work of its own.
    assert course['payloads'] == [[0, 1.0]] and not course['signalled']
    assert course['unheard'] == [1, 2, 4, 5, 6]


def test_a_run_of_several_parts_is_one_run(tmp_path):
    path = three_parts(tmp_path)
    with load_run(path) as run:
        states, numbers = states_of(run), run.steps['step'].tolist()
    page = Page(making.report([path]))
    shown = page.chart('Trust')
    assert shown['x'] == numbers
    assert [row.replace(' ', '.') for row in shown['rows']] == [
        ''.join('.' if state < 0 else str(state) for state in row)
        for row in states]
    assert 'The run went on with other numbers of workers' in page.told


# -- many steps

def test_columns_of_a_long_run_hold_mean_least_and_most(tmp_path,
                                                        monkeypatch):
    monkeypatch.setattr('aspis_mpi.report.series.MOST', 10)
    monkeypatch.setattr('aspis_mpi.report.series.LEAST', 1)
    path = write(tmp_path / 'run.h5', steps=47)
    page, span = Page(making.report([path])), 5
    with load_run(path) as run:
        loss, states = run.steps['loss'], states_of(run)
    line = page.chart('Loss on the batches')
    assert line['span'] == span and 'stands for 5 steps' in line['note']
    pieces = [loss[i:i + span] for i in range(0, 47, span)]
    shown = line['series'][0]
    np.testing.assert_allclose(shown['mean'], [it.mean() for it in pieces])
    assert shown['low'] == [it.min() for it in pieces]
    assert shown['high'] == [it.max() for it in pieces]
    rows = page.chart('Trust')['rows']
    assert [list(map(int, row)) for row in rows] == [
        [row[i:i + span].max() for i in range(0, 47, span)]
        for row in states.tolist() for row in [np.array(row)]]
    # The counts in the table are of all steps, not of columns.
    with load_run(path) as run:
        caught = (kinds_of(run) == KINDS_NAMED['liar, flagged']).sum(axis=1)
    assert caught[0] > len(pieces) and str(caught[0]) in page.texts['td']


def test_what_is_not_known_is_no_number(tmp_path):
    path = tmp_path / 'run.h5'
    blank = a_record(DESIGN)
    with create(path, DESIGN) as log:
        for step, loss in enumerate((1.0, np.nan, np.inf)):
            log.append(replace(blank, step=step, loss=loss), NOBODY, NO_LIE,
                       NOBODY, NOBODY)
    page = Page(making.report([path]))
    assert page.chart('Loss on the batches')['series'][0]['mean'] == [
        1.0, None, None]


# -- several runs

def test_runs_side_by_side(tmp_path):
    logs = [write(tmp_path / 'a.h5'), write(tmp_path / 'b.h5', liars=0)]
    page = Page(making.report(logs, tmp_path / 'both.html'))
    curves = page.chart('Loss on held-out samples', 'runs')
    assert [it['name'][:4] for it in curves['series']] == ['a.h5', 'b.h5']
    tables = [it for tag, it in page.tags if tag == 'table']
    assert tables[0]['class'] == 'sorts'
    assert {'a.h5', 'b.h5'} <= set(page.texts['td'])


def test_files_of_one_name_are_told_apart(tmp_path):
    logs = []
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
        logs.append(write(tmp_path / name / 'run.h5'))
    page = Page(making.report(logs, tmp_path / 'both.html'))
    assert {'one/run.h5', 'two/run.h5'} <= set(page.texts['td'])
    names = [it['name'] for it in
             page.chart('Loss on held-out samples', 'runs')['series']]
    assert [it.partition(',')[0] for it in names] == ['one/run.h5',
                                                      'two/run.h5']


def test_runs_of_different_lengths_share_an_axis(tmp_path):
    logs = [write(tmp_path / 'a.h5', steps=5), write(tmp_path / 'b.h5')]
    curves = Page(making.report(logs, tmp_path / 'both.html')).chart(
        'Loss on held-out samples', 'runs')
    assert curves['x'] == list(range(1, 13))
    for path, line in zip(logs, curves['series']):
        with load_run(path) as run:
            loss = run.evaluation['loss'].tolist()
        assert line['mean'] == loss + [None] * (12 - len(loss))


# -- the command

def test_the_command_says_where_the_page_is(log, tmp_path, capsys):
    assert main(['report', str(log)]) == 0
    assert capsys.readouterr().out == f'report: {tmp_path}/run.report.html\n'
    assert (tmp_path / 'run.report.html').stat().st_mode & 0o444


# -- the library

def test_without_the_library_its_command_is_told(monkeypatch):
    monkeypatch.setattr(library, 'find_spec', lambda name: None)
    with pytest.raises(library.ReportError, match='pip install uplot-python'):
        library.library()


def test_the_library_is_carried_whole():
    if find_spec('uplot') is None:
        pytest.skip('uplot-python is not installed')
    script, style = library.library()
    assert 'MIT Licensed' in script and 'uPlot' in script
    assert '</script' not in script and '</style' not in style
    assert len(script) < 200_000
