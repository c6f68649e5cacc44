"""A module's gradient through the adapter beside the bare one.

    python tests/bench/adapter.py [MODULE [SAMPLES [REPEATS]]]

MODULE is `lenet` or `resnet18` (GroupNorm).  Bare is what a plain loop does:
fetch the samples from the data set, `zero_grad; forward; backward`, and the
gradients are in `.grad`.  The adapter's ends with the gradient in a vector of
the caller's, cleared before, for parameters that are new each time.  By turns,
in one process with one thread, in seconds of the processor, so that what else
runs there hardly counts; each way has its turn to be first.  Printed as JSON:
medians in milliseconds, and the median of the paired ratios with its
quartiles.
"""

import json
import os
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from aspis_mpi.learning import networks  # noqa: E402
from aspis_mpi.learning.problems.torch import TorchProblem  # noqa: E402
from aspis_mpi.protocol.buffers import Buffer  # noqa: E402


MODULES = {'lenet': (networks.lenet, (1, 28, 28)),
           'resnet18': (networks.resnet18, (3, 32, 32))}


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
        out.values.fill(0)
        problem.begin(next(steps), samples)
        problem.gradient(parameters.values, samples, out.values)
    return compute


def bare(make, data, n):
    """Computes the same as torch alone does it."""
    module, samples = make(), torch.arange(n)

    def compute():
        inputs, targets = data[samples]
        module.zero_grad()
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
        'of the fastest tenth': round(float(
            np.quantile(seconds[:, 1], .1)
            / np.quantile(seconds[:, 0], .1)), 4),
        'quartiles': np.quantile(ratios, [.25, .75]).round(4).tolist()}))


if __name__ == '__main__':
    main(*sys.argv[1:])
