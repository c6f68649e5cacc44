"""A module's gradient through the adapter beside the bare one.

    python tests/bench/adapter.py [MODULE [SAMPLES [REPEATS]]]

MODULE is `lenet` or `resnet18` (GroupNorm).  Bare is `forward; backward` of
the same module on the same batch, whose gradients torch leaves where it
likes; by turns, in one process with one thread, in seconds of the processor,
so that what else runs there hardly counts.  Printed as JSON: medians in
milliseconds, and the median of the paired ratios with its quartiles.
"""

import json
import os
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from aspis_mpi.learning.problems.torch import TorchProblem  # noqa: E402
from aspis_mpi.protocol.buffers import Buffer  # noqa: E402


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.way = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.GroupNorm(32, outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.GroupNorm(32, outputs))
        self.short = nn.Sequential() if stride == 1 else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False),
            nn.GroupNorm(32, outputs))

    def forward(self, x):
        return (self.way(x) + self.short(x)).relu()


def resnet18():
    """ResNet-18 for 3×32×32 images, He et al. 2015 with GroupNorm."""
    widths = [64, 64, 128, 256, 512]
    blocks = [block for inputs, outputs in zip(widths, widths[1:])
              for block in (Block(inputs, outputs, outputs // inputs),
                            Block(outputs, outputs, 1))]
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.GroupNorm(32, 64),
        nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(512, 10))


def lenet():
    """LeNet-5 for 28×28 images."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10))


MODULES = {'lenet': (lenet, (1, 28, 28)), 'resnet18': (resnet18, (3, 32, 32))}


def adapted(make, data, n):
    """Computes a gradient of all samples as a worker does, in turn."""
    problem = TorchProblem.of(make, data)(seed=1)
    parameters, out = (Buffer(problem.n_parameters) for _ in range(2))
    parameters.values[:] = problem.initial(None)
    parameters.values.setflags(write=False)
    samples = np.arange(n)
    steps = iter(range(1 << 30))

    def compute():
        # Of a step of its own: all parameters are new.
        problem.begin(next(steps), samples)
        problem.gradient(parameters.values, samples, out.values)
    return compute


def bare(make, data, n):
    """Computes the same as torch alone does it."""
    module = make()
    inputs, targets = data.tensors

    def compute():
        module.zero_grad(set_to_none=True)
        cross_entropy(module(inputs), targets).backward()
    return compute


def main(name='lenet', samples=32, repeats=0):
    """Time both by turns."""
    torch.set_num_threads(1)
    make, shape = MODULES[name]
    n = int(samples)
    repeats = int(repeats) or {'lenet': 400, 'resnet18': 12}[name]
    data = TensorDataset(torch.randn(n, *shape), torch.randint(0, 10, (n,)))
    ways = [bare(make, data, n), adapted(make, data, n)]
    seconds = np.zeros((repeats + 2, 2))
    for number in range(len(seconds)):
        # Who comes second is at an advantage or not: by turns, too.
        for way in (number % 2, 1 - number % 2):
            began = time.process_time()
            ways[way]()
            seconds[number, way] = time.process_time() - began
    seconds = seconds[2:]           # the first ones warm up
    ratios = seconds[:, 1] / seconds[:, 0]
    print(json.dumps({
        'module': name, 'samples': n,
        'bare': round(1e3 * float(np.median(seconds[:, 0])), 3),
        'adapter': round(1e3 * float(np.median(seconds[:, 1])), 3),
        'ratio': round(float(np.median(ratios)), 4),
        'of medians': round(float(np.median(seconds[:, 1])
                                  / np.median(seconds[:, 0])), 4),
        'quartiles': np.quantile(ratios, [.25, .75]).round(4).tolist()}))


if __name__ == '__main__':
    main(*sys.argv[1:])
