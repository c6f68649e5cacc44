"""Cost of protection in gradients, bytes and seconds."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.report.card import Card, seconds
from aspis_mpi.runlog.totals import PHASES
from aspis_mpi.words import counted, size

QUESTION = 'What did protection cost?'


@dataclass(frozen=True)
class Cost:
    """Cost of a run of T > 0 steps beside a plain one of as many.

    A plain run computes each file once, and each of its workers sends one
    vector a step.  Bytes are means of a step.
    """

    replication: int            # workers that are given each file
    finished: float             # of them, when there was enough
    again: float                # files audited or checked, for each file
    undone: float               # steps done in vain, for each that stays
    plain: float                # bytes into the server of a plain run
    replicas: float             # bytes if each replica had been sent
    received: float             # bytes into the server
    detecting: float | None     # share of the seconds; None if none passed

    @property
    def gradients(self):
        """Times the gradients of a plain run."""
        return (self.replication + self.again) * (1 + self.undone)

    @property
    def bytes(self):
        """Times the bytes of a plain run, undone steps at the mean."""
        return self.received / self.plain * (1 + self.undone)


def cost_of(facts):
    """Cost of a run, None before its first step.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    Cost or None
    """
    steps, pace = facts.steps, facts.summary.pace
    if not len(steps):
        return None
    workers = np.repeat(
        [part.n_workers for part in facts.summary.parts],
        [part.steps for part in facts.summary.parts])
    files, whole = facts.n_files.sum(), pace.seconds['step']
    again = sum(steps[name].sum(dtype=int)
                for name in ('audits', 'files_checked'))
    detecting = pace.seconds['detect']
    return Cost(
        replication=facts.summary.job.replication,
        finished=float(facts.finished / files), again=float(again / files),
        undone=facts.summary.undone.steps / len(steps),
        plain=float(workers.mean()) * 4 * facts.replicas.d,
        replicas=float(facts.replicas.nbytes.mean()),
        received=pace.bytes_in,
        detecting=detecting / whole if whole and detecting is not None
        else None)


def cost_card(facts):
    """The card on the cost."""
    cost, pace = cost_of(facts), facts.summary.pace
    if cost is None:
        return Card(QUESTION, '', 'nothing yet', '', [])
    verdict = [f'{cost.gradients:.3g} × the gradients',
               f'{cost.bytes:.3g} × the bytes']
    told = [*_gradients(cost), *_bytes(cost, pace), *_seconds(pace)]
    return Card(QUESTION, '', ', '.join(verdict),
                ' '.join([*_undone(facts), _detecting(cost, pace)]), told)


def _detecting(cost, pace):
    """Seconds that nothing else than protection takes."""
    if cost.detecting is None:
        return f'No seconds passed on the {pace.clock} clock.'
    if cost.detecting:
        each = seconds(pace.seconds['detect'], _kind(pace))
        return (f'Detection took {cost.detecting:.1%} of the seconds, '
                f'{each} a step.')
    if pace.clock == 'virtual':
        return 'On the virtual clock the server takes no seconds to compare.'
    return 'Detection took none of the seconds.'


def _gradients(cost):
    given = ('1 worker' if cost.replication == 1 else
             f'{cost.replication} workers')
    yield (f'Gradients: each file was given to {given}'
           + (f', of which {cost.finished:.3g} had finished it when there '
              'was enough' if cost.finished < 0.99 * cost.replication else '')
           + (f'; {cost.again:.1%} of the files were computed once more to '
              'audit or to check.' if cost.again else
              '; none was computed once more to check.'))


def _undone(facts):
    it, pace = facts.summary.undone, facts.summary.pace
    if not it.steps:
        return
    lost = it.steps * (pace.seconds['step'] or 0.0)
    took = f', about {seconds(lost, _kind(pace))}' if lost else ''
    yield (f'{counted(it.steps, "step")} had to be done again after '
           f'{counted(it.times, "return")} to an earlier step{took}; that '
           'is counted here.')


def _bytes(cost, pace):
    yield (f'Bytes: {size(cost.received)} a step came into the server and '
           f'{size(pace.bytes_out)} left it; one plain vector of each worker '
           f'would be {size(cost.plain)}, all replicas '
           f'{size(cost.replicas)}.')


def _kind(pace):
    return 'virtual ' if pace.clock == 'virtual' else ''


def _seconds(pace):
    whole = pace.seconds['step']
    if not whole:
        return
    shares = ', '.join(
        f'{name} {pace.seconds[name] / whole:.0%}'
        for name in PHASES if pace.seconds[name] is not None)
    yield f'Seconds: a step took {seconds(whole, _kind(pace))}: {shares}.'
