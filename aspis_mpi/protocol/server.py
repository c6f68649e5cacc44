"""The parameter server as a state machine: messages in, messages out.

A step begins with `Model` and `Parameters` to every worker that takes part
and is in one of these states:

    Computing   files are being finished.  `Replica` arrives and is compared
                at once with the other replicas of its file, or `Progress`
                says what a worker keeps.  The collection says when it is
                enough, or a deadline does.
    Encoding    only where the transfer sends when asked to: `Encode` is out
                with the global state, one vector of each worker arrives.
                Who is silent is dropped; a second signal, of the next epoch,
                asks those again whose coefficients change by that.  Where
                files lack copies now, back to Computing.
    Resolving   `Commit` is out.  The scheme detects, chooses a value for
                each file and aggregates; the optimizer makes new parameters.
                No message is waited for: `resolve` is to be called.
    Stopped     every worker has been sent `Stop`.

A transfer with a challenge adds Verifying (`Challenge` is out, sketches
arrive) behind Encoding.

The server believes nobody.  A message that `ALLOWED` does not list, one of an
earlier step, a duplicate: dropped and counted.  A message of the current
step that no honest worker could send exposes its sender: what it sends and
reports in this step does not count.  A worker that owes something and is
silent for too long is left out of the next 1, 2, 4 ... steps; silence proves
nothing.  Nothing that a worker sends raises here.

What belongs to a step is a `Step`, which is replaced; what outlives it
stands in the constructor of `ParameterServer`.
"""

import logging
from enum import Enum, auto

import numpy as np

from aspis_mpi.assignment.pacing import by_speed
from aspis_mpi.protocol.advice import accused, suspicion
from aspis_mpi.protocol.attendance import Attendance
from aspis_mpi.protocol.chronicle import Chronicle
from aspis_mpi.protocol.messages import (
    CodedGradient, Commit, Encode, Failure, Model, Parameters, Progress,
    Reorder, Replica, Skip, Stop, Vector, unpack_positions)
from aspis_mpi.protocol.step import Step
from aspis_mpi.protocol.training import Training
from aspis_mpi.schemes.record import ArrivalKind, Outcome, Reordering
from aspis_mpi.schemes.speeds import Speeds

#: Exit codes of a run.
DONE, BAD_JOB, FAILED = 0, 2, 3

#: Steps without an update, one after the other, that end the run.
MOST_CONTRADICTIONS = 3


class State(Enum):
    """Where in a step the server is."""

    COMPUTING = auto()
    ENCODING = auto()
    RESOLVING = auto()
    STOPPED = auto()


#: What a worker may send in each state.
ALLOWED = {
    State.COMPUTING: {Replica, Progress, CodedGradient, Failure},
    State.ENCODING: {Progress, CodedGradient, Failure},
    State.RESOLVING: {Failure},
    State.STOPPED: set(),
}
#: The states in which workers are waited for.
WAITS = State.COMPUTING, State.ENCODING


class ParameterServer:
    """Rank 0: sends parameters, collects, resolves, updates.

    Parameters
    ----------
    scheme : Scheme
    optimizer : Optimizer
    samples : ndarray of int, shape (f,)
        Samples of each file.
    pool : Pool
        Buffers for the parameters.
    initial : ndarray of float32, shape (d,)
    steps : int
        How many to take.
    silence : float
        Seconds after which a worker that owes something is left out.
    approximate : bool
        Whether a step goes on without the files that no living worker can
        finish; else the run ends.
    threads : int
        For the aggregation.
    clock : callable
        Seconds, of the wall or virtual.
    arrivals : bool
        Whether every arrival is noted for the run log.
    """

    def __init__(self, scheme, optimizer, samples, pool, initial, steps,
                 silence, approximate, threads, clock, arrivals=False):
        self.state = State.STOPPED
        self.exit_code = None
        self.training = Training(optimizer, pool, initial)
        #: What the run log has not been given yet.
        self.chronicle = Chronicle(clock, arrivals)
        self._scheme = scheme
        self._samples = samples
        self._steps = steps
        self._silence = silence
        self._lenient = approximate or scheme.transfer.pushes
        self._threads = threads
        self._now = self.chronicle.now
        self._note = self.chronicle.note
        self._alarm = np.inf
        self._order = scheme.assignment.order
        self._attendance = Attendance(self.n_workers)
        self._speeds = Speeds(self.n_workers)
        self._contradictions = 0
        self._step = None
        self._handlers = {Replica: self._replica, Progress: self._progress,
                          CodedGradient: self._payload}

    @property
    def n_workers(self):
        """K."""
        return self._scheme.assignment.n_workers

    @property
    def step(self):
        """The number of the step that is going on."""
        return self._step.number if self._step else 0

    @property
    def parameters(self):
        """The parameters of this step, a `Buffer`."""
        return self.training.parameters

    @property
    def deadline(self):
        """No earlier second of the clock needs a `tick`."""
        return self.chronicle.began + self._alarm

    # -- messages in, messages out

    def start(self):
        """Begin the first step.

        Returns
        -------
        list of (int, Message)
            Worker and message, to be sent in this order.
        """
        return self._begin(0)

    def handle(self, worker, message):
        """Take one message of a worker; never raises for what is in it.

        Parameters
        ----------
        worker : int
        message : Message
            If it has a buffer, the server releases it in the end.

        Returns
        -------
        list of (int, Message)
            If `state` is RESOLVING then, `resolve` is to be called next.
        """
        if self.state is State.STOPPED:
            return self._drop(message)
        self._step.bytes_in += message.nbytes
        self._step.messages += 1
        if isinstance(message, Failure):
            return self._fail(worker, message)
        if message.step != self.step or (
                type(message) not in ALLOWED[self.state]):
            return self._drop(message)
        if not self._step.living[worker]:
            # It has no work in this step, is exposed, or was given up.
            return self._drop(message)
        return self._handlers[type(message)](worker, message)

    def malformed(self, worker, reason, step=None):
        """Take note that a worker sent what is no message at all.

        Parameters
        ----------
        worker : int
        reason : str
        step : int, optional
            The one that its header names; a proof if it is the current one.

        Returns
        -------
        list of (int, Message)
        """
        if self.state not in WAITS:
            return []
        if worker not in self._step.noted:
            self._step.noted.add(worker)
            self._note(logging.WARNING, f'worker {worker} sent a malformed '
                       f'message in step {self.step}: {reason}', worker + 1)
        if step is not None and step != self.step:
            return []
        self.chronicle.arrived(self._step, worker, ArrivalKind.MALFORMED,
                               self._now())
        self._step.exposed[worker] = True
        return self._lose([worker])

    def tick(self):
        """Look at the clock: is the time over, is somebody silent?

        Returns
        -------
        list of (int, Message)
        """
        now = self._now()
        if self.state not in WAITS or now < self._alarm:
            return []
        step, out = self._step, []
        if self.state is State.COMPUTING and (
                now >= step.started + step.gathering.seconds):
            out = self.expire()
        if self.state in WAITS:
            late = self._owing() & (now >= self._heard() + self._silence)
            out = out + self.give_up(np.flatnonzero(late).tolist())
        if self.state in WAITS:
            self._set_alarm()
        return out

    def expire(self):
        """The collection's deadline has passed; see `tick`."""
        self.chronicle.arrived(self._step, -1, ArrivalKind.DEADLINE,
                               self._now())
        self._step.gathering.expire()
        return self._proceed()

    def give_up(self, workers):
        """Go on without some silent workers; see `tick`."""
        for worker in workers:
            self.chronicle.arrived(self._step, worker, ArrivalKind.SILENT,
                                   self._now())
            missed = self._attendance.strike(worker, self.step)
            asked = self._step.awaited[worker]
            self._note(logging.WARNING, f'worker {worker} was silent for '
                       f'{self._silence:g} s in step {self.step} after '
                       f'{self._step.done[worker]} files'
                       f'{" and the signal" if asked else ""}; it is left '
                       f'out of the next {missed}', worker + 1)
        return self._lose(workers) if workers else []

    def stop(self, code, reason):
        """End the run now with an exit code other than 0.

        Returns
        -------
        list of (int, Message)
        """
        self._note(logging.ERROR, reason, 0)
        return self._stop(code)

    # -- one step

    def _begin(self, number):
        now = self._now()
        present = self._attendance.present(number)
        if not present.any():
            return self.stop(FAILED, 'no worker answers any more')
        gathering = self._gathering(present)
        if gathering.hopeless:
            # Without those who were silent it cannot be: ask them again.
            self._attendance.recall()
            gathering = self._gathering(np.ones_like(present))
        out = self._reorder(number)
        self._step = Step(number, self._scheme.transfer.begin(), gathering,
                          self._order, self._scheme.assignment.loads, now)
        self.state = State.COMPUTING
        self.chronicle.arrived(self._step, -1, ArrivalKind.MODEL, now)
        self._set_alarm()
        excluded = self._step.excluded
        model = Model(number, excluded=np.packbits(excluded).tobytes())
        vector = Parameters(number, buffer=self.parameters)
        workers = np.flatnonzero(~excluded).tolist()
        self._post(workers, model)
        self._post(workers, vector)
        return out + [(worker, message) for worker in workers
                      for message in (model, vector)]

    def _gathering(self, present):
        collection = self._scheme.collection
        return collection.begin(present, self._lenient or collection.lenient,
                                self._speeds)

    def _reorder(self, number):
        """Tell the workers in which order to compute, when that is new."""
        scheme = self._scheme
        if number and scheme.reorder and not number % scheme.reorder:
            self._order = by_speed(scheme.assignment, self._speeds.seconds,
                                   scheme.copies)
            self.chronicle.reorderings.append(Reordering(number,
                                                         self._order))
        elif number or not scheme.ordered:
            return []
        return [(worker, Reorder(number, order=row.astype('<i4').tobytes()))
                for worker, row in enumerate(self._order)]

    def _replica(self, worker, message):
        step = self._step
        position, due = message.position, int(step.done[worker])
        if not self._scheme.transfer.pushes or 0 <= position < due:
            return self._drop(message)
        if position != due or message.epoch or not step.owes(worker):
            self._drop(message)
            return self.malformed(worker, f'position {position} of its '
                                  f'order, where {due} was due', step.number)
        file = int(self._order[worker, position])
        step.table.accept(worker, file, message.buffer)
        bits = step.finished[worker] | 1 << position
        return self._report(worker, bits, ArrivalKind.REPLICA, message)

    def _progress(self, worker, message):
        step, bits = self._step, unpack_positions(message.finished)
        if self._scheme.transfer.pushes or bits == step.finished[worker]:
            return []
        wrong = step.check(worker, bits, message.position,
                           not self._scheme.skip_covered)
        if wrong:
            return self.malformed(worker, wrong, step.number)
        return self._report(worker, bits, ArrivalKind.PROGRESS, message)

    def _report(self, worker, bits, kind, message):
        """A worker has finished some more files."""
        step, now = self._step, self._now()
        enough = step.report(worker, bits, now)
        self.chronicle.arrived(step, worker, kind, now, message.nbytes)
        if self._scheme.transfer.pushes and not step.owes(worker):
            self._attendance.forgive(worker)
        if self.state is State.ENCODING:
            return []
        out = self._proceed()
        if enough and self._scheme.skip_covered and not out:
            return self._skip(np.array(enough), True)
        return out

    def _skip(self, files, may):
        """Tell who holds these files that they may be left out, or not."""
        step = self._step
        if step.skipped is None:
            step.skipped = np.zeros(len(self._samples), dtype=bool)
        step.skipped[files] = may
        message = Skip(step.number, files=np.packbits(step.skipped).tobytes())
        to_do = (self._scheme.assignment.incidence[files]
                 & ~step.gathering.finished[files])
        told = np.flatnonzero(to_do.any(axis=0) & step.living).tolist()
        return self._post(told, message)

    def _proceed(self):
        """Go on as far as what has come allows."""
        gathering = self._step.gathering
        reason = gathering.hopeless
        if reason:
            return self.stop(FAILED, f'step {self.step} cannot be finished: '
                             f'{reason}; faults.approximate = true would go '
                             'on without them')
        if not gathering.satisfied:
            return []
        if self._scheme.transfer.pushes:
            return self._collected()
        return self._encode()

    def _encode(self):
        """Signal: everybody sends one vector, as this state asks for it."""
        step = self._step
        asked = step.table.ask(step.gathering.state())
        senders = step.table.senders
        step.epoch += 1
        for worker in np.flatnonzero(~senders).tolist():
            step.table.lose(worker)
        out = self._post(np.flatnonzero(asked).tolist(),
                         Encode(step.number, step.epoch, 0,
                                *step.table.state.pack()))
        step.ask(asked, senders, self._now())
        if not step.awaited.any():
            return self._collected()
        self.state = State.ENCODING
        self._set_alarm()
        return out

    def _payload(self, worker, message):
        step = self._step
        if not step.awaited[worker] or (
                message.epoch != step.asked_in[worker]):
            return self._drop(message)
        step.table.accept(worker, message.buffer)
        step.awaited[worker] = False
        self._attendance.forgive(worker)
        self.chronicle.arrived(step, worker, ArrivalKind.PAYLOAD, self._now(),
                               message.nbytes)
        if step.awaited.any() or self.state is State.COMPUTING:
            return []
        return self._collected()

    def _lose(self, workers):
        """Go on without workers that are silent or exposed."""
        step, out, lacking = self._step, [], []
        for worker in workers:
            lacking.extend(step.gathering.lose(worker).tolist())
            step.awaited[worker] = False
            if not self._scheme.transfer.pushes:
                step.table.lose(worker)
        if step.skipped is not None and lacking:
            out = self._skip(np.unique(lacking), False)
        if self.state is State.ENCODING:
            self.state = State.COMPUTING
            step.resumed = self._now()
        out = out + self._proceed()
        if self.state is State.COMPUTING:
            self._set_alarm()
        return out

    def _collected(self):
        """Nothing is waited for any more."""
        step = self._step
        step.collected = self._now()
        self.state = State.RESOLVING
        if self._scheme.transfer.pushes:
            return []
        return self._post(np.flatnonzero(~step.excluded).tolist(),
                          Commit(step.number))

    def resolve(self):
        """Make new parameters of what has come, and begin the next step.

        Returns
        -------
        list of (int, Message)
        """
        step = self._step
        resolution = step.table.resolve(
            self._scheme, ~step.exposed, self._samples,
            self.training.gradient, self._threads, self._now)
        updating = self._now()
        lr, norm = (self.training.update(step.number) if resolution.updates
                    else self.training.keep())
        updated = self._now()
        step.table.release()
        self._speeds.observe(step.done, step.last_report, ~step.excluded)

        self._judge(resolution)
        number = step.number + 1
        out = (self._stop(self.exit_code) if self.exit_code is not None else
               self._begin(number) if number < self._steps else
               self._stop(DONE))
        self.chronicle.records.append(step.record(
            resolution, lr=lr, gradient_norm=norm,
            seconds_update=updated - updating,
            seconds_step=self._now() - step.started))
        return out

    def _judge(self, resolution):
        """Report a violated premise; too many in a row end the run."""
        if resolution.outcome is not Outcome.CONTRADICTION:
            self._contradictions = 0
            return
        self._contradictions += 1
        reason = resolution.verdict.contradiction
        self._note(logging.WARNING, f'step {self.step}: {reason}; '
                   f'{accused(resolution)}; the parameters stay')
        if self._contradictions < MOST_CONTRADICTIONS:
            return
        self._note(logging.ERROR, f'the premise failed in '
                   f'{self._contradictions} steps in a row: '
                   f'{suspicion(resolution)}')
        self.exit_code = FAILED

    # -- what can go wrong

    def _drop(self, message):
        if isinstance(message, Vector):
            message.buffer.release()
        return []

    def _owing(self):
        """Who is waited for, bool (K,)."""
        step = self._step
        if self.state is State.ENCODING:
            return step.awaited
        return step.awaited | step.waiting()

    def _heard(self):
        """When each worker last showed a sign of life, or was asked."""
        step = self._step
        return np.where(step.awaited, step.asked, step.heard())

    def _set_alarm(self):
        """The next second at which `tick` may have something to do."""
        step = self._step
        # A lower bound: whoever reports in the meantime has longer.
        self._alarm = (self._heard()[self._owing()].min(initial=np.inf)
                       + self._silence)
        if self.state is State.COMPUTING and not step.gathering.expired:
            self._alarm = min(self._alarm,
                              step.started + step.gathering.seconds)

    def _fail(self, worker, message):
        text = message.text.decode('utf-8', errors='replace')
        return self.stop(FAILED, f'rank {worker + 1} (worker {worker}) '
                         f'failed in step {self.step}:\n{text}')

    def _stop(self, code):
        self.state = State.STOPPED
        self.exit_code = code
        self._alarm = np.inf
        return [(worker, Stop(self.step, position=code))
                for worker in range(self.n_workers)]

    def _post(self, workers, message):
        """One message for some workers, counted."""
        self._step.messages += len(workers)
        self._step.bytes_out += len(workers) * message.nbytes
        return [(worker, message) for worker in workers]
