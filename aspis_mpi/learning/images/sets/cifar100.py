"""CIFAR-100: small colour images of a hundred kinds of things."""

from aspis_mpi.learning.images.cifar import CifarSet


class Cifar100(CifarSet):
    """A hundred kinds of things, 50,000 and 10,000, 3×32×32 (Krizhevsky).

    A record has two labels, the kind's group before the kind itself; the
    kind, one of a hundred, is the label here.
    """

    name = 'cifar100'
    counts = (500,) * 100, (100,) * 100
    archive = 'cifar-100-binary.tar.gz'
    folder = 'cifar-100-binary'
    files = ('train.bin',), ('test.bin',)
    labels = 2
    # As the set's own page has it (www.cs.toronto.edu/~kriz/cifar.html).
    checksums = {archive: '03b5dce01913d631647c71ecec9e9cb8'}
