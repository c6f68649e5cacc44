"""A job gives the same bits simulated, under Open MPI and under MPICH."""

import numpy as np
import pytest

from aspis_mpi import load_run
from tests.support.mpirun import parameters

LIARS = {
    'clique, all vote': {
        'scheme.name': 'aspis', 'adversary.count': 2,
        'adversary.files': 'fixed-disagreement',
        'adversary.value': 'bit-flip'},
    'certified, framed': {
        'scheme.name': None, 'adversary.count': 2,
        'adversary.files': 'framing', 'adversary.value': 'reversed'},
    'degree, renamed': {
        'scheme.name': None, 'assignment.rename': True,
        'detection.name': 'degree', 'detection.window': 4,
        'detection.budget': 'fixed', 'adversary.count': 2,
        'adversary.files': 'majorities', 'adversary.value': 'reversed'},
    'stale': {
        'scheme.name': 'aspis', 'run.steps': 5, 'adversary.count': 2,
        'adversary.files': 'fixed-disagreement',
        'adversary.value': 'stale', 'adversary.age': 2},
    'labels flipped': {
        'problem.name': 'digits', 'problem.parameters': None,
        'scheme.name': 'aspis', 'adversary.count': 2,
        'adversary.files': 'fixed-disagreement',
        'adversary.value': 'label-flip'},
    'the cyclic code of DRACO': {
        'scheme.name': 'draco-cyclic', 'adversary.count': 2,
        'adversary.value': 'reversed'},
    'uncoded': {
        'scheme.name': 'uncoded', 'adversary.count': 2,
        'adversary.value': 'constant', 'aggregation.name': 'median'},
    'integers': {
        'scheme.name': 'aspis', 'adversary.count': 2,
        'adversary.value': 'bit-flip', 'compression.name': 'integer'},
    'a share of the coordinates': {
        'scheme.name': 'aspis', 'adversary.count': 2,
        'adversary.value': 'alie', 'compression.keep': 0.3},
}

MANY = {
    'scheme.name': 'aspis', 'scheme.adversaries': 3, 'adversary.count': 3,
    'adversary.who': 'random', 'adversary.files': 'random',
    'adversary.rate': 0.3, 'adversary.value': 'alie', 'run.steps': 3,
    'problem.parameters': 100, 'problem.batch_size': 910}

#: What does not depend on time.
DECIDED = ('adversaries', 'lies', 'flagged', 'exposed', 'excluded',
           'disagreements', 'margin', 'source', 'contributors', 'copies',
           'files_done')
COLUMNS = ('step', 'loss', 'lr', 'gradient_norm', 'verdict', 'n_flagged',
           'files_dropped', 'files_missing', 'bytes_in', 'bytes_out')


def assert_same_decisions(log, other):
    with load_run(log) as run, load_run(other) as reference:
        assert run.n_steps == reference.n_steps > 0
        assert run.attrs['mpi'] and not reference.attrs['mpi']
        for name in DECIDED:
            np.testing.assert_array_equal(
                run.read(name), reference.read(name), err_msg=name)
        for name in COLUMNS:
            np.testing.assert_array_equal(
                run.steps[name], reference.steps[name], err_msg=name)
        for name in ('step', 'loss', 'accuracy'):
            np.testing.assert_array_equal(
                run.evaluation[name], reference.evaluation[name])


def assert_same(log, path, workers, expected):
    code, reference, wanted = expected(path, workers)
    assert code == 0
    assert parameters(log).tobytes() == wanted.tobytes()
    assert_same_decisions(log, reference)


#: Sums that are challenged, with three files a pair: nothing is presumed.
CHALLENGED = {
    'scheme.name': None, 'assignment.name': 'cyclic', 'assignment.load': 3,
    'transfer.name': 'sums', 'transfer.challenge': True,
    'aggregation.name': 'mean', 'detection.audits': 'none',
    'detection.memory': 'step', 'scheme.adversaries': 1,
    'adversary.count': 1}
LIES = {
    'gradients': {'adversary.value': 'reversed'},
    # One bit may be too little for a sketch to see: below 1e-9 of the norm.
    'some gradients': {'adversary.files': 'random', 'adversary.rate': 0.5,
                       'adversary.value': 'foe'},
    'payloads': {'adversary.protocol': 'payloads'},
    'sketches': {'adversary.protocol': 'sketches'},
    'both': {'adversary.protocol': 'consistent'},
    'not finite': {'adversary.value': 'nan'},
    'products in float32': {'adversary.value': 'reversed',
                            'transfer.sketch_type': 'float32'},
    'files of integers': {'adversary.value': 'bit-flip',
                          'compression.name': 'integer',
                          'compression.keep': 0.5},
    'sums of integers': {'adversary.protocol': 'consistent',
                         'compression.name': 'integer'},
}


def challenged(lies):
    """The keys of a job whose sums are challenged."""
    keys = CHALLENGED | LIES[lies]
    if 'adversary.protocol' in keys:
        keys |= {'adversary.files': 'random', 'adversary.rate': 0.0}
    return keys


JOBS = LIARS | {lies: challenged(lies) for lies in LIES}


@pytest.mark.parametrize('liars', LIARS)
def test_equal_bits(liars, series, job, expected):
    log = series(6, JOBS).logs[liars]
    assert_same(log, job(JOBS[liars]), 5, expected)


@pytest.mark.parametrize('lies', LIES)
def test_challenged_sums_are_those_of_the_simulator_and_of_replicas(
        lies, series, job, expected):
    """The secrets differ, what they show does not."""
    keys, log = JOBS[lies], series(6, JOBS).logs[lies]
    path = job(keys)
    _, reference, wanted = expected(path, 5)
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(log) as run, load_run(reference) as simulated:
        for name in ('adversaries', 'exposed', 'disagreements', 'source',
                     'contributors', 'copies'):
            np.testing.assert_array_equal(
                run.read(name), simulated.read(name), err_msg=name)
        for name in ('verdict', 'epochs', 'files_certified'):
            np.testing.assert_array_equal(
                run.steps[name], simulated.steps[name], err_msg=name)
        assert (run.source >= 0).all() and not run.wrong_files.any()
        seen = run.exposed.copy()
    _, reference, wanted = expected(path, 5, 'transfer.name=replicas',
                                    'transfer.challenge=false',
                                    'transfer.sketch_type=float64',
                                    'adversary.protocol=none')
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(reference) as replicas:
        if 'adversary.protocol' not in keys:
            np.testing.assert_array_equal(seen, replicas.exposed)


@pytest.mark.slow
def test_equal_bits_of_16_ranks(mpi, job, launch, expected, folder):
    path, log = job(MANY), folder / 'run.h5'
    ended = launch(mpi, 16, 'run', path, '--out', log)
    assert ended.code == 0, ended.err
    assert_same(log, path, 15, expected)


SMALL_PIECES = '''
from aspis_mpi.backends.mpi import mailbox
mailbox.PIECE = 4096
'''
# 64 bytes of header and 4 a parameter: two whole pieces, four and a rest.
PIECES = {d: {'scheme.adversaries': 1, 'problem.parameters': d,
              'adversary.count': 1, 'adversary.value': 'bit-flip'}
          for d in (2032, 5000)}


@pytest.mark.parametrize('d', PIECES)
def test_vectors_travel_in_pieces(d, series, job, expected):
    log = series(4, PIECES, first=SMALL_PIECES).logs[d]
    path = job(PIECES[d])
    _, reference, wanted = expected(path, 3)
    assert parameters(log).tobytes() == wanted.tobytes()
    assert_same_decisions(log, reference)
