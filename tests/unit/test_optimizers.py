"""SGD against torch's, and the schedules against their formulas."""

import inspect

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.learning.optimizers.sgd import SGD
from aspis_mpi.learning.schedule import Schedule
from aspis_mpi.learning.schedules.constant import Constant
from aspis_mpi.learning.schedules.cosine import Cosine
from aspis_mpi.learning.schedules.step import Step
from aspis_mpi.learning.schedules.warmup import WarmUp

#: Values for options without a default, by their type.
GIVEN = {int: 3, float: 0.5, list[int]: [3, 7]}

every_schedule = pytest.mark.parametrize(
    'part', registry.parts('schedule').values(), ids=lambda part: part.name)
every_optimizer = pytest.mark.parametrize(
    'part', registry.parts('optimizer').values(), ids=lambda part: part.name)


def build(schedule, steps=20):
    return schedule(steps, **{
        name: GIVEN[option.annotation]
        for name, option in registry.options(schedule).items()
        if option.default is inspect.Parameter.empty})


def descend(optimizer, gradients, w):
    for step, gradient in enumerate(gradients):
        new = np.empty_like(w)
        optimizer.update(step, w, gradient, new)
        w = new
    return w


@pytest.mark.parametrize('options', [
    {}, {'momentum': 0.0}, {'weight_decay': 0.01}, {'clip': 3.0},
    {'lr': 0.02, 'momentum': 0.5, 'weight_decay': 0.1, 'clip': 0.5}])
def test_sgd_is_torch_s(options):
    torch = pytest.importorskip('torch')
    from torch.nn.utils import clip_grad_norm_
    # Two blocks and a bit.
    drawn, d = np.random.default_rng(1), (1 << 17) + 3
    start = drawn.standard_normal(d, np.float32)
    # Norms from 0.4 to 400, below and above the bounds.
    gradients = [drawn.standard_normal(d, np.float32) * np.float32(scale)
                 for scale in (1, 1e-3, 0.1, 0.01)]

    with_defaults = {'lr': 0.1, 'momentum': 0.9, **options}
    clip = with_defaults.pop('clip', 0)
    theirs = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.SGD([theirs], **with_defaults)
    for gradient in gradients:
        theirs.grad = torch.tensor(gradient)
        if clip:
            clip_grad_norm_([theirs], clip)
        optimizer.step()

    ours = descend(SGD(d, Constant(4), **options), gradients, start)
    assert np.abs(ours - theirs.detach().numpy()).max() < 1e-6


@every_optimizer
def test_update_writes_only_out_and_returns_the_rate(part):
    d = 1000
    w, g = np.ones(d, dtype=np.float32), np.full(d, 2, dtype=np.float32)
    w.setflags(write=False)
    g.setflags(write=False)
    out = np.full(d, np.nan, dtype=np.float32)
    optimizer = part(d, WarmUp(10, warmup=4))
    assert optimizer.update(1, w, g, out) == pytest.approx(0.05)
    assert np.isfinite(out).all() and (out < 1).all()


@every_optimizer
def test_equal_gradients_give_equal_bits(part):
    drawn = np.random.default_rng(1)
    gradients = drawn.standard_normal((5, 999), np.float32)
    start = drawn.standard_normal(999, np.float32)
    one, other = (descend(part(999, Constant(5)), gradients, start)
                  for _ in range(2))
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize('options', [
    {'lr': 0.0}, {'lr': np.inf}, {'lr': np.nan}, {'momentum': 1.0},
    {'momentum': -0.1}, {'weight_decay': -1.0}, {'clip': -1.0},
    {'clip': np.nan}])
def test_impossible_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f'{name} {value} must be'):
        SGD(10, Constant(1), **options)


@every_schedule
def test_factors_are_floats_between_0_and_1(part):
    schedule = build(part)
    factors = [schedule.factor(step) for step in range(20)]
    assert isinstance(schedule, Schedule)
    assert all(type(factor) is float for factor in factors)
    assert all(0 < factor <= 1 for factor in factors)
    assert max(factors) == 1
    assert schedule.factor(np.int64(5)) == factors[5]


@every_schedule
def test_a_run_has_a_step(part):
    with pytest.raises(ValueError, match='steps 0 must'):
        build(part, steps=0)


def test_step_drops_at_its_milestones():
    schedule = Step(100, milestones=[30, 60], gamma=0.5)
    assert [schedule.factor(step) for step in (0, 29, 30, 59, 60, 99)] == [
        1, 1, 0.5, 0.5, 0.25, 0.25]


def test_warm_up_is_linear_then_constant():
    schedule = WarmUp(100, warmup=5)
    assert [schedule.factor(step) for step in (0, 1, 4, 5, 99)] == [
        0.2, 0.4, 1, 1, 1]


def test_cosine_falls_from_1_to_0():
    schedule = Cosine(100)
    assert [schedule.factor(step) for step in (0, 50, 100, 101)] == (
        pytest.approx([1, 0.5, 0, 0]))
    factors = [schedule.factor(step) for step in range(100)]
    assert factors == sorted(factors, reverse=True)


def test_cosine_after_a_warm_up():
    schedule = Cosine(110, warmup=10)
    assert [schedule.factor(step) for step in (0, 9, 10, 60, 110)] == (
        pytest.approx([0.1, 1, 1, 0.5, 0]))


@pytest.mark.parametrize('build, message', [
    (lambda: Step(9, milestones=[4, 4]), r'milestones \[4, 4\] must ascend'),
    (lambda: Step(9, milestones=[0]), r'milestones \[0\] must be'),
    (lambda: Step(9, milestones=[4], gamma=0.0), 'gamma 0.0 must'),
    (lambda: WarmUp(9, warmup=0), 'warmup 0 must'),
    (lambda: WarmUp(9, warmup=10), 'warmup 10 must .* steps, 9'),
    (lambda: Cosine(9, warmup=9), 'warmup 9 must .* steps, 9'),
    (lambda: Cosine(9, warmup=-1), 'warmup -1 must')])
def test_impossible_schedules_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
