"""Files of uneven sizes, whole and split: bits, evidence, time, at whose cost.

Gradients of `digits` have other bits in another order of summation; those of
`quadratic` are whole numbers, whose sums are the same in any order.
"""

import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.assignment.reassignment import dealt, reassigned
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.learning.sizes import zipf
from aspis_mpi.plan import describe, forecast
from aspis_mpi.runlog.checkpoints import load
from aspis_mpi.runlog.summary import format_summary
from aspis_mpi.runlog.totals import summarize
from tests.support.job_files import refusal
from tests.support.mpirun import parameters, write_job

K, STEPS = 15, 6
KEYS = {
    'run.steps': STEPS, 'run.seed': 3, 'run.evaluate_every': 0,
    'problem.name': 'digits', 'problem.model': 'logistic',
    'problem.batch_size': 600, 'problem.micro_batch': 4,
    'problem.file_sizes': 'zipf', 'scheme.workers': K,
    'scheme.adversaries': 2, 'assignment.name': 'cyclic',
    'assignment.load': 5, 'aggregation.name': 'mean',
    'delay.name': 'constant', 'delay.mean': 0.05}
TREE = {'problem.summation': 'tree'}
SPLIT = TREE | {'assignment.split': True}
EXACT = {'problem.name': 'quadratic', 'problem.model': None}


@pytest.fixture
def run(tmp_path):
    """Runs a job of these keys and others; its log, as it is read."""
    logs = []

    def simulated(*more, **options):
        keys = KEYS.copy()
        for some in more:
            keys |= some
        folder = tmp_path / str(len(logs))
        folder.mkdir()
        code, log = simulate(write_job(folder / 'job.toml', keys),
                             out=folder / 'run.h5', **options)
        assert code == DONE
        logs.append(load_run(log))
        return logs[-1]
    yield simulated
    for log in logs:
        log.close()


def vector(log):
    """All parameters of the trained model, as bytes."""
    with np.load(log.path.with_suffix('.npz')) as saved:
        return b''.join(saved[name].tobytes() for name in sorted(saved))


# --- bits ---------------------------------------------------------------

LIES = {'adversary.count': 2, 'adversary.files': 'random',
        'adversary.rate': 0.3}
RULES = {
    'mean': {}, 'median': {'aggregation.name': 'median'},
    'median of means': {'aggregation.name': 'median-of-means',
                        'aggregation.buckets': 5},
    'clique': {'detection.name': 'clique', 'detection.memory': 'step'},
    'repetition': {'assignment.name': 'repetition', 'assignment.load': None,
                   'assignment.replication': 5, 'problem.batch_size': 300},
    'liars': LIES, 'exposed for ever': LIES | {
        'detection.memory': 'forever'},
    'renamed': {'assignment.rename': True},
    'placed': {'assignment.placement': 'hosts',
               'network.hosts': [4, 4, 4, 4]},
    'coverage': {'collection.name': 'coverage', 'collection.copies': 3}}


@pytest.mark.parametrize('rule', RULES.values(), ids=RULES)
def test_split_files_give_the_bits_of_whole_ones(run, rule):
    whole, split = run(TREE, rule), run(SPLIT, rule)
    assert split.n_files > whole.n_files
    assert vector(split) == vector(whole)
    assert not split.wrong_files.any()


def test_the_tree_has_other_bits_than_a_flat_sum(run):
    assert vector(run(TREE)) != vector(run())


def test_small_parts_of_a_table_of_any_length_are_put_together(run, tmp_path):
    """More files than the design has units: those share units."""
    (tmp_path / 'sizes.csv').write_text('\n'.join(['5'] * 40 + ['200', '50']))
    log = run(SPLIT, {'problem.file_sizes': str(tmp_path / 'sizes.csv'),
                      'problem.batch_size': None})
    assert log.n_files > 42
    assert log.option('problem', 'batch_size') == 450


TRANSFERS = {
    'replicas': {},
    'sums': {'transfer.name': 'sums', 'detection.name': 'none'},
    'challenged sums': {'transfer.name': 'sums', 'transfer.challenge': True,
                        'collection.name': 'coverage'},
    'liars in sums': LIES | {
        'transfer.name': 'sums', 'transfer.challenge': True,
        'collection.name': 'coverage'}}


@pytest.mark.parametrize('transfer', TRANSFERS.values(), ids=TRANSFERS)
def test_exact_sums_are_the_same_in_any_order_and_any_parts(run, transfer):
    """So every sample is in them once, whatever the files are."""
    told = {vector(run(EXACT, transfer, keys))
            for keys in ({}, TREE, SPLIT, {'problem.file_sizes': 'equal'})}
    assert len(told) == 1


@pytest.mark.parametrize('split', [{}, SPLIT], ids=['whole', 'split'])
def test_spot_checks_have_the_exact_sums_of_uneven_files(run, split):
    spot = {'scheme.name': 'spot', 'assignment.name': None,
            'assignment.load': 3, 'aggregation.name': None}
    told = {vector(run(EXACT, spot, keys))
            for keys in (split, {'problem.file_sizes': 'equal'})}
    assert len(told) == 1


# --- evidence -----------------------------------------------------------

def test_a_part_is_certified_and_a_liar_on_it_exposed(run):
    log = run(SPLIT, LIES, {'detection.memory': 'forever'})
    assert log.exposed[-1].sum() == 2
    assert (log.exposed[-1] == log.adversaries[-1]).all()
    assert (log.steps['files_certified'] == log.n_files).all()


def test_audits_compute_along_the_tree(run):
    """The bits of the server are those of honest workers."""
    log = run(SPLIT, {'detection.random_audits': 5, 'assignment.load': 2})
    assert (log.steps['audits'] == 5).all()
    assert not log.disagreements.any() and not log.exposed.any()


# --- time ---------------------------------------------------------------

def completion(log):
    return log.steps['seconds_wait'].mean()


#: For what is waited: everything, one copy of each file, those that could
#: certify it.
WAITS = {
    'everything': {}, 'one copy': {'collection.name': 'coverage',
                                   'scheme.adversaries': 0},
    'certificates': {'collection.name': 'coverage',
                     'transfer.name': 'sums', 'transfer.challenge': True}}


@pytest.mark.parametrize('waits', WAITS.values(), ids=WAITS)
def test_split_files_take_as_long_as_equal_ones(run, waits):
    equal = completion(run(EXACT, waits, {'problem.file_sizes': 'equal'}))
    assert completion(run(EXACT, waits, SPLIT)) <= 1.15 * equal
    assert completion(run(EXACT, waits)) > 1.9 * equal


def test_a_file_takes_as_long_as_it_has_samples(run):
    log = run(EXACT, {'run.steps': 1})
    counts = Assembly(loading.load(log.path.parent / 'job.toml')
                      ).batches.counts
    work = counts @ log.incidence
    assert np.allclose(log.last_report[0], 0.05 * work / counts.mean())


EVERYBODY = {'everything': {}, 'certificates': WAITS['certificates'],
             'spot': {'scheme.name': 'spot', 'assignment.name': None,
                      'assignment.load': 4, 'aggregation.name': None}}


@pytest.mark.parametrize('split', [{}, SPLIT], ids=['whole', 'split'])
@pytest.mark.parametrize('job', EVERYBODY.values(), ids=EVERYBODY)
def test_nobody_pays_for_having_the_larger_files(run, job, split):
    log = run(EXACT, job, split, {
        'run.steps': 30, 'faults.patience': 0.01,
        'problem.batch_size': 3000})
    assert not log.late.any()
    assert log.account[-1].max() < 1e-9


def test_who_dawdles_with_a_small_file_still_pays(run):
    log = run(EXACT, EVERYBODY['spot'], {
        'run.steps': 10, 'delay.name': 'slow', 'delay.workers': [14],
        'delay.factor': 400.0, 'problem.batch_size': 3000})
    assert log.late[:, 14].any()
    assert log.account[-1].argmax() == 14


# --- changing speeds ----------------------------------------------------

#: Workers 3 to 6 are ten times as slow in the first half of 16 steps, 9 to 11
#: in the second.
SLOW = {'first': [3, 4, 5, 6], 'second': [9, 10, 11]}


@pytest.fixture
def changing(tmp_path):
    """Keys of a run of which the speeds change and files follow."""
    rows = np.full((16, K), 0.05)
    rows[:8, SLOW['first']] *= 10
    rows[8:, SLOW['second']] *= 10
    np.save(tmp_path / 'trace.npy', rows)
    return {'run.steps': 16, 'delay.name': 'trace', 'delay.mean': None,
            'delay.path': str(tmp_path / 'trace.npy'),
            'problem.batch_size': 1200, 'assignment.adapt': 1}


@pytest.mark.parametrize('waits', ['everything', 'certificates'])
def test_units_of_split_files_follow_the_speeds(run, changing, waits):
    """As equal files do, within three steps of a change."""
    equal, split = (run(EXACT, WAITS[waits], changing, keys).steps[
        'seconds_wait'] for keys in ({'problem.file_sizes': 'equal'}, SPLIT))
    fixed = run(EXACT, WAITS[waits], changing, SPLIT, {
        'assignment.adapt': 0}).steps['seconds_wait']
    for steps in slice(3, 8), slice(11, 16):
        assert split[steps].max() <= 1.2 * equal[steps].max()
        assert fixed[steps].min() > 2 * split[steps].max()


PLAIN = {'transfer.name': 'sums', 'detection.name': 'none',
         'scheme.adversaries': 0}
MEASURED = WAITS | {
    'one sketch': WAITS['certificates'] | {'scheme.adversaries': 0},
    'plain sums': PLAIN,
    'plain sums, three copies': PLAIN | {'collection.name': 'coverage',
                                         'collection.copies': 3}}


@pytest.mark.parametrize('files', [{'problem.file_sizes': 'equal'}, {},
                                   SPLIT], ids=['equal', 'whole', 'split'])
@pytest.mark.parametrize('waits', MEASURED.values(), ids=MEASURED)
def test_the_speed_of_a_worker_is_that_of_its_work(run, waits, files):
    """Whatever of it is shown or sent, and however large its files are."""
    log = run(EXACT, waits, files, {'assignment.adapt': 1})
    saved = load(log.path.with_suffix('.checkpoints') / 'step-00000006.npz')
    assert np.allclose(saved.members.speeds, 0.05)


def test_layouts_by_speeds_leave_the_bits_of_split_files(run, changing):
    log = run(SPLIT, LIES, changing)
    whole = run(TREE, LIES, changing, {'assignment.adapt': 0})
    assert len(log.orders) > 2
    assert vector(log) == vector(whole)
    assert not log.wrong_files.any()
    units = Assembly(loading.load(log.path.parent / 'job.toml')).units
    for _, order in log.orders:
        for row in order:
            # A worker has all nodes of a unit, or none.
            mine = row[row >= 0]
            assert mine.size == np.isin(units, units[mine]).sum()


def test_a_run_with_split_files_goes_on_with_its_layout(run, changing):
    """Also with the bounds on what liars can hold, which units give."""
    steady = {'delay.name': 'slow', 'delay.path': None, 'delay.mean': 0.05,
              'delay.workers': SLOW['first'], 'assignment.adapt': 3,
              'aggregation.name': 'median-of-means'}
    whole = run(SPLIT, LIES, changing, steady)
    log = run(SPLIT, LIES, changing, steady, {'run.steps': 9})
    simulate(log.path.parent / 'job.toml', out=log.path, resume=True,
             settings=['run.steps=16'])
    saved = load(log.path.with_suffix('.checkpoints') / 'step-00000009.npz')
    with load_run(log.path) as again:
        assert not np.array_equal(again.order_at(9), again.order_at(0))
        assert np.array_equal(again.order_at(9), saved.members.layout)
        assert vector(again) == vector(whole)


@pytest.mark.parametrize('split', [{}, SPLIT], ids=['whole', 'split'])
def test_files_of_the_dead_go_by_work(tmp_path, split):
    """Nodes of a tree have very different sizes, and so have whole files."""
    it = Assembly(loading.load(write_job(
        tmp_path / 'job.toml', KEYS | split | {
            'problem.batch_size': 1200, 'detection.memory': 'forever',
            'faults.tolerate': 2})))
    lost, nobody = np.arange(K) < 2, np.zeros(K, dtype=bool)
    left = it.schemes.without(nobody, lost, nobody, 0, 3).assignment
    work = it.batches.counts @ left.incidence
    by_number = it.batches.counts @ reassigned(
        it.assignment, lost, it.assignment.width).incidence
    assert work[2:].sum() == by_number[2:].sum()
    assert work.max() <= by_number.max()
    assert work[2:].min() > by_number[2:].min()


def test_files_of_a_silent_worker_go_by_work_in_the_same_step(run):
    """Ten files, the largest first, to who has least of them."""
    log = run(EXACT, EVERYBODY['spot'], {
        'run.steps': 1, 'assignment.load': 10, 'delay.silent': [0],
        'faults.silence': 1.0, 'problem.batch_size': 1350,
        'scheme.workers': 5, 'scheme.adversaries': 1})
    design = log.incidence.argmax(axis=1)
    files, others = np.flatnonzero(design == 0), log.read('source')[0]
    given = dealt(files.tolist(), [1, 2, 3, 4], 10, log.samples)
    assert files.size == 10 and len(set(map(len, given.values()))) > 1
    for worker, some in given.items():
        assert np.flatnonzero((design == 0) & (others == worker)
                              ).tolist() == some


# --- what is refused ----------------------------------------------------

def tables(more):
    found = {}
    for name, value in (KEYS | more).items():
        section, _, key = name.partition('.')
        if value is not None:
            found.setdefault(section, {})[key] = value
    return found


@pytest.mark.parametrize(('keys', 'told'), [
    ({'assignment.split': True}, ["problem.summation = 'tree'"]),
    (SPLIT | {'transfer.name': 'coded', 'collection.name': 'coverage',
              'transfer.code': 'least-squares'},
     ['assignment.split = true', "'coded'", "'replicas' or 'sums'"]),
    ({'problem.file_sizes': 'zipff'},
     ["problem.file_sizes = 'zipff'", "'zipf'"]),
    ({'problem.file_sizes': 'none.csv'}, ['none.csv', 'No such file']),
    ({'problem.batch_size': 14}, ['batch_size 14', '15'])])
def test_what_cannot_be_is_refused(keys, told):
    said = refusal(tables(keys))
    assert all(word in said for word in told), said


@pytest.mark.parametrize(('numbers', 'batch_size', 'told'), [
    ([4] * 14, None, ['has 14 numbers', '15 files']),
    ([4] * 14 + [0], None, ['line 15 is 0', 'from 1 to the 1437']),
    ([4] * 15, 61, ['add up to 60', 'batch_size = 61', 'leave']),
    ([100] * 15, None, ['add up to 1500', 'at most the 1437', 'smaller'])])
def test_a_table_that_is_no_batch_is_refused(tmp_path, numbers, batch_size,
                                             told):
    path = tmp_path / 'sizes.txt'
    path.write_text('\n'.join(map(str, numbers)))
    said = refusal(tables({'problem.file_sizes': str(path),
                           'problem.batch_size': batch_size}))
    assert f"problem.file_sizes = '{path}'" in said
    assert all(word in said for word in told), said


def test_fewer_micro_batches_than_units_are_refused(tmp_path):
    path = tmp_path / 'sizes.txt'
    path.write_text('64 65 1')
    said = refusal(tables(SPLIT | {
        'problem.file_sizes': str(path), 'problem.batch_size': None,
        'problem.micro_batch': 64}))
    assert 'there are 4 micro-batches, fewer than the 15 files' in said
    assert 'problem.micro_batch smaller than 64' in said


def test_sizes_that_have_changed_are_noticed_by_a_resume(tmp_path):
    path = tmp_path / 'sizes.txt'
    path.write_text('40\n' * 15)
    job = write_job(tmp_path / 'job.toml', KEYS | {
        'problem.file_sizes': str(path), 'problem.batch_size': None})
    simulate(job, out=tmp_path / 'run.h5')
    path.write_text('39\n41\n' + '40\n' * 13)
    with pytest.raises(JobError, match='sizes.txt has changed'):
        simulate(job, out=tmp_path / 'run.h5', resume=True,
                 settings=['run.steps=9'])


def test_parameters_are_those_of_one_file(run):
    """What this file compares is all that a run has trained."""
    log = run(EXACT)
    assert vector(log) == parameters(log.path).tobytes()


# --- what is told -------------------------------------------------------

def test_the_log_has_the_samples_and_the_whole_file_of_each_node(run):
    log = run(EXACT, SPLIT)
    assert log.samples.shape == log.wholes.shape == (log.n_files,)
    sizes = zipf(600, 15)
    assert np.bincount(log.wholes, log.samples).tolist() == sizes.tolist()
    assert f'{log.n_files} nodes of 15 files on 5' in ' '.join(
        format_summary(summarize(log)).split())


def test_the_log_of_whole_files_has_their_samples(run):
    log = run(EXACT)
    assert log.samples.tolist() == zipf(600, 15).tolist()
    assert log.wholes.tolist() == list(range(15))
    assert '15 files on 5' in ' '.join(
        format_summary(summarize(log)).split())


def test_a_plan_says_what_files_workers_and_units_have(run):
    log = run(EXACT, SPLIT)
    plan = forecast(log.path.parent / 'job.toml')
    work = log.samples @ log.incidence
    it = plan.uneven
    assert (it.least, it.most) == (log.samples.min(), log.samples.max())
    assert (it.worker_least, it.worker_most) == (work.min(), work.max())
    assert it.whole == 15 and it.unit_most <= 1.15 * 40
    told = describe(plan)
    assert f'A file has {it.least} to {it.most} samples' in told
    assert 'nodes of 15 whole files' in told
    assert 'Sums along the tree take' in told


def test_a_plan_counts_the_vectors_of_trees(run):
    log = run(EXACT, TREE)
    path = log.path.parent / 'job.toml'
    flat, tree = forecast(path, ['problem.summation=flat']), forecast(path)
    # The largest file has 181 samples, 46 micro-batches.
    assert tree.tree_vectors == 5 and flat.tree_vectors == 0
    assert 5 * 4000 <= tree.worker_memory - flat.worker_memory < 5 * 4100
    assert 'tree' not in describe(flat)


def test_a_plan_of_equal_files_says_nothing_of_sizes(run):
    log = run(EXACT, {'problem.file_sizes': 'equal'})
    plan = forecast(log.path.parent / 'job.toml')
    assert plan.uneven is None and 'samples, a worker' not in describe(plan)
