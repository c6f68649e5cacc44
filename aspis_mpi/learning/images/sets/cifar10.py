"""CIFAR-10: small colour images of ten kinds of things."""

from aspis_mpi.learning.images.cifar import CifarSet


class Cifar10(CifarSet):
    """Ten kinds of things, 50,000 and 10,000, 3×32×32 (Krizhevsky 2009)."""

    name = 'cifar10'
    counts = (5000,) * 10, (1000,) * 10
    archive = 'cifar-10-binary.tar.gz'
    folder = 'cifar-10-batches-bin'
    files = (tuple(f'data_batch_{i}.bin' for i in range(1, 6)),
             ('test_batch.bin',))
    labels = 1
    # As the set's own page has it (www.cs.toronto.edu/~kriz/cifar.html).
    checksums = {archive: 'c32a1d4ab5d03f1284b67883e8d87530'}
