"""The parameter server as a state machine: messages in, messages out.

Before the first step workers may be asked what they compute.  A step begins
with `Model` and `Parameters` to every worker that takes part and is in one of
these states, but for the first and the last:

    Probing     `Probe` is out; one `Answer` of each worker arrives, and is
                compared with what the server computes (see `probing`).
    Computing   files are being finished.  `Replica` arrives and is compared
                at once with the other replicas of its file, or `Progress`
                says what a worker keeps.  The collection says when it is
                enough, or a deadline does.
    Encoding    only where the transfer sends when asked to: `Encode` is out
                with the global state, one vector of each worker arrives.
                Who is silent is dropped; a second signal, of the next epoch,
                asks those again whose coefficients change by that.  Where
                files lack copies now, back to Computing.
    Verifying   only where the transfer has a challenge: `Challenge` is out,
                sketches arrive.  Payloads that fail are asked for again, of
                others, in the next epoch: back to Computing.
    Checking    only where sums are looked at by chance: `Compute` is out,
                others compute files once more, or in another's place.
    Resolving   `Commit` is out.  The scheme detects, chooses a value for
                each file and aggregates; the optimizer makes new parameters.
                No message is waited for.
    Stopped     every worker has been sent `Stop`.

    Stopped   -> Probing, Computing
    Probing   -> Computing, Stopped
    Computing -> Encoding, Resolving, Stopped
    Encoding  -> Computing, Verifying, Checking, Resolving, Stopped
    Verifying -> Computing, Checking, Resolving, Stopped
    Checking  -> Verifying, Resolving, Stopped
    Resolving -> Computing, Stopped

What takes time to compute waits until messages have left: where the server
is `due`, `proceed` is to be called.

The server believes nobody.  A message that `ALLOWED` does not list, one of an
earlier turn, a duplicate: dropped and counted.  A message of the current
turn that no honest worker could send exposes its sender: what it sends and
reports in this step does not count.  Who owes something and takes three times
as long as others is late: its part goes to others at once, and what it sends
afterwards still counts.  Who is silent for too long is given up for the step.
Neither proves anything; but what that costs goes to the worker's account, and
who has cost too much gets no work for a while.  A worker that is lost,
because it died or says that it cannot go on, is never asked again.  Nothing
that a worker sends raises here.

Where a run ends, and every so many steps, a `Snapshot` is left for whoever
keeps it; `resume` goes on from one.

What belongs to a step is a `Step`, which is replaced; what outlives it
stands in the constructor of `ParameterServer`.
"""

import logging

import numpy as np

from aspis_mpi.errors import (
    BAD_JOB, DONE, FAILED, INTERRUPTED, DamagedCheckpoint, Malformed)
from aspis_mpi.protocol.messages import Failure, Signal, Stop
from aspis_mpi.protocol.server.notes import Notes
from aspis_mpi.protocol.server.departures import Departures
from aspis_mpi.protocol.server.resolver import Resolver
from aspis_mpi.protocol.server.opening import open_step
from aspis_mpi.protocol.server.states import (
    ALLOWED, COMPUTES, FOLLOWS, WAITS, State)
from aspis_mpi.protocol.server.step import drop
from aspis_mpi.protocol.server.training import Training
from aspis_mpi.protocol.transitions import check
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Cause, Rollback


class ParameterServer:
    """Rank 0: sends parameters, collects, resolves, updates.

    What takes something in answers what is to be sent then, in this order: a
    list of (worker, Message).

    Parameters
    ----------
    membership : Membership
        Who takes part, and the scheme.
    optimizer : Optimizer
    samples : ndarray of int, shape (f,)
        Samples of each file.
    pool : Pool
        Buffers for the parameters.
    initial : ndarray of float32, shape (d,)
    course : Course
        How far to go, and what to put up with.
    clock : callable
        Seconds, of the wall or virtual.
    auditor : Auditor, optional
        Computes contested files.
    probing : callable, optional
        Given the notes and who is lost, the `Probing` that comes before
        the first step.
    examiner : Auditor, optional
        Computes what advice needs, also where nothing is audited.
    past : Past, optional
        Where exposures take the run back: `target(now, horizon)` gives the
        snapshot of all that were left, where `now` is the age of the run.
    wholes : Wholes, optional
        Of which the files are nodes.
    scale : Scale, optional
        The grid of files of integers.
    """

    follows = FOLLOWS

    def __init__(self, membership, optimizer, samples, pool, initial, course,
                 clock, *, auditor=None, probing=None, examiner=None,
                 past=None, wholes=None, scale=None):
        self.exit_code = None
        self.training = Training(optimizer, pool, initial)
        #: What the run log has not been given yet.
        self.notes = Notes(clock, course.arrivals)
        #: The number of the first step; not 0 where a run goes on.
        self.first = 0
        self._membership = membership
        self._course = course
        self._lenient = (course.approximate
                         or membership.scheme.tolerates_missing)
        self._departures = Departures(membership.lost, course.tolerate,
                                      course.q)
        self._now = self.notes.now
        self._note = self.notes.note
        self._knowledge = Resolver(self.training, membership, samples,
                                   course.threads, auditor, self.notes,
                                   examiner, wholes=wholes, scale=scale)
        self._alarm = np.inf
        self._probing = probing
        self._past = past
        self._step = None

    @property
    def n_workers(self):
        """K."""
        return len(self._membership.excluded)

    @property
    def state(self):
        """State of the step; STOPPED before and after all of them."""
        if self._step is None or self.exit_code is not None:
            return State.STOPPED
        return self._step.state

    @property
    def due(self):
        """True if something is to be computed and not waited for."""
        return self.state in COMPUTES and self._step.due

    @property
    def step(self):
        """The number of the step that is going on."""
        return self._step.number if self._step else self.first

    @property
    def parameters(self):
        """The parameters of this step, a `Buffer`."""
        return self.training.parameters

    @property
    def silence(self):
        """Seconds until a worker is given up as silent."""
        return self._course.silence

    @property
    def misses(self):
        """True if a worker did not answer when it was asked last."""
        return bool(self._membership.accounts.silent.any())

    @property
    def deadline(self):
        """No earlier second of the clock needs a `tick`."""
        return self.notes.began + self._alarm

    def resume(self, snapshot):
        """Go on from a snapshot, instead of from the beginning.

        Returns
        -------
        bool
            Whether all workers are where they were.
        """
        self.first = snapshot.step
        return self._knowledge.resume(snapshot)

    def bar(self, without):
        """Give some workers no work in this run; before it starts.

        They have another job: what they would send has another meaning, or
        another size.  Nothing is proved by it, and none of them is lost.

        Parameters
        ----------
        without : dict of int to str
            Worker, and why, in a sentence.
        """
        for worker, why in without.items():
            self._departures.bar(worker)
            self._note(logging.WARNING, EventCode.BARRED, why, worker + 1)

    # -- messages in, messages out

    def start(self):
        """Begin the first step."""
        if self._past is not None and not self.first:
            self._knowledge.keep(0)
        if self._probing is None:
            return self._begin(self.first)
        probing = self._probing(self.notes, self._membership.lost)
        self._turn_to(probing)
        self._set_alarm()
        return probing.announce(np.flatnonzero(probing.living).tolist(),
                                self.parameters)

    def handle(self, worker, message):
        """Take one message of a worker; never raises for what is in it.

        Parameters
        ----------
        worker : int
        message : Message
            If it has a buffer, the server releases it in the end.
        """
        step, state = self._step, self.state
        if state is State.STOPPED:
            return drop(message)
        step.bytes_in += message.nbytes
        step.messages += 1
        if type(message) not in ALLOWED[state]:
            if isinstance(message, Failure | Signal):
                return self._farewell(worker, message)
            return drop(message)
        if message.turn != step.turn or not step.living[worker]:
            # It has no work in this step, is exposed, or was given up.
            return drop(message)
        try:
            out = step.handle(worker, message)
        except Malformed as error:
            return self.malformed(worker, str(error), step.turn)
        if step.state is state and not step.hastened:
            return out
        return self._go_on(out)

    def malformed(self, worker, reason, turn=None):
        """Take note that a worker sent what is no message at all.

        Parameters
        ----------
        worker : int
        reason : str
        turn : int, optional
            The one that its header names; a proof if it is the current one.
        """
        if self.state not in WAITS:
            return []
        it = self._step
        if worker not in it.noted:
            it.noted.add(worker)
            self._note(logging.WARNING, EventCode.MALFORMED,
                       f'worker {worker} sent a malformed message in step '
                       f'{it.number}: {reason}', worker + 1)
        if not it.living[worker] or turn not in (None, it.turn):
            return []
        it.blame(worker, reason)
        return self._go_on(it.lose([worker]))

    def tick(self):
        """Look at the clock: is the time over, is somebody silent?"""
        now, out = self._now(), []
        if self.state not in WAITS or now < self._alarm:
            return out
        if now >= self._step.expires:
            out = self.expire()
        if self.state in WAITS:
            silent = self._step.overdue(now, self._course.silence)
            out = out + self.give_up(np.flatnonzero(silent).tolist())
        if self.state in WAITS:
            late = self._step.tardy(now)
            out = out + self.excuse(np.flatnonzero(late).tolist())
        return out

    def expire(self):
        """End the step, since the collection's time is over; see `tick`."""
        return self._go_on(self._step.expire())

    def give_up(self, workers):
        """Go on without some silent workers; see `tick`."""
        step = self._step
        for worker in workers:
            doing = step.silence(worker)
            self._note(logging.WARNING, EventCode.SILENT,
                       f'worker {worker} was silent for '
                       f'{self._course.silence:g} s {doing}', worker + 1)
        return self._go_on(step.lose(workers) if workers else [])

    def excuse(self, workers):
        """Wait no longer for some late workers; see `tick`."""
        if not workers:
            return []
        return self._go_on(self._step.excuse(workers))

    def lose(self, worker, reason):
        """Go on without a worker that never comes back, if that is allowed.

        Parameters
        ----------
        worker : int
        reason : str
            What is known of its end, as a clause or with a traceback.
        """
        if self.state is State.STOPPED or self._departures.lost[worker]:
            return []
        self._departures.lost[worker] = True
        many = self._departures.too_many
        if many:
            return self._give_in(self.step, f'{reason}\n{many}')
        self._note(logging.WARNING, EventCode.LOST,
                   f'{reason}\nthe run goes on without worker {worker}',
                   worker + 1)
        self._step.miss(worker)
        if self.state not in WAITS or not self._step.living[worker]:
            return []
        return self._go_on(self._step.lose([worker]))

    def stood_still(self, seconds):
        """Note that this rank did not run, which the clock leaves out."""
        self._note(logging.WARNING, EventCode.STOOD_STILL,
                   f'rank 0 did not run for {seconds:.1f} s: nobody is taken '
                   'to be late for that, and no seconds of the log count it')

    def interrupt(self, reason, at_once=False):
        """Let the run end after this step, with a snapshot.

        Parameters
        ----------
        reason : str
            Who asked, as a clause.
        at_once : bool
            Do not finish the step.
        """
        at_once = at_once or self.state is State.PROBING
        asked = self._departures.ending and not at_once
        if asked or self.state is State.STOPPED:
            return []
        self._departures.ending = True
        self._note(logging.WARNING, EventCode.INTERRUPT,
                   f'{reason}: the run ends '
                   f'{"now" if at_once else "after this step"}')
        if not at_once:
            return []
        self._knowledge.keep(max(self.step, self.first), True)
        return self._stop(INTERRUPTED)

    def _go_on(self, out):
        """Go on from what a step answers."""
        step = self._step
        idle = step.excluded & ~(self._membership.excluded
                                 | self._membership.lost)
        if step.hopeless and idle.any():
            # Without those who cost too much it cannot be: ask them again.
            back = np.flatnonzero(idle).tolist()
            follows = step.admit(back)
            return (out + step.announce(back, self.parameters)
                    + self._go_on(follows))
        if step.hopeless:
            return self._give_in(
                step.number, f'step {step.number} cannot be finished: '
                f'{step.hopeless}; faults.approximate = true would go on '
                'without them')
        if step.state in WAITS:
            self._set_alarm()
        return out

    def stop(self, code, reason):
        """End the run now with an exit code other than 0, no snapshot."""
        self._note(logging.ERROR, EventCode.FAILED, reason, 0)
        return self._stop(code)

    def fail(self, reason):
        """End a run in which the user's code has failed on rank 0.

        With a snapshot of this step's beginning, unless there is one of the
        end or the optimizer is between two steps.
        """
        if self.exit_code is None and self.training.settled:
            return self._give_in(self.step, reason)
        return self.stop(FAILED, reason)

    def _give_in(self, done, reason):
        """End a run that cannot go on; so many steps are done."""
        self._knowledge.keep(max(done, self.first), True)
        return self.stop(FAILED, reason)

    # -- one step

    def _begin(self, number):
        members, now, before = self._membership, self._now(), self._step
        try:
            present = members.turn_to(number, now)
        except ValueError as error:
            return self._give_in(number,
                                 f'step {number} cannot begin: {error}')
        if not present.any() or number > self.first and before.silent.all(
                where=~before.excluded):
            return self._give_in(number, 'no worker answers any more')
        members.tell_idle(now, self.notes)
        step = open_step(number, members, present, self._lenient,
                         self._knowledge.floor, self.notes, self._course,
                         now, self._knowledge.codec(number))
        self._turn_to(step)
        self._alarm = float(min(step.expires,
                                step.started + self._course.silence))
        orders = members.orders(number, self.notes)
        for worker, message in orders:
            step.post([worker], message)
        return orders + step.announce(np.flatnonzero(present).tolist(),
                                      self.parameters)

    def _turn_to(self, stage):
        """Go over to a step, or to what comes before the first."""
        check(self, self.state, stage.state)
        self._step = stage

    def proceed(self):
        """Compute what is `due`: verify payloads, or resolve the step."""
        if self.state is State.RESOLVING:
            return self._resolve()
        probes = self.state is State.PROBING
        out = self._step.proceed(self._knowledge.audit(self.step))
        return self._probed() if probes else self._go_on(out)

    def _probed(self):
        """Go on with the start-up probe; with the first step, at its end."""
        probing = self._step
        if probing.refused:
            return self.stop(BAD_JOB, probing.refused)
        if probing.equality is None:
            self._set_alarm()
            return []
        self._membership.settle(probing.equality)
        silent = probing.silent
        # Infinite for nobody: 0 times that is no number.
        self._membership.accounts.charge(
            np.where(silent, self._course.silence, 0.0), silent, silent)
        return self._begin(self.first)

    def _resolve(self):
        """Make new parameters of what has come, and begin the next step."""
        step = self._step
        it = self._knowledge.conclude(step)
        undone = self._past is not None and (it.exposes or it.diverges)
        out = (self._undo(step, it.exposes) if undone else
               self._after(step.number + 1, it.hopeless))
        self.notes.close(
            step, it.resolution, self._membership.accounts.seconds.copy(),
            lr=it.lr, gradient_norm=it.norm, seconds_update=it.seconds,
            clipping=it.clipping)
        return out

    def _undo(self, step, exposes):
        """Go back to before the lies of whom a step has exposed.

        Also where it diverges, as that may be a lie, too; then every step is
        looked at.  If it comes again and nobody is exposed, it is none.
        """
        if not exposes and step.number <= self._knowledge.diverged:
            return self._give_in(step.number, (
                f'{step.name} diverges again, though every step since was '
                'looked at and nobody was exposed; lower optimizer.lr or set '
                'optimizer.clip'))
        why, cause = 'has exposed a worker', Cause.EXPOSURE
        self._knowledge.diverged = -1
        if not exposes:
            why, cause = 'diverges', Cause.NORM
            self._knowledge.diverged = step.number
            step.alert()
        try:
            target = self._past.target(self._membership.age, step.horizon)
        except DamagedCheckpoint as error:
            return self._give_in(step.number, str(error))
        self.notes.rollbacks.append(Rollback(
            step.turn + 1, self._now(), step.number + 1, target.step, cause))
        self._note(logging.WARNING, EventCode.ROLLBACK,
                   f'step {step.number} {why}: the run goes back to step '
                   f'{target.step}')
        self._knowledge.go_back(target)
        if self._departures.ending:
            return self._stop(INTERRUPTED)
        return self._begin(target.step)

    def _after(self, done, hopeless):
        """Go on when so many steps are done, or end."""
        ending = self._departures.ending
        if hopeless or ending or self._course.is_checkpoint(done):
            self._knowledge.keep(done)
        if hopeless:
            return self._stop(FAILED)
        if done == self._course.steps:
            return self._stop(DONE)
        return self._stop(INTERRUPTED) if ending else self._begin(done)

    # -- what can go wrong

    def _set_alarm(self):
        """The next second at which `tick` may have something to do."""
        self._alarm = float(self._step.alarm(self._course.silence))

    def _farewell(self, worker, message):
        """A worker says that it cannot go on, or that it was told to end."""
        who = f'rank {worker + 1} (worker {worker})'
        if isinstance(message, Failure):
            return self.lose(worker, f'{who} failed in {self._step.name}:\n'
                             + message.text.decode(errors='replace'))
        if self._departures.signalled(worker):
            return self.interrupt(f'{who} was sent signal '
                                  f'{message.position}')
        return []

    def _stop(self, code):
        check(self, self.state, State.STOPPED)
        self.exit_code = code
        self._alarm = np.inf
        turn = self._step.turn if self._step else self._membership.turn
        return [(worker, Stop(turn, position=code))
                for worker in range(self.n_workers)]
