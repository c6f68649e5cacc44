"""The parameter server as a state machine: messages in, messages out.

Before the first step workers may be asked what they compute (Probing, see
`probing`).  A step begins with `Model` and `Parameters` to every worker that
takes part and is in one of these states:

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
    Resolving   `Commit` is out.  The scheme detects, chooses a value for
                each file and aggregates; the optimizer makes new parameters.
                No message is waited for.
    Stopped     every worker has been sent `Stop`.

What takes time to compute waits until messages have left: where the server
is `due`, `proceed` is to be called.

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
import numpy as np

from aspis_mpi.detection.base import Proof
from aspis_mpi.detection.equality import FLOOR
from aspis_mpi.protocol.advice import Premise
from aspis_mpi.protocol.chronicle import Chronicle
from aspis_mpi.protocol.messages import Failure, Model, Parameters, Stop
from aspis_mpi.protocol.step import (
    ALLOWED, WAITS, Malformed, State, Step, drop)
from aspis_mpi.protocol.training import Training
from aspis_mpi.schemes.record import ArrivalKind

#: Exit codes of a run.
DONE, BAD_JOB, FAILED = 0, 2, 3


class ParameterServer:
    """Rank 0: sends parameters, collects, resolves, updates.

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
    auditor : Auditor, optional
        Computes contested files.
    probing : callable, optional
        Given the chronicle, the `Probing` that comes before the first step.
    """

    def __init__(self, membership, optimizer, samples, pool, initial, steps,
                 silence, approximate, threads, clock, arrivals=False,
                 auditor=None, probing=None):
        self.exit_code = None
        self.training = Training(optimizer, pool, initial)
        #: What the run log has not been given yet.
        self.chronicle = Chronicle(clock, arrivals)
        self._membership = membership
        self._samples = samples
        self._steps = steps
        self._silence = silence
        self._lenient = approximate or membership.scheme.lenient
        self._threads = threads
        self._now = self.chronicle.now
        self._note = self.chronicle.note
        self._auditor = auditor
        self._alarm = np.inf
        self._premise = Premise(self.chronicle)
        self._floor = 0.0
        self._probing = probing
        self._step = None

    @property
    def n_workers(self):
        """K."""
        return len(self._membership.excluded)

    @property
    def state(self):
        """Where in a step the server is; STOPPED before and after all."""
        if self._step is None or self.exit_code is not None:
            return State.STOPPED
        return self._step.state

    @property
    def due(self):
        """Whether something is to be computed and not waited for."""
        return self.state is State.RESOLVING or (
            self.state in (State.PROBING, State.VERIFYING)
            and self._step.due)

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
        if self._probing is None:
            return self._begin(0)
        self._step = self._probing(self.chronicle)
        self._set_alarm()
        return self._step.start(self.parameters)

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
            If the server is `due` then, `proceed` is to be called next.
        """
        step, state = self._step, self.state
        if state is State.STOPPED:
            return drop(message)
        step.bytes_in += message.nbytes
        step.messages += 1
        if isinstance(message, Failure):
            return self._fail(worker, message)
        if message.step != step.number or (
                type(message) not in ALLOWED[state]):
            return drop(message)
        if not step.living[worker]:
            # It has no work in this step, is exposed, or was given up.
            return drop(message)
        try:
            out = step.handle(worker, message)
        except Malformed as error:
            return self.malformed(worker, str(error), step.number)
        return out if step.state is state else self._go_on(out)

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
        it = self._step
        if worker not in it.noted:
            it.noted.add(worker)
            self._note(logging.WARNING, f'worker {worker} sent a malformed '
                       f'message in step {it.number}: {reason}', worker + 1)
        if not it.living[worker] or step not in (None, it.number):
            return []
        if self.state is State.PROBING:
            return it.lose([worker])
        self.chronicle.arrived(it, worker, ArrivalKind.MALFORMED,
                               self._now())
        it.exposed[worker] = True
        it.proofs.append(Proof(worker, f'worker {worker} sent a malformed '
                               f'message: {reason}'))
        return self._go_on(it.lose([worker]))

    def tick(self):
        """Look at the clock: is the time over, is somebody silent?

        Returns
        -------
        list of (int, Message)
        """
        now, out = self._now(), []
        if self.state not in WAITS or now < self._alarm:
            return out
        if now >= self._step.expires:
            out = self.expire()
        if self.state in WAITS:
            late = now >= self._step.patience() + self._silence
            out = out + self.give_up(np.flatnonzero(late).tolist())
        return out

    def expire(self):
        """End the step, since the collection's time is over; see `tick`."""
        return self._go_on(self._step.expire())

    def give_up(self, workers):
        """Go on without some silent workers; see `tick`."""
        step = self._step
        for worker in workers:
            doing = step.silence(worker)
            missed = self._membership.attendance.strike(worker, step.number)
            self._note(logging.WARNING, f'worker {worker} was silent for '
                       f'{self._silence:g} s {doing}; it is left out of the '
                       f'next {missed}', worker + 1)
        return self._go_on(step.lose(workers) if workers else [])

    def _go_on(self, out):
        """What follows from what a step answers."""
        step = self._step
        silent = step.excluded & ~self._membership.excluded
        if step.hopeless and silent.any():
            # Without those who were silent it cannot be: ask them again.
            back = np.flatnonzero(silent).tolist()
            self._membership.recall()
            follows = step.admit(back)
            return out + self._announce(back) + self._go_on(follows)
        if step.hopeless:
            return self.stop(FAILED, f'step {step.number} cannot be '
                             f'finished: {step.hopeless}; faults.approximate '
                             '= true would go on without them')
        if step.state in WAITS:
            self._set_alarm()
        return out

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
        now, members = self._now(), self._membership
        try:
            present = members.turn_to(number)
        except ValueError as error:
            return self.stop(FAILED, f'step {number} cannot begin: {error}')
        if not present.any():
            return self.stop(FAILED, 'no worker answers any more')
        scheme, collection = members.scheme, members.scheme.collection
        gathering = collection.begin(
            present, self._lenient or collection.lenient, members.speeds,
            scheme.needed)
        table = scheme.transfer.begin(scheme.equality, self._floor, number,
                                      members.known)
        orders = members.orders(number, self.chronicle)
        self._step = Step(number, members, gathering, self.chronicle, now,
                          table)
        self.chronicle.arrived(self._step, -1, ArrivalKind.MODEL, now)
        self._alarm = min(self._step.expires, now + self._silence)
        for worker, message in orders:
            self._step.post([worker], message)
        return orders + self._announce(np.flatnonzero(present).tolist())

    def _announce(self, workers):
        """The step and its parameters, to those who take part."""
        step = self._step
        model = Model(step.number,
                      excluded=np.packbits(step.excluded).tobytes())
        vector = Parameters(step.number, buffer=self.parameters)
        step.post(workers, model)
        step.post(workers, vector)
        return [(worker, message) for worker in workers
                for message in (model, vector)]

    def proceed(self):
        """Compute what is `due`: verify payloads, or resolve the step.

        Returns
        -------
        list of (int, Message)
        """
        if self.state is State.VERIFYING:
            return self._go_on(self._step.proceed(
                self._audit if self._auditor else None))
        if self.state is State.PROBING:
            return self._probe()
        return self._resolve()

    def _probe(self):
        """Go on with the start-up probe; with the first step, at its end."""
        probing = self._step
        probing.proceed()
        if probing.refused:
            return self.stop(BAD_JOB, probing.refused)
        if probing.equality is None:
            self._set_alarm()
            return []
        self._membership.settle(probing.equality)
        return self._begin(0)

    def _resolve(self):
        """Make new parameters of what has come, and begin the next step."""
        step = self._step
        resolution = step.table.resolve(
            self._membership.scheme, ~step.exposed, self._samples,
            self.training.gradient, self._threads, self._now,
            self._audit if self._auditor else None)
        updating = self._now()
        lr, norm = (self.training.update(step.number) if resolution.updates
                    else self.training.keep())
        updated = self._now()
        step.table.release()
        if np.isfinite(resolution.file_norm):
            self._floor = FLOOR * resolution.file_norm
        self._membership.observe(step)
        self._membership.learn(step.number, step.proofs, resolution)

        self.chronicle.report(step.number, resolution)
        number = step.number + 1
        out = (self._stop(FAILED) if self._premise.hopeless(step.number,
                                                           resolution) else
               self._begin(number) if number < self._steps else
               self._stop(DONE))
        self.chronicle.close(step, resolution, lr=lr, gradient_norm=norm,
                             seconds_update=updated - updating)
        return out

    def _audit(self, file):
        """The gradient of a file at this step's parameters."""
        return self._auditor.gradient(self.step, file,
                                      self.parameters.values)

    # -- what can go wrong

    def _set_alarm(self):
        """The next second at which `tick` may have something to do.

        A lower bound: whoever reports in the meantime has longer.
        """
        step = self._step
        self._alarm = min(step.expires,
                          step.patience().min() + self._silence)

    def _fail(self, worker, message):
        text = message.text.decode('utf-8', errors='replace')
        where = ('the start-up probe' if self.state is State.PROBING else
                 f'step {self.step}')
        return self.stop(FAILED, f'rank {worker + 1} (worker {worker}) '
                         f'failed in {where}:\n{text}')

    def _stop(self, code):
        self.exit_code = code
        self._alarm = np.inf
        return [(worker, Stop(self.step, position=code))
                for worker in range(self.n_workers)]
