"""Runs under spot checks that go back, beside the same without liars.

    python tests/bench/going_back.py [digits [RUNS]]
    python tests/bench/going_back.py quadratic [RUNS]
    python tests/bench/going_back.py liars [RUNS]

Simulated, with draws that come again.  A liar begins at a random step and
lies in every step from there on.

digits      Preset `spot`, K = 7, q = 1, c = 2, an `mlp` of digits: accuracy
            in points above that without liars, steps undone, wrong payloads
            that were used, undone ones included.
quadratic   The same, half of the steps checked, H = 19: how many runs end
            with other bits than without the liar, and why: it was never
            exposed, or more than H turns after its first lie.  Exit code 1
            if another one does, or more than 3 in a hundred.
liars       Three of 15 that begin one after the other: turns above those
            without them, and what `plan` allows.  Exit code 1 above that.

Printed as JSON: a line for each kind of liar.
"""

import json
import random
import sys
from functools import lru_cache

import numpy as np

from aspis_mpi.detection.spot import odds
from tests.support.spot_runs import SpotRun, liar

STEPS = 200
DIGITS = {
    'run': {'steps': STEPS, 'checkpoint_every': 0},
    'problem': {'name': 'digits', 'model': 'mlp', 'batch_size': 280},
    'detection': {'rate': 0.1, 'first': 10}}
#: The last one that is not above any screen where files are much alike.
VALUES = {
    'reversed': {'value': 'reversed'},
    'reversed, as long': {'value': 'reversed', 'scale': 1.0},
    'reversed, below the screen': {'value': 'reversed', 'scale': 2.5},
    'alie, z = -5': {'value': 'alie', 'z': -5.0},
    'constant': {'value': 'constant'},
    'constant, small': {'value': 'constant', 'scale': 0.01},
}

#: Lies on which files, and steps before the last in which they begin, at
#: the latest: on one file only a liar may come through the last H steps.
ON = {'all files': ('all', 1),
      'one file': ('tests.support.late_liar:OneFile', 24)}
#: Share of runs that may differ: delta = 0.01, and chance.
MOST = 0.03

#: Steps from one liar to the next.
APART = 0, 5, 15, 30, 50
SUCCESSIVE = {
    'run': {'steps': 240, 'checkpoint_every': 0},
    'scheme': {'workers': 15, 'adversaries': 3},
    'problem': {'batch_size': 120}}


def wrong_payloads(run):
    """Number of wrong payloads in sums, those of undone turns included."""
    attack = run.assembly.attack
    return sum(int((attack.lies(it.step) & it.contributors).any(axis=0).sum())
               for it in run.records)


def undone(run):
    """Steps of a run that were done in vain."""
    return sum(it.undone for it in run.rollbacks)


def accuracy(run):
    """Points of a hundred, on digits that were held out."""
    return 100 * run.assembly.guard.evaluate(run.values).accuracy


# -- digits

@lru_cache
def honest(seed):
    """Accuracy of a run without liars."""
    return accuracy(SpotRun(**with_seed(seed)))


def with_seed(seed):
    """The sections of a job on digits."""
    return DIGITS | {'run': DIGITS['run'] | {'seed': seed}}


def digits(runs):
    """Print accuracies with each kind of lie."""
    for value, keys in VALUES.items():
        found = []
        for seed in range(runs):
            begins = random.Random(seed).randrange(STEPS)
            run = SpotRun(seed, **with_seed(seed),
                          adversary=liar(begins, **keys))
            found.append((accuracy(run) - honest(seed), undone(run),
                          wrong_payloads(run), len(run.exposed)))
        points, steps, wrong, exposed = np.array(found).T
        tell(liar=value, runs=runs, points=points.mean(), worst=points.min(),
             undone=steps.mean(), wrong=wrong.mean(), most=wrong.max(),
             exposed=int(exposed.sum()))
    return True


# -- quadratic

def survived(run):
    """Turns after its first lie that a liar was not exposed in.

    In the worth of usual ones; that which exposes it counts as well.
    """
    job, inspection = run.assembly.job, run.assembly.inspection
    every, last = job.run.checkpoint_every, job.run.steps
    total, attack = 0.0, run.assembly.attack
    lied = [it for it in run.records if attack.lies(it.step).any()]
    for it in lied[1:]:
        done = it.step + 1
        total += inspection.worth(job.n_workers, job.q,
                                  done == last or done % every == 0)
        if it.exposed.any():
            break
    return total


def reason(run):
    """Reason for other bits than without the liar."""
    if survived(run) < run.assembly.inspection.horizon:
        return 'unexplained'
    return 'late' if run.exposed else 'never exposed'


def quadratic(runs):
    """Print how many runs differ, and why; whether all is as promised."""
    plain, right = SpotRun(), True
    steps = plain.assembly.job.run.steps
    for on, (files, before) in ON.items():
        found, wrong = [], []
        for number in range(runs):
            begins = random.Random(number).randrange(steps + 1 - before)
            run = SpotRun(number, adversary=liar(
                begins, files=files, scale=2.5,
                workers=[number % plain.assembly.job.n_workers]))
            wrong.append(wrong_payloads(run))
            if not np.array_equal(run.values, plain.values):
                found.append(reason(run))
        reasons = {it: found.count(it) for it in sorted(set(found))}
        right &= ('unexplained' not in found and len(found) <= MOST * runs)
        tell(liar=f'on {on}', runs=runs, differ=len(found), wrong=np.mean(
            wrong), most=max(wrong), allowed=odds.mean_turns(0.5, 1.0, 2),
            **reasons)
    return right


# -- liars

def liars(runs):
    """Print what they cost; whether that is allowed."""
    right = True
    for apart in APART:
        found = []
        for number in range(runs):
            run = SpotRun(number, **SUCCESSIVE, adversary=liar(
                80, count=3, apart=apart, scale=2.5))
            found.append((len(run.records) - SUCCESSIVE['run']['steps'],
                          len(run.rollbacks), len(run.exposed)))
        more, back, exposed = np.array(found).T
        allowed = odds.turns_lost(*run.assembly.ripening, exposures=3)
        right &= bool((more <= allowed).all())
        tell(apart=apart, runs=runs, turns=more.mean(), most=more.max(),
             allowed=allowed, rollbacks=back.mean(),
             exposed=exposed.mean())
    return right


def tell(**line):
    """Print a line."""
    print(json.dumps({name: round(float(it), 3) if isinstance(
        it, np.floating) else int(it) if isinstance(it, np.integer) else it
        for name, it in line.items()}), flush=True)


PARTS = {'digits': (digits, 20), 'quadratic': (quadratic, 200),
         'liars': (liars, 20)}


def main(part='digits', runs=None):
    """One of the parts; True if all is as promised."""
    go, usual = PARTS[part]
    return go(int(runs or usual))


if __name__ == '__main__':
    sys.exit(not main(*sys.argv[1:]))
