"""A worker as a state machine: messages in, messages out, no I/O.

    Idle       `Commit` has ended the step; `Model` begins the next.
    Waiting    for its `Parameters`, which may have come before it.
    Computing  one file after the other.
    Sending    `Encode` asks for a vector.
    Sketching  `Challenge` asks for sketches of what it is made of.
    Probing    before the first step: `Probe` came in the place of `Model`,
               and the first files are computed for one `Answer`.
    Stopped    `Stop` came.

    Idle      -> Waiting, Stopped
    Waiting   -> Computing, Probing, Idle
    Computing -> Sending, Sketching, Idle
    Sending   -> Computing, Sketching, Idle
    Sketching -> Computing, Sending, Idle
    Probing   -> Idle

A later `Model` ends any state: the turn that it names is the only one that
counts.  `advance` computes one micro-batch, so that messages are handled in
between.  With a transfer that pushes, a finished file leaves at once as a
`Replica`, and the last one leads to Idle.  With the others it is kept and
reported as `Progress`; an `Encode` is answered, before anything else is
computed, with the combination that its state asks for, never with what was
finished since; a `Challenge` with sketches of what was finished.  Then
computing goes on until `Commit`: another signal may need more.  (Where
nobody else has its files see `unasked`.)  A server that does not wait for
everybody may challenge before the vector has left: both are answered in
turn, but of two signals of one kind the later one alone, and no challenge
that is older than the last `Encode`.  The server is trusted: a message
outside the table is a bug and raises.

A file takes at least as long as the delay says: the rest is waited for,
while messages are handled.  An adversary may let its answers wait, too: it
reports all its files at once, and computes them meanwhile.
"""

import numpy as np

from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.errors import LocalProtocolError
from aspis_mpi.protocol.buffers import Buffer
from aspis_mpi.protocol.messages import (
    Answer, Challenge, CodedGradient, Commit, Encode, Model, Parameters, Probe,
    Progress, Reorder, Replica, Sketch, Skip, Stop, Sum, unpack_positions)
from aspis_mpi.protocol.server.probing import NUMBER
from aspis_mpi.protocol.task import Filled
from aspis_mpi.protocol.transitions import Machine
from aspis_mpi.protocol.worker.liar import HONEST
from aspis_mpi.protocol.worker.states import ALLOWED, FOLLOWS, State
from aspis_mpi.protocol.worker.trial import Trial
from aspis_mpi.protocol.worker.work import Work


#: Seconds that a worker rests when it has sent what it was asked for: mostly
#: `Commit` follows, and those who share its cores have yet to send.
REST = 0.005


class Worker(Machine):
    """One worker: computes its files of each step and sends what is asked.

    Parameters
    ----------
    number : int
        0 ... K-1.
    files : ndarray of int, shape (l,)
        In the order of computing.
    width : int
        Files that it may ever have: its reports are of so many positions.
    recipe : Recipe
        How the gradients are computed; between two micro-batches it looks
        at the messages.
    transfer : Transfer
    pools : Pools
        Buffers of gradients, and of what is asked for; each may be empty
        for a while.
    timing : Timing
        How long each file takes at least, and where it does not answer.
    clock : callable
        Seconds, of the wall or virtual.
    liar : Liar, optional
        What replaces honest gradients, on an adversary.
    trials : list of (int, int)
        Step and number of the files of the start-up probe.
    """

    follows = FOLLOWS
    allowed = ALLOWED
    #: Whether its vector leaves without a signal.
    sends_unasked = False

    def __init__(self, number, files, width, recipe, transfer, pools, timing,
                 *, clock, liar=None, trials=()):
        self.number = number
        self.state = State.IDLE
        self.turn = NUMBER - 1
        self.step = NUMBER
        self.exit_code = None
        self.files = files.tolist()
        self._width = width
        self._recipe = recipe
        self._transfer = transfer
        self._sends_at_once = transfer.sends_at_once
        self._pools = pools
        self._delay, self._silence = timing
        self._clock = clock
        self._liar = liar
        self._trials = trials
        self._codec, self._grid = PLAIN, b''
        self._early = None
        self._skipped = None
        self._wait = 0.0
        # Signals to be answered, and when they came, by class.
        self._asked = {}
        self._rests_until = self._began = -np.inf
        self._work = self._trial = self._probe = None

    @property
    def due(self):
        """The second from which on `advance` has something to do."""
        return min(self._answers_at, self._computes_at)

    @property
    def _answers_at(self):
        """The second of the next answer; infinite if nothing is asked for.

        Who lets it wait must first have computed all that it has reported.
        """
        if not self._asked:
            return np.inf
        if not self._wait:
            return -np.inf
        if self._work.position is not None:
            return np.inf
        return next(iter(self._asked.values()))[1] + self._wait

    @property
    def _computes_at(self):
        if self._trial is not None:
            return -np.inf
        work = self._work
        if work is None or work.position is None:
            return np.inf
        if work.task is None or not work.task.finished:
            return self._rests_until
        return work.ends

    @property
    def computes(self):
        """True if a file is half-way."""
        work = self._work
        return self._trial is not None or (
            work is not None and work.task is not None
            and not work.task.finished)

    @property
    def finishes(self):
        """The second of its next message, computing counted as nothing."""
        if self._trial is not None:
            return -np.inf
        ends = np.inf if self._work is None else self._work.ends
        return min(self._answers_at, ends) if self._asked else ends

    def handle(self, message):
        """Take one message of the server.

        Raises
        ------
        LocalProtocolError
        """
        if type(message) not in self.allowed[self.state]:
            raise LocalProtocolError(f'worker {self.number} got '
                                     f'{type(message).__name__} while '
                                     f'{self.state.name}')
        match message:
            case Model() | Probe():
                self._announce(message)
            case Parameters():
                self._receive(message)
            case Stop():
                self._drop_step()
                self.turn_to(State.STOPPED)
                self.exit_code = message.position
            case Skip():
                self._skip(message)
            case Reorder():
                order = np.frombuffer(message.order, dtype='<i4')
                self.files = order[order >= 0].tolist()
            case Commit():
                self._drop_step()
            case _:
                self._take_signal(message)

    def _announce(self, message):
        if message.turn <= self.turn:
            raise LocalProtocolError(f'turn {message.turn} was announced '
                                     f'after turn {self.turn}')
        self._drop_step()
        probes = isinstance(message, Probe)
        self.turn = message.turn
        self.step = NUMBER if probes else message.position
        self._probe = message if probes else None
        self._grid = b'' if probes else message.grid
        self.turn_to(State.WAITING)
        if self._early is not None:
            early, self._early = self._early, None
            self._receive(early)

    def _receive(self, message):
        if message.turn == self.turn and self.state is State.WAITING:
            self._begin(message.buffer)
        elif message.turn > self.turn:
            # The latest counts: its Model comes for sure.
            if self._early is not None:
                self._early.buffer.release()
            self._early = message
        else:
            # Overtaken: that turn is over.
            message.buffer.release()

    def _begin(self, parameters):
        if self._probe is not None:
            recipe, kind = ((self._recipe, HONEST) if self._liar is None
                            else self._liar.probed())
            self._trial = Trial(recipe, self._trials, parameters,
                                self._pools.whole or self._pools.gradients,
                                kind, self._probe.seed)
            self.turn_to(State.PROBING)
            return
        step, number = self.step, self.number
        self._codec = self._recipe.codecs(step, self._grid)
        self._began = now = self._clock()
        seconds = self._delay.seconds(step, number)
        if self._liar is not None:
            self._liar.begin(self.turn, parameters.values)
            self._wait = self._liar.wait(step)
        if self._wait:
            # Its time is the attack's, whatever the delay says.
            seconds = np.full_like(seconds,
                                   self._wait if self._sends_at_once else 0.0)
        most = self._silence.files(step, number)
        alone = self._sends_at_once or self.sends_unasked
        if alone and self._silence.mute(step, number):
            most = 0
        self._work = Work(step, self._ordered(), self._width, parameters,
                          seconds, most, now,
                          costs=self._recipe.batches.costs)
        self.turn_to(State.COMPUTING)
        if self._skipped is not None and not self._wait:
            self._work.skip(self._skipped, now)

    def _ordered(self):
        """Its files in the order of computing."""
        return self.files

    def _take_signal(self, message):
        if message.turn != self.turn:
            raise LocalProtocolError(f'a signal of turn {message.turn} came '
                                     f'in turn {self.turn}')
        if self._work.silent or self._silence.mute(self.step, self.number):
            return
        if not isinstance(message, Encode) and (
                self._liar is not None and self._liar.refuses(self.step)):
            return
        self._ask(message)

    def _ask(self, message):
        """Take up what a signal of this turn asks for."""
        if isinstance(message, Encode):
            self._asked.clear()
        self._asked[type(message)] = message, self._clock()
        self._turn_to_signal()

    def _turn_to_signal(self):
        """Turn to the signal answered next, a vector before its sketches."""
        if not self._asked:
            self.turn_to(State.COMPUTING)
        else:
            self.turn_to(State.SENDING if Encode in self._asked
                         else State.SKETCHING)

    def _skip(self, message):
        bits = np.unpackbits(np.frombuffer(message.files, dtype=np.uint8))
        self._skipped = bits.view(bool)
        if self._work is not None and not self._wait:
            self._work.skip(self._skipped, self._clock())

    def _drop_step(self):
        self.turn_to(State.IDLE)
        self._skipped = None
        self._asked.clear()
        self._wait = 0.0
        self._rests_until = -np.inf
        for one in self._work, self._trial:
            if one is not None:
                one.release()
        self._work = self._trial = None

    def advance(self):
        """Compute one micro-batch at the most; never blocks.

        Returns
        -------
        Replica, Progress, CodedGradient, Sum, Sketch, Answer or None
            What is to be sent to the server now.
        """
        if self._asked and self._answers_at <= self._clock():
            return (self._encode() if self.state is State.SENDING
                    else self._sketch())
        if self._trial is not None:
            return self._try()
        work = self._work
        if work is None or work.position is None:
            return None
        if work.task is None:
            work.task = self._task(work.file)
            if work.task is None:
                return None
        waited = work.task.finished
        if not waited:
            work.task.compute()
        now = self._clock()
        if not work.task.finished or now < work.ends:
            return None
        # What was slept too long must not add up: the next file began when
        # this one was over, not when somebody looked.
        return self._finish(work, work.ends if waited else now)

    def prepare(self):
        """Do what can be done before the next step is announced."""
        self._recipe.batches.batch(self.step + 1)

    def _try(self):
        said = self._trial.advance()
        if said is None:
            return None
        buffer = Buffer(said.nbytes // 4).hold()
        buffer.values.view(np.uint8)[:] = said.view(np.uint8)
        turn = self.turn
        self._drop_step()
        return Answer(turn, buffer=buffer)

    def _task(self, file, checks=False):
        """The computing of a file, honest or not; None without a buffer.

        `checks`: it is a file of another worker, for which liars stand up.
        """
        liar = self._liar
        if liar is not None and not (liar.covers if checks else liar.lies)(
                self.step, file):
            liar = None
        kind = HONEST if liar is None else liar.kind
        buffer = self._pools.gradients.take((self.turn, file, kind))
        if buffer is None:
            return None
        if buffer.filled:
            return Filled(buffer)
        step, parameters = self.step, self._work.parameters.values
        if liar is not None:
            return liar.task(step, file, parameters, buffer, self._codec)
        return self._recipe.encoded(
            step, file, parameters, buffer, self._codec,
            lambda: self._pools.whole.take((self.turn, file, HONEST)))

    def _finish(self, work, now):
        position, file, buffer = work.position, work.file, work.task.close()
        work.finish(now)
        if not self._sends_at_once:
            return self._keep(work, file, buffer)
        if work.position is None and not work.silent:
            self._drop_step()
        return Replica(self.turn, 0, position, buffer)

    def _keep(self, work, file, buffer):
        """Keep a gradient until the step is over; the report of it."""
        work.held[file] = buffer
        return self._report(work)

    def _report(self, work):
        """Report the finished files, or an adversary's word about them."""
        report, count = work.report(), work.count
        if self._liar is not None:
            report = self._liar.claims(self.step, report, len(self.files))
            count = unpack_positions(report).bit_count()
        return Progress(self.turn, 0, count, report)

    def _encode(self):
        """The combination that the signal asks for."""
        buffer = self._pools.payloads.take()
        if buffer is None:
            return None
        signal, held = self._asked[Encode][0], self._work.held
        state = self._transfer.read(signal)
        files, weights = self._transfer.encoding(self.number, state)
        if self._liar is not None:
            files, weights = self._liar.held(files, weights, held)
        undivided = self._transfer.undivided(state)
        if not undivided:
            buffer = buffer.front(4 * self._codec.numbers(
                self._transfer, len(self._work.parameters.values),
                weights.sum()))
        self._codec.combine(self._transfer, self._shown(files.tolist()),
                            weights, buffer.values)
        if self._liar is not None:
            self._liar.payload(self.step, signal.epoch, files, weights,
                               buffer.values, self._codec)
        self._answered(Encode)
        cls = Sum if undivided else CodedGradient
        return cls(self.turn, signal.epoch, 0, buffer)

    def _shown(self, files):
        """Gradients that it holds, or what an adversary makes of them."""
        held, liar = self._work.held, self._liar
        if liar is None:
            return [held[file].values for file in files]
        return [liar.shown(self.step, file, held[file].values,
                           self._work.parameters.values, self._codec)
                for file in files]

    def _sketch(self):
        """Sketches of what is asked for and finished, by ascending file."""
        buffer = self._pools.sketches.take()
        if buffer is None:
            return None
        signal, held = self._asked[Challenge][0], self._work.held
        wanted, own = signal.wanted, sorted(self.files)
        places = [place for place, file in enumerate(own)
                  if wanted[file] and file in held]
        rows = self._transfer.rows(buffer.values)
        rows.fill(0)
        rows[places] = self._sketched([own[place] for place in places],
                                      signal.seed, wanted)
        if self._liar is not None:
            self._liar.sketches(
                self.step, signal.epoch, own, rows, lambda values:
                self._transfer.sketch([values], signal.seed)[0], self._codec)
        self._answered(Challenge)
        return Sketch(self.turn, signal.epoch, 0, buffer)

    def _sketched(self, files, seed, wanted):
        """Sketches of files that it holds; all are asked for `wanted`."""
        def sketch(vectors):
            return self._transfer.sketch(
                [self._codec.file(values) for values in vectors], seed)

        if self._liar is not None:
            return sketch(self._shown(files))
        return self._pools.gradients.sketches(
            [self._work.held[file] for file in files], seed, wanted, sketch)

    def _answered(self, kind):
        del self._asked[kind]
        self._rests_until = self._clock() + REST
        self._turn_to_signal()
