"""Lines about a run that is followed: they fit, and say what there is."""

import time
from dataclasses import replace

import numpy as np
import pytest

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.following.course import Course
from aspis_mpi.following.crew import Gone, Slow
from aspis_mpi.following.drawing import ASCII
from aspis_mpi.following.facts import Courses, Facts, Missing
from aspis_mpi.following.plainly import told_plainly
from aspis_mpi.following.telling import Mood, Room, told
from aspis_mpi.runlog.amounts import JobFigures
from aspis_mpi.schemes.record import Event, ExposureRecord

JOB = JobFigures('aspis', 'digits', 'mlp', 'clique', 'mean',
                 '3 adversaries (all, reversed)', 15, 455, 3, 91, 10_000, 910)
NOW = time.mktime((2026, 11, 30, 12, 30, 0, 0, 0, -1))


def course(*values):
    found = Course()
    found.extend(np.array(values))
    return found


CALM = Facts(
    path='runs/quickstart.h5', job=JOB, n_parts=1, steps=1234, clock='wall',
    pace=6.2, left=1414.0, evaluated=1230, best=1200,
    courses=Courses(course(2.3, 1.1, 0.1177), course(0.1, 0.9, 0.967),
                    course(0.16, 0.161, 0.16)),
    verdicts={'clean': 1200, 'resolved': 34}, waiting=0.12, slow=(), gone=(),
    exposed=(), proofs=(), flagged={}, rollbacks=0, undone=0, warnings=0,
    last_warning=None, news=NOW - 1, patience=16.0, asked=False, over=False)

#: All that can be told at once.
STORM = replace(
    CALM, n_parts=3,
    slow=tuple(Slow(worker, 0.3, 3.21, 200, 1_230, worker == 11)
               for worker in (11, 3, 5, 7, 8, 9)),
    gone=(Gone(4, None, False), Gone(6, 1_170, True)),
    exposed=(1, 2), proofs=tuple(
        ExposureRecord(step, step, worker, ProofKind.AUDIT, 'why')
        for worker, step in enumerate(range(100, 107))),
    flagged={1: 30}, rollbacks=2, undone=24, warnings=1234,
    last_warning=Event(12.0, 30, 0, 'a\x1b[31mred warning ' * 30))


def text(facts, now=NOW, **room):
    return ' '.join(' '.join(
        line.text for line in told(facts, now, Room(**room))).split())


@pytest.mark.parametrize('width', [20, 40, 80, 120, 200])
@pytest.mark.parametrize('height', [5, 10, 24, 50])
@pytest.mark.parametrize('facts', [CALM, STORM, Missing('a/' * 90, NOW, True)],
                         ids=['calm', 'storm', 'missing'])
def test_it_fits_the_terminal(facts, width, height):
    lines = told(facts, NOW, Room(width, height))
    assert lines
    assert len(lines) < height
    assert all(len(line.text) < width for line in lines)
    assert all(line.text.isprintable() for line in lines)
    # What tells that all is well is never left out.
    assert width < 40 or 'Ctrl-C' in ' '.join(
        line.text for line in lines[-2:])


def test_a_calm_run_says_little_more_than_how_far_it_is():
    said = text(CALM)
    for words in ('runs/quickstart.h5', 'aspis on digits (mlp), 15 workers',
                  '1,234 of 10,000', '12 %', '6.2 steps a second',
                  '24 min left', 'loss 0.118', 'accuracy 96.7 %',
                  'a step 160 ms', '1,200 clean, 34 resolved',
                  'last step at 12:29:59 (Ctrl-C to leave)'):
        assert words in said
    for words in ('slow', 'silent', 'exposed', 'flagged', 'undone',
                  'warnings', 'parts', 'no news'):
        assert words not in said


def test_a_storm_is_told_by_who_and_why():
    said = text(STORM, width=120, height=60)
    for words in ('3 parts',
                  'worker 11 (3.21 times as long as others; cost 30 % of '
                  'the time; late in 200 steps, last in 1,230; gets no work)',
                  'and 4 more workers',
                  'worker 4 (never heard), worker 6 (dead; last heard in '
                  'step 1,170)',
                  'worker 0 in step 100 (audit)', 'and 3 more workers',
                  '24 steps: went back 2 times', '1,234, the last at 12.0 s'):
        assert words in said
    # Where there are proofs, suspicions of a step are not told.
    assert 'flagged' not in said


def test_without_proofs_it_says_whom_the_rule_flags():
    said = text(replace(CALM, flagged={3: 100, 7: 1}))
    assert 'flagged worker 3 in 100 steps, worker 7 in 1 step' in said
    assert 'worker 2, of which this log has no proof' in text(
        replace(CALM, exposed=(2,)))


@pytest.mark.parametrize('changed, age, words, mood', [
    ({}, 16, 'last step at 12:29:44 (Ctrl', Mood.PLAIN),
    ({}, 180, 'no news for 3 min, last step at 12:27:00; waiting (Ctrl-C',
     Mood.WARNING),
    ({'steps': 0}, 20, 'no news for 20 s, no step yet', Mood.WARNING),
    ({'asked': True}, 2, 'was asked to end, last step at 12:29:58; waiting '
     'for it to go on', Mood.WARNING),
    ({'over': True}, 500, 'the run is over', Mood.GOOD),
    ({}, 86400, 'last step at 2026-11-29 12:30:00', Mood.WARNING)])
def test_the_last_line_says_how_old_the_news_are(changed, age, words, mood):
    facts = replace(CALM, news=NOW - age, **changed)
    last = told(facts, NOW, Room(100))[-1]
    assert words in last.text and last.mood is mood


def test_curves_are_higher_where_there_is_room():
    def lines_of(height):
        return sum(line.mood is Mood.CURVE
                   for line in told(CALM, NOW, Room(80, height)))
    assert [lines_of(height) for height in (10, 24, 50)] == [3, 5, 7]


def test_the_range_of_a_curve_stands_beside_it():
    said = text(CALM)
    assert 'up to 2.3' in said and 'from 0.118, log.' in said
    # A share has no logarithmic scale.
    assert 'from 10.0 %' in said and '10.0 %, log' not in said


def test_what_was_not_measured_has_no_curve():
    nothing = replace(CALM, courses=Courses(
        Course(), Course(), course(0.0, 0.0)), pace=None, waiting=None)
    said = text(nothing)
    assert 'not evaluated yet' in said
    for words in ('accuracy', 'a step', 'pace', 'waiting'):
        assert words not in said


def test_a_terminal_of_few_characters_gets_no_others():
    lines = told(STORM, NOW, Room(80, 50, ASCII))
    assert all(line.text.isascii() for line in lines)


# --- a line for a file -----------------------------------------------------

def test_one_plain_line_has_what_matters():
    line = told_plainly(STORM, NOW)
    assert line.isprintable()
    for words in ('step  1234/10000', 'loss 0.1177', 'accuracy 96.7 %',
                  '6.2 steps/s', '24 min left', 'slow: 11, 3, 5, 7 and 2',
                  'silent: 4, 6', 'exposed: 0 (audit), 1 (audit)',
                  'went back 2 times, 24 steps undone'):
        assert words in line


def test_while_nothing_happens_the_line_stays_the_same():
    lines = [told_plainly(CALM, NOW + seconds) for seconds in range(600)]
    # But for once, when the news are old.
    assert len(set(lines)) == 2
    assert lines[-1].endswith('no news since 12:29:59; waiting')
    assert 'left' in lines[0] and 'left' not in lines[-1]


@pytest.mark.parametrize('before, words', [
    (False, 'is not there yet'), (True, 'is gone')])
def test_a_missing_log_is_told(before, words):
    missing = Missing('runs/x.h5', NOW, before)
    for said in (told_plainly(missing, NOW), text(missing)):
        assert f'runs/x.h5 {words}; waiting for it since 12:30:00' in said
