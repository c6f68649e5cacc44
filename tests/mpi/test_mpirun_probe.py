"""The start-up probe between real processes."""

import json

#: Rank 2 computes other bits, or answers too late.
SCRIPT = '''
import json
import sys
import time

import numpy as np

from aspis_mpi import config
from aspis_mpi.assembly import Assembly
from aspis_mpi.backends import mpi
from aspis_mpi.backends.mpi_probe import probe
from aspis_mpi.detection.probe import examine
from aspis_mpi.protocol.auditor import Auditor

silent = sys.argv[1] == 'silent'
job = {'run': {'steps': 1, 'seed': 7},
       'problem': {'name': 'quadratic', 'parameters': 2000},
       'scheme': {'workers': 5, 'adversaries': 2}}
assembly = Assembly(config.from_tables(job))
auditor = Auditor(assembly.problem, assembly.batches, 4)
honest = auditor.gradient


def odd(step, file, parameters):
    if silent and not file:
        time.sleep(4)
    return honest(step, file, parameters) * np.float32(1.0001)


comm = mpi.world()
if comm.rank == 2:
    auditor.gradient = odd
parameters = np.full(2000, np.nan, dtype='f4')
if not comm.rank:
    parameters[:] = 1
try:
    rows = probe(comm, auditor, parameters, 10, 1.0 if silent else 60.0)
except RuntimeError as error:
    rows = None
    print(error, flush=True)
told = comm.gather((parameters == 1).all())
if rows is not None:
    found = examine(rows[0], rows[1:], 2)
    print(json.dumps({'told': [bool(x) for x in told], 'n': rows.shape[1],
                      'differing': found.differing.tolist(),
                      'median': found.median,
                      'deviations': found.deviations.tolist()}))
'''


def launched(launch, mpi, folder, how):
    script = folder / 'probing.py'
    script.write_text(SCRIPT)
    return launch(mpi, 6, how, script=script)


def test_every_rank_says_what_it_computes(mpi, launch, folder):
    ended = launched(launch, mpi, folder, 'speaking')
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said['told'] == [True] * 6 and said['n'] == 10
    assert said['differing'] == [False, True, False, False, False]
    assert 5e-5 < said['deviations'][1] < 2e-4 and said['median'] == 0


def test_a_rank_that_does_not_answer_is_named(mpi, launch, folder):
    ended = launched(launch, mpi, folder, 'silent')
    assert ended.code == 0, ended.err
    assert 'not all ranks have answered within 1 s' in ended.out
    assert 'rank 2 missing' in ended.out
