"""The tensors in which ranks are wrong, named by log and start-up probe."""

import re

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.job import loading
from tests.support.commands import Command

LIAR = 2
#: Each file has one holder, and all are audited.
AUDITED = {
    'run.steps': 2, 'scheme.name': None, 'scheme.workers': 4,
    'scheme.adversaries': 1,
    'assignment.name': 'uncoded', 'detection.name': 'none',
    'detection.random_audits': 4, 'aggregation.name': 'mean',
    'problem.parameters': None, 'adversary.count': 1,
    'adversary.workers': [LIAR]}
DIGITS = {'problem.name': 'digits', 'problem.model': 'mlp'}
TORCH = {'problem.name': 'torch',
         'problem.module': 'tests.support.torch_modules:Tied',
         'problem.train': 'tests.support.torch_modules:train'}

#: The second tensor has other bits on some ranks.
ODD = '''
    def tensor_sizes(self):
        return {'weight': 400, 'bias': 100}

    def gradient(self, parameters, samples, out):
        before = out.copy()
        super().gradient(parameters, samples, out)
        if RANK in (1, 3, 4):
            out[400:] += (out - before)[400:] * 1e-5
'''


def flipped(path, exposure):
    """Name and size of the tensor in which a bit was flipped."""
    assembly = Assembly(loading.load(path))
    file = int(re.search(r'for file (\d+)', exposure.text)[1])
    truth, lie = np.ones((2, assembly.d), np.float32)
    assembly.attack.value.of(LIAR).forge(truth, 1, exposure.step, file, None,
                                         lie)
    ends = np.cumsum(list(assembly.problem.tensor_sizes().values()))
    number = int(np.searchsorted(ends, np.flatnonzero(lie != 1)[0], 'right'))
    return list(assembly.problem.tensor_sizes().items())[number]


FLIPPED = AUDITED | {'adversary.value': 'bit-flip'}
COMMANDS = {
    'mlp': Command(FLIPPED | DIGITS),
    'hostile': Command(AUDITED | DIGITS | {'adversary.value': 'constant'}),
    # Four workers of which one may be wrong.
    'odd': Command({'problem.name': 'mine:Problem', 'scheme.adversaries': 1},
                   ODD)}


def first_exposure(ended):
    assert ended.code == 0, ended.err
    with load_run(ended.log) as run:
        return run.exposures[0]


def assert_named(first, path):
    """The log names the tensor of the one entry that is wrong."""
    assert (first.step, first.worker) == (0, LIAR)
    assert first.proof is ProofKind.AUDIT
    found, = first.tensors
    assert found.entries == 1
    assert (found.tensor, found.size) == flipped(path, first)


def test_the_layer_of_a_flipped_bit_is_in_the_log(answers):
    ended = answers(5, COMMANDS)['mlp']
    assert_named(first_exposure(ended), ended.folder / 'job.toml')


def test_so_is_that_of_a_network_of_torch(launch, job, folder):
    pytest.importorskip('torch')
    path = job(FLIPPED | TORCH)
    ended = launch('openmpi', 5, 'run', path, '--out', folder / 'run.h5')
    assert ended.code == 0, ended.err
    with load_run(folder / 'run.h5') as run:
        assert_named(run.exposures[0], path)


def test_a_hostile_gradient_is_in_the_log_with_all_layers(answers):
    first = first_exposure(answers(5, COMMANDS)['hostile'])
    assert first.worker == LIAR and len(first.tensors) == 4
    assert all(it.entries > 0.9 * it.size for it in first.tensors)


def test_the_probe_names_the_tensor_in_which_ranks_differ(answers):
    ended = answers(5, COMMANDS)['odd']
    assert ended.code == 2, ended.err
    line, = [line for line in ended.err.splitlines()
             if '3 workers compute other bits than the server' in line]
    assert ', first in bias; ' in line
