"""A network of your own on the digits, with one worker that lies.

    mpirun -n 5 python docs/own_cnn.py JOB.toml
"""
import sys

import torch
from torch import nn

from aspis_mpi import Problem, run
from aspis_mpi.learning.models.logistic import Logistic
from aspis_mpi.learning.problems.digits import Digits


class Net(nn.Module):
    """A convolution, and a layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.drop = nn.Conv2d(1, 12, 3, padding=1), nn.Dropout(0.2)
        self.wide, self.tied = nn.Linear(192, 192), nn.Linear(192, 192)
        self.tied.weight, self.last = self.wide.weight, nn.Linear(192, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv(x).relu(), 2).flatten(1)
        return self.last(self.drop(self.tied(self.wide(x).relu()).relu()))


def samples(part):
    """Images of one channel, and their labels."""
    inputs, labels = map(torch.tensor, part)
    return torch.utils.data.TensorDataset(inputs.view(-1, 1, 8, 8), labels)


if __name__ == '__main__':
    digits = Digits(1, Logistic(64, 10))
    code, log = run(sys.argv[1], Problem.from_torch(
        Net, samples(digits.training), held_out=samples(digits.held_out)))
    sys.exit(code)      # the network lies beside the log: torch.load(NAME.pt)
