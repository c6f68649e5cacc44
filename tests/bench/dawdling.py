"""What liars that dawdle cost a run, beside the same run without liars.

    python tests/bench/dawdling.py [STEPS [SCHEME ...]]

Simulated, faults.silence 1 s, steps of 20 ms or more.  For each scheme and
attack: median step of steps 31 to 200 and bytes, over those without liars;
the whole run, over that without liars, and over what is allowed: 1 + q *
patience times as long, and 3 q incidents of two silences each; steps without
work of honest workers.  When liars have no work, K - q workers do that of K,
and q copies fewer can be counted on: what is allowed is of steps as long as
the last tenth has them.  Exit code 1 where a figure is above what is promised.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from aspis_mpi import load_run, simulate

STEPS = 2000
SILENCE, PATIENCE, Q = 1.0, 0.01, 2
#: Largest allowed: median step, bytes, whole run without and with what the
#: liars' work costs the others.
MOST = np.array([1.5, 1.2, np.inf, 1.0])

JOB = f'''
[run]
steps = STEPS
seed = 7
checkpoint_every = 0
evaluate_every = 0
[problem]
name = "quadratic"
parameters = 650
[scheme]
workers = 15
adversaries = {Q}
[delay]
name = "uniform"
mean = 0.02
[faults]
silence = {SILENCE}
patience = {PATIENCE}
'''
SCHEMES = {
    'robust-partial': ['scheme.name=robust-partial'],
    'robust-partial, coded': ['scheme.name=robust-partial',
                              'transfer.name=coded',
                              'transfer.challenge=true'],
    'robust-partial, all': ['scheme.name=robust-partial',
                            'collection.name=all'],
    'robust-partial, two slow': [
        'scheme.name=robust-partial', 'delay.name=slow',
        'delay.workers=[4, 9]', 'delay.factor=10'],
    'robust-partial, tolerance': [
        'scheme.name=robust-partial', 'detection.equality=tolerance'],
    'aspis': ['scheme.name=aspis', 'scheme.workers=9', 'delay.mean=0.002'],
    'spot': ['scheme.name=spot', 'assignment.load=2', 'delay.mean=0.01'],
    'certified, coverage': [
        'scheme.workers=9', 'collection.name=coverage', 'delay.mean=0.002',
        'assignment.replication=5'],
}
LIARS = [f'adversary.count={Q}', 'adversary.value=honest']
ATTACKS = {
    'late': [*LIARS, 'adversary.protocol=late', 'adversary.seconds=0.9'],
    'late, less': [*LIARS, 'adversary.protocol=late',
                   'adversary.seconds=0.045'],
    'intermittent': [*LIARS, 'adversary.protocol=intermittent'],
    'intermittent, 10': [*LIARS, 'adversary.protocol=intermittent',
                         'adversary.period=10'],
    'refuse': [*LIARS, 'adversary.protocol=refuse'],
    'straddle': [*LIARS, 'adversary.protocol=straddle',
                 'adversary.workers=[0, 1]'],
    'straddle, 3e-9': [*LIARS, 'adversary.protocol=straddle',
                       'adversary.workers=[0, 1]', 'adversary.size=3e-9'],
    'between': [LIARS[0], 'adversary.value=between',
                'adversary.workers=[0, 1]'],
}


class Figures:
    """What a log says of time, bytes, idle workers and wrong files."""

    def __init__(self, path):
        with load_run(path) as run:
            steps, some = run.steps, slice(31, 201)
            self.done = run.n_steps
            self.median = np.median(steps['seconds_step'][some])
            self.bytes = np.median((steps['bytes_in']
                                    + steps['bytes_out'])[some])
            self.seconds = steps['seconds_step'].sum()
            self.last = steps['seconds_step'][-self.done // 10:].sum()
            honest = ~run.adversaries
            self.idle = int((run.excluded & honest).sum())
            self.accused = int((run.exposed & honest).sum())
            self.wrong = int(run.wrong_files.sum())


def measure(folder, settings, steps):
    """The figures of one simulated run."""
    job = folder / 'job.toml'
    job.write_text(JOB.replace('STEPS', str(steps)))
    _, path = simulate(job, settings=settings, out=folder / 'run.h5',
                       overwrite=True)
    return Figures(path)


def fits(name, attack):
    """Whether an attack is one on a scheme."""
    tolerant = 'tolerance' in name
    if '3e-9' in attack and 'coded' in name:
        # Nobody takes over the files of who has no work for it.
        return False
    if attack == 'refuse':
        return name == 'spot'
    if 'straddle' in attack:
        return 'robust' in name and not tolerant
    return ('between' in attack) is tolerant


def compare(name, attack, plain, it, steps):
    """Print one row; whether all is as promised."""
    without = plain.seconds * max(it.last / plain.last, 1)
    allowed = without * (1 + Q * PATIENCE) + 3 * Q * 2 * SILENCE
    ratios = np.array([
        it.median / plain.median, it.bytes / plain.bytes,
        it.seconds / plain.seconds, it.seconds / allowed])
    right = (ratios <= MOST).all() and it.done == steps and not (
        it.accused or it.wrong) and it.idle <= plain.idle
    print(f'{name:26} {attack:18} {plain.median * 1e3:6.1f} '
          + ' '.join(f'{ratio:7.2f}' for ratio in ratios)
          + f' {it.idle:6} {plain.idle:6} {it.accused:4} {it.wrong:4} '
          + ('' if right else 'NOT as promised'), flush=True)
    return right


def main():
    """All schemes and attacks."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    chosen = sys.argv[2:] or SCHEMES
    print('scheme, attack; ms a step without liars; step x, bytes x, run x, '
          'run over allowed; idle steps of honest workers, and without liars; '
          'exposed honest workers; wrong files', flush=True)
    right = True
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in chosen:
            scheme = SCHEMES[name]
            plain = measure(folder, scheme, steps)
            for attack, liars in ATTACKS.items():
                if not fits(name, attack):
                    continue
                right &= compare(name, attack, plain, measure(
                    folder, scheme + liars, steps), steps)
    return not right


if __name__ == '__main__':
    sys.exit(main())
