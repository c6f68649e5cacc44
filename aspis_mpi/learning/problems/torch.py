"""A module of torch on a data set of the user's own."""

import re
from copy import copy
from functools import cached_property

import numpy as np

from aspis_mpi import streams
from aspis_mpi.learning.adapter import (
    heap, kernels, losses, making, named, trial)
from aspis_mpi.learning.adapter.footprint import UNKNOWN, footprint
from aspis_mpi.learning.adapter.flipped import FlippedSamples, classes
from aspis_mpi.learning.adapter.maker import Maker
from aspis_mpi.learning.adapter.network import Network
from aspis_mpi.learning.adapter.samples import AT_ONCE, Samples, cut, opened
from aspis_mpi.learning.devices import device_of_rank
from aspis_mpi.learning.problem import Problem, Score
from aspis_mpi.learning.statements import FINGERPRINTS

#: Bytes that a module may need for the samples which it evaluates at once.
EVALUATED = 1 << 26
#: Samples from which running statistics are set again, at most.
SETTLED = 1024


class TorchProblem(Problem):
    """A torch module of your own, on your own data.

    Every rank makes the module by itself, under torch's generators seeded
    by the job's seed.  Parameters that require gradients are trained, in
    the module's order; frozen ones and buffers stay as they are made.

    Parameters
    ----------
    seed : int
        The seed of the job.
    module : str
        `package.module:factory`, a class or function without arguments that
        makes a new `torch.nn.Module` each time.
    train : str
        `package.module:data`, a map-style data set of pairs (input, target),
        or a function that makes one; tensors, arrays or numbers.
    held_out : str, optional
        A data set for evaluation; by default the one that is trained on.
    loss : str
        `cross-entropy`, `mse`, or `package.module:function` of outputs and
        targets, which gives a mean, a sum, or one number a sample.
    loss_samples : int
        The training loss is measured on at most so many samples, at equal
        distances.
    device : str
        Where torch computes: `cpu`, `cuda` (one of the node's devices for
        each local rank, in turn) or `cuda:1`.

    Raises
    ------
    ValueError
        A name is not there; at first use, when the module or the data are
        not what they must be.

    Notes
    -----
    Torch's generators have seeds of (seed, step, sample) while an item is
    asked for, and of (seed, step, first sample) while a micro-batch is
    computed: dropout and augmentation draw what every other holder of the
    file draws.  Running statistics of batch norm are not gathered; they are
    set again from a fixed sample before evaluation and export.

    `of` takes the objects themselves in the place of their names.
    """

    name = 'torch'
    needs = 'torch'
    saves = ('.pt',)

    def __init__(self, seed, *, module: str, train: str,
                 held_out: str | None = None, loss: str = 'cross-entropy',
                 loss_samples: int = 10_000, device: str = 'cpu'):
        if loss_samples < 1:
            raise ValueError(f'loss_samples {loss_samples} must be at least '
                             '1')
        if not re.fullmatch(r'cpu|cuda(:\d+)?', device):
            raise ValueError(f"device '{device}' must be cpu, cuda or cuda:N")
        self.seed = seed
        self.device = device
        self._what = f'module {named.title(module)}'
        self._factory = making.factory(module)
        self._sources = {'train': train, 'held_out': held_out}
        for key, what in self._sources.items():
            named.found(what, key)
        self._loss = losses.loss(loss)
        self._named = [it for it in (module, train, held_out, loss)
                       if isinstance(it, str) and ':' in it]
        self._loss_samples = loss_samples
        self._step = None
        self._tried = False

    @classmethod
    def of(cls, module, data, loss='cross-entropy', *, held_out=None,
           loss_samples=10_000, device='cpu'):
        """Maker of such problems of a caller's module and data.

        Parameters
        ----------
        module : callable
            Makes a new module each time: a class, or lambda: Net(...).
        data, held_out : object
            Map-style data sets, or functions that make them.
        loss : str or callable
        loss_samples : int
        device : str

        Returns
        -------
        Maker
        """
        return Maker(cls, module, {
            'train': data, 'held_out': held_out, 'loss': loss,
            'loss_samples': loss_samples, 'device': device})

    # --- what it is made of --------------------------------------------

    @cached_property
    def _place(self):
        """The device of this rank."""
        import torch
        return device_of_rank(self.device, torch.cuda.device_count())

    def _made(self):
        return making.made(self._factory, self.seed, self._place, self._what)

    @cached_property
    def network(self):
        """The module, its trained parameters a flat vector."""
        return Network(self._made(), self._loss, self._place)

    @cached_property
    def training(self):
        """The samples that are trained on."""
        return self._opened('train')

    @cached_property
    def held_out(self):
        """The samples for evaluation."""
        return (self.training if self._sources['held_out'] is None
                else self._opened('held_out'))

    def _opened(self, key):
        items = opened(self._sources[key], key, self.seed)
        return Samples(items, key, self.seed, self._place, self.network.kind)

    @property
    def n_parameters(self):
        """d."""
        return self.network.flat.size

    @property
    def n_samples(self):
        """Number of training samples."""
        return len(self.training)

    @property
    def data_bytes(self):
        """Tensors that have all samples, and the module's own."""
        held = {id(it): it for it in (self.training, self.held_out)}
        return (sum(it.n_bytes for it in held.values())
                + self.network.n_bytes)

    @cached_property
    def _footprint(self):
        """The memory that a sample needs, `Footprint`."""
        first = self.training.spread(self.n_samples)[:2]
        try:
            self._ready()
            with self._seeded(0, 0):
                return footprint(self.network, len(first),
                                 *self.training.batch(first, 0))
        except Exception:
            # Not every module lets itself be watched; what it does wrong is
            # told when it is tried.
            return UNKNOWN

    @property
    def _at_once(self):
        """Samples that are evaluated at once."""
        return min(AT_ONCE, self._footprint.within(EVALUATED))

    def gradient_bytes(self, count):
        """Memory of the host; that of another device is not counted."""
        return self._footprint.of_gradient(count) if (
            self._place == 'cpu') else 0

    @property
    def evaluation_bytes(self):
        """Memory of the host, as above."""
        most = AT_ONCE if self.network.norms else self._at_once
        return self._footprint.of_outputs(most) if self._place == 'cpu' else 0

    def flipped(self):
        """See `Problem.flipped`; shares the module."""
        outputs, targets = named.called(
            lambda: self._fitting(self.training), self._what)
        found = classes(outputs, targets)
        if found is None:
            return None
        twin = copy(self)
        twin.training = FlippedSamples(self.training, found)
        return twin

    def fingerprints(self):
        self._ready()
        kept = self.network.digests()
        if sum(map(len, [*kept, *kept.values()])) > FINGERPRINTS // 2:
            kept = {'tensors that are not trained': making.combined(kept)}
        return {**named.digests(self._named), **self.training.fingerprints,
                'loss': f'gives {self._loss.reduction}', **kept}

    # --- before the first step -----------------------------------------

    def initial(self, generator):
        """The parameters as the factory makes them; tried the first time."""
        module = self._made()
        if not self._tried:
            self._try(module)
            self._tried = True
        vector = Network(module, self._loss).flat.vector()
        del module
        heap.give_back()
        return vector

    def _try(self, module):
        """Refuse what can only be wrong, before anybody computes."""
        trial.try_module(module, self._made(), self._what)
        vector = Network(module, self._loss).flat.vector()
        self.network.flat.load(vector)
        for samples in dict.fromkeys((self.training, self.held_out)):
            outputs, _ = self._fitting(samples)
            for targets in samples.check():
                self._loss.check_targets(outputs, targets)
        first = self.training.spread(self.n_samples)[:trial.TRIED]
        with self._seeded(0, 0):
            inputs, targets = self.training.batch(first, 0)
        trial.try_gradient(self.network, self._what, vector, inputs, targets,
                           lambda: self._seeded(0, 0))
        self.network.flat.release()

    def _fitting(self, samples):
        """Outputs of the first samples, and the targets that they fit."""
        first = samples.spread(len(samples))[:losses.TRIED]
        with self._seeded(0, 0):
            inputs, targets = samples.batch(first, 0)
            outputs = self.network.outputs(inputs)
            self._loss.check(outputs, targets)
        return outputs, targets

    def _ready(self):
        """Know what the loss of several samples is."""
        if self._loss.reduction is None:
            self._fitting(self.training)

    # --- computing -----------------------------------------------------

    def _seeded(self, *names):
        return kernels.seeded(streams.word(self.seed, 'torch', *names),
                              self._place)

    def begin(self, step, samples):
        """Be told of which step the next gradient is."""
        self._step = int(step)

    def gradient(self, parameters, samples, out):
        step, self._step = self._step, None
        self._ready()
        drawn = streams.word(self.seed, 'torch', step, int(samples[0]))
        with kernels.seeded(drawn, self._place):
            inputs, targets = self.training.batch(samples, step)
            if self.training.draws:
                kernels.seed(drawn, self._place)
            self.network.gradient(parameters, inputs, targets, out, step)

    def loss(self, parameters):
        some = self.training.spread(self._loss_samples)
        return self._measured(parameters, self.training, some).loss

    def evaluate(self, parameters):
        every = self.held_out.spread(len(self.held_out))
        return self._measured(parameters, self.held_out, every)

    def _measured(self, parameters, samples, numbers):
        """The `Score` on some samples, a few at once."""
        self._ready()
        losses_, hits = 0.0, 0.0
        with self._seeded('evaluation'):
            self._settle(parameters)
            for part in cut(numbers, self._at_once):
                inputs, targets = samples.batch(part)
                outputs = self.network.outputs(inputs)
                losses_ += float(self._loss.total(outputs, targets))
                hits += self._loss.right(outputs, targets)
        self.network.flat.rest()
        return Score(losses_ / len(numbers), hits / len(numbers))

    def _settle(self, parameters):
        # On the size of these pieces the statistics depend.
        self.network.settle(parameters, (
            self.training.batch(part)[0] for part in cut(
                self.training.spread(SETTLED), AT_ONCE)))

    def tensor_sizes(self):
        """The parameters that are trained, by their names in the module."""
        return self.network.flat.sizes

    @cached_property
    def random_layers(self):
        """True if the module draws from torch's generators in training."""
        self._ready()
        first = self.training.spread(self.n_samples)[:trial.TRIED]
        vector = Network(self._made(), self._loss).flat.vector()
        with self._seeded(0, 0):
            inputs, targets = self.training.batch(first, 0)
            before = kernels.states(self._place)
            self.network.gradient(vector, inputs, targets,
                                  np.zeros_like(vector))
            return kernels.moved(before, self._place)

    def export(self, parameters):
        """Everything that the module's `state_dict` has, by its names."""
        with self._seeded('evaluation'):
            self._settle(parameters)
        state = self.network.state()
        self.network.flat.rest()
        return state

    def write(self, file, arrays):
        """Write what was exported as torch saves it, a `state_dict`.

        `torch.load(path, weights_only=True)` reads it.

        Parameters
        ----------
        file : binary file
        arrays : dict of str to ndarray
        """
        import torch
        kinds = self.network.module.state_dict()
        torch.save({name: torch.from_numpy(np.array(it)).to(
            kinds[name].dtype) for name, it in arrays.items()}, file)
