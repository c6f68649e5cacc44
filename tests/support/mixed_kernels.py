"""Runs on machines of two kinds, imitated: sums in another order."""

import numpy as np

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.detection.probe import alike
from aspis_mpi.job import loading
from tests.support.challenged_jobs import EVENTS, Run


class Reordered:
    """The mlp on digits, whose products add in another order.

    Pixels and hidden units are numbered otherwise, so that every sum over
    them is rounded otherwise, as by another kernel of a library; what it
    computes is the same.

    Parameters
    ----------
    problem : Digits
        With the model `mlp`.
    """

    def __init__(self, problem):
        random = np.random.default_rng(0)
        self._problem, self._model = problem, problem.model
        inputs, self._labels = problem.training
        pixels = random.permutation(inputs.shape[1])
        self._inputs = np.ascontiguousarray(inputs[:, pixels])
        places = np.arange(problem.n_parameters, dtype=np.int64)
        weight1, bias1, weight2, bias2 = self._model.views(places)
        units = random.permutation(len(bias1))
        self._places = np.concatenate([
            weight1[np.ix_(units, pixels)].ravel(), bias1[units],
            weight2[:, units].ravel(), bias2])

    def __getattr__(self, name):
        return getattr(self._problem, name)

    def gradient(self, parameters, samples, out):
        """Add the gradient of some samples."""
        mine = np.zeros_like(out)
        self._model.gradient(parameters[self._places], self._inputs[samples],
                             self._labels[samples], mine)
        out[self._places] += mine


def mixed(n_workers, seed=1):
    """Half of the workers, rounded down, whose machines are of one kind."""
    order = np.random.default_rng(seed).permutation(n_workers)
    return np.isin(np.arange(n_workers), order[:n_workers // 2])


class MixedRun(Run):
    """A simulated run in which some workers compute other bits.

    Parameters
    ----------
    tables : dict
        A job on digits with the model `mlp`.
    others : ndarray of bool, shape (K,)
        Who is not on a machine like the server's.
    snapshot : Snapshot, optional
        To go on from.
    events : int
        After which it is taken to go on for ever.
    """

    def __init__(self, tables, others, snapshot=None, events=EVENTS):
        assembly = Assembly(loading.from_tables(tables))
        assembly.settle(alike(assembly.job.n_workers))
        self._others, self._pools = others, assembly.pools(shared=True)
        begin = assembly.server

        def server(clock):
            made = begin(clock)
            if snapshot is not None:
                made.resume(snapshot)
            return made
        assembly.server = server
        super().__init__(assembly, events=events)

    def _worker(self, number, pools, protocol):
        if not self._others[number]:
            return super()._worker(number, pools, protocol)
        assembly = self.assembly
        before, assembly.problem = assembly.problem, Reordered(
            assembly.problem)
        worker = super()._worker(number, self._pools, protocol)
        assembly.problem = before
        return worker
