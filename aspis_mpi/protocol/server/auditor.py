"""The server's own computing of a file, for audits and advice."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.errors import Mistake
from aspis_mpi.protocol.buffers import Buffer


class Auditor:
    """Computes gradients of files as a worker does, with the same bits.

    Parameters
    ----------
    recipe : Recipe
    computes : bool
        Whether the server can; what only looks does not compute then.
    """

    def __init__(self, recipe, computes=True):
        self.computes = computes
        self._recipe = recipe
        self._buffer = None

    @property
    def tensors(self):
        """The named tensors of a gradient, `Tensors`."""
        return self._recipe.problem.tensors

    def gradient(self, step, file, parameters):
        """The sum over a file's samples.

        Parameters
        ----------
        step, file : int
        parameters : ndarray of float32, shape (d,)

        Returns
        -------
        ndarray of float32, shape (d,)
            Valid until the next call.
        """
        return self._sum(step, self._recipe.batches.samples(step, file),
                         parameters)

    def gradients(self, files, parameters):
        """Those of some files, one at a time.

        Parameters
        ----------
        files : list of (int, int)
            Step and number of each.
        parameters : ndarray of float32, shape (d,)

        Returns
        -------
        iterator of ndarray of float32, shape (d,)
            Each is valid until the next.
        """
        return (self.gradient(step, file, parameters)
                for step, file in files)

    def _sum(self, step, samples, parameters):
        if self._buffer is None:
            self._buffer = Buffer(np.size(parameters))
        self._buffer.filled = False
        return self._recipe.sum(step, samples, parameters,
                                self._buffer).complete().values

    def repeats(self, step, file, parameters):
        """Tell whether a file computed twice has the same bits."""
        once = self.gradient(step, file, parameters).copy()
        return arrays.equal_bits(once, self.gradient(step, file, parameters))

    def not_finite(self, step, parameters, said=()):
        """The first file of a step whose gradient is not finite.

        Parameters
        ----------
        step : int
        parameters : ndarray of float32, shape (d,)
        said : sequence of int
            Files of which others say it; empty: look at all.

        Returns
        -------
        (int, list of int, bool) or None
            The file, the samples that make it so, and whether these are all
            of its samples.
        """
        batches = self._recipe.batches
        for file in said if len(said) else range(batches.n_files):
            samples = batches.samples(step, file)
            if not self.computes and len(said):
                return file, samples.tolist(), True
            if self.computes and not arrays.is_finite(
                    self._sum(step, samples, parameters)):
                found = self._culprits(step, samples, parameters)
                return file, found, len(found) == len(samples)
        return None

    def _culprits(self, step, samples, parameters):
        """Samples without which the sum over all would be finite."""
        half = len(samples) // 2
        if not half:
            return samples.tolist()
        try:
            found = [sample for part in (samples[:half], samples[half:])
                     if not arrays.is_finite(
                         self._sum(step, part, parameters))
                     for sample in self._culprits(step, part, parameters)]
        except Mistake:
            # The problem may not compute so few.
            return samples.tolist()
        return found or samples.tolist()
