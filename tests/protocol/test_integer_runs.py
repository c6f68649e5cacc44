"""Runs with files of integers: one result, whoever sends it in what order."""

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.compression import quantizer
from aspis_mpi.compression.grid import FirstGrid, Grid
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.protocol.buffers import HEADER_BYTES
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import ArrivalKind

BASE = '''
[run]
steps = 8
seed = 7
evaluate_every = 0
checkpoint_every = 3
[problem]
name = "digits"
model = "logistic"
batch_size = 180
[scheme]
workers = 9
adversaries = 2
[assignment]
name = "cyclic"
load = 5
[detection]
name = "certified"
[aggregation]
name = "mean"
[compression]
name = "integer"
'''
REPLICAS = ()
SUMS = ('transfer.name="sums"', 'transfer.challenge=true',
        'collection.name="coverage"')
LIARS = ('adversary.count=2', 'adversary.files="all"')


@pytest.fixture
def run(tmp_path):
    """Runs the job with some settings; its log, and its model's numbers."""
    job = tmp_path / 'job.toml'
    job.write_text(BASE)
    count = iter(range(100))

    def start(*settings, **options):
        number = next(count)
        out, model = (tmp_path / f'{number}{end}' for end in ('.h5', '.npz'))
        code, path = simulate(
            str(job), settings=[*settings, f'run.model_out="{model}"'],
            out=str(out), **options)
        assert code == 0
        with np.load(model) as arrays:
            flat = np.concatenate([arrays[name].ravel()
                                   for name in sorted(arrays.files)])
        return load_run(path), flat
    return start


@pytest.fixture(scope='module')
def right(tmp_path_factory):
    """The parameters of the plain run, by the settings that matter."""
    known = {}

    def parameters(run, *settings):
        if settings not in known:
            known[settings] = run(*REPLICAS, *settings)[1]
        return known[settings]
    return parameters


@pytest.mark.parametrize('keep', ['1.0', '0.3'])
@pytest.mark.parametrize('settings', [
    SUMS, ('transfer.name="sums"', 'collection.name="coverage"',
           'detection.name="none"', 'detection.audits="none"'),
    (*SUMS, 'run.seed=7', 'transfer.sketches=4'),
    (*SUMS, 'assignment.order="random"'),
    (*SUMS, 'delay.name="exponential"', 'delay.mean=0.1'),
    ('delay.name="exponential"', 'delay.mean=0.1',
     'assignment.order="random"'),
    ('assignment.rename=true',), ('runtime.threads=2',),
    (*SUMS, 'assignment.adapt=2', 'delay.name="slow"', 'delay.workers=[0,1]'),
    (*SUMS, 'assignment.placement="hosts"', 'network.hosts=[3,3,3]')],
    ids=['sums', 'unchallenged', 'four rows', 'order', 'speeds',
         'replicas by speed', 'renamed', 'threads', 'adapted', 'placed'])
def test_whoever_sends_in_whatever_order_the_parameters_are_the_same(
        settings, keep, run, right):
    kept = f'compression.keep={keep}'
    _, parameters = run(*settings, kept)
    np.testing.assert_array_equal(parameters, right(run, kept))


@pytest.mark.parametrize('way', [REPLICAS, SUMS], ids=['replicas', 'sums'])
@pytest.mark.parametrize('value', ['reversed', 'constant', 'bit-flip', 'nan',
                                   'alie', 'foe', 'mimic'])
def test_every_lie_is_found_and_none_is_used(value, way, run, right):
    log, parameters = run(*way, *LIARS, f'adversary.value="{value}"')
    np.testing.assert_array_equal(
        parameters, right(run, 'compression.keep=1.0'))
    assert not log.wrong_files.any()
    liars = log.adversaries[-1]
    np.testing.assert_array_equal(log.exposed[-1], liars)


@pytest.mark.parametrize('protocol', ['payloads', 'sketches', 'consistent',
                                      'norms', 'counts', 'patient'])
def test_lies_about_vectors_and_sketches_change_nothing(protocol, run, right):
    log, parameters = run(*SUMS, *LIARS, f'adversary.protocol="{protocol}"',
                          'adversary.value="honest"')
    np.testing.assert_array_equal(
        parameters, right(run, 'compression.keep=1.0'))
    exposed = log.exposed[-1]
    assert not (exposed & ~log.adversaries[-1]).any()
    if protocol in ('payloads', 'sketches', 'consistent', 'norms'):
        np.testing.assert_array_equal(exposed, log.adversaries[-1])


def test_workers_that_compute_for_themselves_agree(run, right):
    for way in REPLICAS, SUMS:
        log, parameters = run(*way, separate=True)
        np.testing.assert_array_equal(
            parameters, right(run, 'compression.keep=1.0'))
        assert not log.disagreements.any()


def test_nothing_can_hide_and_the_grid_is_told(run):
    log, _ = run(*SUMS)
    assert (log.steps['hidden_bias'] == 0).all()
    assert (log.steps['clipped'] < 1e-4).all()
    assert (log.steps['scale'] > 0).all()
    floats, _ = run(*SUMS, 'compression.name="none"')
    assert (floats.steps['hidden_bias'] > 0).all()
    assert np.isnan(floats.steps['clipped']).all()
    assert np.isnan(floats.steps['scale']).all()


def test_audited_files_are_the_servers_integers(run, right):
    """Of three copies one lie leaves a file contested."""
    settings = ('assignment.load=3', 'adversary.count=1',
                'adversary.files="random"', 'adversary.rate=0.3')
    honest = run('assignment.load=3')[1]
    for way in REPLICAS, SUMS:
        log, parameters = run(*way, *settings)
        assert log.steps['audits'].sum() > 0
        np.testing.assert_array_equal(parameters, honest)


def test_arrivals_are_replayed_with_the_same_bits(run):
    settings = (*SUMS, *LIARS, 'delay.name="exponential"', 'delay.mean=0.1',
                'collection.name="deadline"', 'collection.deadline=0.3',
                'log.detail="arrivals"')
    log, parameters = run(*settings)
    assert log.steps['files_missing'].any()
    again, same = run(*settings, replay=str(log.path))
    np.testing.assert_array_equal(parameters, same)
    np.testing.assert_array_equal(log.steps['scale'], again.steps['scale'])


@pytest.mark.parametrize('rule', ['median', 'trimmed-mean', 'krum',
                                  'geometric-median', 'centered-clipping'])
def test_rules_read_integers_as_the_gradients_that_they_stand_for(rule, run):
    log, _ = run('assignment.name="uncoded"', 'detection.name="none"',
                 f'aggregation.name="{rule}"', 'aggregation.before=["nnm"]',
                 'assignment.load=2')
    assert (log.steps['gradient_norm'] > 0).all()


def test_zeros_of_a_grid_that_is_too_coarse_are_no_gradient_of_zeros(
        run, monkeypatch):
    """It becomes finer by itself, so something will be trained."""
    monkeypatch.setattr(FirstGrid, 'made', lambda it: Grid(
        np.full(1, 60, dtype=np.int8), np.full(1, 7, dtype=np.int8)))
    log, _ = run()
    assert (log.steps['gradient_norm'] == 0).all()
    assert log.steps['scale'][-1] < log.steps['scale'][0] == 2.0 ** 60
    assert EventCode.ZERO not in [event.code for event in log.events]


ALONE = ('assignment.name="uncoded"', 'assignment.load=1',
         'detection.name="none"', 'adversary.count=1',
         'adversary.files="all"')


@pytest.mark.parametrize('rule', ['mean', 'median'])
def test_a_file_that_is_not_finite_is_missing_where_nothing_is_compared(
        rule, run):
    """With one replica of each file nobody looks at floats before."""
    settings = (*ALONE, 'adversary.value="nan"', 'adversary.who="fixed"',
                f'aggregation.name="{rule}"')
    log, _ = run(*settings)
    floats, _ = run(*settings, 'compression.name="none"')
    np.testing.assert_array_equal(log.source, floats.source)
    assert (log.source < 0).any() and (log.steps['clipped'] == 0).all()


@pytest.mark.parametrize('value', ['constant', 'reversed'])
@pytest.mark.parametrize('rule', ['median', 'trimmed-mean', 'krum',
                                  'geometric-median'])
def test_lies_that_a_robust_rule_bears_do_not_move_the_grid(rule, value, run):
    """A sum of clipped entries would make it coarser with every step."""
    settings = (*ALONE, f'aggregation.name="{rule}"', 'run.steps=25')
    log, _ = run(*settings, f'adversary.value="{value}"')
    honest, _ = run(*settings, 'adversary.count=0')
    scale = log.steps['scale'] / honest.steps['scale']
    assert 0.5 <= scale.min() and scale.max() <= 2


CODED = ('transfer.name="coded"', 'collection.name="coverage"',
         'detection.name="none"', 'adversary.count=0')


@pytest.mark.parametrize('settings', [
    (), ('delay.name="exponential"', 'delay.mean=0.1'),
    ('collection.thinning=true', 'delay.name="exponential"')])
def test_coded_vectors_are_exact(settings, run, right):
    """Copies that differ in number have other coefficients, but one sum."""
    log, parameters = run(*CODED, *settings)
    np.testing.assert_array_equal(
        parameters, right(run, 'compression.keep=1.0'))


@pytest.mark.parametrize('lies', [(), LIARS, (
    *LIARS, 'adversary.protocol="payloads"', 'adversary.value="honest"')])
def test_coded_vectors_are_challenged_exactly(lies, run, right):
    log, parameters = run(
        'transfer.name="coded"', 'transfer.challenge=true',
        'collection.name="coverage"', *lies)
    np.testing.assert_array_equal(
        parameters, right(run, 'compression.keep=1.0'))
    assert (log.steps['hidden_bias'] == 0).all()
    np.testing.assert_array_equal(log.exposed[-1], log.adversaries[-1])


MANY = ('assignment.name="repetition"', 'assignment.replication=3',
        'assignment.load=300', 'scheme.workers=6', 'scheme.adversaries=1',
        'problem.batch_size=600', 'run.steps=2', 'log.detail="arrivals"')


def sizes(log):
    """Bytes of an entry of each vector that came."""
    arrivals = log.arrivals
    sent = arrivals[arrivals['kind'] == ArrivalKind.PAYLOAD]
    entries = quantizer.length(650, 1)
    return set(((sent['bytes'] - HEADER_BYTES) / entries).tolist())


def test_owners_of_few_files_send_two_bytes_and_of_many_four(run):
    """By the count in the signal: whoever is fast owns all 300 files."""
    _, replicas = run(*MANY)
    log, shared = run(*MANY, *SUMS)
    slow = ('delay.name="slow"', 'delay.workers=[0,1]', 'delay.factor=50')
    uneven, alone = run(
        *MANY, 'transfer.name="sums"', 'collection.name="coverage"',
        'detection.name="none"', 'detection.audits="none"', *slow)
    np.testing.assert_array_equal(shared, replicas)
    np.testing.assert_array_equal(alone, replicas)
    assert sizes(log) == {2} and sizes(uneven) == {2, 4}


def test_steps_that_are_done_again_have_the_same_integers(run, tmp_path):
    """The dither belongs to a step, not to a turn; the grid is kept."""
    _, once = run()
    log, _ = run()
    assert log.n_steps == 8
    settings = [f'run.model_out="{tmp_path / "again.npz"}"']
    code, path = simulate(str(tmp_path / 'job.toml'), settings=settings,
                          out=str(log.path), resume=True, from_step=4)
    assert code == 0 and load_run(path).steps['turn'][-1] > 8
    with np.load(tmp_path / 'again.npz') as arrays:
        again = np.concatenate([arrays[name].ravel()
                                for name in sorted(arrays.files)])
    np.testing.assert_array_equal(once, again)


def test_numbers_out_of_range_are_proof_by_themselves(run, right):
    log, parameters = run(
        *SUMS, *LIARS, 'adversary.protocol="payloads"',
        'adversary.value="honest"', 'adversary.size=1000.0')
    np.testing.assert_array_equal(
        parameters, right(run, 'compression.keep=1.0'))
    np.testing.assert_array_equal(log.exposed[0], log.adversaries[0])
    assert {it.proof for it in log.exposures} == {ProofKind.MALFORMED}
