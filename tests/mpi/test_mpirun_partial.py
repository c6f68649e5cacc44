"""Signals, vectors and stragglers between real ranks: still the right sum.

Whatever is collected exactly, the model is that of a run that waits for all
and has no redundancy.  Time decides who contributes, never what must hold.
"""

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.schemes.record import ArrivalKind, Outcome
from tests.support.gate import NAME, stop
from tests.support.mpirun import parameters
from tests.support.patience import SILENCES as SECONDS
from tests.support.patience import events_of, patiently

#: Exit codes of a run that is done but had to be ended by force.
FORCED = {'openmpi': {0}, 'mpich': {0, 9}}

K, LOAD = 5, 3
VICTIM = 2                      # the worker that falls silent
SINCE = 1                       # in this step
#: How far a model may be from the one of a run that waits for all.
CLOSE = 1e-5
#: Seconds that no test takes: whatever lasts that long hangs.
FOREVER = 1000.0

#: Gradients that no step rounds: those of `quadratic` may jump.
KEYS = {'run.steps': 6, 'problem.name': 'linear-regression',
        'problem.parameters': 41, 'scheme.name': 'partial',
        'scheme.adversaries': 0, 'delay.name': 'exponential',
        'delay.mean': 0.005, 'delay.per': 'file', 'log.detail': 'arrivals'}
SILENT = {'run.steps': 3, 'delay.silent': [VICTIM],
          'delay.silent_from': SINCE, 'faults.silence': SECONDS[0]}

@pytest.fixture
def waited(job, expected):
    """The parameters of the same job, simulated, that waits for all."""
    def simulated(keys):
        kept = {key: value for key, value in (KEYS | keys).items()
                if key.startswith(('run.', 'problem.'))}
        path = job(kept | {'scheme.name': 'wait-for-all',
                           'scheme.adversaries': 0})
        code, _, wanted = expected(path, K)
        assert code == 0
        return wanted
    return simulated


@pytest.fixture
def log_of(series):
    """The log of one of `JOBS`, in which nobody but the victim is silent."""
    def find(name, code=0):
        def once(silence):
            if silence == SECONDS[0]:
                done, its = series(K + 1, JOBS), name
            else:
                its = name, silence
                done = series(K + 1, {its: JOBS[name] | {
                    'faults.silence': silence}})
            return done.codes[its], done.logs[its]
        since = JOBS[name].get('delay.silent_from', 0)
        ended, log, _ = patiently(once, VICTIM, since, missed_after(name))
        assert ended == code
        return log
    return find


def missed_after(name):
    """Files that the victim is to report where it is waited for."""
    keys = JOBS[name]
    if 'delay.silent_after' not in keys or 'collection.name' not in keys:
        return 0
    after = keys['delay.silent_after']
    return LOAD if after == 'encode' else after


def assert_close(ours, wanted):
    assert abs(ours - wanted).max() <= CLOSE * abs(wanted).max()


def signalled(run, step):
    """Arrivals of a step until the signal, and those that came later."""
    rows = run.arrivals_of(step)
    sent = rows['seconds'][0] + run.steps['seconds_wait'][step]
    # The signal is logged as a difference, so its last digit is unsure.
    late = rows['seconds'] > sent + 1e-9
    assert (np.diff(late.astype(int)) >= 0).all()
    return rows[~late], rows[late]


def finished(run, step, rows):
    """Who had finished what after some arrivals, bool (f, K)."""
    state, order = np.zeros(run.incidence.shape, bool), run.order_at(step)
    for worker, bits in zip(rows['worker'], run.finished(rows)):
        if worker >= 0:
            state[order[worker][bits], worker] = True
    return state


def assert_consistent_arrivals(run):
    """What the log says of a step came in an order in which it could."""
    for step in range(run.n_steps):
        before, after = signalled(run, step)
        assert before['kind'][0] == ArrivalKind.MODEL
        kinds = set(before['kind'][1:].tolist())
        unasked = run.config['collection']['name'] == 'all' and (
            (run.incidence.sum(axis=1) == 1).all())
        assert kinds <= {ArrivalKind.SILENT, ArrivalKind.DEADLINE,
                         ArrivalKind.PAYLOAD if unasked else
                         ArrivalKind.PROGRESS}
        assert ArrivalKind.MODEL not in after['kind']
        for worker in range(K):
            for rows in before, after:
                counts = rows['files_done'][rows['worker'] == worker]
                assert (np.diff(counts.astype(int)) >= 0).all()
                assert counts.max(initial=0) <= LOAD
        assert_right_state(run, step, before, after)


def assert_right_state(run, step, before, after):
    """What was finished at the signal is what the step was made of."""
    state = finished(run, step, before)
    assert not (state & ~run.incidence).any()
    lost = before['worker'][before['kind'] == ArrivalKind.SILENT]
    assert (run.files_done[step] == state.sum(axis=0)).all()
    assert not run.contributors[step][:, lost].any()
    # A second signal may ask for what was finished since the first.
    state |= finished(run, step, after)
    assert not (run.contributors[step] & ~state).any()
    # Only whoever had finished something was asked, and once an epoch.
    both = np.concatenate([before, after])
    senders = both['worker'][both['kind'] == ArrivalKind.PAYLOAD]
    assert state[:, senders].any(axis=0).all()
    contributed = np.flatnonzero(run.contributors[step].any(axis=0))
    assert set(contributed) <= set(senders)
    assert np.bincount(senders).max() <= run.steps['epochs'][step]


SCHEMES = {
    'partial': {},
    'half a vector each': {'collection.copies': 2},
    'sums': {'transfer.name': 'sums'},
    'whole workers, tandon': {'scheme.name': 'gradient-code'},
    'skip covered': {'collection.skip_covered': True},
    'reorder': {'assignment.reorder': 2, 'delay.per': 'worker'},
    'thinning': {'collection.thinning': True},
    'wait for all': {'scheme.name': 'wait-for-all'},
}

#: A worker that is waited for also where it is slow, so that it is missed.
MISSED = SILENT | {'collection.name': 'all'}
SILENCES = {
    'after the signal, missed': MISSED | {'delay.silent_after': 'encode'},
    'after the signal, missed, sums': MISSED | {
        'delay.silent_after': 'encode', 'transfer.name': 'sums'},
    'after the signal, missed, half a vector each': MISSED | {
        'delay.silent_after': 'encode', 'collection.copies': 2},
    'after a file, missed': MISSED | {'delay.silent_after': 1},
    'before the first file, missed': MISSED | {'delay.silent_after': 0},
    'after the signal': SILENT | {'delay.silent_after': 'encode'},
    'after a file': SILENT | {'delay.silent_after': 1},
    'before the first file': SILENT | {'delay.silent_after': 0},
}

ALONE = SILENT | {
    'run.steps': 5, 'assignment.load': 1, 'delay.silent_from': 3}
LACKING = {
    'missing where that is allowed': ALONE | {'faults.approximate': True},
    'missing at a deadline': ALONE | {
        'collection.name': 'deadline', 'collection.deadline': 0.2,
        'faults.silence': FOREVER},
}
UNFINISHED = 'a file that nobody can finish'
JOBS = {name: KEYS | keys for name, keys in
        (SCHEMES | SILENCES | LACKING | {UNFINISHED: ALONE}).items()}


@pytest.mark.parametrize('scheme', SCHEMES)
def test_the_model_is_that_of_waiting_for_all(scheme, log_of, waited):
    log, keys = log_of(scheme), SCHEMES[scheme]
    assert_close(parameters(log), waited(keys))
    with load_run(log) as run:
        assert run.n_steps == KEYS['run.steps'] and run.attrs['mpi']
        assert (run.steps['verdict'] == Outcome.CLEAN).all()
        assert (run.steps['epochs'] == 1).all()
        assert not run.steps['residual'].any()
        assert not run.steps['files_missing'].any()
        assert (run.copies >= keys.get('collection.copies', 1)).all()
        assert not run.excluded.any() and events_of(run) == []
        assert_consistent_arrivals(run)


@pytest.mark.parametrize('when', SILENCES)
def test_a_silent_worker_costs_time_only(when, log_of, waited):
    log, keys = log_of(when), SILENCES[when]
    assert_close(parameters(log), waited(keys))
    with load_run(log) as run:
        assert run.n_steps == keys['run.steps']
        assert (run.steps['verdict'] == Outcome.CLEAN).all()
        others = [worker for worker in range(K) if worker != VICTIM]
        assert not run.excluded[:, others].any()
        assert not run.contributors[SINCE:, :, VICTIM].any()
        # While rank 0 is stopped itself one silence may cost as much as three.
        assert all(f'worker {VICTIM} was silent' in event.text
                   or f'worker {VICTIM} has cost' in event.text
                   for event in events_of(run))
        assert_right_cost(run, keys)
        assert_consistent_arrivals(run)


def assert_right_cost(run, keys):
    """The log says when the worker was missed and what that cost."""
    after, all_of_it = keys['delay.silent_after'], 'collection.name' in keys
    texts = [event.text for event in events_of(run)
             if f'in step {SINCE} ' in event.text]
    # Where all files are waited for, a worker that owes one is given up
    # before there is a signal; else the signal names it if it has finished
    # something, and then it owes a vector.
    reported = run.files_done[SINCE, VICTIM]
    asked = reported > 0 and (not all_of_it or after == 'encode')
    if all_of_it:
        assert reported == (LOAD if after == 'encode' else after)
        assert f'after {reported} files' in texts[0]
        assert not run.excluded[:SINCE + 1].any()
        assert run.account[SINCE, VICTIM] > 0
    assert after == 'encode' or reported <= after
    assert len(texts) == (all_of_it or asked)
    assert all(('and the signal' in text) == asked for text in texts)
    assert run.steps['epochs'][SINCE] == 1 + asked
    silence = run.config['faults']['silence']
    assert not texts or run.steps['seconds_step'][SINCE] >= silence


def test_a_missing_file_is_counted_where_that_is_allowed(log_of):
    with load_run(log_of('missing where that is allowed')) as run:
        lacks = run.copies[:, VICTIM] == 0
        assert lacks.tolist() == [False] * 3 + [True] * 2
        assert (run.copies[:, :VICTIM] == 1).all()
        assert (run.steps['files_missing'] == lacks).all()
        assert (run.steps['residual'] == lacks).all()
        assert ((run.steps['verdict'] == Outcome.INCOMPLETE) == lacks).all()
        # While rank 0 is stopped itself one silence may cost as much as three.
        assert not run.excluded[:, :VICTIM].any()
        assert_consistent_arrivals(run)


def test_a_deadline_ends_steps_that_lack_a_worker(log_of):
    keys = LACKING['missing at a deadline']
    with load_run(log_of('missing at a deadline')) as run:
        assert run.n_steps == keys['run.steps']
        since, waits = keys['delay.silent_from'], run.steps['seconds_wait']
        assert (waits[since:] >= keys['collection.deadline']).all()
        assert not run.copies[since:, VICTIM].any()
        assert (run.steps['residual'][since:] >= 1).all()
        rows = run.arrivals
        late = rows['step'][rows['kind'] == ArrivalKind.DEADLINE]
        assert set(range(since, run.n_steps)) <= set(late.tolist())
        # Who had nothing to show is slow, not silent.
        assert not run.excluded.any() and events_of(run) == []
        assert_consistent_arrivals(run)


def test_a_file_that_nobody_can_finish_ends_the_run(log_of, job, expected):
    log = log_of(UNFINISHED, code=3)
    _, reference, _ = expected(job(KEYS | ALONE | {'delay.silent': 0}), K)
    with load_run(log) as run, load_run(reference) as other:
        assert run.n_steps == 3
        np.testing.assert_allclose(run.steps['gradient_norm'],
                                   other.steps['gradient_norm'][:3],
                                   rtol=CLOSE)
        reasons = [e.text for e in run.events if 'cannot be' in e.text]
        assert len(reasons) == 1
        for words in ('step 3', f'file {VICTIM}', 'faults.approximate'):
            assert words in reasons[0]


def test_a_stopped_worker_is_left_out(mpi, job, launch, waited, folder):
    """SIGSTOP, as of a debugger: it hears nothing, not even the end."""
    steps = 8
    keys = {
        'collection.name': 'all',
        'run.steps': steps, 'delay.name': NAME, 'delay.mean': 0.03,
        'delay.per': None, 'run.model_out': 'model.npz'}
    path, log = job(KEYS | keys), folder / 'run.h5'
    since = 3
    stop(folder, since, VICTIM)

    def once(silence):
        return launch(mpi, K + 1, 'run', path, '--out', log, '--overwrite',
                      '--set', f'faults.silence={silence}'), log
    ended, _, _ = patiently(once, VICTIM, since)
    assert ended.code in FORCED[mpi], ended.err
    with load_run(log) as run:
        assert run.n_steps == steps
        assert run.excluded.any(axis=0).tolist() == [
            worker == VICTIM for worker in range(K)]
        assert (run.steps['verdict'] == Outcome.CLEAN).all()
        first = int(run.excluded[:, VICTIM].argmax()) - 1
        texts = [e.text for e in run.events]
        assert any(f'worker {VICTIM} was silent' in text
                   and f'in step {first} ' in text for text in texts)
    assert_close(parameters(folder / 'model.npz'),
                 waited(keys | {'run.model_out': None}))
