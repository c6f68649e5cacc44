"""Fashion-MNIST: pieces of clothing in the files of MNIST."""

from aspis_mpi.learning.images.idx import IdxSet


class FashionMnist(IdxSet):
    """Pieces of clothing, 60,000 and 10,000, 1×28×28 (Xiao et al. 2017)."""

    name = 'fashion-mnist'
    counts = (6000,) * 10, (1000,) * 10
    # As the set's own page (github.com/zalandoresearch/fashion-mnist) and
    # torchvision (torchvision/datasets/mnist.py) have them.
    checksums = {
        'train-images-idx3-ubyte.gz': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
        'train-labels-idx1-ubyte.gz': '25c81989df183df01b3e8a0aad5dffbe',
        't10k-images-idx3-ubyte.gz': 'bef4ecab320f06d8554ea6380940ec79',
        't10k-labels-idx1-ubyte.gz': 'bb300cfdad3c16e7a12a480ee83cd310'}
