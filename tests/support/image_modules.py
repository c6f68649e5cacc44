"""Modules of torch for images, as users write them.

Jobs name them `tests.support.image_modules:…`.
"""

from torch import nn

from aspis_mpi.learning import networks


def smooth():
    """Two layers without kinks, for images of one channel of 28×28."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.Tanh(),
                         nn.Linear(16, 10))


def convolution(classes=10):
    """A convolution and a layer, for images of three channels of 32×32."""
    return nn.Sequential(nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(),
                         nn.Flatten(), nn.Dropout(0.2),
                         nn.Linear(400, classes))


def five():
    """Too few classes."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 5))


def dropping_lenet():
    """LeNet-5 with dropout around it, for images of MNIST's shape."""
    return nn.Sequential(nn.Dropout(0.2), networks.lenet(), nn.Dropout(0.1))


def dropping_resnet18():
    """ResNet-18 with dropout around it, for images of CIFAR-10's shape."""
    return nn.Sequential(nn.Dropout2d(0.2), networks.resnet18(),
                         nn.Dropout(0.1))
