"""An adversary's lies, in the place of honest computing."""

from functools import cached_property, partial

import numpy as np

from aspis_mpi.attacks.misled import Misled
from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.protocol.messages import pack_positions, unpack_positions
from aspis_mpi.protocol.task import Derived

#: Gradients of a file that are one: the honest ones, all liars', or else
#: those of one liar, by its number; or honest work on something else.
HONEST, ALIKE, MISLED = None, -1, -2


class Liar:
    """Replaces an adversary's gradients by the lies of the attack's plan.

    Parameters
    ----------
    number : int
        The worker.
    attack : Attack
        Who lies on which file of which step, and what is sent instead.
    recipe : Recipe
        How the truth is computed.
    scratch : Pool or SharedPool
        Where it is: colluders need no channel, each recomputes what it must
        know of other files.
    """

    def __init__(self, number, attack, recipe, scratch):
        self._number = number
        self._attack = attack
        self._protocol = attack.protocol
        self._value = attack.value.of(number)
        self._misled = isinstance(self._value, Misled)
        #: Whose lies are the same as this one's.
        self.kind = ALIKE if self._value is attack.value else number
        self._sent = None
        self._turn = None
        self._challenged = False    # in this turn
        self._recipe = recipe
        self._scratch = scratch

    def begin(self, turn, parameters):
        """Take note that another turn begins, with these parameters."""
        self._turn, self._challenged = turn, False
        if self._misled:
            self._value.see(turn, parameters)

    def lies(self, step, file):
        """Tell whether this worker lies on a file, from the beginning."""
        return not self._protocol.patient and self._tells(step, file)

    def covers(self, step, file):
        """Tell whether it stands up for another liar's word about a file."""
        lies = self._attack.lies(step)
        return bool(lies[file].any()) and (
            self._attack.adversaries(step)[self._number])

    def _tells(self, step, file):
        return bool(self._attack.lies(step)[file, self._number])

    def shown(self, step, file, values, parameters, codec=PLAIN):
        """The vector of a file that it holds, or a lie about it."""
        begun = self._protocol.patient and self._challenged
        if not (begun and self._tells(step, file)):
            return values
        return codec.retold(file, values, partial(self._forge, step, file,
                                                  parameters))

    def probed(self):
        """The recipe with which it answers the start-up probe, and a kind."""
        narrows = self._protocol.narrows and self._attack.adversaries(
            0)[self._number]
        if narrows:
            return self._recipe.of_server(), ALIKE
        return self._recipe, HONEST

    def wait(self, step):
        """Seconds that its answers wait in a step, or 0."""
        dawdles = self._attack.dawdles(step)[self._number]
        return self._protocol.seconds if dawdles else 0.0

    def refuses(self, step):
        """Tell whether it answers nothing that would be looked at."""
        return self._protocol.refuses and bool(
            self._attack.adversaries(step)[self._number])

    def claims(self, step, report, load):
        """Positions to report, packed, instead of those finished."""
        if not self._lies_now(step):
            return report
        claimed = self._protocol.claims(unpack_positions(report), load)
        return pack_positions(claimed, len(report))

    def held(self, files, weights, held):
        """Files and weights asked for, as far as it really has them."""
        there = np.array([file in held for file in files.tolist()],
                         dtype=bool)
        return files[there], weights[there]

    def payload(self, step, epoch, files, weights, values, codec=PLAIN):
        """Change what is sent of some files, in place."""
        self._sent = files, weights
        if self._lies_now(step):
            codec.falsify(codec.sent(values), partial(
                self._protocol.payload, step, epoch, self._number))

    def sketches(self, step, epoch, own, rows, sketch, codec=PLAIN):
        """Change the sketches of its own files, (l, k + 1, copies)."""
        self._challenged = True
        if not self._lies_now(step):
            return
        weights = np.zeros((len(rows), rows.shape[2]))
        if self._sent is not None:
            files, sent = self._sent
            weights[np.searchsorted(own, files)] = sent
        self._protocol.meet(self._attack.adversaries(step))
        codec.falsify(rows, lambda floats: self._protocol.sketches(
            step, epoch, self._number, floats, weights,
            lambda values: sketch(codec.rounded(values))))

    def checks(self, step, files, rows):
        """Change the sketches of other workers' files, (l, k + 1, copies)."""
        if not (self._protocol.frames and self._lies_now(step)):
            return
        for file, row in zip(files, rows):
            if not self._attack.lies(step)[file].any():
                self._protocol.check(step, file, row)

    def accuses(self, step, files, values):
        """Change the sum of another worker's files, float32 (d,)."""
        if not (self._protocol.frames and self._lies_now(step)):
            return
        if not self._attack.lies(step)[files].any():
            self._protocol.accuse(step, files[0], values)

    def _lies_now(self, step):
        now = (self._attack.dawdles if self._protocol.timing
               else self._attack.adversaries)
        return self._protocol.lies and now(step)[self._number]

    def task(self, step, file, parameters, buffer, codec=PLAIN):
        """The computing of a lie into `buffer`, as `Task` for honest work."""
        honest = self._scratch.take((self._turn, file, HONEST))
        forge = partial(self._forge, step, file, parameters)
        return Derived(
            self._recipe.task(step, file, parameters, honest), buffer,
            lambda: codec.forge(file, honest.values, buffer.values, forge))

    def _forge(self, step, file, parameters, honest, out):
        n_samples = int(self._recipe.batches.counts[file])
        known = ((lambda: self._elsewhere(step, file, parameters))
                 if self._misled else lambda: self._means(step, parameters))
        self._value.forge(honest, n_samples, step, file, known, out)

    @cached_property
    def _misleading(self):
        """The recipe of honest work on something else."""
        return self._recipe.flipped() if self._value.flips else self._recipe

    def _elsewhere(self, step, file, parameters):
        """The gradient of a file at other parameters or labels, (1, d)."""
        buffer = self._scratch.take((self._turn, file, MISLED))
        task = self._misleading.task(
            step, file, self._value.parameters(self._turn, parameters),
            buffer)
        found = task.complete().values[np.newaxis].copy()
        buffer.release()
        return found

    def _means(self, step, parameters):
        """True mean gradients of the step's first files, (m, d)."""
        batches = self._recipe.batches
        n_files = min(self._value.sample, batches.n_files)
        means = np.empty((n_files, parameters.size), dtype=np.float32)
        for file in range(n_files):
            buffer = self._scratch.take((self._turn, file, HONEST))
            task = self._recipe.task(step, file, parameters, buffer)
            # By a Python int: one of numpy's would divide in float64.
            np.divide(task.complete().values, int(batches.counts[file]),
                      out=means[file])
            buffer.release()
        return means

