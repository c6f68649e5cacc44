"""Pixels as the numbers that are trained on."""

import numpy as np


class Scaling:
    """Bytes to float32, of mean 0 and standard deviation 1 in each channel.

    Parameters
    ----------
    head : Head
        Of the images; its moments are those of what is trained on.
    """

    def __init__(self, head):
        mean, deviation = (np.array(it)[:, None, None]
                           for it in (head.mean, head.deviation))
        self._factor = np.float32(1 / (255 * deviation))
        self._summand = np.float32(-mean / deviation)

    def scaled(self, images):
        """Some images, or one, (..., channels, height, width)."""
        scaled = images * self._factor
        scaled += self._summand
        return scaled
