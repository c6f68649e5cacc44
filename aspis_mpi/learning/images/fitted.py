"""Networks of the package that are made for the images of a set."""

from aspis_mpi.learning import networks
from aspis_mpi.words import nearest


def maker(module, shape, classes, norm=None):
    """The maker of a network that a word names; what is no word stays.

    Parameters
    ----------
    module : str or callable
        `lenet` or `resnet18`, or what `TorchProblem` takes.
    shape : tuple of int
        Channels, height and width of the images.
    classes : int
    norm : str, optional
        Of `resnet18`, `group` or `batch`.

    Returns
    -------
    str or callable

    Raises
    ------
    ValueError
        There is no such network, it is none for such images, or has no such
        norm.
    """
    named = isinstance(module, str) and ':' not in module
    if norm is not None and module != 'resnet18':
        raise ValueError(f"norm '{norm}' is an option of the module resnet18 "
                         'alone')
    if not named:
        return module
    if module not in NETWORKS:
        raise ValueError(
            f"module '{module}' must be of the form package.module:name, or "
            f'a network of the package; {nearest(module, NETWORKS)}')
    options = {} if norm is None else {'norm': norm}
    make = NETWORKS[module](shape, classes, **options)
    # Messages name it.
    make.__qualname__ = module
    return make


def _lenet(shape, classes):
    channels, height, width = shape
    if channels != 1 or height != width or height % 2 or height < 12:
        raise ValueError('module lenet is for grey square images of even '
                         f'side, at least 12; these have {channels}×{height}'
                         f'×{width}')
    return lambda: networks.lenet(height, classes)


def _resnet18(shape, classes, norm='group'):
    channels, height, width = shape
    if min(height, width) < 8:
        raise ValueError('module resnet18 is for images of at least 8×8; '
                         f'these have {height}×{width}')
    if norm not in ('group', 'batch'):
        raise ValueError(f"norm '{norm}' must be group or batch")
    return lambda: networks.resnet18(channels, classes, norm)


#: Functions of the images' shape and the classes that give makers, by name.
NETWORKS = {'lenet': _lenet, 'resnet18': _resnet18}
