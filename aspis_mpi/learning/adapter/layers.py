"""Layers of torch whose weights have given shapes, and the other way round."""


def convolution(shape, padding=0):
    """A convolution whose weight has a shape.

    Parameters
    ----------
    shape : tuple of int
        Channels that come out, that go in, rows and columns of the kernel.
    padding : int

    Returns
    -------
    torch.nn.Conv2d
    """
    from torch import nn
    outputs, inputs, *kernel = shape
    return nn.Conv2d(inputs, outputs, tuple(kernel), padding=padding)


def linear(shape):
    """A linear layer whose weight has a shape, (outputs, inputs).

    Returns
    -------
    torch.nn.Linear
    """
    from torch import nn
    outputs, inputs = shape
    return nn.Linear(inputs, outputs)


def layers_of(make):
    """Names and shapes of the parameters of a module, which is not filled.

    Parameters
    ----------
    make : callable

    Returns
    -------
    dict of str to tuple of int
    """
    import torch
    with torch.device('meta'):
        return {name: tuple(it.shape)
                for name, it in make().named_parameters()}
