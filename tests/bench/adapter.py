"""A module's gradient through the adapter beside the bare one.

    python tests/bench/adapter.py [MODULE [SAMPLES [REPEATS]]]

MODULE is `lenet` or `resnet18` (GroupNorm).  Bare is what a plain loop does:
fetch the samples from the data set, `zero_grad; forward; backward`, and the
gradients are in `.grad`.  The adapter's ends with the gradient in a vector of
the caller's, cleared before, for parameters that are new each time, as in the
first micro-batch of a step; `later` is one of the same step, whose parameters
are there already.  By turns, in one process with one thread, in seconds of the
processor, so that what else runs there hardly counts; each way has its turn to
be first.  The C library keeps what is freed: which way leaves something on top
of the heap, so that the others need not ask the system again, is chance.
Printed as JSON: medians in milliseconds, and the median of the paired ratios
with its quartiles.
"""

import ctypes
import json
import os
import sys
import time
from itertools import count, permutations, repeat

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
#: All orders of three.
ORDERS = list(permutations(range(3)))


#: Of <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_what_is_freed():
    """Let the C library give nothing back, where it is GNU's."""
    option = getattr(ctypes.CDLL(None), 'mallopt', None)
    if option is not None:
        option(M_TRIM_THRESHOLD, 1 << 30)
        option(M_MMAP_THRESHOLD, 1 << 25)


def adapted(make, data, n, step=None):
    """Computes a gradient of all samples as a worker does, in turn."""
    problem = TorchProblem.of(make, data)(seed=1)
    parameters, out = (Buffer(problem.n_parameters) for _ in range(2))
    parameters.values[:] = problem.initial(None)
    parameters.values.setflags(write=False)
    samples = np.arange(n)
    # Of a step of its own all parameters are new.
    steps = count() if step is None else repeat(step)

    def compute():
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
    keep_what_is_freed()
    make, shape = MODULES[name]
    n = int(samples)
    repeats = int(repeats) or {'lenet': 400, 'resnet18': 12}[name]
    data = TensorDataset(torch.randn(n, *shape), torch.randint(0, 10, (n,)))
    ways = [bare(make, data, n), adapted(make, data, n),
            adapted(make, data, n, step=0)]
    seconds = np.zeros((repeats + 3, 3))
    for number in range(len(seconds)):
        # Who comes after whom is at an advantage or not: by turns, too.
        for way in ORDERS[number % len(ORDERS)]:
            began = time.process_time()
            ways[way]()
            seconds[number, way] = time.process_time() - began
    report(name, n, seconds[3:])    # the first ones warm up


def report(name, n, seconds):
    """Print the figures; a column for each way."""
    alone, new, later = seconds.T
    print(json.dumps({
        'module': name, 'samples': n,
        **{word: round(1e3 * float(np.median(it)), 3) for word, it in
           (('bare', alone), ('adapter', new), ('later', later))},
        'ratio': round(float(np.median(new / alone)), 4),
        'ratio of later': round(float(np.median(later / alone)), 4),
        'of medians': round(float(np.median(new) / np.median(alone)), 4),
        'of the fastest tenth': round(float(
            np.quantile(new, .1) / np.quantile(alone, .1)), 4),
        'quartiles': np.quantile(new / alone,
                                 [.25, .75]).round(4).tolist()}))


if __name__ == '__main__':
    main(*sys.argv[1:])
