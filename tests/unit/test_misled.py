"""Lies that are honest work: on flipped labels, on old parameters."""

import numpy as np
import pytest

from aspis_mpi import arrays
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.learning.models.logistic import Logistic
from aspis_mpi.learning.problems.digits import Digits
from tests.support.attack_parts import VALUES


def vector(number, d=5):
    return np.full(d, number, dtype=np.float32)


def seen(age, turns, asked):
    """First entries of the parameters that count in some turns.

    Those of turn t are all t.
    """
    value, found = VALUES['stale'](7, age=age), []
    for turn in turns:
        value.see(turn, vector(turn))
        if turn in asked:
            found.append(value.parameters(turn, vector(turn))[0])
    return found


def test_parameters_are_as_old_as_was_said():
    assert seen(3, range(10), [3, 4, 9]) == [0, 1, 6]


def test_in_the_first_steps_the_oldest_there_are_count():
    assert seen(3, range(5, 9), [5, 6, 7, 8]) == [5, 5, 5, 5]


def test_turns_without_work_are_bridged_by_what_came_before():
    assert seen(2, [0, 1, 2, 7, 8, 9], [7, 8, 9]) == [2, 2, 7]


def test_all_workers_of_a_process_may_tell_it_the_same():
    assert seen(2, [0, 0, 1, 1, 1, 2, 2, 3, 3], [3]) == [1, 1]


def test_a_worker_may_still_be_in_the_turn_before():
    value = VALUES['stale'](7, age=2)
    for turn in range(6):
        value.see(turn, vector(turn))
    assert value.parameters(5, vector(5))[0] == 3
    assert value.parameters(4, vector(4))[0] == 3


@pytest.mark.parametrize('age', [1, 7])
def test_what_is_remembered_is_bounded_and_a_copy(age):
    value, parameters = VALUES['stale'](7, age=age), vector(0)
    for turn in range(50):
        parameters[:] = turn
        value.see(turn, parameters)
        old = value.parameters(turn, parameters)
        assert (old == max(0, turn - age)).all()
        assert len(value._seen) <= age + 1
        # Products of matrices depend on where these begin.
        assert old.ctypes.data % arrays.LINE == 0
        assert not old.flags.writeable


def digits(model=None):
    return Digits(7, model or Logistic(64, 10))


def test_flipped_digits_count_down_from_nine():
    problem = digits()
    inputs, labels = problem.training
    turned, flipped = problem.flipped().training
    assert turned is inputs
    assert (labels + flipped == 9).all()
    assert (digits().training[1] == labels).all()


def test_a_flipped_gradient_is_the_one_of_the_formula():
    """Softmax regression at 0: x times (1/10 - [class = 9 - y])."""
    problem, samples = digits(), np.array([3, 8, 100])
    inputs, labels = problem.training
    out = np.zeros(problem.n_parameters, dtype=np.float32)
    problem.flipped().gradient(np.zeros_like(out), samples, out)
    residual = np.full((3, 10), 0.1)
    residual[range(3), 9 - labels[samples]] -= 1
    weights, bias = problem.model.views(out)
    np.testing.assert_allclose(weights, residual.T @ inputs[samples],
                               rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bias, residual.sum(axis=0), rtol=1e-5,
                               atol=1e-6)


def job(problem, count=1):
    return loading.from_tables({
        'run': {'steps': 2}, 'problem': problem,
        'scheme': {'name': 'aspis', 'workers': 5, 'adversaries': 1},
        'adversary': {'count': count, 'value': 'label-flip'}})


@pytest.mark.parametrize('problem', ['quadratic', 'linear-regression'])
def test_what_has_no_classes_is_refused_in_a_line(problem):
    words = (f"adversary.value = 'label-flip': problem '{problem}' has no "
             "labels of classes .* such as 'digits', .* such as 'reversed'")
    with pytest.raises(JobError, match=words):
        Assembly(job({'name': problem}))
    Assembly(job({'name': problem}, count=0))


def test_what_has_classes_without_saying_so_is_refused_as_well():
    class Own(Digits):
        def flipped(self):
            return None

    class Unable(Digits):
        def flipped(self):
            raise ValueError('no label is one of a class')

    for part, words in (Own, 'has no labels'), (Unable, 'no label is one'):
        with pytest.raises(JobError, match=words):
            Assembly(job({'name': 'digits'}), lambda seed, part=part: part(
                seed, Logistic(64, 10)))


def module(name):
    return {'name': 'torch', 'module': f'{__name__}:network',
            'train': f'{__name__}:{name}'}


def network():
    import torch
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(),
                               torch.nn.Linear(6, 3))


def _inputs():
    import torch
    return torch.arange(240, dtype=torch.float32).reshape(60, 4) / 240


def labelled():
    """Classes 0, 1 and 2, as numbers of two bytes."""
    import torch
    return torch.utils.data.TensorDataset(
        _inputs(), (torch.arange(60) % 3).to(torch.int16))


def mirrored():
    """The same with 2 and 0 exchanged."""
    import torch
    return torch.utils.data.TensorDataset(_inputs(), 2 - torch.arange(60) % 3)


def shared_out():
    """Shares of the classes."""
    import torch
    return torch.utils.data.TensorDataset(
        _inputs(), torch.full((60, 3), 1 / 3))


def test_labels_of_a_module_of_torch_are_flipped():
    pytest.importorskip('torch')
    problem = Assembly(job(module('labelled'))).problem
    other = Assembly(job(module('mirrored'))).problem
    samples, gradients = np.array([3, 9, 14, 51]), []
    parameters = problem.initial(np.random.default_rng(0))
    for it in problem.flipped(), other, problem:
        out = np.zeros(it.n_parameters, dtype=np.float32)
        it.begin(3, samples)
        it.gradient(parameters, samples, out)
        gradients.append(out)
    assert arrays.equal_bits(gradients[0], gradients[1])
    assert not arrays.equal_bits(gradients[0], gradients[2])


def test_shares_of_classes_cannot_be_flipped():
    pytest.importorskip('torch')
    with pytest.raises(JobError, match="'torch' has no labels of classes"):
        Assembly(job(module('shared_out')))


def test_a_label_that_is_no_class_stays():
    torch = pytest.importorskip('torch')
    from aspis_mpi.learning.adapter.flipped import FlippedSamples

    class Batches:
        def batch(self, samples, step):
            return None, torch.tensor([0, 2, -100, 1])

    _, labels = FlippedSamples(Batches(), 3).batch([0, 1, 2, 3])
    assert labels.tolist() == [2, 0, -100, 1]


@pytest.mark.parametrize('shapes, expected', [
    (((4, 3), (4,)), 3), (((4, 3, 5), (4, 5)), 3), (((4,), (4,)), None),
    (((4, 1), (4,)), None), (((4, 3), (4, 3)), None)])
def test_classes_are_the_second_axis_of_the_outputs(shapes, expected):
    torch = pytest.importorskip('torch')
    from aspis_mpi.learning.adapter.flipped import classes
    outputs, targets = shapes
    assert classes(torch.zeros(outputs),
                   torch.zeros(targets, dtype=torch.long)) == expected
    assert classes(torch.zeros(outputs), torch.zeros(targets)) is None
    assert classes([torch.zeros(outputs)], torch.zeros(targets)) is None
