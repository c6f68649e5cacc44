"""Networks for images, as modules of torch: LeNet-5 and ResNet-18.

A job can name them, too: `problem.module = "aspis_mpi.learning.networks:…"`.
"""

from collections import OrderedDict
from functools import cache, partial

from aspis_mpi.learning.adapter.layers import convolution, linear

#: Groups of GroupNorm, and channels of the four stages of a ResNet.
GROUPS, STAGES = 32, (64, 128, 256, 512)


def lenet(side=28, classes=10):
    """LeNet-5 with rectified units and maximum pooling, for grey images.

    Parameters
    ----------
    side : int
        Pixels of a side, even and at least 12; 28 and 10 classes make
        61,706 parameters.
    classes : int

    Returns
    -------
    torch.nn.Module

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition",
    Proc. IEEE 86 (1998), section II.B.
    """
    from torch import nn
    shapes = lenet_shapes(side, classes)
    return nn.Sequential(OrderedDict(
        conv1=convolution(shapes['conv1.weight'], padding=2), open1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=convolution(shapes['conv2.weight']), open2=nn.ReLU(),
        pool2=nn.MaxPool2d(2), flat=nn.Flatten(),
        fc1=linear(shapes['fc1.weight']), open3=nn.ReLU(),
        fc2=linear(shapes['fc2.weight']), open4=nn.ReLU(),
        fc3=linear(shapes['fc3.weight'])))


def lenet_shapes(side, classes):
    """Names and shapes of the parameters of `lenet`, without torch.

    Parameters
    ----------
    side, classes : int
        See `lenet`.

    Returns
    -------
    dict of str to tuple of int
        In the order of the module.
    """
    left = 16 * ((side // 2 - 4) // 2) ** 2
    return {'conv1.weight': (6, 1, 5, 5), 'conv1.bias': (6,),
            'conv2.weight': (16, 6, 5, 5), 'conv2.bias': (16,),
            'fc1.weight': (120, left), 'fc1.bias': (120,),
            'fc2.weight': (84, 120), 'fc2.bias': (84,),
            'fc3.weight': (classes, 84), 'fc3.bias': (classes,)}


def resnet18(channels=3, classes=10, norm='group'):
    """ResNet-18 for small images: a first layer that keeps their size.

    Parameters
    ----------
    channels, classes : int
        3 and 10 make 11,173,962 parameters, whose names are torchvision's.
    norm : str
        `group`, or `batch`: then a gradient depends on which samples are
        computed together, and a file on `problem.micro_batch`.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError

    References
    ----------
    He et al., arXiv 1512.03385, section 4.2; Wu, He, arXiv 1803.08494.
    """
    from torch import nn
    norms = {'group': partial(nn.GroupNorm, GROUPS), 'batch': nn.BatchNorm2d}
    if norm not in norms:
        raise ValueError(f"norm '{norm}' must be group or batch")
    normed, width = norms[norm], STAGES[0]
    layers = OrderedDict(
        conv1=nn.Conv2d(channels, width, 3, padding=1, bias=False),
        bn1=normed(width), relu=nn.ReLU())
    for number, wider in enumerate(STAGES, 1):
        stride = 1 if wider == width else 2
        layers[f'layer{number}'] = nn.Sequential(
            _block()(width, wider, stride, normed),
            _block()(wider, wider, 1, normed))
        width = wider
    layers |= OrderedDict(avgpool=nn.AdaptiveAvgPool2d(1),
                          flat=nn.Flatten(), fc=nn.Linear(width, classes))
    return nn.Sequential(layers)


@cache
def _block():
    """The class of two convolutions beside a shortcut."""
    from torch import nn

    class Block(nn.Module):
        """Two 3×3 convolutions beside a shortcut."""

        def __init__(self, inputs, outputs, stride, normed):
            super().__init__()
            conv = partial(nn.Conv2d, bias=False)
            self.conv1 = conv(inputs, outputs, 3, stride, 1)
            self.bn1 = normed(outputs)
            self.conv2 = conv(outputs, outputs, 3, 1, 1)
            self.bn2 = normed(outputs)
            self.downsample = nn.Sequential() if stride == 1 else (
                nn.Sequential(conv(inputs, outputs, 1, stride),
                              normed(outputs)))

        def forward(self, x):
            inner = self.bn1(self.conv1(x)).relu()
            return (self.bn2(self.conv2(inner)) + self.downsample(x)).relu()
    return Block
