"""Optimizers against torch's, and the schedules against their formulas."""

import inspect

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.arrays import norm
from aspis_mpi.assembly.design import Design
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.learning.optimizer import exported, restore
from aspis_mpi.learning.optimizers.adam import Adam
from aspis_mpi.learning.optimizers.adamw import AdamW
from aspis_mpi.learning.optimizers.sgd import SGD
from aspis_mpi.learning.schedule import Schedule
from aspis_mpi.learning.schedules.constant import Constant
from aspis_mpi.learning.schedules.cosine import Cosine
from aspis_mpi.learning.schedules.one_cycle import OneCycle
from aspis_mpi.learning.schedules.step import Step
from aspis_mpi.learning.schedules.warmup import WarmUp
from aspis_mpi.plan import plan_of

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


#: Options of ours and of torch.optim's, by the name of ours.
THEIRS = [
    ('sgd', 'SGD', {}), ('sgd', 'SGD', {'momentum': 0.0}),
    ('sgd', 'SGD', {'weight_decay': 0.01}), ('sgd', 'SGD', {'clip': 3.0}),
    ('sgd', 'SGD', {'lr': 0.02, 'momentum': 0.5, 'weight_decay': 0.1,
                    'clip': 0.5}),
    ('sgd', 'SGD', {'nesterov': True}),
    ('sgd', 'SGD', {'nesterov': True, 'momentum': 0.5, 'weight_decay': 0.1,
                    'clip': 0.5, 'lr': 0.02}),
    ('adam', 'Adam', {}), ('adam', 'Adam', {'weight_decay': 0.01}),
    ('adam', 'Adam', {'betas': (0.0, 0.5), 'eps': 1e-3, 'clip': 3.0}),
    ('adamw', 'AdamW', {}), ('adamw', 'AdamW', {'weight_decay': 0.0}),
    ('adamw', 'AdamW', {'lr': 0.01, 'betas': (0.8, 0.99),
                        'weight_decay': 0.1, 'clip': 0.5})]


def torch_s(kind, options, gradients, start):
    """The parameters that torch.optim makes, float64 of float32 steps."""
    torch = pytest.importorskip('torch')
    from torch.nn.utils import clip_grad_norm_
    options = dict(options)
    clip = options.pop('clip', 0)
    if kind == 'SGD':
        options = {'lr': 0.1, 'momentum': 0.9, **options}
    theirs = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, kind)([theirs], **options)
    for gradient in gradients:
        theirs.grad = torch.tensor(gradient)
        if clip:
            clip_grad_norm_([theirs], clip)
        optimizer.step()
    return theirs.detach().numpy()


@pytest.mark.parametrize('name, kind, options', THEIRS, ids=str)
def test_200_steps_are_those_of_torch(name, kind, options):
    """To 1e-6 of the change that they make, as lengths of vectors."""
    drawn, d = np.random.default_rng(1), 1003
    # Small, so that it is no rounding of the parameters that is measured.
    start = drawn.standard_normal(d, np.float32) / np.float32(1000)
    # Norms from 0.03 to 300, below and above the bounds; some coordinates
    # without a gradient.
    gradients = [drawn.standard_normal(d, np.float32)
                 * np.float32(10 ** drawn.uniform(-3, 1)) for _ in range(200)]
    for gradient in gradients:
        gradient[::10] = 0
    part = registry.find('optimizer', name)
    ours = descend(part(d, Constant(200), **options), gradients, start)
    theirs = torch_s(kind, options, gradients, start)
    assert norm(ours - theirs) <= 1e-6 * norm(theirs - start)


@pytest.mark.parametrize('name, kind, options', THEIRS, ids=str)
def test_blocks_are_all_updated(name, kind, options):
    # Two blocks and a bit.
    drawn, d = np.random.default_rng(1), (1 << 17) + 3
    start = drawn.standard_normal(d, np.float32)
    gradients = [drawn.standard_normal(d, np.float32) * np.float32(scale)
                 for scale in (1, 1e-3, 0.1, 0.01)]
    part = registry.find('optimizer', name)
    ours = descend(part(d, Constant(4), **options), gradients, start)
    theirs = torch_s(kind, options, gradients, start)
    assert np.abs(ours - theirs).max() < 1e-6


@every_optimizer
def test_what_goes_on_from_its_state_has_equal_bits(part):
    drawn = np.random.default_rng(2)
    gradients = drawn.standard_normal((9, 999), np.float32)
    start = drawn.standard_normal(999, np.float32)
    whole = part(999, Constant(9))
    expected = descend(whole, gradients, start)
    one, other = part(999, Constant(9)), part(999, Constant(9))
    half = descend(one, gradients[:5], start)
    restore(other, exported(one))
    # The first one goes on meanwhile, and must not be seen in the other.
    descend(one, gradients[5:], half)
    found = half
    for step, gradient in enumerate(gradients[5:], 5):
        new = np.empty_like(found)
        other.update(step, found, gradient, new)
        found = new
    assert found.tobytes() == expected.tobytes()
    assert all(np.array_equal(value, exported(other)[name])
               for name, value in exported(whole).items())


@pytest.mark.parametrize('part', [Adam, AdamW])
def test_what_never_had_a_gradient_stays_or_only_shrinks(part):
    w = np.ones(4, dtype=np.float32)
    out = descend(part(4, Constant(3), lr=0.5, weight_decay=0.0),
                  np.zeros((3, 4), dtype=np.float32), w)
    assert (out == 1).all()


@every_optimizer
def test_update_writes_only_out_and_returns_the_rate(part):
    d = 1000
    w, g = np.ones(d, dtype=np.float32), np.full(d, 2, dtype=np.float32)
    w.setflags(write=False)
    g.setflags(write=False)
    out = np.full(d, np.nan, dtype=np.float32)
    optimizer = part(d, WarmUp(10, warmup=4))
    assert optimizer.update(1, w, g, out) == pytest.approx(
        optimizer.lr / 2)
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


@pytest.mark.parametrize('options, message', [
    ({'lr': 0.0}, 'lr 0.0 must'), ({'clip': np.nan}, 'clip nan must'),
    ({'betas': (0.9, 1.0)}, r'betas \[0.9, 1.0\] must each .* below 1'),
    ({'betas': (-0.1, 0.9)}, 'betas .* at least 0'),
    ({'betas': (np.nan, 0.9)}, 'betas .* must'),
    ({'eps': 0.0}, 'eps 0.0 must be above 0'), ({'eps': 1e-50}, 'eps 1e-50'),
    ({'eps': np.inf}, 'eps inf must'),
    ({'weight_decay': -0.1}, 'weight_decay -0.1 must be at least 0')])
@pytest.mark.parametrize('part', [Adam, AdamW])
def test_impossible_options_of_adam_are_named(part, options, message):
    with pytest.raises(ValueError, match=message):
        part(10, Constant(1), **options)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match='momentum 0.0 must be above 0'):
        SGD(10, Constant(1), nesterov=True, momentum=0.0)


def test_a_job_gives_both_betas(tables):
    def job(betas):
        return loading.from_tables(tables(optimizer={
            'name': 'adamw', 'betas': betas}))
    assert job([0.8, 0.9]).part('optimizer').options['betas'] == (0.8, 0.9)
    for wrong in ([0.8], [0.8, 0.9, 0.99], 0.9, ['a', 'b']):
        with pytest.raises(JobError, match=r'job: optimizer.betas'):
            job(wrong)


def test_the_plan_counts_what_an_optimizer_keeps(tables):
    """Both as it is and as it waits to be written; a count beside it."""
    def plan(name):
        return plan_of(Design(loading.from_tables(tables(
            optimizer={'name': name}, problem={'parameters': 10_000}))))
    sgd, adam = plan('sgd'), plan('adam')
    assert adam.checkpoint_bytes - sgd.checkpoint_bytes == 40_008
    assert adam.server_memory - sgd.server_memory == 80_016
    assert adam.worker_memory == sgd.worker_memory


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


@pytest.mark.parametrize('options', [
    {}, {'anneal_strategy': 'linear'}, {'three_phase': True},
    {'pct_start': 0.05}, {'pct_start': 0.9, 'div_factor': 5.0},
    {'three_phase': True, 'anneal_strategy': 'linear', 'pct_start': 0.45,
     'final_div_factor': 10.0}], ids=str)
@pytest.mark.parametrize('steps', [40, 57])
def test_one_cycle_is_torch_s(options, steps):
    torch = pytest.importorskip('torch')
    from torch.optim.lr_scheduler import OneCycleLR
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    theirs = OneCycleLR(optimizer, 1.0, steps, cycle_momentum=False,
                        **options)
    found = []
    for _ in range(steps):
        found += theirs.get_last_lr()
        optimizer.step()
        if len(found) < steps:
            theirs.step()
    ours = [OneCycle(steps, **options).factor(step) for step in range(steps)]
    assert ours == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize('steps', range(1, 8))
@pytest.mark.parametrize('three_phase', [False, True])
def test_one_cycle_of_few_steps_has_its_factors(steps, three_phase):
    schedule = OneCycle(steps, three_phase=three_phase)
    factors = [schedule.factor(step) for step in range(steps + 1)]
    assert all(0 < factor <= 1 for factor in factors)


@pytest.mark.parametrize('build, message', [
    (lambda: OneCycle(9, pct_start=0.0), 'pct_start 0.0 must .* below 1'),
    (lambda: OneCycle(9, pct_start=0.5, three_phase=True), 'below 0.5'),
    (lambda: OneCycle(9, div_factor=0.5), 'div_factor 0.5 must'),
    (lambda: OneCycle(9, final_div_factor=np.inf), 'final_div_factor inf'),
    (lambda: OneCycle(9, anneal_strategy='sin'), 'anneal_strategy sin must'),
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
