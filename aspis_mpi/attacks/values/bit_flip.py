"""Silent data corruption: one wrong bit."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.attacks.value import Value


class BitFlip(Value):
    """The true gradient with one bit of one entry flipped.

    Any of the 32 bits of any entry, drawn for each step and file: most are
    harmless, one of the exponent can be worth a factor of 2^128.

    Parameters
    ----------
    seed
        See `Value`.
    """

    name = 'bit-flip'

    def lie(self, honest, n_samples, step, file, colluders, out):
        """Copy, then flip the bit drawn for this step and file."""
        rng = streams.generator(self.seed, 'bit-flip', step, file)
        entry, bit = int(rng.integers(out.size)), int(rng.integers(32))
        np.copyto(out, honest)
        out.view(np.uint32)[entry] ^= np.uint32(1 << bit)
