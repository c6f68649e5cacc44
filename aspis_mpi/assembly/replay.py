"""The log of a run that is to be run once more."""

import logging

import numpy as np

from aspis_mpi.assembly.placing import dealt
from aspis_mpi.assembly.start import refuse_difference
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.backends import replayed
from aspis_mpi.errors import JobError, RunLogError
from aspis_mpi.job.differences import recorded
from aspis_mpi.job.inputs import check_unchanged
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.events import EventCode, Remark
from aspis_mpi.schemes.record import ArrivalKind, Cause, Draw, DrawKind
from aspis_mpi.schemes.spot.lots import AsRecorded
from aspis_mpi.words import counted

#: Sections and keys of the job that may differ.  What [delay] and [network]
#: did is recorded; the others decide no more of a result than last bits.
#: Not [faults]: it says who was given up, and where the files of the dead go.
FREE = {'delay', 'network', 'log', 'runtime', 'run.out', 'run.model_out',
        'run.evaluate_every', 'run.checkpoint_every', 'run.keep',
        'run.accept_changes'}
#: With spot checks these decide which steps are checked, and to which an
#: exposure takes the run back.
FREE_UNCHECKED = {'run.checkpoint_every', 'run.keep'}

#: Changes on which the bits of a run depend that went on.
CHANGES = {EventCode.SCHEDULE, EventCode.PATIENCE}


class Recorded:
    """A run log with arrivals, and the job that it is of.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    n_workers : int
        K.
    without : list of int
        Workers that had no work in that run, as they had another job.

    Raises
    ------
    JobError
        There is no such log, or it has no arrivals.
    """

    def __init__(self, path):
        self.path = path
        try:
            with load_run(path) as run:
                _refuse_part(run)
                self._tables, self._order = run.config, run.order
                self._inputs = run.attrs.get('inputs')
                self.without = run.attrs.get('without_work', [])
                always = run.excluded[:, self.without].all()
                self.n_workers, self._n_files = run.n_workers, run.n_files
                _refuse_hand(run)
                _refuse_moved(run)
                _refuse_changes(run)
                _refuse_gaps(run)
                self._placement = run.placement
                self._hosts = _hosts(run)
                self._virtual = run.attrs['clock'] == 'virtual'
                self._arrivals = run.arrivals
                self._finished = run.finished(self._arrivals)
                self._draws = [_draw(row) for row in run.draws.tolist()]
                self._norms = _norms(run)
        except RunLogError as error:
            raise JobError(f'--replay: {error}') from error
        if came_back(self._arrivals) or not always:
            raise JobError(f'--replay: {path} was resumed with workers that '
                           'it had lost before')
        if not len(self._arrivals):
            raise JobError(f"--replay: {path} has no arrivals; only a run "
                           "with log.detail = 'arrivals' keeps them")

    def job(self, job):
        """The recorded job, with what is free from `job`, but no delays.

        Raises
        ------
        JobError
            `job` differs in something that is not free.
        """
        checks = getattr(job.part('detection').cls, 'spot_checks', False)
        refuse_difference(job, self._tables, self.path, '--replay',
                          FREE - FREE_UNCHECKED if checks else FREE)
        if job.detection.random_audits:
            raise JobError(
                f'{job.path}: detection.random_audits = '
                f'{job.detection.random_audits}: --replay cannot audit the '
                'same files again, which nobody could foresee')
        if job.detection.equality == 'tolerance':
            raise JobError(
                f"{job.path}: detection.equality = 'tolerance': --replay "
                'does not know what the machines of the run had in common')
        liar = job.part('adversary', 'protocol').cls
        if job.adversary.count and (
                getattr(liar, 'claims', None) is not Protocol.claims):
            raise JobError(
                f"{job.path}: adversary.protocol = "
                f"'{job.adversary.protocol}': --replay does not know what "
                'a worker has finished that reports something else')
        tables = self._tables | {
            'run': self._tables['run'] | job.run.model_dump(
                exclude_none=True),
            'delay': {'name': 'none'}, 'network': {},
            'runtime': job.runtime.model_dump(), 'log': job.log.model_dump()}
        return recorded(tables, job.path, job)

    def changes(self, assembly):
        """Refuse files that have changed; remarks on those that may."""
        changes = check_unchanged(assembly.job, assembly.inputs,
                                  self._inputs, self.path, '--replay')
        return tuple(Remark(EventCode.CHANGED, text) for text in changes)

    def place(self, assembly, crew):
        """Place workers where they were."""
        if self._placement is not None:
            assembly.place(self._placement)
            assembly.hosts = self._hosts
            crew.place(self._placement)

    def play(self, assembly, server, workers, keeper, clock):
        """Run the job again as far as the arrivals go; the exit code."""
        if (assembly.assignment.order != self._order).any():
            raise JobError(
                f'--replay: the order of computing of {self.path} is not '
                f"found again by '{assembly.job.assignment.order}'")
        if assembly.inspection is not None:
            assembly.inspection.recorded = AsRecorded(
                draw for draw in self._draws
                if draw.kind is not DrawKind.LAYOUT)
        if assembly.adapting is not None:
            assembly.adapting.replay(self._draws)
        server.bar({worker: f'worker {worker} gets no work, as recorded'
                    for worker in self.without})
        return replayed.replay(server, workers, keeper, clock,
                               self._n_files, self._arrivals,
                               self._finished, self._virtual)

    def compare(self, path, notes):
        """Note whether a replay made the gradients of the record.

        Parameters
        ----------
        path : Path
            The log of the replay.
        notes : Notes
        """
        with load_run(path) as run:
            again = _norms(run)
        turns = sorted(again.keys() & self._norms.keys())
        others = [turn for turn in turns
                  if again[turn][1] != self._norms[turn][1]]
        done = counted(len(turns), 'step')
        if others:
            step, norm = again[others[0]]
            notes.note(logging.WARNING, EventCode.REPLAYED, (
                f"{counted(len(others), 'gradient')} of {done} differ from "
                f'{self.path}, first that of step {step}: its norm is {norm}, '
                f'recorded {self._norms[others[0]][1]}; last bits may differ '
                'on other machines or with another [runtime]'))
        elif turns:
            notes.note(logging.INFO, EventCode.REPLAYED, (
                f'the gradients of {done} have the norms of {self.path}, to '
                'the last bit'))


def _norms(run):
    """Step, and norm of the gradient, by turn."""
    rows = run.steps
    # As texts NaN is what it was, too.
    return dict(zip(rows['turn'].tolist(), zip(
        rows['step'].tolist(), map(repr, rows['gradient_norm'].tolist()))))


def _hosts(run):
    """Number of the host of each rank, by which workers were placed."""
    counts = run.option('network', 'hosts')
    if counts is None:
        return np.unique(run.attrs['hosts'], return_inverse=True)[1]
    return dealt(counts, run.n_workers)


def _draw(row):
    """The draw of a row of `/draws`."""
    step, turn, epoch, kind, low, high, worker, checks = row
    return Draw(step, turn, epoch, DrawKind.numbered(kind), (low, high),
                worker, checks)


def _refuse_part(run):
    """Refuse a run that cannot be done again from its beginning."""
    if 'continues' in run.attrs:
        raise RunLogError(f'{run.path} has only a part of its run, which '
                          'went on with other workers')


def _refuse_hand(run):
    """Refuse a run that somebody has sent back: it did not do so itself."""
    if any(it.cause is Cause.HAND for it in run.rollbacks):
        raise RunLogError(f'{run.path} was sent back to an earlier step by '
                          '--from-step')


def _refuse_moved(run):
    """Refuse a run whose workers had the files of others from some step on."""
    if len(run.attrs.get('placement', ())) > 1:
        raise RunLogError(f'{run.path} went on on other hosts, by which its '
                          'workers were placed anew')


def _refuse_changes(run):
    """Refuse a run whose job has changed: its log knows only the last one."""
    for event in run.events:
        if event.code in CHANGES:
            raise RunLogError(f'{run.path} went on with another job: '
                              f'{event.text}')


def _refuse_gaps(run):
    """Refuse a record that lacks steps before others that it has."""
    turns, kept = run.steps['turn'], run.arrivals['turn']
    if not kept.size:
        return
    lost = (turns < kept.max()) & ~np.isin(turns, kept)
    if lost.any():
        raise RunLogError(f'{run.path} has no arrivals of step '
                          f"{run.steps['step'][lost.argmax()]}, which was "
                          "run with log.detail = 'steps'")


def came_back(arrivals):
    """True if a lost worker is heard of in a later turn."""
    lost = arrivals[arrivals['kind'] == ArrivalKind.LOST]
    return any((arrivals['worker'][arrivals['turn'] > row['turn']]
                == row['worker']).any() for row in lost)
