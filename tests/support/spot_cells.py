"""How long liars get through spot checks: many runs of one kind."""

import numpy as np

from aspis_mpi.detection.spot import odds
from tests.support.spot_runs import Snapshots, SpotRun

#: K, c, rate; steps at the beginning that are all checked.
WORKERS, LOAD, RATE, FIRST = 15, 10, 0.5, 2
#: Turns of a run, over those that the slowest liar is promised to need.
ENOUGH = 12
WHO = 'tests.support.late_liar:Late'
ONE = 'tests.support.late_liar:OneFile'
#: Of each attack: wrong files of a sum, and keys of `[adversary]`.
ATTACKS = {
    'all': (LOAD, {'value': 'reversed', 'scale': 1.0}),
    'one': (1, {'value': 'reversed', 'scale': 1.0, 'files': ONE}),
    'one drawn': (1, {'value': 'reversed', 'scale': 1.0, 'files': ONE,
                      'drawn': True}),
    'load-one': (1, {'value': 'honest', 'protocol': 'load-one'}),
}


class Until(Snapshots):
    """Ends a run in which all liars are exposed."""

    most = 0

    def catch_up(self):
        """Go on, unless there is nothing left to see."""
        super().catch_up()
        if len(self.server.notes.exposures) >= self.most:
            self.server.interrupt('all liars are exposed')


class Cell:
    """All runs of one attack, q and share of the steps."""

    def __init__(self, attack, q, share, runs):
        self.wrong, keys = ATTACKS[attack]
        kappa = odds.honest_checkers(WORKERS, q)
        self.most = odds.mean_turns(RATE, kappa, LOAD, self.wrong)
        self.used_most = odds.mean_turns(RATE, kappa, LOAD)
        steps = FIRST + int(ENOUGH * self.most / share)

        class Run(SpotRun):
            keeper = type('Keeper', (Until,), {'most': q})
        self.until, self.used, self.accused = [], [], 0
        for seed in range(runs):
            liars = np.random.default_rng(seed).permutation(WORKERS)[
                :q].tolist()
            run = Run(seed, goes_back=False, **self._sections(
                steps, seed, keys | {
                    'count': q, 'workers': liars, 'who': WHO,
                    'begins': FIRST, 'rate': share}))
            self._count(run, liars)

    def _sections(self, steps, seed, liars):
        return {
            'run': {'steps': steps, 'seed': seed, 'checkpoint_every': 0},
            'problem': {'parameters': 5, 'batch_size': WORKERS * LOAD,
                        'micro_batch': 1},
            'scheme': {'workers': WORKERS, 'adversaries': liars['count']},
            'assignment': {'load': LOAD},
            'detection': {'rate': RATE, 'first': FIRST},
            'adversary': liars}

    def _count(self, run, liars):
        """Wrong payloads of each liar: all, and those that were used."""
        attack = run.assembly.attack
        seen = {row.worker: row.turn for row in run.server.notes.exposures}
        for liar in liars:
            lied = [record for record in run.records
                    if record.turn <= seen.get(liar, 10 ** 9)
                    and attack.adversaries(record.step)[liar]]
            self.until.append(len(lied))
            self.used.append(sum(liar in record.source for record in lied))
        self.accused += len(set(seen) - set(liars))

    @property
    def error(self):
        """The standard error of the mean until exposed."""
        return np.std(self.until) / np.sqrt(len(self.until))

    @property
    def right(self):
        """True if all is as promised."""
        return bool(np.mean(self.until) <= self.most + 3 * self.error
                    and np.mean(self.used) <= self.used_most
                    and not self.accused)
