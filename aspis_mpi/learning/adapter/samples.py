"""Data sets of a user's: items by number, collated as torch does it."""

from functools import cached_property

import numpy as np

from aspis_mpi import streams
from aspis_mpi.learning.adapter import kernels, named, unseeded

#: Items that are looked at before the first step, where each is asked for.
LOOKS = 1000
#: Items that are looked at or evaluated at once.
AT_ONCE = 256


class Samples:
    """Inputs and targets of a map-style data set.

    Parameters
    ----------
    items : object
        With a length, and (input, target) by number: tensors, arrays or
        numbers.
    name : str
        For messages.
    seed : int
        What is drawn from torch's generators for an item depends on it, on
        the step and on the item.
    place : str
        The device that they are for.
    kind : torch.dtype
        Of inputs that are not whole numbers.

    Raises
    ------
    ValueError
    """

    def __init__(self, items, name, seed, place, kind):
        from torch.utils.data import TensorDataset
        self.name = name
        self._items = items
        self._seed = seed
        self._place = place
        self._kind = kind
        self._count = _length(items, name)
        whole = type(items) is TensorDataset and len(items.tensors) == 2
        self._whole = items.tensors if whole else None

    def __len__(self):
        return self._count

    @property
    def fingerprints(self):
        """Facts that the data set tells of itself, a dict of str to str."""
        method = getattr(self._items, 'fingerprints', dict)
        told = method()
        if not isinstance(told, dict):
            raise ValueError(f'{self.name}: fingerprints gives '
                             f'{type(told).__name__}; must give a dict')
        return told

    @property
    def draws(self):
        """True if items are asked for, and torch's generators seeded."""
        return self._whole is None

    @property
    def n_bytes(self):
        """Memory of tensors that hold all; of other items it is unknown."""
        return sum(it.nbytes for it in self._whole or ())

    def batch(self, samples, step=None):
        """Inputs and targets of some samples, on the device.

        Parameters
        ----------
        samples : ndarray of int, shape (n,)
        step : int, optional
            With another one an item may be drawn otherwise.

        Notes
        -----
        Torch's generators are seeded where items are asked for one by one;
        who calls it puts them back.
        """
        if self._whole is None:
            inputs, targets = self._collated(samples, step)
            return self._moved(inputs, self._kind), self._moved(targets)
        import torch
        numbers = torch.from_numpy(np.asarray(samples, dtype=np.int64))
        inputs, targets = (it.index_select(0, numbers) for it in self._whole)
        if self._as_they_are:
            return inputs, targets
        return self._moved(inputs, self._kind), self._moved(targets)

    @cached_property
    def _as_they_are(self):
        """True if tensors with all samples need not be moved."""
        inputs, targets = self._whole
        return (inputs.device == targets.device == self._device
                and inputs.dtype == self._kind)

    @cached_property
    def _device(self):
        import torch
        return torch.device(self._place)

    def _collated(self, samples, step):
        from torch.utils.data import default_collate
        items = [self._drawn(number, step)
                 for number in np.asarray(samples).tolist()]
        try:
            return default_collate(items)
        except (TypeError, RuntimeError, ValueError) as error:
            self._check_alike(items, samples)
            raise ValueError(f'{self.name}: items cannot be collated: '
                             f'{_line(error)}') from error

    def _drawn(self, number, step):
        """One item; what it draws, it draws for all who ask for it."""
        kernels.seed(streams.word(self._seed, 'item', step, number))
        return self._item(number)

    def _item(self, number):
        item = self._items[number]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise ValueError(f'item {number} of {self.name} is '
                             f'{_told(item)}; it must be a pair (input, '
                             'target)')
        return tuple(item)

    def _check_alike(self, items, samples):
        """Raise a ValueError for the first item of another shape."""
        first = _shapes(items[0])
        for number, item in zip(np.asarray(samples).tolist(), items):
            if _shapes(item) != first:
                raise ValueError(
                    f'item {number} of {self.name} has the shapes '
                    f'{_shapes(item)}, item {int(samples[0])} {first}; all '
                    'must have the same')

    def _moved(self, value, kind=None):
        """Tensors on the device; numbers with a point as the module has."""
        import torch
        if isinstance(value, dict):
            return {key: self._moved(it, kind) for key, it in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._moved(it, kind) for it in value)
        if not isinstance(value, torch.Tensor):
            return value
        to = kind if value.is_floating_point() else None
        return value.to(device=self._place, dtype=to)

    def spread(self, most):
        """Numbers of at most so many samples, at equal distances."""
        count = min(most, self._count)
        return np.arange(count) * self._count // count

    def check(self):
        """Look at all tensors, or at items at equal distances.

        Returns
        -------
        iterable of torch.Tensor
            The targets that were looked at.

        Raises
        ------
        ValueError
            Shapes differ, or a number is not finite.
        """
        if self._whole is not None:
            for it in self._whole:
                self._check_finite(it, range(len(it)))
            return self._whole[1:]
        return [it for part in cut(self.spread(LOOKS), AT_ONCE)
                for it in self._looked(part)]

    def _looked(self, numbers):
        """The targets of some items, whose shapes are those of the first."""
        inputs, targets = unseeded.asked(
            lambda: self._collated([0, *numbers], 0),
            f'an item of {self.name}', 'the seed, the step and the item')
        for it in _tensors((inputs, targets)):
            self._check_finite(it[1:], numbers)
        return [it[1:] for it in _tensors(targets)]

    def _check_finite(self, tensor, numbers):
        if tensor.is_floating_point() and not tensor.isfinite().all():
            wrong = ~tensor.isfinite().reshape(len(tensor), -1).all(1)
            number = int(numbers[int(wrong.int().argmax())])
            raise ValueError(f'item {number} of {self.name} has numbers that '
                             'are not finite; all must be')


def opened(what, name, seed):
    """The data set itself, or what a function makes under a seed.

    Raises
    ------
    ValueError
    """
    found = named.found(what, name)
    if callable(found) and not hasattr(found, '__getitem__') or (
            isinstance(found, type)):
        with kernels.seeded(streams.word(seed, name)):
            return named.called(found, f'{name} {named.title(what)}')
    return found


def cut(numbers, most):
    """Pieces of at most so many numbers.

    >>> [part.tolist() for part in cut(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    return [numbers[start:start + most]
            for start in range(0, len(numbers), most)]


def _length(items, name):
    try:
        count = len(items)
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            f'{name}, a {type(items).__name__}, has no length; it must be a '
            'map-style data set, with __len__ and __getitem__') from error
    if isinstance(items, tuple):
        raise ValueError(f'{name} is a tuple; give a data set of pairs, such '
                         f'as torch.utils.data.TensorDataset(*{name})')
    if not hasattr(items, '__getitem__'):
        raise ValueError(f'{name}, a {type(items).__name__}, has no '
                         '__getitem__; it must be a map-style data set')
    if count < 1:
        raise ValueError(f'{name} is empty')
    return count


def _tensors(value):
    """The tensors in what may be one, or hold some."""
    import torch
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [tensor for it in value for tensor in _tensors(it)]


def _shapes(value):
    """The shapes of what an item holds, for a person."""
    if isinstance(value, tuple | list):
        return ', '.join(_shapes(it) for it in value)
    return str(tuple(np.shape(value)))


def _told(value):
    return (f'a {type(value).__name__}' + (
        f' of {len(value)}' if isinstance(value, tuple | list) else ''))


def _line(error):
    return str(error).strip().partition('\n')[0]
