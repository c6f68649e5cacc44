"""Steps until Aspis+ has found all liars, with other names and without.

    python tests/bench/aspis_plus.py [RUNS]

Scheme `aspis-plus` on 15 workers and 35 files of three, any two workers
together in one of them; q = 2 ... 7 liars lie where they are the majority of a
file's holders, in every step.  RUNS (by default 200) simulated runs of each q,
and three of workers that keep their names.  Printed: mean steps until all
liars are flagged, its standard error, the mean that is expected, honest
workers flagged; the same without other names.  Exit code 1 if a mean is more
than 15 % from what is expected, or anybody honest was flagged.
"""

import sys

import numpy as np

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading
from tests.support.coded_jobs import Run

#: Means of 4,000 draws of names and liars, of the graph alone, for each q.
EXPECTED = {2: 3.27, 3: 2.91, 4: 3.11, 5: 3.60, 6: 4.55, 7: 7.95}
WITHIN, NEVER = 0.15, 40


def found(q, seed, rename=True, steps=NEVER):
    """Steps until all liars are flagged, `NEVER` if not; honest flagged."""
    run = Run(Assembly(loading.from_tables({
        'run': {'steps': steps, 'seed': seed, 'evaluate_every': 0},
        'problem': {'name': 'quadratic', 'parameters': 3, 'batch_size': 35},
        'scheme': {'name': 'aspis-plus', 'workers': 15, 'adversaries': q},
        'assignment': {'rename': rename},
        'detection': {'window': 2 * NEVER},
        'adversary': {'count': q, 'files': 'majorities',
                      'value': 'constant'}})))
    liars = run.assembly.attack.adversaries(0)
    accused = sum(int((record.flagged & ~liars).sum())
                  for record in run.records)
    done = [record.step + 1 for record in run.records
            if record.flagged[liars].all()]
    return (done[0] if done else NEVER), accused


def main(runs='200'):
    """Print a row for each q; whether all is as expected."""
    print('q, steps, standard error, expected, honest flagged; without names')
    right = True
    for q, expected in EXPECTED.items():
        steps, accused = np.array([
            found(q, seed, steps=15 + 3 * q) for seed in range(int(runs))]).T
        kept = [found(q, seed, rename=False)[0] for seed in range(3)]
        near = abs(steps.mean() / expected - 1) <= WITHIN
        right &= bool(near and not accused.any() and min(kept) == NEVER)
        print(f'{q} {steps.mean():6.2f} '
              f'{steps.std() / np.sqrt(len(steps)):5.2f} {expected:5.2f} '
              f'{accused.sum():3} '
              f'{"never" if min(kept) == NEVER else min(kept)}'
              + ('' if near else '  NOT as expected'), flush=True)
    return not right


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
