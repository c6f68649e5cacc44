"""Modules of torch, data sets and losses as users write them.

Jobs name them `tests.support.torch_modules:…`.
"""

import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, TensorDataset

N, HELD_OUT, INPUTS, CLASSES = 120, 40, 12, 4


def drawn(n=N + HELD_OUT):
    """Inputs and labels that a linear map tells apart."""
    numbers = np.random.default_rng(5)
    inputs = numbers.standard_normal((n, INPUTS)).astype(np.float32)
    labels = (inputs @ numbers.standard_normal((INPUTS, CLASSES))).argmax(1)
    return torch.tensor(inputs), torch.tensor(labels)


def train():
    """Tensors with all samples."""
    inputs, labels = drawn()
    return TensorDataset(inputs[:N], labels[:N])


def pairs(n=N):
    """A list of arrays and numbers."""
    inputs, labels = drawn()
    return [(x.numpy(), int(y)) for x, y in zip(inputs[:n], labels[:n])]


#: Samples that nobody trains on, as they are.
held_out = [(x, y) for x, y in zip(*(it[N:] for it in drawn()))]


class Noisy(Dataset):
    """Items to which something is added, drawn from torch's generator."""

    def __init__(self):
        self.inputs, self.labels = drawn(N)

    def __len__(self):
        return N

    def __getitem__(self, number):
        noise = 0.1 * torch.randn(INPUTS)
        return self.inputs[number] + noise, self.labels[number]


class Augmented(Dataset):
    """Items of which few are changed, as a generator of the user's says.

    Parameters
    ----------
    draw : callable
        A number from 0 to 1 for an item; from 0.999 on it is changed.
    """

    def __init__(self, draw):
        self.inputs, self.labels = drawn(N)
        self.draw = draw

    def __len__(self):
        return N

    def __getitem__(self, number):
        sign = -1 if self.draw(number) > 0.999 else 1
        return sign * self.inputs[number], self.labels[number]


class Skipping(nn.Module):
    """A layer that is left out now and then, as Python's generator says."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(INPUTS, 8), nn.Linear(8, CLASSES)
        self.middle = nn.Linear(8, 8)

    def forward(self, x):
        x = self.first(x).tanh()
        if self.training and random.random() < 0.999:
            x = x + self.middle(x)
        return self.last(x)


def net():
    """Two layers."""
    return nn.Sequential(nn.Linear(INPUTS, 16), nn.ReLU(),
                         nn.Linear(16, CLASSES))


def smooth():
    """Two layers without kinks."""
    return nn.Sequential(nn.Linear(INPUTS, 16), nn.Tanh(),
                         nn.Linear(16, CLASSES))


class Tied(nn.Module):
    """Dropout, a layer that is used twice by two names, and frozen ones."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(INPUTS, 16)
        self.middle, self.again = nn.Linear(16, 16), nn.Linear(16, 16)
        self.again.weight = self.middle.weight
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(16, CLASSES)
        self.fixed = nn.Linear(CLASSES, CLASSES).requires_grad_(False)
        self.register_buffer('scale', torch.full((CLASSES,), 0.5))

    def forward(self, x):
        x = self.drop(self.first(x).tanh())
        x = self.again(self.middle(x).tanh()).tanh()
        x = self.last(x)
        return x + self.scale * self.fixed(x)


def normed():
    """Batch norm, and dropout behind it."""
    return nn.Sequential(nn.Linear(INPUTS, 16), nn.BatchNorm1d(16),
                         nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, CLASSES))


class Counting(nn.Module):
    """A module that counts its calls where no tensor shows it."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(INPUTS, 8), nn.Linear(8, CLASSES)
        self.calls = 0

    def forward(self, x):
        self.calls += self.training
        return self.last(self.first(x).tanh() * (1 + self.calls / 64))


class Gathering(nn.Module):
    """A module with a buffer that it changes."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(INPUTS, CLASSES)
        self.register_buffer('seen', torch.zeros(()))

    def forward(self, x):
        self.seen += len(x)
        return self.last(x)


class Clamped(nn.Linear):
    """A layer that writes its own parameter."""

    def __init__(self):
        super().__init__(INPUTS, CLASSES)

    def forward(self, x):
        with torch.no_grad():
            self.weight.clamp_(-0.1, 0.1)
        return super().forward(x)


def mean_loss(outputs, targets):
    """What torch gives by default."""
    return cross_entropy(outputs, targets)


def sum_loss(outputs, targets):
    """The sum over the samples."""
    return cross_entropy(outputs, targets, reduction='sum')


def each_loss(outputs, targets):
    """One number a sample."""
    return cross_entropy(outputs, targets, reduction='none')


def weighted_loss(outputs, targets):
    """A mean whose weights depend on the other samples."""
    return cross_entropy(outputs, targets, torch.arange(1.0, CLASSES + 1))
