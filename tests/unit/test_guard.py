"""The guard around what is the user's: what it lets pass and what not."""

import subprocess
import sys

import numpy as np
import pytest

from aspis_mpi import Problem, Score, simulate
from aspis_mpi.errors import JobError, Mistake
from aspis_mpi.job.loading import from_tables
from aspis_mpi.learning.guard.mistake import number, plain
from aspis_mpi.learning.guard.optimizer import (
    Steering, check_factor, try_optimizer, try_schedule)
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.learning.guard.rehearsal import try_gradient, try_rest
from aspis_mpi.learning.guard.writes import (
    EVERY, FIRST, PIECES, SHORT, WriteCheck)
from aspis_mpi.learning.optimizer import (
    Optimizer, check_state, exported, restore)
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.learning.schedules.constant import Constant
from aspis_mpi.runlog.reader import load_run
from tests.support.limits import HANGS

LONG = 100 * SHORT
SAMPLES = np.arange(8)


def vector(size=6):
    return np.random.default_rng(size).standard_normal(size, np.float32)


class Plane(Problem):
    """Right: one parameter for each of six numbers of a sample."""

    n_parameters, n_samples = 6, 50
    points = np.random.default_rng(1).standard_normal((50, 6), np.float32)

    def initial(self, generator):
        return np.ones(6, dtype=np.float32)

    def gradient(self, parameters, samples, out):
        out += (parameters - self.points[samples]).sum(axis=0)

    def loss(self, parameters):
        return ((parameters - self.points) ** 2).mean()


def guarded(**methods):
    """The guard around `Plane` with other methods."""
    return Guard(type('Plane', (Plane,), methods)(), True)


# --- vectors that may only be read --------------------------------------

def looked_at(calls):
    """Calls that are looked at, of the first so many."""
    return [call for call in range(calls)
            if call < FIRST or not call % EVERY]


@pytest.mark.parametrize('size', [1, 650, SHORT, SHORT + 1, LONG])
@pytest.mark.parametrize('whole', [False, True])
def test_what_writes_all_is_found_in_every_call_that_is_looked_at(size, whole):
    check, values, calls = WriteCheck(whole), vector(size), 5 * EVERY
    each = whole or size <= SHORT
    for call in range(calls):
        before = values.copy()
        check.begin(values)
        values += 1
        assert check.written(values) == (each or call in looked_at(calls))
        if each:
            assert np.array_equal(values, before)


@pytest.mark.parametrize('size', [1, 650, SHORT, SHORT + 1, LONG])
@pytest.mark.parametrize('whole', [False, True])
def test_what_writes_nothing_is_not_accused(size, whole):
    check, values = WriteCheck(whole), vector(size)
    for _ in range(5 * EVERY):
        check.begin(values)
        assert not check.written(values)


@pytest.mark.parametrize('place', [0, 7, LONG // 2, LONG - 1])
def test_one_entry_is_found_at_first_and_once_in_so_many_looks(place):
    check, values, found = WriteCheck(), vector(LONG), []
    for call in range((PIECES + 1) * EVERY):
        check.begin(values)
        values[place] += 1
        if check.written(values):
            found.append(call)
    assert found[:FIRST] == [*range(FIRST)] and len(found) > FIRST


def test_a_piece_of_a_layer_is_found_whenever_it_is_looked_at():
    check, values, calls = WriteCheck(), vector(LONG), 9 * EVERY
    for call in range(calls):
        check.begin(values)
        values[call:call + LONG // 16] += 1
        assert check.written(values) == (call in looked_at(calls))


# --- numbers and arrays -------------------------------------------------

@pytest.mark.parametrize('value', [
    3, 0.5, np.float32(0.5), np.array(0.5), np.array([0.5]),
    np.int64(2), np.array([[3]])])
def test_one_number_is_a_number_whatever_holds_it(value):
    assert number(value) == float(np.asarray(value).reshape(-1)[0])


@pytest.mark.parametrize('value', [
    None, 'x', (1, 2), [1], {}, True, np.ones(2), 1j, np.array([]),
    np.bool_(True), 10 ** 400])
def test_anything_else_is_none(value):
    assert number(value) is None


def test_tensors_become_arrays():
    import torch
    weight = torch.nn.Parameter(torch.ones(2))
    assert plain(weight).tolist() == [1, 1]
    assert plain(weight.bfloat16()).dtype == np.float32
    assert number(weight.sum()) == 2
    assert number(weight) is None


def test_a_model_of_tensors_is_saved(tables, tmp_path):
    import torch

    class Torch(Plane):
        def initial(self, generator):
            return torch.nn.Parameter(torch.ones(6))

        def export(self, parameters):
            weight = torch.tensor(parameters, requires_grad=True)
            return {'file': weight, 'low': weight.bfloat16(), 'a/b': [1, 2]}
    job = from_tables(tables() | {'problem': {}}, problem=Torch())
    assert simulate(job, Torch(), out=tmp_path / 'a.h5')[0] == 0
    with np.load(tmp_path / 'a.npz', allow_pickle=False) as model:
        assert sorted(model.files) == ['a/b', 'file', 'low']
        assert model['file'].shape == (6,)
        assert np.allclose(model['low'], model['file'], rtol=1e-2)


# --- the trial ----------------------------------------------------------

def rebinds(self, parameters, samples, out):
    out = out + 1


def overwrites(self, parameters, samples, out):
    out[2:] = 3


def drops(self, parameters, samples, out):
    out += np.random.default_rng().random(6)


def remembers(self, parameters, samples, out):
    self.n = getattr(self, 'n', 0) + 1
    out += self.n


@pytest.mark.parametrize('wrong, told', [
    (rebinds, 'adds nothing to out'),
    (overwrites, 'does not add to what out holds, in 4 of its 6 entries'),
    (drops, 'gives other numbers when it is called twice'),
    (remembers, 'gives other numbers when it is called twice'),
    (lambda s, p, k, out: out, 'returns an array of float32 of shape'),
    (lambda s, p, out: None, 'takes 3 positional arguments but 4 were'),
    (lambda s, p, k, out: p.sort(), 'writes what it is given to read'),
    (lambda s, p, k, out: k.sort() or k.fill(0), 'writes samples')])
def test_a_gradient_that_can_only_be_wrong_is_refused(wrong, told):
    guard = guarded(gradient=wrong)
    with pytest.raises(Mistake, match=told):
        try_gradient(guard, 0, vector(), SAMPLES[::-1].copy(), 0.0)


def test_bits_may_differ_where_nothing_compares_them():
    guard = guarded(gradient=drops)
    assert try_gradient(guard, 0, vector(), SAMPLES, None) == ()


def test_a_mean_in_the_place_of_a_sum_is_remarked():
    def means(self, parameters, samples, out):
        out += (parameters - self.points[samples]).mean(axis=0)
    remark, = try_gradient(guarded(gradient=means), 0, vector(), SAMPLES, 0.0)
    assert 'is not the sum' in remark and 'seems to be their mean' in remark


@pytest.mark.parametrize('n', [1, 2, 3, 50])
def test_a_right_gradient_passes_in_silence(n):
    assert try_gradient(guarded(), 0, vector(), np.arange(n), 0.0) == ()
    quadratic = Quadratic(3, parameters=70_000)
    assert try_gradient(Guard(quadratic), 0, vector(70_000), np.arange(n),
                        0.0) == ()


def test_zero_is_no_mistake_at_a_saddle():
    def quartic(self, parameters, samples, out):
        out += len(samples) * parameters ** 3
    guard = guarded(gradient=quartic)
    assert try_gradient(guard, 0, np.zeros(6, 'f4'), SAMPLES, 0.0) == ()


def test_the_first_score_is_computed_once():
    calls = []

    def evaluate(self, parameters):
        calls.append(1)
        return Score(1.0, 0.5)
    guard, parameters = guarded(evaluate=evaluate), vector()
    try_rest(guard, parameters)
    assert guard.evaluate(parameters) == Score(1.0, 0.5) and len(calls) == 1
    guard.evaluate(parameters)
    try_rest(guard, parameters)
    guard.evaluate(parameters + 1)
    assert len(calls) == 4


def test_a_method_that_is_missing_is_named():
    guard = Guard(type('Bare', (Problem,), {'n_parameters': 6})())
    with pytest.raises(Mistake, match='^Bare.gradient is missing; the class'):
        guard.gradient(0, vector(), SAMPLES, vector())


def test_a_traceback_has_the_user_s_lines_alone():
    def stumbles(self, parameters, samples, out):
        Plane.gradient(self, parameters, samples, out[:3])
    with pytest.raises(Mistake) as told:
        guarded(gradient=stumbles).gradient(0, vector(), SAMPLES, vector())
    lines = str(told.value).splitlines()
    assert lines[0].startswith('Plane.gradient raised ValueError: operands')
    frames = [line for line in lines if line.startswith('  File')]
    assert len(frames) == 2 and all('test_guard.py' in one for one in frames)


def test_what_our_own_parts_refuse_is_one_line(tmp_path, tables):
    path = tmp_path / 'digits.csv'
    path.write_text('1,2\n3,4\n' * 30)
    job = from_tables(tables(problem={'name': 'digits', 'model': 'mlp',
                                      'path': str(path), 'batch_size': 20})
                      | {'problem': {'name': 'digits', 'model': 'mlp',
                                     'path': str(path), 'batch_size': 20}})
    with pytest.raises((JobError, ValueError), match='must have') as told:
        simulate(job, out=tmp_path / 'a.h5')
    assert '\n' not in str(told.value)


def test_torch_s_warning_of_read_only_arrays_is_not_seen(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text('''
import numpy as np, torch
from aspis_mpi.learning.guard.problem import Guard
class One:
    n_parameters = 2
    def gradient(self, parameters, samples, out):
        out += torch.from_numpy(parameters).numpy()
Guard(One()).gradient(0, np.ones(2, 'f4'), np.arange(2), np.zeros(2, 'f4'))
''')
    done = subprocess.run([sys.executable, script], capture_output=True,
                          text=True, timeout=HANGS)
    assert (done.returncode, done.stderr) == (0, '')


# --- optimizers and schedules -------------------------------------------

class Counts(Optimizer):
    """Every kind of state: an array, one of no dimension, two numbers."""

    state = 'mean', 'norm', 'steps', 'rate'

    def __init__(self, n_parameters, schedule):
        super().__init__(n_parameters, schedule)
        self.mean = np.zeros(n_parameters, dtype=np.float32)
        self.norm, self.steps, self.rate = np.array(0.0), 0, 0.5

    def update(self, step, parameters, gradient, out):
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.norm += np.abs(gradient).sum()
        self.steps += 1
        self.rate *= 0.9
        out[:] = parameters - self.rate / self.steps * self.mean / self.norm
        return self.rate


def make(cls):
    def made():
        schedule = Constant(5)
        return cls(6, schedule), schedule
    return made


def test_counts_and_arrays_without_dimensions_are_kept():
    try_optimizer(make(Counts), vector(), 5)
    one, out = Counts(6, None), vector()
    for step in range(3):
        one.update(step, vector(), vector(), out)
    other = Counts(6, None)
    restore(other, exported(one))
    assert (other.steps, other.rate) == (3, one.rate)
    assert type(other.steps) is int and other.norm.shape == ()
    assert exported(other)['norm'] == one.norm
    assert other.mean.tobytes() == one.mean.tobytes()


def test_a_checkpoint_of_them_goes_on_bit_for_bit(tables, tmp_path,
                                                  monkeypatch):
    monkeypatch.setitem(sys.modules, 'own_guard', sys.modules[__name__])
    job = tables(run={'steps': 6}) | {
        'optimizer': {'name': 'own_guard:Counts'}}
    whole, log = tmp_path / 'whole.h5', tmp_path / 'log.h5'
    simulate(from_tables(job), out=whole)
    job['run']['steps'] = 3
    simulate(from_tables(job), out=log)
    job['run']['steps'] = 6
    simulate(from_tables(job), out=log, resume=True)
    with np.load(tmp_path / 'whole.npz') as a, np.load(
            tmp_path / 'log.npz') as b:
        assert a['parameters'].tobytes() == b['parameters'].tobytes()


@pytest.mark.parametrize('state, told', [
    ('velocity', "state = 'velocity': must be a tuple"),
    (('mean', 'count'), "names 'count', which Counts does not have"),
    (('schedule',), 'Counts.schedule is of type Constant, which no')])
def test_a_state_that_cannot_be_kept_is_refused(state, told):
    optimizer = Counts(6, Constant(1))
    optimizer.state = state
    with pytest.raises(ValueError, match=told):
        check_state(optimizer)


def test_a_state_that_forgets_is_refused():
    class Forgets(Counts):
        state = 'mean', 'norm', 'rate'
    with pytest.raises(Mistake, match='state must name everything'):
        try_optimizer(make(Forgets), vector(), 5)


def test_what_is_not_written_is_found_in_the_run():
    class Skips(Counts):
        def update(self, step, parameters, gradient, out):
            return super().update(step, parameters[1:], gradient[1:],
                                  out[1:]) if step > 3 else super().update(
                                      step, parameters, gradient, out)
        mean = 0
    optimizer = Skips(6, None)
    steering, out = Steering(optimizer), vector()
    steering.update(3, vector(), vector(), out)
    optimizer.mean = 0
    with pytest.raises(Mistake, match='leaves 1 of 6 entries of out'):
        steering.update(4, vector(), vector(), out)


def test_an_overflow_is_noted_and_not_printed(recwarn):
    class Far(Optimizer):
        def update(self, step, parameters, gradient, out):
            np.multiply(parameters, np.float32(3e38), out=out)
            out *= 10
            return 0.1
    steering = Steering(Far(6, None))
    steering.update(0, vector(), vector(), vector())
    assert steering.overflowed and not recwarn.list


@pytest.mark.parametrize('factor', [None, np.nan, np.inf, -1, 'x', (1, 2)])
def test_a_factor_is_a_finite_number(factor):
    class Wrong(Constant):
        def factor(self, step):
            return factor if step == 4 else np.float32(0.5)
    try_schedule(Wrong(4), 4)
    with pytest.raises(Mistake, match='Wrong.factor of step 4 is'):
        try_schedule(Wrong(5), 5)
    with pytest.raises(Mistake):
        check_factor(Wrong(5), 4)


# --- what the run says --------------------------------------------------

def warnings_of(tables, tmp_path, problem, **sections):
    job = from_tables(tables(**sections) | {'problem': {'batch_size': 40}},
                      problem=problem)
    code, log = simulate(job, problem, out=tmp_path / 'a.h5')
    with load_run(log) as run:
        return code, [event.text for event in run.events]


def test_samples_that_are_no_numbers_are_named(tables, tmp_path):
    class Holes(Plane):
        def gradient(self, parameters, samples, out):
            super().gradient(parameters, samples, out)
            out += np.where(np.isin(samples, [17, 23]).any(), np.nan, 0)
    code, said = warnings_of(tables, tmp_path, Holes(), run={'steps': 9})
    named = [text for text in said if 'look at the data' in text]
    assert named and all('its sample 17' in text or 'its sample 23' in text
                         or 'its samples ' in text for text in named)
    assert not any('diverged' in text for text in said)
    assert code == 3 or 'though the parameters are' in named[0]


def test_a_gradient_of_rounded_numbers_may_be_zero_far_around():
    """One parameter whose rounded value is the mean of the first samples."""
    problem = Quadratic(45, parameters=1)
    samples = np.arange(8)
    mean = int(problem.pool[samples].mean())
    pool = np.full(problem.pool.size, mean, dtype=np.float32)
    problem.__dict__['pool'] = pool
    assert try_gradient(Guard(problem), 0, np.full(1, mean, 'f4'), samples,
                        0.0) == ()


def test_a_gradient_that_has_become_zero_is_remarked(tables, tmp_path):
    class Dies(Plane):
        calls = 0

        def gradient(self, parameters, samples, out):
            self.calls += 1
            if self.calls < 26:
                super().gradient(parameters, samples, out)
    code, said = warnings_of(tables, tmp_path, Dies(), run={'steps': 5})
    assert code == 0
    assert [text for text in said if 'exactly zero' in text] == [
        'step 2: the gradient is exactly zero, of all files: nothing is '
        'trained']


def test_an_export_that_fails_in_the_end_leaves_the_parameters(tables,
                                                               tmp_path):
    class Closed(Plane):
        calls = 0

        def export(self, parameters):
            self.calls += 1
            return {'weight': parameters} if self.calls == 1 else None
    code, said = warnings_of(tables, tmp_path, Closed())
    assert code == 3
    assert said[-1] == (
        'the model is saved as its plain parameters alone, one array: '
        'Closed.export returns None; it must return a dict of arrays by name')
    with np.load(tmp_path / 'a.npz') as model:
        assert model['parameters'].shape == (6,)


def test_a_run_that_fails_in_evaluate_can_go_on(tables, tmp_path):
    class Fails(Plane):
        calls, last = 0, 3

        def evaluate(self, parameters):
            self.calls += 1
            if self.calls == self.last:
                raise OSError('no such data')
            return Score(1.0)
    job = from_tables(tables(run={'steps': 6, 'evaluate_every': 2})
                      | {'problem': {}}, problem=Fails())
    log, whole = tmp_path / 'a.h5', tmp_path / 'b.h5'
    broken = Fails()
    assert simulate(job, broken, out=log)[0] == 3
    with load_run(log) as run:
        assert run.n_steps == 4
    broken.last = None
    assert simulate(job, broken, out=log, resume=True)[0] == 0
    broken.calls = 0
    assert simulate(job, broken, out=whole)[0] == 0
    with np.load(tmp_path / 'a.npz') as a, np.load(tmp_path / 'b.npz') as b:
        assert a['parameters'].tobytes() == b['parameters'].tobytes()
