"""Images with labels, before anything is computed with them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Images of which pixels are counted at once: numpy takes eight bytes each.
AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images and the class of each.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, channels, height, width)
        Pixels from 0, black, to 255.
    labels : ndarray of uint8, shape (n,)
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)


def moments(images):
    """Mean and standard deviation of each channel, pixels from 0 to 1.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, channels, height, width)

    Returns
    -------
    mean, deviation : list of float
        Of all pixels, not of each image; a channel of one colour alone has
        the deviation 1.

    >>> moments(np.array([0, 255], np.uint8).reshape(2, 1, 1, 1))
    ([0.5], [0.5])
    """
    # Counts of the 256 values are exact, whatever the order of the pixels.
    counts = np.zeros((images.shape[1], 256), dtype=np.int64)
    for start in range(0, len(images), AT_ONCE):
        for channel, pixels in enumerate(
                images[start:start + AT_ONCE].swapaxes(0, 1)):
            counts[channel] += np.bincount(pixels.ravel(), minlength=256)
    values = np.arange(256) / 255
    n = counts.sum(axis=1)
    mean = counts @ values / n
    deviation = np.sqrt(
        (counts * (values - mean[:, None]) ** 2).sum(axis=1) / n)
    deviation[deviation == 0] = 1
    return mean.tolist(), deviation.tolist()
