"""Losses as sums over samples, whatever they reduce to by themselves."""

import numpy as np

from aspis_mpi.learning.adapter import named
from aspis_mpi.words import nearest

#: Samples with which it is found out what a loss reduces to.
TRIED = 4
#: Relative difference of two ways to add a few numbers.
ROUNDING = 1e-4


class Loss:
    """Measures of a module's outputs.

    Attributes
    ----------
    reduction : str or None
        What the function that it stands for makes of several samples; None
        before it is known.
    """

    reduction = 'a sum'

    def total(self, outputs, targets):
        """The sum of the samples' losses, a tensor of one number."""
        raise NotImplementedError(f'{type(self).__name__}.total')

    def right(self, outputs, targets):
        """Number of samples classified rightly; NaN without classes."""
        return np.nan

    def check(self, outputs, targets):
        """Raise a ValueError unless outputs and targets fit each other."""

    def check_targets(self, outputs, targets):
        """Raise a ValueError unless targets fit outputs of other samples."""


class CrossEntropy(Loss):
    """Softmax cross-entropy of labels, or of shares of the classes.

    Where a sample has many labels it is their mean.
    """

    def total(self, outputs, targets):
        import torch
        labels = targets.numel()
        if targets.is_floating_point():
            labels //= targets.shape[1]
        else:
            targets = targets.long()
        total = torch.nn.functional.cross_entropy(outputs, targets,
                                                  reduction='sum')
        each = labels // len(targets)
        return total if each == 1 else total / each

    def right(self, outputs, targets):
        if targets.is_floating_point():
            return np.nan
        hits = outputs.argmax(1) == targets
        return int(hits.sum()) * len(targets) / targets.numel()

    def check(self, outputs, targets):
        shape = tuple(outputs.shape)
        if targets.is_floating_point():
            fits = shape == tuple(targets.shape) and len(shape) > 1
        else:
            fits = len(shape) > 1 and (
                shape[:1] + shape[2:] == tuple(targets.shape))
        if not fits:
            raise ValueError(
                'cross-entropy needs outputs of shape (samples, classes) and '
                f'a label for each sample; the module gives {shape}, the '
                f'targets are {tuple(targets.shape)}')

    def check_targets(self, outputs, targets):
        classes = outputs.shape[1]
        wrong = targets[(targets < 0) | (targets >= classes)]
        if not targets.is_floating_point() and len(wrong):
            raise ValueError(
                f'a target is {int(wrong[0])}; with cross-entropy it must be '
                f'one of the {classes} classes of the outputs, 0 to '
                f'{classes - 1}')


class SquaredError(Loss):
    """Squared error, of a sample the mean over its outputs."""

    def total(self, outputs, targets):
        error = outputs - targets.to(outputs.dtype).view(outputs.shape)
        return error.square().sum() / (outputs.numel() // len(outputs))

    def check(self, outputs, targets):
        if outputs.numel() != targets.numel() or len(outputs) != len(targets):
            raise ValueError(
                f'mse needs as many targets as outputs; the module gives '
                f'{tuple(outputs.shape)}, the targets are '
                f'{tuple(targets.shape)}')


class Own(Loss):
    """A function of outputs and targets that a user brings.

    Parameters
    ----------
    function : callable
        Its value is a mean over the samples, a sum, or one number a sample.
    name : str
    """

    reduction = None

    def __init__(self, function, name):
        self.name = name
        self._function = function() if isinstance(function, type) else (
            function)

    def total(self, outputs, targets):
        value = self._said(outputs, targets)
        if self.reduction == 'a mean':
            return value * len(targets)
        return value.sum()

    def check(self, outputs, targets):
        """Find out what the loss of several samples is of that of each.

        Raises
        ------
        ValueError
        """
        import torch
        n = min(TRIED, len(targets))
        with torch.no_grad():
            whole = self._said(_cut(outputs, 0, n), _cut(targets, 0, n))
            each = [self._said(_cut(outputs, i, i + 1),
                               _cut(targets, i, i + 1)) for i in range(n)]
        if any(value.numel() != 1 for value in each):
            raise ValueError(
                f'{self.name} of one sample has the shape '
                f'{tuple(each[0].shape)}; it must be one number')
        values = [float(value) for value in each]
        self.reduction = _reduction(whole.reshape(-1).tolist(), values)
        if self.reduction is None:
            raise ValueError(
                f'{self.name} gives {_numbers(whole.reshape(-1).tolist())} '
                f'for {n} samples and {_numbers(values)} for each alone, so '
                'that it is not clear whether it is their mean or sum; let '
                'it give one number a sample, such as with '
                "reduction='none'")

    def _said(self, outputs, targets):
        import torch
        value = self._function(outputs, targets)
        if not isinstance(value, torch.Tensor):
            raise ValueError(f'{self.name} gives {type(value).__name__}; it '
                             'must give a tensor')
        return value


def _reduction(whole, each):
    """Reduction that makes some numbers of those of each sample."""
    if len(each) == 1:
        return 'a sum' if _near(whole, each) else None
    if len(whole) > 1:
        return 'one number a sample' if _near(whole, each) else None
    is_mean, is_sum = (_near(whole, [value])
                       for value in (np.mean(each), np.sum(each)))
    if is_mean == is_sum:
        return None
    return 'a mean' if is_mean else 'a sum'


def _near(ones, others):
    return len(ones) == len(others) and np.allclose(
        ones, others, ROUNDING, ROUNDING * np.abs(others).max())


def _numbers(values):
    return ', '.join(f'{it:.4g}' for it in values)


def _cut(value, begin, end):
    """Some of the samples of what may be a tensor, or hold some."""
    if isinstance(value, dict):
        return {key: _cut(it, begin, end) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cut(it, begin, end) for it in value)
    return value[begin:end]


#: Losses by the names that a job has for them.
KNOWN = {'cross-entropy': CrossEntropy, 'mse': SquaredError}


def loss(what):
    """The `Loss` that a name, or a function, stands for.

    Parameters
    ----------
    what : str or callable

    Raises
    ------
    ValueError
    """
    if isinstance(what, str) and what in KNOWN:
        return KNOWN[what]()
    if isinstance(what, str) and ':' not in what:
        raise ValueError(f"loss '{what}' must be {' or '.join(KNOWN)}, or "
                         'package.module:function for one of your own; '
                         f'{nearest(what, KNOWN)}')
    function, name = named.found(what, 'loss'), named.title(what)
    if not callable(function):
        raise ValueError(f'loss {name} must be a function of outputs and '
                         'targets')
    return named.called(lambda: Own(function, name), f'loss {name}')
