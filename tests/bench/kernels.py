"""A run without liars on machines that compute other bits, with a tolerance.

    mpirun --oversubscribe -n 16 python tests/bench/kernels.py [JOB [STEPS]]

JOB is `quickstart` (the default) or `robust`; ranks with odd numbers take
OpenBLAS's AVX2 kernels, the others those of AVX-512, where the processor has
both.  Prints how many steps had which verdict, audits a step, files that
were lost and the largest distance that was support.
"""

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
RANK = int(next((os.environ[name] for name in (
    'OMPI_COMM_WORLD_RANK', 'PMI_RANK') if name in os.environ), 0))
os.environ['OPENBLAS_CORETYPE'] = 'Haswell' if RANK % 2 else 'SkylakeX'

import numpy as np  # noqa: E402

from aspis_mpi import load_run, run  # noqa: E402
from aspis_mpi.schemes.record import Outcome  # noqa: E402

ROOT = Path(__file__).parents[2]
#: Without liars and dead workers.
SETTINGS = {
    'quickstart': ['adversary.count=0'],
    'robust': ['adversary.count=0', 'adversary.workers=[]',
               'delay.silent=[]', 'delay.silent_from=0']}
PLACES = {'quickstart': 'jobs/quickstart.toml',
          'robust': 'experiments/robust/robust.toml'}


def main(name='quickstart', steps=100):
    """One run, and on rank 0 its figures."""
    with tempfile.TemporaryDirectory() as folder:
        code, log = run(
            ROOT / PLACES[name], out=Path(folder) / 'run.h5', settings=[
                f'run.steps={steps}', 'detection.equality=tolerance',
                *SETTINGS[name]])
        if log is not None:
            print(json.dumps({'job': name, 'code': code} | figures(log)))
    return code


def figures(log):
    """What is told of a run log."""
    with load_run(log) as found:
        rows = found.steps
        names = Counter(Outcome(verdict).name for verdict in rows['verdict'])
        return {
            'verdicts': dict(names), 'exposed': int(found.exposed.sum()),
            'audits a step': float(rows['audits'].mean()),
            'lost': int((rows['files_dropped'].astype(int)
                         + rows['files_missing']).sum()),
            'margin': float(np.nanmax(found.margin[:, 0])),
            'probe': found.events[0].text}


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
