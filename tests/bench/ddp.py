"""A step of four workers beside a step of torch's own data parallelism.

    mpirun --oversubscribe -n 5 python tests/bench/ddp.py [REPEATS [STEPS
        [SAMPLES]]]

Both train `resnet18` (GroupNorm) by SGD with momentum on random images of
3×32×32, SAMPLES for each of four processes of one thread, the same ones:
scheme `uncoded`, whose server is a fifth process, and DistributedDataParallel
on gloo in the ranks of the workers, whose rank 0 sleeps meanwhile.  They take
turns of STEPS steps after some that warm up, each from the same parameters.
Printed as JSON, in milliseconds: the median step of each; the bare gradient of
one process alone, and of four at once; the median of the paired ratios; and
the largest relative distance of the parameters where both end.  Where that is
more than rounding makes it, they have not done the same: exit code 1.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
import torch  # noqa: E402
from step import WARM, spent  # noqa: E402
from torch import distributed  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from aspis_mpi.arrays import relative_distance  # noqa: E402
from aspis_mpi.backends.mpi import ranks  # noqa: E402
from aspis_mpi.learning.batches import Batches  # noqa: E402
from aspis_mpi.learning.networks import resnet18  # noqa: E402
from aspis_mpi.learning.problems.torch import TorchProblem  # noqa: E402
from aspis_mpi.runlog.checkpoints import Checkpoints, load  # noqa: E402

SEED, WORKERS, LR, MOMENTUM = 1, 4, 0.01, 0.9
#: Images to choose from.
IMAGES = 256
#: Relative distance of parameters that rounding makes in a few steps, at most.
ROUNDING = 1e-3


def images():
    """Random ones, the same on all ranks."""
    drawn = torch.Generator().manual_seed(SEED)
    return TensorDataset(torch.randn(IMAGES, 3, 32, 32, generator=drawn),
                         torch.randint(10, (IMAGES,), generator=drawn))


class Plain:
    """A plain loop of torch in one process of several.

    Parameters
    ----------
    samples : int
        Of a process.
    parallel : bool
        Whether gradients are those of all processes.
    rank : int
        Of this process among the workers.
    """

    def __init__(self, samples, parallel, rank):
        module = resnet18()
        self.module = DistributedDataParallel(module) if parallel else module
        self._data, self._rank = images(), rank
        self._batches = Batches(SEED, IMAGES, WORKERS * samples, WORKERS)
        self._parameters = list(module.parameters())
        self.begin(self.end())

    def begin(self, vector):
        """Train from some parameters on, float32 (d,)."""
        pieces = torch.tensor(vector).split(
            [it.numel() for it in self._parameters])
        with torch.no_grad():
            for it, piece in zip(self._parameters, pieces):
                it.copy_(piece.view_as(it))
        self._optimizer = torch.optim.SGD(self._parameters, LR, MOMENTUM)

    def end(self):
        """The parameters, float32 (d,)."""
        return torch.cat([it.detach().ravel()
                          for it in self._parameters]).numpy()

    def gradient(self, step):
        """Forward and backward of this process's part of a step."""
        samples = self._batches.samples(step, self._rank)
        inputs, targets = self._data[torch.tensor(samples)]
        self._optimizer.zero_grad()
        cross_entropy(self.module(inputs), targets).backward()

    def step(self, step):
        """A whole step."""
        self.gradient(step)
        self._optimizer.step()


def typical(take, steps):
    """Median seconds of some steps after those that warm up."""
    seconds = []
    for number in range(WARM + steps):
        began = time.perf_counter()
        take(number)
        seconds.append(time.perf_counter() - began)
    return np.median(seconds[WARM:])


def meet(comm):
    """A barrier whose ranks sleep."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(5e-3)


def tables(samples, steps):
    """A job; the problem that it names is not the one that is given."""
    return {'run': {'steps': WARM + steps, 'evaluate_every': 0, 'seed': SEED},
            'problem': {'name': 'quadratic',
                        'batch_size': WORKERS * samples},
            'optimizer': {'lr': LR, 'momentum': MOMENTUM},
            'aggregation': {'name': 'mean'},
            'scheme': {'name': 'uncoded', 'workers': WORKERS}}


def gradients(comm, bare, steps):
    """Seconds of a bare gradient of worker 0 alone, and of all at once."""
    alone = together = None
    if comm.rank == 1:
        alone = typical(bare.gradient, steps)
    meet(comm)
    if comm.rank:
        together = typical(bare.gradient, steps)
    meet(comm)
    return [alone, together]


def main(repeats=3, steps=5, samples=8):
    """Let both take turns."""
    repeats, steps, samples = int(repeats), int(steps), int(samples)
    torch.set_num_threads(1)
    comm = ranks.world()
    if comm.size != WORKERS + 1:
        sys.exit(f'ddp.py is for {WORKERS + 1} ranks, not {comm.size}')
    sys.stderr = open(os.devnull, 'w')
    problem = TorchProblem.of(resnet18, images())(seed=SEED)
    start = problem.initial(None)
    folder = comm.bcast(tempfile.mkdtemp() if not comm.rank else None)
    theirs = bare = None
    if comm.rank:
        distributed.init_process_group(
            'gloo', f'file://{folder}/meeting', rank=comm.rank - 1,
            world_size=WORKERS)
        theirs, bare = (Plain(samples, parallel, comm.rank - 1)
                        for parallel in (True, False))
    times, apart = gradients(comm, bare, steps), []
    for _ in range(repeats):
        times.append(spent(comm, problem, folder, tables(samples, steps),
                           np.median))
        meet(comm)
        if comm.rank:
            theirs.begin(start)
        times.append(typical(theirs.step, steps) if comm.rank else None)
        if comm.rank:
            apart.append(relative_distance(ended(folder), theirs.end()))
        meet(comm)
    everyone, distances = comm.gather(times), comm.gather(apart)
    if comm.rank:
        distributed.destroy_process_group()
        return
    shutil.rmtree(folder)
    apart = float(np.max(distances[1:]))
    report(everyone, samples, steps, apart)
    if not apart <= ROUNDING:
        sys.exit(1)


def ended(folder):
    """The parameters after the run whose log is in a folder."""
    newest = Checkpoints(Path(folder) / 'bench.h5').paths()[0]
    return load(newest).parameters


def report(everyone, samples, steps, apart):
    """Print what the ranks have measured."""
    ours = np.array(everyone[0][2::2])
    theirs = np.array([times[3::2] for times in everyone[1:]]).max(axis=0)
    together = np.median([times[1] for times in everyone[1:]])
    figures = {'uncoded': np.median(ours), 'ddp': np.median(theirs),
               'bare_alone': everyone[1][0], 'bare_four': together}
    print(json.dumps({
        'samples': samples, 'steps': steps,
        **{name: round(1e3 * float(it), 1) for name, it in figures.items()},
        'ratio': round(float(np.median(ours / theirs)), 3),
        'ratios': (ours / theirs).round(3).tolist(),
        'apart': float(f'{apart:.2g}')}))


if __name__ == '__main__':
    main(*sys.argv[1:])
