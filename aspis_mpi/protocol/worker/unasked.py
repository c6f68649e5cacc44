"""A worker whose files nobody else has: its sum leaves when it is complete.

    Computing  its files; then the sum of them leaves, unasked, as one `Sum`.
    Sending    that sum is due.

A `Challenge` asks for sketches of its files, a `Compute` for those of one of
another worker, or for a sum, in another's place or once more: such *errands*
come before anything else, one after the other.
"""

import numpy as np

from aspis_mpi.protocol.messages import Compute, Encode, Sketch, Sum
from aspis_mpi.protocol.worker.errand import Errand
from aspis_mpi.protocol.worker.machine import Worker
from aspis_mpi.protocol.worker.states import ALLOWED


class UnaskedWorker(Worker):
    """A worker whose vector leaves without a signal.

    Parameters are those of `Worker`.
    """

    sends_unasked = True

    allowed = {state: known - {Encode} | ({Compute} if Encode in known
                                          else set())
               for state, known in ALLOWED.items()}

    def __init__(self, number, files, width, recipe, transfer, pools, timing,
                 *, clock, liar=None, trials=()):
        super().__init__(number, files, width, recipe, transfer, pools,
                         timing, clock=clock, liar=liar, trials=trials)
        self._keeps = transfer.keeps_gradients
        self._errands = []
        # The sum of what is finished.
        self._total = None

    @property
    def due(self):
        """The second from which on `advance` has something to do."""
        if not self._errands:
            return super().due
        errand = self._errands[0]
        return min(self._answers_at,
                   errand.ends if errand.file is None else -np.inf)

    @property
    def computes(self):
        """True if a file is half-way."""
        if self._errands:
            return self._errands[0].file is not None
        return super().computes

    @property
    def finishes(self):
        """The second of its next message, computing counted as nothing."""
        if not self._errands:
            return super().finishes
        return min(self._answers_at, self._errands[0].ends)

    def advance(self):
        """Compute one micro-batch at the most; never blocks.

        Returns
        -------
        Sum, Sketch, Answer or None
            What is to be sent to the server now.
        """
        if self._errands and self._answers_at > self._clock():
            return self._run(self._errands[0])
        return super().advance()

    def _ask(self, message):
        self._errands.append(Errand(
            message, self._work.held, self._keeps, self._transfer.sketch,
            self._work.usual, self._clock() + self._wait,
            self._recipe.batches.costs))

    def _begin(self, parameters):
        super()._begin(parameters)
        self._total = self._codec.running(self._total)

    def _drop_step(self):
        for errand in self._errands:
            errand.release()
        self._errands.clear()
        if self._total is not None:
            self._total.clear()
        super()._drop_step()

    # -- its own files

    def _ordered(self):
        """Its files: sums are made by ascending file."""
        return sorted(self.files)

    def _keep(self, work, file, buffer):
        """Nothing until all files are finished; then their sum is due."""
        if len(self.files) > 1:
            # Now, while it is in the caches.
            self._total.add(buffer.values)
        if self._keeps or len(self.files) == 1:
            work.held[file] = buffer
        else:
            buffer.release()
        if work.position is None and not work.silent:
            self._asked[Encode] = None, self._began
            self._turn_to_signal()

    def _encode(self):
        """The sum of all its files."""
        buffer = self._pools.payloads.take()
        if buffer is None:
            return None
        files = sorted(self.files)
        buffer = buffer.front(4 * self._codec.numbers(
            self._transfer, len(self._work.parameters.values), len(files)))
        if len(files) == 1:
            self._codec.alone(self._shown(files)[0], buffer.values)
        else:
            self._total.write(buffer.values)
        self._answered(Encode)
        return self._sum(files, 0, buffer)

    def _sum(self, files, epoch, buffer):
        """The message with a sum, or an adversary's word about it."""
        if self._liar is not None:
            self._liar.payload(self.step, epoch, np.array(files, dtype=int),
                               np.ones((len(files), 1)), buffer.values,
                               self._codec)
        return Sum(self.turn, epoch, 0, buffer)

    # -- errands

    def _run(self, errand):
        """Compute one micro-batch of an errand, or answer it."""
        file = errand.file
        if file is None:
            return (self._answer(errand) if errand.ends <= self._clock()
                    else None)
        if errand.task is None:
            errand.task = self._task(file, errand.checks)
            return None
        errand.task.compute()
        if errand.task.finished:
            errand.finish()
        return None

    def _answer(self, errand):
        """Sketches or a sum of files that are all there."""
        epoch = errand.message.epoch
        pool = self._pools.payloads if errand.sums else self._pools.sketches
        buffer = pool.take()
        if buffer is None:
            return None
        self._errands.pop(0)
        if errand.sums:
            errand.add_into(buffer.values)
            errand.release()
            if self._liar is not None and errand.checks:
                self._liar.accuses(self.step, errand.files, buffer.values)
            return self._sum(errand.files, epoch, buffer)
        rows = self._transfer.rows(buffer.values)
        errand.fill(rows)
        if self._liar is not None and errand.checks:
            self._liar.checks(self.step, errand.files, rows)
        if self._liar is not None and errand.own:
            self._liar.sketches(
                self.step, epoch, errand.files, rows, lambda values:
                self._transfer.sketch([values], errand.message.seed)[0])
        return Sketch(self.turn, epoch, 0, buffer)
