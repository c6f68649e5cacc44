"""The sum that a run minimises: the base class that users subclass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from aspis_mpi import registry
from aspis_mpi.arrays import Vector


@dataclass(frozen=True)
class Score:
    """A model measured on some samples.

    Parameters
    ----------
    loss : float
        Mean loss per sample.
    accuracy : float
        Share of the samples that are classified rightly, 0 to 1; NaN where
        the problem has no classes.
    """

    loss: float
    accuracy: float = nan


class Problem:
    """A sum of per-sample losses over a flat vector of parameters.

    Every rank constructs the problem of the job by itself: workers call
    `gradient`, the parameter server (rank 0) the rest.  A problem of your
    own is a subclass, named in the job file by `name =
    "package.module:Class"`; the job's seed is the first argument of its
    constructor, the other keys of the section `[problem]` are its
    keyword-only arguments.  One that needs neither has no constructor.

    Attributes
    ----------
    n_parameters : int
        d, the length of the vector of parameters.
    n_samples : int
        Number of training samples; a sample is an index below it.
    default_model : str or None
        The model that is built unless the job names another, where the
        problem's constructor takes one after the seed; None where it takes
        none.
    model_inputs : tuple of int or None
        The positional arguments of that model: inputs a sample, classes.
    data_bytes : int
        Memory that a rank needs for its data; only `aspis_mpi plan` asks.
    evaluation_bytes : int
        Memory that `loss`, `evaluate` and `export` need at most, besides
        what they return; only `plan` asks.
    reads : tuple of str
        Options of the constructor that are paths of files, the contents of
        which are to be the same on all ranks, and when a run goes on.  One
        whose value looks like a path need not be named.
    saves : tuple of str
        Suffixes of files that `write` writes beside the saved model.
    random_layers : bool
        Whether random numbers are drawn in `gradient`, for dropout, say.
        Then machines are refused that differ, also where the job compares
        with a tolerance: it would not tell whether they draw the same.
    on_server : bool
        Whether rank 0 can compute gradients as the workers do: then it
        audits them and takes part in the start-up probe.

    Notes
    -----
    *What is checked.*  Rank 0 tries every method on the initial parameters
    before the first step (`gradient` on a few samples, several times), and
    what can only be wrong is refused.  Parameters are read-only, and looked
    at after each call, since `torch.from_numpy` makes them writable again.

    *Equal bits.*  A file is computed by several workers and their replicas
    are compared bit by bit, so the same parameters and the same samples in
    the same order must give the same bits on every rank: draw random
    numbers only from the seed (`aspis_mpi.streams.generator`), carry no
    state from call to call.

    *Random numbers in a gradient* (dropout, noise, augmentation) are equal
    bits, too, where `begin` seeds their generator anew: it is told the step
    and the samples of each micro-batch before `gradient` gets it, wherever
    that is computed.

    *Running statistics* (batch norm) are such a state.  Those that
    `gradient` gathers stay with the worker: rank 0, which evaluates and
    exports, computes no gradients but in audits and before the first step,
    and has next to none.  Let `gradient` normalise by its own samples, as
    training does anyway, and let `evaluate`, `loss` and `export` compute the
    statistics anew, from the parameters that they are given and a fixed set
    of training samples; or use layers without them (layer or group norm).
    `simulate` makes one problem for rank 0 and one for all workers, so that
    it evaluates as rank 0 would under MPI; with `--separate` each worker has
    one of its own, and replicas that depend on earlier calls disagree.

    *Cheap construction.*  `aspis_mpi plan` constructs the problem only to
    ask for its two sizes, and every rank constructs it before the run
    begins.  Check the arguments in the constructor, load the data at first
    use (`functools.cached_property`).  The problems of a simulation are in
    one process and need not load large data twice: let a function of the
    module do it that is decorated with `functools.cache`, and make arrays
    that it returns read-only (`array.setflags(write=False)`).  What a class
    or a module holds all simulated ranks share, so keep no state there.

    Examples
    --------
    The mean of the samples, found by descent:

    >>> import numpy as np
    >>> class Mean(Problem):
    ...     n_parameters, n_samples = 2, 4
    ...     points = np.arange(8, dtype=np.float32).reshape(4, 2)
    ...     def initial(self, generator):
    ...         return np.zeros(2, dtype=np.float32)
    ...     def gradient(self, parameters, samples, out):
    ...         out += (parameters - self.points[samples]).sum(axis=0)
    ...     def loss(self, parameters):
    ...         return float(((parameters - self.points) ** 2).sum() / 8)
    >>> out = np.zeros(2, dtype=np.float32)
    >>> Mean().gradient(np.ones(2), np.array([0, 3]), out)
    >>> out
    array([-4., -6.], dtype=float32)
    """

    n_parameters: int
    n_samples: int
    default_model: str | None = None
    model_inputs: tuple[int, ...] | None = None
    data_bytes: int = 0
    evaluation_bytes: int = 0
    reads: tuple[str, ...] = ()
    saves: tuple[str, ...] = ()
    random_layers: bool = False
    on_server: bool = True

    def __init__(self, seed: int | None = None):
        """Set up nothing; `seed` is the job's."""

    @staticmethod
    def from_torch(module: Any, data: Any, loss: Any = 'cross-entropy', *,
                   held_out: Any = None, loss_samples: int = 10_000,
                   device: str = 'cpu') -> Callable[[int], 'Problem']:
        """Problems of a torch module, for `run` and `simulate`.

        Parameters
        ----------
        module : callable
            Makes a new module each time: a class, or lambda: Net(...).
        data : object
            A map-style data set of (input, target), or what makes one.
        loss : str or callable
            `cross-entropy`, `mse`, or a function of outputs and targets.
        held_out : object, optional
            A data set for evaluation.
        loss_samples : int
            The training loss is measured on at most so many samples.
        device : str
            Where torch computes.

        Returns
        -------
        callable
            Makes a problem of a seed; `aspis_mpi list problem` says more,
            of `torch`.
        """
        part: Any = registry.find('problem', 'torch')
        return part.of(module, data, loss, held_out=held_out,
                       loss_samples=loss_samples, device=device)

    def of_server(self) -> 'Problem':
        """The same problem with rank 0's bits, for attacks that want them.

        Itself, unless it imitates machines of several kinds.
        """
        return self

    def flipped(self) -> 'Problem | None':
        """The same problem with flipped labels, for attacks that want them.

        Of C classes 0 to C - 1 it trains on C - 1 - y where this one trains
        on y; only its `begin` and `gradient` are called.

        Returns
        -------
        Problem or None
            None where samples have no label of a class.
        """
        return None

    def fingerprints(self) -> dict[str, str]:
        """Further facts that are to be the same on all ranks, and in a resume.

        Files that the job names and the module of the class are compared in
        any case.  What comes from elsewhere can be told here: files that the
        problem finds by itself, weights that are not trained, buffers.

        Returns
        -------
        dict of str to str
            A short text for each name, which changes with what it stands
            for: `aspis_mpi.files.digests.digest(path)` of a file, a hash of an
            array's bytes.  Called once, on every rank, before the first step.
        """
        return {}

    def initial(self, generator: np.random.Generator) -> Vector:
        """The parameters before the first step.

        Parameters
        ----------
        generator : numpy.random.Generator
            Seeded by the job.

        Returns
        -------
        ndarray of float32, shape (n_parameters,)
        """
        raise NotImplementedError(f'{type(self).__name__}.initial')

    def begin(self, step: int, samples: npt.NDArray[np.integer]) -> None:
        """Prepare for the gradient of a micro-batch; may be left out.

        Called right before every `gradient`, with the same samples, in all
        that computes one: workers, liars, the audits of rank 0, the
        start-up probe, what is tried before the first step.  What it leaves
        must be a function of its arguments and the job's seed alone.

        Parameters
        ----------
        step : int
            Of which the samples are, 0 for the first.
        samples : ndarray of int, shape (n,)
            The next micro-batch, read-only: of one file, in its order.
        """

    def gradient(self, parameters: Vector, samples: npt.NDArray[np.integer],
                 out: Vector) -> None:
        """Add the gradients of some samples to `out`.

        Parameters
        ----------
        parameters : ndarray of float32, shape (n_parameters,)
            Must not be written.
        samples : ndarray of int, shape (n,)
            Training samples, each below `n_samples`.
        out : ndarray of float32, shape (n_parameters,)
            Receives, added to what it holds, the *sum* over the samples of
            the gradient of the sample's loss, not the mean.  A worker calls
            this once per micro-batch of a file with the same `out`.
        """
        raise NotImplementedError(f'{type(self).__name__}.gradient')

    def gradient_bytes(self, count: int) -> int:
        """Memory that `gradient` needs while it computes; may be left out.

        What a forward leaves for its backward, say, besides vectors; only
        `aspis_mpi plan` and `doctor` ask.

        Parameters
        ----------
        count : int
            Samples of the micro-batch.
        """
        return 0

    def loss(self, parameters: Vector) -> float:
        """Mean loss over all training samples, a float."""
        raise NotImplementedError(f'{type(self).__name__}.loss')

    def evaluate(self, parameters: Vector) -> Score:
        """The `Score` on held-out samples.

        By default the training loss, for problems that hold none out.
        """
        return Score(self.loss(parameters))

    def export(self, parameters: Vector) -> Mapping[str, Any]:
        """The arrays of the saved model, by name.

        Parameters
        ----------
        parameters : ndarray of float32, shape (n_parameters,)

        Returns
        -------
        dict of str to ndarray
            What `numpy.savez` writes and `numpy.load` gives back.  Tensors
            of torch are taken, too.
        """
        return {'parameters': parameters}

    def write(self, file: BinaryIO, arrays: Mapping[str, Vector]) -> None:
        """Write what was exported in a form of the problem's own.

        Called for each suffix in `saves`.

        Parameters
        ----------
        file : binary file
        arrays : dict of str to ndarray
        """
        raise NotImplementedError(f'{type(self).__name__}.write')

    def tensor_sizes(self) -> Mapping[str, int]:
        """Names of the tensors in a gradient, and their numbers of entries.

        Where gradients differ that should not, these names say in which
        layer; may be left out.

        Returns
        -------
        dict of str to int
            In the order in which they lie in the vector, all of its
            n_parameters entries; empty where they have no names.
        """
        return {}
