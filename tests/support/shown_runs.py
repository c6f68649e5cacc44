"""Runs whose reports are looked at, each of some seconds."""

from aspis_mpi import streams
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.schemes.spot import inspection
from aspis_mpi.streams import Coins

DIGITS = '''
[run]
seed = 5
steps = 60
evaluate_every = 5
checkpoint_every = 5
[problem]
name = "digits"
model = "mlp"
batch_size = 455
[log]
detail = "arrivals"
'''

CLEAN = DIGITS + '''
[scheme]
name = "aspis"
workers = 13
adversaries = 2
[delay]
name = "shifted-exponential"
mean = 0.1
'''

#: Two liars, slow workers, and one that is silent from step 30 on.
HARD = DIGITS + '''
[scheme]
name = "robust-partial"
workers = 13
adversaries = 2
[adversary]
count = 2
files = "random"
value = "reversed"
[delay]
name = "exponential"
mean = 0.5
per = "file"
silent = [4]
silent_from = 30
[faults]
silence = 20.0
'''

#: Two of nine workers lie, from step 60 and from step 80 on.
BACK = DIGITS.replace('steps = 60', 'steps = 150') + '''
[scheme]
name = "spot"
workers = 9
adversaries = 2
[assignment]
load = 3
[detection]
rate = 0.5
first = 0
[adversary]
count = 2
who = "tests.support.late_liar:Late"
begins = 60
apart = 20
rate = 0.5
value = "alie"
[delay]
name = "shifted-exponential"
mean = 0.1
'''

#: Steps after which the run is stopped, and its workers until then.
PARTS = (25, 13), (40, 9), (60, 11)


def clean(folder):
    """A run without adversaries."""
    return _run(folder, CLEAN)


def hard(folder):
    """A run with liars, slow workers, and one that dies."""
    return _run(folder, HARD)


def parts(folder):
    """A run that is stopped twice, and goes on with other workers."""
    job = CLEAN + '[adversary]\ncount = 2\nvalue = "alie"\n'
    for steps, workers in PARTS:
        log = _run(folder, job, [f'run.steps={steps}',
                                 f'scheme.workers={workers}'], resume=True)
    return log


def back(folder):
    """A run under spot checks that exposes its liar, and goes back."""
    drawn = inspection.Coins
    try:
        bits = streams.generator(6, 'coins').bytes
        inspection.Coins = lambda: Coins(bits)
        return _run(folder, BACK)
    finally:
        inspection.Coins = drawn


def _run(folder, text, settings=(), **options):
    job = folder / 'job.toml'
    job.write_text(text, encoding='utf-8')
    return simulate(job, out=folder / 'run.h5', settings=settings,
                    **options)[1]
