"""Work of rank 0 between two steps: write the log, evaluate, report.

It runs after the next `Model` is on its way, so that the workers compute in
the meantime.  The truth about the attack goes from the job to the log here;
the server never sees it.
"""

import logging
from dataclasses import replace

from aspis_mpi.assembly.display import Display
from aspis_mpi.attacks.attack import Attack
from aspis_mpi.errors import FAILED
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.protocol.messages import Said
from aspis_mpi.protocol.server.machine import ParameterServer
from aspis_mpi.protocol.server.snapshot import Snapshot
from aspis_mpi.runlog import going_back
from aspis_mpi.runlog.checkpoints import Checkpoints
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import (
    Evaluation, Event, Rollback, StepRecord)


class Keeper:
    """Takes the server's records and events to the run log.

    Parameters
    ----------
    server : ParameterServer
    run_log : RunLog
    attack : Attack
        The truth: who lies on what.
    problem : Guard
    every : int
        Steps between evaluations; 0 evaluates at the end only.
    steps : int
        Of the whole run.
    display : Display
        What a person sees of the run.
    checkpoints : Checkpoints
        Where snapshots of the server go.
    """

    def __init__(self, server: ParameterServer, run_log: RunLog,
                 attack: Attack, problem: Guard, *, every: int, steps: int,
                 display: Display, checkpoints: Checkpoints):
        self._server = server
        self._log = run_log
        self._attack = attack
        self._problem = problem
        self._every = every
        self._steps = steps
        self._display = display
        self._checkpoints = checkpoints
        self.evaluation: Evaluation | None = None
        #: Whether the last snapshot could not be written.
        self.lacks = False

    def begin(self) -> None:
        """Evaluate the initial parameters, unless the run goes on."""
        if not self._server.first:
            self._evaluate(0)

    def catch_up(self) -> None:
        """Log what the server has finished since the last call."""
        notes = self._server.notes
        # What a step's row relies on goes first.
        for reordering in notes.reorderings:
            self._log.reordering(reordering)
        notes.reorderings.clear()
        for exposure in notes.exposures:
            self._log.exposure(exposure)
        notes.exposures.clear()
        if notes.draws:
            self._log.draws(notes.draws)
            notes.draws.clear()
        if notes.arrivals:
            self._log.arrivals(notes.arrivals)
            notes.arrivals.clear()
        # Of a step that is undone the parameters are not there any more.
        undone = max((it.turn for it in notes.rollbacks), default=0)
        while notes.records:
            record = notes.records.pop(0)
            try:
                if record.turn >= undone:
                    record = self._measured(record)
            finally:
                # A step that is done is kept, whatever evaluation raises.
                self._log.append(record,
                                 self._attack.adversaries(record.step),
                                 self._attack.told(record.step, record.later),
                                 self._attack.payload_lies(record.step),
                                 self._attack.dawdles(record.step))
            self._display.step(record, self.evaluation)
        for event in notes.events:
            self._log.event(event)
            self._display.event(event)
        notes.events.clear()
        if notes.rollbacks:
            self._go_back(tuple(notes.rollbacks), notes.snapshots.pop())
        elif notes.snapshots:
            self._keep(notes.snapshots.pop())
        notes.rollbacks.clear()
        notes.snapshots.clear()
        self._log.maybe_flush()

    @property
    def late(self) -> bool:
        """True if rows wait for a long step to end; `catch_up` writes them."""
        return self._log.is_late()

    def _go_back(self, rollbacks: tuple[Rollback, ...],
                 snapshot: Snapshot) -> None:
        """Leave of the undone steps what a log has of them.

        Where the checkpoint cannot be written again the older one stays,
        which only knows less of workers: those of undone steps are worse.
        Without them there may be room for it.
        """
        self._log.sync()
        self.lacks, written = False, True
        try:
            going_back.begin(self._checkpoints, rollbacks, snapshot)
        except OSError:
            written = False
        for rollback in rollbacks:
            going_back.drop(self._checkpoints, rollback)
            self._log.go_back(rollback)
        if not written:
            self._write_again(snapshot)
        going_back.end(self._checkpoints)
        self.evaluation = None
        self._display.go_back(snapshot.step,
                              sum(it.undone for it in rollbacks))

    def _write_again(self, snapshot: Snapshot) -> None:
        """Write what a run has gone back to, now that others are gone."""
        try:
            self._checkpoints.write(snapshot)
        except OSError as error:
            self._lack(snapshot, error)

    def _keep(self, snapshot: Snapshot) -> None:
        """Write a checkpoint, of which the log has all rows.

        One that cannot be written does not end the run: others may be.
        """
        self._log.sync()
        self.lacks = False
        try:
            self._checkpoints.save(snapshot)
        except OSError as error:
            self._lack(snapshot, error)
        else:
            self._log.checkpoint(snapshot.step)

    def _lack(self, snapshot: Snapshot, error: OSError) -> None:
        """Say that a checkpoint cannot be written."""
        self.lacks = True
        event = Event(self._server.notes.now(), logging.ERROR, 0,
                      f'no checkpoint after {snapshot.step} steps, as it '
                      f'cannot be written: {error}',
                      EventCode.CHECKPOINT)
        self._log.event(event)
        self._display.event(event)

    def secure(self, messages: Said) -> Said:
        """Make sure that a run which was asked to end can go on.

        It ends as a failure if its checkpoint cannot be written.

        Parameters
        ----------
        messages : list of (int, Message)
            Of the server.

        Returns
        -------
        list of (int, Message)
            What is to be sent.
        """
        self.catch_up()
        if not self.lacks:
            return messages
        return self._server.stop(FAILED, 'the run was asked to end, but '
                                 'there is no checkpoint of its last step')

    def close(self) -> None:
        """Write what is left; the run is over."""
        self.catch_up()
        self._display.close()

    def _measured(self, record: StepRecord) -> StepRecord:
        """The record with its training loss, in steps that evaluate."""
        done = record.step + 1
        if done != self._steps and (not self._every or done % self._every):
            return record
        loss = self._problem.loss(self._server.parameters.values)
        self._evaluate(done)
        return replace(record, loss=loss)

    def _evaluate(self, done: int) -> None:
        score = self._problem.evaluate(self._server.parameters.values)
        self.evaluation = Evaluation(done, self._server.notes.now(),
                                     score.loss, score.accuracy)
        self._log.evaluation(self.evaluation)
