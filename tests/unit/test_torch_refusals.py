"""What cannot be trained as a torch problem: one line, before it runs."""

import random
import re

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from torch import nn  # noqa: E402
from torch.utils.data import IterableDataset, TensorDataset  # noqa: E402

from aspis_mpi import simulate  # noqa: E402
from aspis_mpi.errors import JobError  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.learning.problems.torch import TorchProblem  # noqa: E402
from tests.support import torch_modules as mine  # noqa: E402

SUPPORT = 'tests.support.torch_modules'
ONE = mine.net()


class Endless(IterableDataset):
    """A data set without numbers."""

    def __iter__(self):
        yield from mine.pairs()


class Lazy(nn.Module):
    """A layer that has no shape yet."""

    def __init__(self):
        super().__init__()
        self.last = nn.LazyLinear(mine.CLASSES)

    def forward(self, x):
        return self.last(x)


class Shared(nn.Module):
    """Two parameters that are one place in memory."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(12, 12), nn.Linear(12, 12)
        self.b.weight.data = self.a.weight.data


def unseeded():
    """A module whose parameters no seed decides."""
    module = mine.net()
    drawn = np.random.default_rng()
    module[0].bias.data[:] = torch.tensor(drawn.standard_normal(16))
    return module


def sized():
    """A module of another size each time."""
    sized.calls += 1
    return nn.Linear(12, 4 + sized.calls % 2)


sized.calls = 0


def failing():
    """A factory that fails."""
    raise RuntimeError('no weights\nat all')


def uneven(place=50):
    """Items of which one has another shape."""
    items = mine.pairs()
    items[place] = np.zeros(13, dtype=np.float32), 0
    return items


def labelled(label, whole):
    """Items of which one has another label."""
    inputs, labels = mine.drawn()
    labels[77] = label
    return TensorDataset(inputs, labels) if whole else [
        (x, int(y)) for x, y in zip(inputs, labels)]


def absent(whole):
    """Items of which one has an input that is no number."""
    inputs, labels = mine.drawn()
    inputs[77, 3] = float('nan')
    return TensorDataset(inputs, labels) if whole else list(
        zip(inputs, labels))


def job(**problem):
    return loading.from_tables({
        'run': {'steps': 2}, 'scheme': {'name': 'aspis', 'workers': 5,
                                        'adversaries': 1},
        'problem': {'name': 'torch', **problem}})


def refused(tmp_path, *arguments, **options):
    """The line with which a run is refused, and nothing is left of it."""
    given = job(module=f'{SUPPORT}:net', train=f'{SUPPORT}:train')
    with pytest.raises(JobError) as error:
        simulate(given, TorchProblem.of(*arguments, **options),
                 out=tmp_path / 'run.h5')
    assert not list(tmp_path.glob('*'))
    assert '\n' not in str(error.value)
    return str(error.value)


def assert_matches(message, line):
    """Whether a line has what a pattern says; pytest shows both."""
    assert re.search(message, line), f'{line!r} has no {message!r}'


@pytest.mark.parametrize('module, message', [
    (ONE, r'module is a Sequential already.*lambda: Sequential\(...\)'),
    (7, 'module int must be a class or function'),
    (lambda: 7, 'makes int; it must make a torch.nn.Module'),
    (failing, 'module failing raised RuntimeError: no weights$'),
    (Lazy, 'Lazy: last.weight has no shape before .* all sizes'),
    (lambda: nn.Sequential(nn.Flatten()), 'nothing to train'),
    (lambda: mine.net().requires_grad_(False), 'nothing to train'),
    (Shared, r'a.weight and b.weight share .* \(b.weight = a.weight\)'),
    (lambda: ONE, 'makes the same module again'),
    (unseeded, 'unseeded makes another 0.bias when it is called again'),
    (sized, 'makes another weight when it is called again'),
    (mine.Gathering, 'changes seen when it computes a gradient'),
    (mine.Clamped, 'changes weight when it computes a gradient'),
    (lambda: nn.Linear(11, 4), 'TorchProblem.initial raised RuntimeError'),
    (lambda: nn.Sequential(nn.Linear(12, 4), nn.Flatten(0)),
     'cross-entropy needs outputs of shape')])
def test_modules(module, message, tmp_path):
    assert_matches(message, refused(tmp_path, module, mine.train))


@pytest.mark.parametrize('data, message', [
    (Endless(), 'train, a Endless, has no length'),
    (5, 'train, a int, has no length'), ([], 'train is empty'),
    (dict.fromkeys(range(100, 200)), 'TorchProblem.initial raised KeyError'),
    ([1, 2, 3, 4, 5] * 20, r'item 0 of train is a int; .* \(input, target'),
    (mine.drawn(), r'train is a tuple; .*TensorDataset\(\*train\)'),
    (uneven(), r'item 50 of train has the shapes \(13,\), \(\), item 0 '
               r'\(12,\), \(\)'),
    (labelled(4, True), 'a target is 4; .* 4 classes .* 0 to 3'),
    (labelled(4, False), 'a target is 4; .* 4 classes .* 0 to 3'),
    (labelled(-1, True), 'a target is -1; '),
    (absent(True), 'item 77 of train has numbers that are not finite'),
    (absent(False), 'item 77 of train has numbers that are not finite')])
def test_data(data, message, tmp_path):
    assert_matches(message, refused(tmp_path, mine.net, data))


def test_data_that_nobody_trains_on(tmp_path):
    assert_matches('a target is 9', refused(
        tmp_path, mine.net, mine.train, held_out=labelled(9, True)))


TORCHS = "let it draw from torch's generators, which are seeded from the "


@pytest.mark.parametrize('draw, name', [
    (lambda number: random.random(), "Python's random"),
    (lambda number: np.random.rand(), r"numpy's np\.random"),
    # Of one item alone.
    (lambda number: number == 77 and random.random(), "Python's random"),
    (lambda number: number == 77 and np.random.normal(),
     r"numpy's np\.random")])
def test_items_drawn_from_what_no_seed_decides(draw, name, tmp_path):
    assert_matches(
        f'an item of train draws from {name}, which no seed .* {TORCHS}'
        'seed, the step and the item', refused(tmp_path, mine.net,
                                               mine.Augmented(draw)))


@pytest.mark.parametrize('loss', [mine.mean_loss, lambda outputs, targets: (
    mine.mean_loss(outputs, targets) + (np.random.rand() > 2))])
def test_gradients_drawn_from_what_no_seed_decides(loss, tmp_path):
    module, name = (mine.Skipping, "Python's") if loss is mine.mean_loss else (
        mine.net, "numpy's")
    assert_matches(
        f'module {module.__name__}, computing a gradient, draws from {name} .*'
        f' {TORCHS}seed, the step and the first sample',
        refused(tmp_path, module, mine.train, loss))


@pytest.mark.parametrize('seed, draw', [
    (random.seed, random.random), (np.random.seed, np.random.rand)])
def test_who_seeds_them_for_each_item_may_draw_from_them(seed, draw):
    def drawn(number):
        seed(number)
        return draw()
    problem = TorchProblem.of(mine.net, mine.Augmented(drawn))(7)
    assert problem.initial(None).size == problem.n_parameters


@pytest.mark.parametrize('loss, message', [
    (mine.weighted_loss, 'weighted_loss gives .* for 4 samples and .* each '
                         "alone.*reduction='none'"),
    (lambda outputs, targets: outputs.sum() * 0, 'not clear whether'),
    (lambda outputs, targets: outputs, 'of one sample has the shape'),
    (lambda outputs, targets: 3.0, 'gives float; it must give a tensor'),
    ('mse', r'mse needs as many targets as outputs; .* \(4, 4\).*\(4,\)'),
    ('cross', "loss 'cross' must be cross-entropy or mse, or package"),
    (7, 'loss int must be a function')])
def test_losses(loss, message, tmp_path):
    assert_matches(message, refused(tmp_path, mine.net, mine.train, loss))


@pytest.mark.parametrize('problem, message', [
    ({'module': 'tests'}, "module 'tests' must be of the form"),
    ({'module': f'{SUPPORT}:nett'}, "module: .* has no 'nett'.*'net'"),
    ({'train': 'nowhere:data'}, "train: 'nowhere:data' cannot be imported"),
    ({'held_out': f'{SUPPORT}:held'}, "held_out: .* has no 'held'"),
    ({'loss': f'{SUPPORT}:loss'}, "loss: .* has no 'loss'"),
    ({'loss_samples': 0}, 'loss_samples 0 must be at least 1')])
def test_names_of_a_job(problem, message, tmp_path):
    given = job(**{'module': f'{SUPPORT}:net', 'train': f'{SUPPORT}:train',
                   **problem})
    with pytest.raises(JobError) as error:
        simulate(given, out=tmp_path / 'run.h5')
    assert_matches(f'job: problem: {message}', str(error.value))
    assert not list(tmp_path.glob('*'))


def test_what_a_module_keeps_where_no_tensor_shows_it(tmp_path):
    assert_matches('called twice .* apart, first in first.weight',
                   refused(tmp_path, mine.Counting, mine.train))


def test_a_module_may_write_its_inputs():
    """They are a copy in every micro-batch."""
    class Writing(nn.Linear):
        def forward(self, x):
            return super().forward(x.mul_(2))

    def make():
        return Writing(12, 4)
    data = mine.train()
    before = data.tensors[0].clone()
    problem = TorchProblem.of(make, data)(7)
    w = problem.initial(None)
    out = [np.zeros_like(w) for _ in range(2)]
    for it in out:
        problem.gradient(w, np.arange(8), it)
        problem.evaluate(w)
    assert out[0].tobytes() == out[1].tobytes()
    assert data.tensors[0].equal(before)
