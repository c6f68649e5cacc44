"""Who is late is not waited for, and pays for what that costs."""

import numpy as np
import pytest

from aspis_mpi.errors import DONE, JobError
from aspis_mpi.protocol.messages import CodedGradient, Sketch
from aspis_mpi.schemes.record import Outcome
from tests.support.benches import CodedServerBench
from tests.support.challenged_jobs import SILENCE, Run, assembled, liars, run
from tests.support.coded_jobs import assembled as coded_assembly
from tests.support.coded_jobs import distance, reference
from tests.support.coded_jobs import run as coded

GRACE = 0.05
#: Two of nine workers, as many as may be wrong.
LATE = liars(0, 4, value='honest', protocol='late', seconds=0.9 * SILENCE)
TURNS = liars(0, 4, value='honest', protocol='intermittent')
REPLICAS = {'transfer': {'name': 'replicas', 'challenge': False}}
EVERYTHING = {'collection': {'name': 'all'}}
#: Accounts are soon too large; everybody may take a second.
SHORT = {'silence': 2.0, 'grace': 1.0}
STEADY = {'delay': {'name': 'constant', 'mean': 1.0}}


# --- nobody sets the pace who lies -------------------------------------

@pytest.mark.parametrize('attack', [LATE, TURNS], ids=['late', 'turns'])
@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_what_is_late_goes_to_others_at_once(transfer, attack):
    """Fails where the server waits as long as a liar likes, 45 s a time."""
    it = run(transfer={'name': transfer, 'challenge': True}, run={'steps': 4},
             adversary=attack, **STEADY)
    assert it.code == DONE
    for record in it.records:
        assert (record.source != -2).all() and record.files_certified == 9
        assert record.seconds_step < 5 + 8 * GRACE
        assert record.late.any() and not record.late[[1, 2, 3, 5]].any()
        assert not record.exposed.any()
    assert not it.wrong_files().any()


def test_replicas_come_as_fast_as_those_of_others_or_are_not_waited_for():
    """A replica each 45 s is no silence; with 5 files it took 225 s."""
    it = run(**REPLICAS, **EVERYTHING, **STEADY, adversary=LATE,
             faults={'silence': SILENCE, 'patience': 0.01},
             run={'steps': 3})
    assert it.code == DONE
    for record in it.records:
        # Three times as long as the others need.
        assert record.seconds_step == pytest.approx(15.0)
        assert np.flatnonzero(record.late).tolist() == [0, 4]
        assert record.files_certified == 9


@pytest.mark.parametrize('patience', [{}, {'patience': 0}], ids=str)
def test_published_schemes_wait_for_everybody(patience):
    it = run(**REPLICAS, **EVERYTHING, **STEADY, adversary=LATE,
             faults={'silence': SILENCE} | patience, run={'steps': 1})
    assert it.last.seconds_step == pytest.approx(5 * 0.9 * SILENCE)
    assert not it.last.late.any() and not it.last.account.any()


@pytest.mark.parametrize('sections', [
    {}, EVERYTHING | {'faults': {'silence': SILENCE, 'patience': 0.01}},
    {'transfer': {'name': 'coded', 'challenge': True}}, REPLICAS], ids=str)
def test_without_liars_nobody_is_late_or_pays_for_answers(sections):
    """Answers take no time here; who computes longest may be waited for."""
    it = run(run={'steps': 10}, delay={'name': 'uniform', 'mean': 1.0},
             **sections)
    assert it.code == DONE
    assert not any(record.late.any() for record in it.records)
    if 'collection' not in sections and sections is not REPLICAS:
        assert not it.last.account.any()


def test_a_late_answer_that_comes_still_counts():
    """Its sketches are evidence like those of others."""
    lost = []

    def between(worker, message):
        # The first vector never comes.
        if not lost and isinstance(message, CodedGradient):
            lost.append(worker)
            return None
        return message
    it = Run(assembled(run={'steps': 1}, **STEADY), between=between)
    assert it.code == DONE and np.flatnonzero(it.last.late).tolist() == lost
    # It showed what it had all the same: four files, as the others.
    assert it.server.up[0, 'Sketch', lost[0]]
    assert (it.last.copies == 4).all()
    assert it.last.verdict is Outcome.CLEAN


def test_a_file_that_nobody_else_has_is_waited_for():
    """Without redundancy the late worker is asked again, up to silence."""
    it = run(assignment={'name': 'uncoded'},
             transfer={'name': 'sums', 'challenge': False},
             detection={'name': 'none', 'audits': None}, adversary=LATE,
             run={'steps': 1}, **STEADY)
    assert it.code == DONE and (it.last.source >= 0).all()
    assert it.last.late[[0, 4]].all()


# --- a deadline covers what is asked for -------------------------------

@pytest.mark.parametrize('deadline', [4.0, 30.0])
def test_a_deadline_holds_for_vectors_too(deadline):
    it = coded('partial', collection={'name': 'deadline',
                                      'deadline': deadline},
               delay={'silent': [4], 'silent_after': 'encode'},
               run={'steps': 2})
    assert it.code == DONE
    for record in it.records:
        assert record.seconds_transfer <= deadline + 1e-9 < SILENCE
        assert record.seconds_step <= 2 * deadline + 1e-9


def test_a_deadline_holds_for_sketches_too():
    def between(worker, message):
        silent = worker == 0 and isinstance(message, Sketch)
        return None if silent else message
    it = Run(assembled(
        collection={'name': 'deadline', 'deadline': 9.0}, run={'steps': 1},
        detection={'name': 'certified'}, scheme={'adversaries': 1}, **STEADY,
        faults={'silence': SILENCE, 'patience': 0}), between=between)
    assert it.code == DONE and it.last.late[0]
    assert it.last.seconds_step < 4 * 9.0 < SILENCE


# --- waited for from when on -------------------------------------------

def test_who_had_nothing_to_do_is_waited_for_from_then_on():
    """Files of a silent worker are wanted again; its neighbours hear that
    long after they last said something, and have the time that all have.
    """
    it = CodedServerBench(
        assignment={'order': 'natural'},
        collection={'name': 'coverage', 'skip_covered': True})
    silent, busy = 4, 8
    for worker in it.everybody:
        if worker not in (busy, 7, 6):
            it.progress(worker, 1)
    waited = it.server.deadline
    # Somebody works on one file for long, and says so now and then.
    it.clock.now = 0.9 * waited
    it.progress(busy, [1])
    it.clock.now = 1.5 * waited
    out = it.server.give_up([silent])
    again = {worker for worker, _ in out}
    assert again
    it.clock.now = 1.6 * waited
    it.server.tick()
    given_up = [text for text in it.server.texts if 'silent' in text]
    assert not any(f'worker {worker} ' in text for text in given_up
                   for worker in again - {silent, busy, 6, 7})


# --- accounts ----------------------------------------------------------

def test_liars_that_take_turns_are_out_of_work_soon():
    """Whatever they do in between; honest workers always have work."""
    it = run(run={'steps': 20}, adversary=TURNS, **STEADY, faults=SHORT)
    excluded = np.array([record.excluded for record in it.records])
    assert it.code == DONE and excluded[-1, [0, 4]].all()
    assert not np.delete(excluded, [0, 4], axis=1).any()
    charged = it.last.account[[0, 4]]
    assert (charged > 4.0).all() and (charged < 8.0).all()
    assert all(record.files_certified == 9 for record in it.records)


def test_who_is_idle_has_its_files_done_by_others():
    """No file has fewer copies than before, where there is room."""
    it = run(run={'steps': 20}, adversary=TURNS, **STEADY, faults=SHORT,
             detection={'memory': 'forever'})
    assert it.last.excluded[[0, 4]].all()
    assert not it.last.contributors[:, [0, 4]].any()
    assert (it.server._membership.scheme.assignment.incidence.sum(axis=1)
            == 5).all()


@pytest.mark.parametrize('key, value', [
    ('grace', 0), ('grace', -1.0), ('patience', -0.1), ('patience', 1.0)])
def test_keys_of_faults_have_bounds(key, value):
    with pytest.raises(JobError, match=f'faults.{key}'):
        assembled(faults={key: value})


def test_parameters_are_those_of_waiting_for_all():
    sections = {'run': {'steps': 3}, 'scheme': {'adversaries': 2}}
    it = coded('partial', **sections, delay={
        'silent': [4], 'silent_after': 'encode'})
    assert it.code == DONE and any(record.late[4] for record in it.records)
    right = reference(coded_assembly('partial', **sections))
    assert distance(it.values, right) < 1e-5
