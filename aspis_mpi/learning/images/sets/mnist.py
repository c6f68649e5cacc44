"""MNIST: handwritten digits."""

from aspis_mpi.learning.images.idx import IdxSet


class Mnist(IdxSet):
    """Handwritten digits, 60,000 and 10,000, 1×28×28 (LeCun et al. 1998)."""

    name = 'mnist'
    counts = ((5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
              (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009))
    # As torchvision has them (torchvision/datasets/mnist.py).
    checksums = {
        'train-images-idx3-ubyte.gz': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
        'train-labels-idx1-ubyte.gz': 'd53e105ee54ea40749a09fcbcd1e9432',
        't10k-images-idx3-ubyte.gz': '9fb629c4189551a2d022fa330f9573f3',
        't10k-labels-idx1-ubyte.gz': 'ec29112dd5afa0611ce80d1b7f02629c'}
