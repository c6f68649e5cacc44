"""A user's mistakes under real MPI: told once, and nothing is lost."""

import logging

import pytest

from aspis_mpi import load_run
from tests.support.commands import Command
from tests.support.mpirun import parameters
from tests.support.patience import events_of

KEYS = {'problem.name': 'mine:Problem', 'problem.parameters': 50,
        'problem.micro_batch': 64, 'run.steps': 40, 'scheme.adversaries': 1}

#: One worker alone writes what it was sent, from its 20th call on.
WRITES = '''
    def gradient(self, parameters, samples, out):
        self.calls += 1
        if RANK == 2 and self.calls >= 20:
            parameters.flags.writeable = True
            parameters *= 2
        super().gradient(parameters, samples, out)
'''

#: From the second step on, and so not where it is tried or probed.
DRAWS = '''
    def gradient(self, parameters, samples, out):
        import numpy as np
        if not self.calls:
            self.calls, self.first = 1, parameters.copy()
        super().gradient(parameters, samples, out)
        if (parameters != self.first).any():
            out += np.random.random()
'''

#: Which rank 0 does not compute.
ELSEWHERE = '''
    on_server = False

    def gradient(self, parameters, samples, out):
        if not RANK:
            raise RuntimeError('not here')
        out[:] = parameters
'''


#: What is wrong, by the number of ranks.  Three of which each pair disagrees
#: may be two honest ones and a liar.
COMMANDS = {4: {'elsewhere': Command(KEYS, ELSEWHERE),
                'draws': Command(KEYS, DRAWS),
                'writes': Command(KEYS, WRITES)},
            6: {'draws': Command(KEYS, DRAWS)}}


@pytest.fixture
def fails(answers):
    """The end of a problem that is wrong, its steps, its warnings."""
    def run(name, ranks=4, code=3):
        ended = answers(ranks, COMMANDS[ranks])[name]
        assert ended.code == code, ended.err
        assert '/aspis_mpi/' not in ended.err
        assert 'NumPy array is not writ' not in ended.err
        with load_run(ended.log) as run:
            return ended, run.n_steps, [event.text for event in events_of(run)
                                        if event.level >= logging.WARNING]
    return run


def test_a_worker_that_writes_parameters_is_named(fails, expected, job):
    ended, steps, said = fails('writes')
    told, = [text for text in said if 'writes parameters' in text]
    assert 'rank 2 (worker 1) failed in step' in told
    assert ended.err.count('writes parameters') == 1

    # What was trained before is there.
    assert steps > 0
    _, _, right = expected(job(KEYS | {
        'problem.name': 'quadratic', 'run.steps': steps}), 3)
    assert parameters(ended.log).tobytes() == right.tobytes()


@pytest.mark.parametrize('ranks, code', [(6, 3), (4, 0)])
def test_numbers_that_are_drawn_anew_are_no_lies(fails, ranks, code):
    _, _, said = fails('draws', ranks, code)
    assert 'computes file 0 of step' in said[-1]
    assert 'nobody need be wrong' in said[-1]


def test_workers_try_what_rank_0_does_not_compute(fails):
    ended, steps, said = fails('elsewhere')
    assert steps == 0
    assert 'does not add to what out holds' in said[-1]
    assert 'Traceback' not in ended.err
