"""Memory for samples of a torch module: forecast, bounded, and measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from aspis_mpi.assembly.design import Design  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.learning.problems import torch as problems  # noqa: E402
from aspis_mpi.plan import plan_of  # noqa: E402
from tests.support import torch_modules as mine  # noqa: E402
from tests.support.limits import HANGS
from tests.support.memory import once

HERE = 'tests.unit.test_footprint'
#: Channels and side of an image within the module, bytes of one.
CHANNELS, SIDE = 64, 32
MAP = 4 * CHANNELS * SIDE ** 2


def wide():
    """A module whose outputs are much larger than its parameters."""
    return nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, padding=1), nn.GroupNorm(32, CHANNELS),
        nn.ReLU(), nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(CHANNELS, mine.CLASSES))


def images(n=48):
    """Random ones."""
    drawn = torch.Generator().manual_seed(3)
    return TensorDataset(
        torch.randn(n, 3, SIDE, SIDE, generator=drawn),
        torch.randint(mine.CLASSES, (n,), generator=drawn))


def build(module=wide, data=images):
    return problems.TorchProblem.of(module, data)(7)


def test_a_forward_leaves_what_norm_and_rectifiers_need():
    """Of the norm its input, of each rectifier its output."""
    problem = build()
    one, two = (problem.gradient_bytes(n) for n in (1, 2))
    weights = 4 * problem.n_parameters
    kept = two - one - 5 * MAP
    assert 3 * MAP <= kept <= 3.1 * MAP
    assert one == two - one + weights


#: Prints forecasts of two peaks of memory, and what is measured of them.
PEAKS = f"""if True:
    import json
    import numpy as np
    import torch
    from aspis_mpi.learning.adapter.heap import give_back
    from aspis_mpi.learning.problems import torch as problems
    from {HERE} import build
    torch.set_num_threads(1)
    problems.EVALUATED = 1 << 28
    def status(key):
        line, = (line for line in open('/proc/self/status')
                 if line.startswith(key))
        return 1024 * int(line.split()[1])
    def peak(compute):
        give_back()
        before = status('VmRSS')
        compute()
        return status('VmHWM') - before
    problem, samples = build(), np.arange(48)
    w = problem.initial(None)
    out = np.zeros_like(w)
    told = [48 * problem.evaluation_bytes // problem._at_once,
            problem.gradient_bytes(48)]
    print(json.dumps([told, [
        peak(lambda: problem.evaluate(w)),
        peak(lambda: problem.gradient(w, samples, out))]]))
    """


def peaks():
    """Bytes of each peak, as they are forecast and as they are measured."""
    # The C library hands large blocks back at once: whether it keeps what
    # was freed is a matter of its history, and a third of the peak.
    done = subprocess.run(
        [sys.executable, '-c', PEAKS], timeout=HANGS, check=True,
        env=os.environ | {'MALLOC_MMAP_THRESHOLD_': '65536'},
        capture_output=True, text=True)
    return np.array(json.loads(done.stdout))


@pytest.mark.skipif(not Path('/proc/self/status').exists(),
                    reason='no /proc here')
def test_the_peaks_are_those_that_are_forecast():
    def forecast(found):
        told, measured = found
        # Each peak is more than all before.  The forecast has room for what
        # a library copies (two maps here, which not every processor asks
        # for).
        return (measured <= 1.1 * told).all() and (told <= 2 * measured).all()
    assert once(forecast, peaks)


def test_evaluation_takes_no_more_than_is_allowed(monkeypatch):
    problem, other = build(), build()
    w = problem.initial(None)
    seen = []
    problem.network.module.register_forward_pre_hook(
        lambda module, inputs: seen.append(len(inputs[0])))
    monkeypatch.setattr(problems, 'EVALUATED', 7 * 5 * MAP)
    found = problem.evaluate(w)
    assert seen[-7:] == [7] * 6 + [6]
    monkeypatch.undo()
    expected = other.evaluate(w)
    assert found.accuracy == expected.accuracy
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)


def test_small_modules_are_evaluated_in_the_same_pieces_as_ever():
    """So that the logs of their runs keep their bits."""
    data = TensorDataset(*(torch.cat([it] * 3) for it in mine.drawn()))
    problem, seen = build(mine.net, data), []
    w = problem.initial(None)
    problem.network.module.register_forward_pre_hook(
        lambda module, inputs: seen.append(len(inputs[0])))
    problem.evaluate(w)
    assert seen[-2:] == [256, 224]


class Derived(nn.Linear):
    """A module that differentiates by itself, which bears no watching."""

    def forward(self, x):
        slope = torch.func.grad(lambda t: t.square().sum())(x)
        return super().forward(slope)


def test_a_module_that_cannot_be_watched_trains_all_the_same():
    problem = build(lambda: Derived(mine.INPUTS, mine.CLASSES), mine.train)
    w = problem.initial(None)
    assert np.isfinite(problem.evaluate(w).loss)
    assert problem.gradient_bytes(8) == problem.evaluation_bytes == 0


def job(**problem):
    return loading.from_tables({
        'run': {'steps': 2}, 'scheme': {'name': 'uncoded', 'workers': 3},
        'problem': {'name': 'torch', 'module': f'{HERE}:wide',
                    'train': f'{HERE}:images', 'batch_size': 30, **problem}})


def test_the_plan_counts_the_samples_that_are_computed_at_once(monkeypatch):
    monkeypatch.setattr(problems, 'EVALUATED', 1)
    whole, cut, one = (plan_of(Design(job(micro_batch=n)))
                       for n in (64, 4, 1))
    problem = build()
    # A file has ten samples.
    assert whole.worker_memory - cut.worker_memory == (
        problem.gradient_bytes(10) - problem.gradient_bytes(4))
    # The server needs the larger of a gradient and an evaluation.
    needs = [max(problem.gradient_bytes(n), problem.evaluation_bytes)
             for n in (10, 4, 1)]
    assert whole.server_memory - needs[0] == cut.server_memory - needs[1] == (
        one.server_memory - needs[2])
    assert needs[0] > needs[1] > 0
