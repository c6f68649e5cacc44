"""Whole simulated runs with a challenge: verdicts, bytes, replay, anything."""

from math import comb

import numpy as np
import pytest

from aspis_mpi import load_run, registry, simulate
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.backends.simulated import Network
from aspis_mpi.errors import DONE
from aspis_mpi.schemes.record import Outcome
from tests.support.challenged_jobs import Mixture, Run, assembled, liars, run
from tests.support.coded_jobs import distance, initial, sums

FILES = sorted(registry.parts('files'))
VALUES = sorted(name for name, part in registry.parts('value').items()
                if part.lies and not getattr(part, 'flips', False))
#: Those that lie where several workers have a file.
PROTOCOLS = sorted(name for name, part in registry.parts('protocol').items()
                   if not part.frames)
SUBSET = {'name': 'subset'}
DESIGNS = [(SUBSET, 2), (SUBSET, 3), (SUBSET, 4)] + [
    ({'name': 'cyclic', 'load': 5}, q) for q in (2, 3, 4)]
#: Parameters for bytes: sketches do not grow with them.
D = 50_000


def both_ways(q, files, value, assignment, n_workers=9, steps=1, **sketches):
    """Two runs of one attack: sums with a challenge, and replicas."""
    return [run(run={'steps': steps}, assignment=assignment,
                scheme={'workers': n_workers, 'adversaries': q},
                collection={'name': 'all'},
                transfer={'name': name, 'challenge': name == 'sums'} | (
                    sketches if name == 'sums' else {}),
                adversary={'count': q, 'files': files, 'value': value})
            for name in ('sums', 'replicas')]


# --- what is decided ---------------------------------------------------

def check_alike(challenged, replicas):
    """The same verdicts, and the same bits where all files are certified."""
    for ours, theirs in zip(challenged.records, replicas.records,
                            strict=True):
        for name in 'exposed', 'disagreements':
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))
        for name in 'files_certified', 'files_presumed':
            assert getattr(ours, name) == getattr(theirs, name)
        assert np.array_equal(ours.source >= 0, theirs.source >= 0)
        # What exposed workers alone have is asked of nobody in the second
        # epoch, and so is missing; replicas of it came, and were dropped.
        if not ours.files_missing:
            assert ours.verdict is theirs.verdict
    assert not challenged.exposes_honest()
    assert np.array_equal(challenged.wrong_files(), replicas.wrong_files())
    certified = all(record.files_certified == (record.source >= 0).sum()
                    for record in challenged.records)
    if certified:
        assert np.array_equal(challenged.values.view('u4'),
                              replicas.values.view('u4'))
    return certified


@pytest.mark.parametrize('assignment, q', DESIGNS)
@pytest.mark.parametrize('files', FILES)
def test_verdicts_are_those_of_replicas(files, assignment, q):
    """Whoever has to be exposed, certified, presumed or dropped is so."""
    values = VALUES if assignment is SUBSET else ['alie', 'nan', 'reversed']
    certified = [check_alike(*both_ways(q, files, value, assignment))
                 for value in values if value != 'bit-flip']
    # Otherwise equal bits would be said of nothing.
    assert all(certified) or assignment is SUBSET and files == 'quiet'


@pytest.mark.parametrize('assignment, q', [(SUBSET, 2), (SUBSET, 4)])
def test_verdicts_are_those_of_replicas_also_in_float32(assignment, q):
    for files in FILES:
        for value in ['alie', 'nan', 'reversed', 'constant']:
            check_alike(*both_ways(q, files, value, assignment,
                                   sketch_type='float32'))


@pytest.mark.parametrize('q', [4, 7])
@pytest.mark.parametrize('files', FILES)
def test_verdicts_are_those_of_replicas_with_455_files(files, q):
    check_alike(*both_ways(q, files, 'reversed', SUBSET, 15))


@pytest.mark.parametrize('sketch_type, reach', [
    ('float64', 1e-8), ('float32', 5e-5)])
@pytest.mark.parametrize('q', [2, 4])
@pytest.mark.parametrize('files', FILES)
def test_only_a_lie_below_the_reach_of_sketches_is_not_seen(
        files, q, sketch_type, reach):
    """One flipped bit may change a gradient by less than 1e-9 of it.

    Replicas show it, as bits differ; sketches do not, and the file may be
    used with it: here lies up to 1e-8 may be missed, no larger ones; and
    5e-5 where products are float32.
    """
    it, replicas = both_ways(q, files, 'bit-flip', SUBSET,
                             sketch_type=sketch_type)
    assembly = assembled(**{'run': {'steps': 1}, 'assignment': SUBSET,
                            'scheme': {'workers': 9, 'adversaries': q},
                            'adversary': {'count': q, 'files': files,
                                          'value': 'bit-flip'}})
    truths = sums(assembly, 0, initial(assembly)).astype(np.float32)
    sizes = np.array([lie_size(assembly, file, truth)
                      for file, truth in enumerate(truths)])
    lied = assembly.attack.lies(0).any(axis=1)
    if (sizes[lied] > reach).all():
        check_alike(it, replicas)
    wrong = (it.last.contributors & assembly.attack.lies(0)).any(axis=1)
    assert (sizes[wrong] <= reach).all() or files == 'quiet'
    assert not it.exposes_honest()
    assert not (it.last.exposed & ~replicas.last.exposed).any()


def lie_size(assembly, file, truth):
    """Distance of the lie on a file from the truth, over its norm."""
    lie = np.empty_like(truth)
    assembly.attack.value.forge(truth, 1, 0, file, None, lie)
    error = lie.astype(np.float64) - truth
    if not np.isfinite(error).all():
        return np.inf
    return np.linalg.norm(error) / np.linalg.norm(truth.astype(np.float64))


@pytest.mark.parametrize('transfer', ['sums', 'coded'])
@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('q', [2, 4])
def test_no_wrong_file_is_used_but_those_of_liars_alone(q, protocol,
                                                        transfer):
    for files in 'all', 'framing', 'quiet', 'random':
        it = run(run={'steps': 1}, assignment=SUBSET,
                 scheme={'workers': 9, 'adversaries': q},
                 transfer={'name': transfer}, collection={'name': 'all'},
                 adversary={'count': q, 'files': files,
                            'protocol': protocol})
        assert it.code == DONE and not it.exposes_honest()
        alone = comb(q, 3) if not it.last.files_certified else 0
        assert it.wrong_files()[0] <= alone
        if not it.wrong_files()[0]:
            assert distance(it.values, it.truth()) < 1e-4


# --- what travels ------------------------------------------------------

def vectors(it):
    """Vectors of d numbers, or of d/copies, that reached the server."""
    return sum(count for (_, kind, _), count in it.server.up.items()
               if kind in ('CodedGradient', 'Sum'))


def ratio(it):
    """Bytes of a step over those of one vector a worker, had it D numbers.

    The number of messages does not depend on that of parameters.
    """
    assert len(it.records) == 1
    more = 4 * (D - it.assembly.d) * vectors(it)
    return (it.last.bytes_in + more) / (4 * D * it.assembly.job.n_workers)


def large(q, **sections):
    """An assembled step of 15 workers and 455 files."""
    return assembled(**{
        'run': {'steps': 1}, 'assignment': SUBSET,
        'scheme': {'workers': 15, 'adversaries': q},
        'collection': {'name': 'all'}} | sections)


@pytest.mark.parametrize('q', range(2, 8))
def test_bytes_of_a_step_without_liars(q, record_property):
    """Replicas are 91 times one vector a worker."""
    it = Run(large(q))
    record_property('ratio', ratio(it))
    # Files that three liars may hold alone are dropped for q >= 3.
    assert it.last.verdict is (
        Outcome.CLEAN if q < 3 else Outcome.RESOLVED)
    assert (it.last.files_dropped > 0) == (q >= 3)
    assert ratio(it) <= (1.1 if q < 3 else 2.2)


def test_bytes_of_a_step_of_many_parameters():
    """As said of fewer of them."""
    it = Run(large(2, problem={'parameters': D}))
    assert it.last.bytes_in == round(60 * D * ratio(Run(large(2))))
    assert it.last.bytes_in <= 1.1 * 60 * D


@pytest.mark.parametrize('q', [2, 4, 7])
@pytest.mark.parametrize('files', FILES)
def test_bytes_of_a_step_with_liars(files, q, record_property):
    it = Run(large(q, adversary={'count': q, 'files': files}))
    record_property('ratio', ratio(it))
    assert ratio(it) <= 2.2


class InTurn(Protocol):
    """Liar n lies in epoch n: another one in each."""

    def __init__(self, about):
        super().__init__(0)
        self._about = about

    def payload(self, step, epoch, worker, values):
        if self._about == 'payloads' and epoch == worker:
            values += 1000

    def sketches(self, step, epoch, worker, own, weights, sketch):
        if self._about == 'sketches' and epoch == worker:
            own[weights.any(axis=1), :-1] *= -1


def in_turn(q, about, transfer, max_epochs):
    """A step in which another one of q liars lies in each epoch."""
    assembly = large(q, adversary=liars(*range(q)), transfer={
        'name': transfer, 'max_epochs': max_epochs})
    return Run(assembly, dict.fromkeys(range(q), InTurn(about)))


@pytest.mark.parametrize('transfer', ['sums', 'coded'])
@pytest.mark.parametrize('about', ['payloads', 'sketches'])
@pytest.mark.parametrize('q', range(1, 8))
def test_bytes_where_another_one_lies_in_each_epoch(q, about, transfer,
                                                    record_property):
    """Each epoch exposes one more, and 1 + q vectors a worker are enough.

    With a single liar of `coded` almost all send twice; then reports and
    sketches, 3 % each, come on top of the 1 + q.
    """
    it = in_turn(q, about, transfer, 10)
    record_property('ratio', ratio(it))
    assert it.last.exposed[:q].all() and not it.exposes_honest()
    assert it.last.epochs == q + 1
    assert vectors(it) <= (1 + q) * 15
    assert ratio(it) <= 1 + q or q == 1 and ratio(it) <= 1.1 * (1 + q)


@pytest.mark.parametrize('most', [1, 2, 3])
def test_there_are_no_more_epochs_than_the_job_allows(most):
    it = in_turn(7, 'payloads', 'sums', most)
    assert it.last.epochs == most and ratio(it) <= 1.1 * most


# --- once more ---------------------------------------------------------

REPLAYED = '''
[run]
steps = 6
[problem]
name = 'digits'
model = 'logistic'
batch_size = 61         # uneven files
micro_batch = 2
[scheme]
name = 'robust-partial'
workers = 9
adversaries = 2
[detection]
memory = 'step'
[delay]
name = 'exponential'
mean = 1.0
[network]
latency = 0.3
[log]
detail = 'arrivals'
'''
SETTINGS = {
    'liars': ('adversary.count=2', 'adversary.protocol=payloads'),
    'sketches': ('adversary.count=2', 'adversary.protocol=sketches',
                 'adversary.files=quiet'),
    'coded': ('adversary.count=2', 'transfer.name=coded',
              'transfer.challenge=true'),
    'two copies': ('adversary.count=1', 'transfer.name=coded',
                   'transfer.challenge=true', 'collection.copies=2'),
    'skipping': ('adversary.count=1', 'adversary.files=random',
                 'collection.skip_covered=true'),
    'silent': ('adversary.count=1', 'delay.silent=[3]', 'faults.silence=9.0',
               'delay.silent_after=encode'),
    'memory': ('adversary.count=2', 'detection.memory=forever'),
}


@pytest.mark.parametrize('settings', SETTINGS.values(), ids=SETTINGS)
def test_the_same_arrivals_give_the_same_bits(tmp_path, settings):
    """Of who claims what it has not, the log does not know what it has."""
    job = tmp_path / 'job.toml'
    job.write_text(REPLAYED)
    logs, bits = [tmp_path / 'first.h5', tmp_path / 'again.h5'], []
    for log in logs:
        code, path = simulate(
            job, settings=settings, out=log,
            replay=logs[0] if log is logs[1] else None)
        assert code == DONE
        with np.load(path.with_suffix('.npz')) as saved:
            bits.append(np.concatenate(
                [saved[name].ravel() for name in saved]).view('u4'))
    assert np.array_equal(*bits)
    with load_run(logs[0]) as one, load_run(logs[1]) as other:
        for name in ('exposed', 'flagged', 'excluded', 'disagreements',
                     'contributors', 'source', 'copies', 'files_done'):
            assert np.array_equal(one.read(name), other.read(name)), name
        for name in ('verdict', 'epochs', 'audits', 'files_certified',
                     'files_presumed', 'seconds_wait'):
            assert np.array_equal(one.steps[name], other.steps[name]), name
        assert np.array_equal(one.arrivals, other.arrivals)
        assert (one.steps['epochs'] > 1).any()


# --- anything ----------------------------------------------------------

def some_lies(rng):
    """Two to four lies about messages, each of some size."""
    def one(name):
        cls, keys = registry.find('protocol', name), {}
        if name in ('payloads', 'sketches', 'consistent'):
            keys = {'size': float(10.0 ** rng.uniform(-6, 3))}
        if name == 'norms':
            keys = {'factor': float(rng.choice([0.0, 0.1, 10.0, 1e30]))}
        return cls(int(rng.integers(1 << 30)), **keys)
    return [one(name) for name in rng.choice(PROTOCOLS,
                                             rng.integers(2, 5))]


COLLECTIONS = [{'name': 'all'}, {'name': 'coverage'},
               {'name': 'coverage', 'skip_covered': True},
               {'name': 'coverage', 'thinning': True},
               {'name': 'deadline', 'deadline': 4.0}]


def some_job(rng):
    """A job of whatever goes together; the liars and silent workers."""
    k = int(rng.integers(5, 10))
    q = int(rng.integers(1, (k + 1) // 2))
    who = rng.permutation(k).tolist()
    bad, silent = who[:rng.integers(q + 1)], who[-rng.integers(1, 3):]
    slow = rng.permutation(k)[:2].tolist()
    coded, copies = rng.random() < .5, int(rng.integers(1, 3))
    design = rng.choice(['subset', 'cyclic', 'random-regular'])
    assignment = {'name': str(design)}
    if design != 'subset':
        assignment['load'] = int(min(k, 2 * rng.integers(1, 4) + 1))
    load = assignment.get('load', 3)
    # Owners of sums are drawn, so that as few as possible makes no sense.
    collection = COLLECTIONS[rng.integers(len(COLLECTIONS))]
    if not coded:
        collection = {key: value for key, value in collection.items()
                      if key != 'thinning'}
    return {
        'run': {'steps': 3, 'seed': int(rng.integers(1 << 30))},
        'scheme': {'workers': k, 'adversaries': q},
        'assignment': assignment,
        'transfer': {'name': 'coded' if coded else 'sums',
                     'max_epochs': int(rng.integers(1, 6))},
        'collection': {'copies': min(copies, load)} | collection,
        'detection': {'audits': str(rng.choice(['none', 'contested'])),
                      'random_audits': int(rng.integers(3)),
                      'memory': (memory := str(rng.choice(
                          ['step', 'forever']))),
                      # Without a memory there is none but that of a step.
                      'budget': str(rng.choice(['step', (
                          'step' if memory == 'step' else 'fixed')]))},
        'adversary': liars(*bad, files=str(rng.choice(FILES)), value=str(
            rng.choice(['reversed', 'nan', 'constant', 'alie']))),
        'delay': {'name': 'slow', 'mean': 1.0, 'factor': 10,
                  'workers': slow} | (
            {'silent': silent, 'silent_after': 'encode'}
            if rng.random() < .3 else {})}, bad


@pytest.mark.parametrize('seed', range(100))
def test_liars_silent_and_slow_workers_in_any_mixture(seed):
    """No exception, no hang, nobody honest exposed, nothing wrong used."""
    rng = np.random.default_rng(seed)
    job, bad = some_job(rng)
    protocols = {worker: Mixture(some_lies(rng), rng) for worker in bad}
    it = Run(assembled(**job), protocols, network=Network(
        *rng.choice([(0.0, np.inf), (0.3, np.inf), (0.1, 1000.0)])))
    assert it.code == DONE, it.texts
    assert not it.exposes_honest()
    assert not any(record.verdict is Outcome.CONTRADICTION
                   for record in it.records)
    wrong = it.wrong_files()
    for record, count in zip(it.records, wrong):
        used = np.count_nonzero((record.source >= 0)
                                | np.isin(record.source, [-3, -4]))
        assert not count or record.files_certified < used
    # What liars alone hold may be presumed, and of a file that has too few
    # copies `coded` sends a share; everything else is right.
    if not any(record.files_presumed for record in it.records):
        assert not wrong.any()
        if not any(record.residual for record in it.records):
            assert distance(it.values, it.truth()) < 1e-3
