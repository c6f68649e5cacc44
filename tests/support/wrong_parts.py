"""A right problem, optimizer and schedule, and wrong ones made of them.

A mutant has one method that does something else from its n-th call on.
"""

from dataclasses import dataclass

import numpy as np

MODULE = '''
import numpy as np
from aspis_mpi import Problem, Score
from aspis_mpi.learning.optimizer import Optimizer
from aspis_mpi.learning.schedule import Schedule

class Counted:
    def call(self, name):
        """The number of this call, from 1 on."""
        counts = self.__dict__.setdefault('counts', {})
        counts[name] = counts.get(name, 0) + 1
        return counts[name]

class Mine(Counted, Problem):
    n_parameters, n_samples = 6, 200
    points = np.random.default_rng(5).integers(-9, 9, (200, 6)).astype('f4')

    def initial(self, generator):
        value = np.arange(6, dtype=np.float32)
        #initial#
        return value

    def gradient(self, parameters, samples, out):
        g = (np.rint(parameters) - self.points[samples]).sum(axis=0)
        #gradient#
        out += g

    def loss(self, parameters):
        value = float(((parameters - self.points) ** 2).mean())
        #loss#
        return value

    def evaluate(self, parameters):
        value = Score(float(np.abs(parameters).mean()), 0.5)
        #evaluate#
        return value

    def export(self, parameters):
        value = {'parameters': parameters}
        #export#
        return value

class Descent(Counted, Optimizer):
    state = 'velocity', 'steps'

    def __init__(self, n_parameters, schedule, *, lr: float = 0.1):
        super().__init__(n_parameters, schedule)
        self.lr, self.steps = lr, 0
        self.velocity = np.zeros(n_parameters, dtype=np.float32)
        #made#

    def update(self, step, parameters, gradient, out):
        value = self.lr * self.schedule.factor(step)
        #update#
        self.velocity *= 0.5
        self.velocity += gradient
        self.steps += 1
        out[:] = parameters - np.float32(value) * self.velocity
        return value

class Halves(Counted, Schedule):
    def factor(self, step):
        value = 0.5 ** (step // 4)
        #factor#
        return value
'''

RAISES = ['raise ZeroDivisionError("mine")', 'raise KeyError("mine")',
          'raise SystemExit("mine")', 'raise MemoryError("mine")',
          'raise StopIteration', 'raise ValueError("mine")',
          'raise NotImplementedError', '[].pop()', 'value.nothing',
          'raise BaseExceptionGroup("mine", [ValueError("mine")])']
TORCH = 'import torch; torch.from_numpy({}).{}'
NO_NUMBERS = ['return None', 'return (1.0, 2.0)', 'return {"a": 1.0}',
              'return "0.5"', 'return np.ones(3)', 'return 1j', 'return [1.0]',
              'return self', 'return True']
#: Where every file is computed once, such numbers show at the beginning
#: alone.
OTHER_NUMBERS = [
    'g = g / len(samples)', 'g = g * np.random.default_rng().random()',
    'g = g * np.random.random()', 'g = g * self.call("noise")']

#: What a method does instead, by the place in `MODULE`.
WRONG = {
    'gradient': [
        *RAISES, 'return out', 'return g', 'return out + g',
        'out = out + g; return', 'return None',
        'out[:] = g; return', 'out[3:] = 0', *OTHER_NUMBERS,
        'g = g * np.nan', 'g[2] = np.inf', 'g = g * 0',
        'out += np.ones(7)', 'out += g * 1j', 'out += "g"',
        'g = g[:3]', 'g = self.points[samples.max() + 200]',
        'samples.sort()', 'samples[0] = 1',
        TORCH.format('samples', 'zero_()'),
        'parameters -= 0.1 * g', 'parameters[{i}] = 9', 'parameters.sort()',
        'np.negative(parameters, out=parameters)', 'parameters.fill(0)',
        TORCH.format('parameters', 'mul_(2)'),
        TORCH.format('parameters[{i}:]', 'zero_()'),
        TORCH.format('parameters', 'normal_()'),
        TORCH.format('parameters', 'sub_(torch.from_numpy(g))')],
    'initial': [
        *RAISES, *NO_NUMBERS, 'value[{i}] = np.nan', 'value[{i}] = np.inf',
        'value = value.astype("f8"); value[{i}] = 1e300',
        'value = value[:, None]', 'value = value[1:]',
        'value = value.astype(complex)', 'value = value.astype(str)'],
    'loss': [*RAISES, *NO_NUMBERS,
             TORCH.format('parameters', 'zero_()'), 'parameters[:] = 0'],
    'evaluate': [
        *RAISES, *NO_NUMBERS, 'return 0.5', 'return value.loss, 0.5',
        'return Score(None)', 'return Score("low", 0.5)',
        'return Score(1.0, 97.5)', 'return Score(1.0, -0.1)',
        'return Score((1.0, 2.0), 0.5)', 'return Score(1.0, np.inf)',
        TORCH.format('parameters', 'add_(1)'), 'parameters += 1'],
    'export': [
        *RAISES, 'return None', 'return [parameters]', 'return parameters',
        'return {1: parameters}', 'return {"": parameters}',
        'return {None: parameters}', 'return {"w": None}',
        'return {"w": self}', 'return {"w": [[1], [2, 3]]}',
        TORCH.format('parameters', 'zero_()'), 'parameters[0] = 0'],
    'update': [
        *RAISES, 'return None', 'return "fast"', 'return np.nan',
        'return parameters - 0.1 * gradient', 'return out', 'return (1, 2)',
        'out = np.empty_like(out)', 'out = out[:-1]', 'out = out[1:]',
        'parameters -= 0.1 * gradient', 'gradient *= 0.1',
        'np.clip(gradient, -1, 1, out=gradient)',
        TORCH.format('parameters', 'sub_(1)'),
        TORCH.format('gradient', 'mul_(0.5)'), 'self.velocity = [1.0] * 6',
        'self.velocity = np.zeros(7, dtype="f4")', 'value = value + 1j',
        'out[:] = parameters; return value * np.inf'],
    'made': [
        'self.state = "velocity"', 'self.state = None', 'self.state = 3',
        'self.state = ("velocity", "momentum")', 'self.state = ("steps",)',
        'self.state = (1, 2)',
        'self.velocity = None', 'self.velocity = [0.0] * n_parameters',
        'import torch; self.velocity = torch.zeros(n_parameters)',
        'self.velocity = {}', 'self.steps = "none"', 'self.steps = object()',
        'self.velocity = np.array([None] * n_parameters)', 'del self.steps',
        'del self.velocity', 'self.state = ()'],
    'factor': [
        *RAISES, 'return None', 'return "half"', 'return np.nan',
        'return np.inf', 'return -1.0', 'return 1j', 'return np.ones(2)',
        'return [1.0]', 'return (1.0, 2.0)'],
}
#: From the n-th call on, at most, so that there are as many in a run.
LATEST = {'gradient': 60, 'initial': 1, 'loss': 4, 'evaluate': 4, 'export': 2,
          'update': 6, 'made': 1, 'factor': 120}


@dataclass(frozen=True)
class Mutant:
    """A module with one wrong line, from some call of its method on."""

    place: str
    line: str
    call: int

    @property
    def source(self):
        """The module."""
        line = self.line
        if self.call > 1:
            line = f'if self.call("{self.place}") >= {self.call}: {line}'
            line = line.replace('; ', f'\n        if self.counts["{self.place}'
                                f'"] >= {self.call}: ')
        return MODULE.replace(f'#{self.place}#', line)

    def __str__(self):
        return f'{self.place}, call {self.call}: {self.line}'


def mutants(seed, n):
    """Some wrong modules: every wrong line from the first call on or later.

    Parameters
    ----------
    seed, n : int

    Returns
    -------
    list of Mutant
    """
    drawn = np.random.default_rng(seed)
    lines = [(place, line) for place, wrong in WRONG.items()
             for line in wrong]
    order = np.concatenate([drawn.permutation(len(lines))
                            for _ in range(-(-n // len(lines)))])[:n]
    found = []
    for number in order.tolist():
        place, line = lines[number]
        first = (LATEST[place] == 1 or line in OTHER_NUMBERS
                 or drawn.random() < 0.5)
        call = 1 if first else int(drawn.integers(2, LATEST[place] + 1))
        found.append(Mutant(place, line.replace('{i}', str(
            drawn.integers(6))), call))
    return found
