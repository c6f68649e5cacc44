"""Memory that `plan` predicts against the measured peak of each rank.

    mpirun --oversubscribe -n 16 python tests/bench/memory.py [D]
    mpirun --oversubscribe -n 5 python tests/bench/memory.py resnet18

Peak of the resident set minus its size before the first step, as the
operating system counts it, in a run of `aspis` on `quadratic`, or of
`uncoded` on random images with 8 samples a worker.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi import plan  # noqa: E402
from aspis_mpi.assembly import run  # noqa: E402
from aspis_mpi.backends.mpi import ranks  # noqa: E402

QUADRATIC = '''
[run]
steps = 3
evaluate_every = 0
[problem]
name = 'quadratic'
parameters = {d}
[scheme]
name = 'aspis'
workers = {k}
adversaries = 3
'''

RESNET18 = '''
[run]
steps = 3
evaluate_every = 0
[problem]
name = 'torch'
module = 'aspis_mpi.learning.networks:resnet18'
train = 'ddp:images'
batch_size = {samples}
[scheme]
name = 'uncoded'
workers = {k}
[aggregation]
name = 'mean'
'''


def resident():
    """Bytes of this process in memory."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def main():
    what = (sys.argv[1:] or ['431080'])[0]
    comm = ranks.world()
    folder = Path(tempfile.gettempdir()) / f'aspis-memory-{os.getppid()}'
    folder.mkdir(exist_ok=True)
    job = folder / f'job-{comm.rank}.toml'
    k = comm.size - 1
    job.write_text(RESNET18.format(k=k, samples=8 * k) if what == 'resnet18'
                   else QUADRATIC.format(d=int(what), k=k))
    forecast = plan.forecast(job)
    before = resident()
    run.run(job, out=folder / 'run.h5', overwrite=True)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mine = np.array([peak - before], dtype=np.float64)
    everyone = np.empty((comm.size, 1)) if not comm.rank else None
    comm.Gather(mine, everyone)
    job.unlink()
    if comm.rank:
        return
    workers = float(np.median(everyone[1:]))
    print(json.dumps({
        'd': forecast.parameters, 'server_peak': int(everyone[0, 0]),
        'server_forecast': forecast.server_memory,
        'server_ratio': round(forecast.server_memory / everyone[0, 0], 3),
        'worker_peak_median': int(workers),
        'worker_forecast': forecast.worker_memory,
        'worker_ratio': round(forecast.worker_memory / workers, 3)}))
    shutil.rmtree(folder)


if __name__ == '__main__':
    main()
