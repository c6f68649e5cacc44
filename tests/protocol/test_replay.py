"""A recorded run, run once more: equal bits where results depend on time."""

import logging

import h5py
import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.assembly.replay import came_back
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.schemes.record import ArrivalKind

JOB = '''
[run]
steps = 8
[problem]
name = 'digits'
model = 'logistic'
batch_size = 61         # uneven files
micro_batch = 2
[scheme]
name = 'partial'
workers = 7
[delay]
name = 'exponential'
mean = 1.0
[log]
detail = 'arrivals'
'''

RUNS = {
    'coverage': (),
    'two copies': ('collection.copies=2',),
    'a deadline': ('collection.name=deadline', 'collection.deadline=0.4'),
    'an adaptive one': ('collection.name=adaptive',
                        'collection.deadline=2.0'),
    'skipping': ('collection.skip_covered=true', 'network.latency=0.05'),
    'sums': ('transfer.name=sums', 'network.latency=0.1'),
    'reordering': ('assignment.reorder=2', 'collection.skip_covered=true'),
    'silence': ('delay.silent=1', 'delay.silent_after=encode',
                'faults.silence=9.0', 'network.latency=0.3'),
    'silent while computing': ('delay.silent=[2, 3]', 'faults.silence=2.0',
                               'faults.approximate=true'),
    'whole workers': ('scheme.name=gradient-code',),
    'replicas': ('transfer.name=replicas', 'network.latency=0.1'),
    'a start-up probe': ('scheme.name=aspis', 'scheme.adversaries=1'),
    'renaming': ('scheme.name=aspis', 'scheme.adversaries=1',
                 'assignment.rename=true'),
    'split files': ('problem.file_sizes=zipf', 'problem.summation=tree',
                    'assignment.split=true', 'transfer.name=replicas',
                    'network.latency=0.1'),
    'liars': ('adversary.count=1', 'adversary.value=constant',
              'transfer.name=sums'),
}


@pytest.fixture
def job(tmp_path):
    """The path of the job file."""
    path = tmp_path / 'job.toml'
    path.write_text(JOB)
    return path


@pytest.fixture
def recorded(job, tmp_path):
    """Runs the job with some settings; its log."""
    def run(*settings):
        code, path = simulate(job, settings=settings,
                              out=tmp_path / 'first.h5')
        assert code == DONE
        return path
    return run


def parameters(path):
    with np.load(path.with_suffix('.npz')) as saved:
        return np.concatenate([saved[name].ravel() for name in saved])


@pytest.mark.parametrize('settings', RUNS.values(), ids=RUNS)
def test_the_same_arrivals_give_the_same_bits(job, recorded, tmp_path,
                                              settings):
    """Delays and network are not asked: what came and when is recorded."""
    first = recorded(*settings)
    code, again = simulate(
        job, settings=(*settings, 'delay.mean=50.0'), replay=first,
        out=tmp_path / 'again.h5')
    assert code == DONE
    assert np.array_equal(parameters(first).view('u4'),
                          parameters(again).view('u4'))
    with load_run(first) as one, load_run(again) as other:
        for name in ('contributors', 'source', 'copies', 'files_done',
                     'excluded', 'first_report', 'last_report'):
            assert np.array_equal(one.read(name), other.read(name),
                                  equal_nan=name.endswith('report')), name
        for name in ('verdict', 'residual', 'epochs', 'seconds_wait'):
            assert np.array_equal(one.steps[name], other.steps[name]), name
        assert other.events[-1].text == (
            f'the gradients of 8 steps have the norms of {first}, to the last '
            'bit')
        # The record of the second run is the record of the first.
        assert np.array_equal(one.arrivals, other.arrivals)
        assert [one.order_at(step).tolist() for step in range(8)] == [
            other.order_at(step).tolist() for step in range(8)]


@pytest.mark.parametrize('cut', ['/arrivals', '/arrivals_finished'])
def test_a_record_that_was_cut_off_gives_the_steps_that_it_has(
        job, recorded, tmp_path, cut):
    first = recorded()
    with h5py.File(first, 'r+') as file:
        steps = file['/arrivals']['step']
        file[cut].resize(int((steps < 5).sum()) + 3, axis=0)
    code, again = simulate(job, replay=first, out=tmp_path / 'again.h5')
    assert code == FAILED
    with load_run(again) as run, load_run(first) as whole:
        assert run.n_steps == 5
        assert np.array_equal(run.contributors, whole.contributors[:5])
        ends, found = run.events[-2:]
        assert 'the record ends in step 5' in ends.text
        assert found.text.startswith('the gradients of 5 steps have the norms')


def test_a_log_without_arrivals_is_refused(job, recorded):
    first = recorded('log.detail=steps')
    with pytest.raises(JobError, match="first.h5 has no arrivals.*arrivals'"):
        simulate(job, replay=first)


def test_a_log_with_arrivals_of_its_later_steps_alone_is_refused(job,
                                                                 recorded):
    """What a run keeps may change when it goes on; this comes too late."""
    first = recorded('log.detail=steps', 'run.steps=4')
    simulate(job, out=first, resume=True)
    with pytest.raises(JobError, match='first.h5 has no arrivals of step 0, '
                                       "which was run with .*'steps'"):
        simulate(job, replay=first)


def test_gradients_that_are_not_those_of_the_record_are_told(
        job, recorded, tmp_path):
    """As of another machine: nothing that the job says has changed."""
    first = recorded()
    with h5py.File(first, 'r+') as file:
        rows = file['/steps'][:]
        rows['gradient_norm'][3:5] = np.nextafter(
            rows['gradient_norm'][3:5], np.inf)
        file['/steps'][:] = rows
    code, again = simulate(job, replay=first, out=tmp_path / 'again.h5')
    assert code == DONE
    with load_run(again) as run:
        event = run.events[-1]
    assert event.level == logging.WARNING
    assert event.text.startswith(f'2 gradients of 8 steps differ from {first},'
                                 ' first that of step 3: its norm is ')


@pytest.mark.parametrize('before, after', [
    (('faults.silence=9.0', 'delay.silent=1'),
     ('faults.silence=12.0', 'delay.silent=1')),
    (('optimizer.schedule=cosine', 'run.steps=4'),
     ('optimizer.schedule=cosine',))])
def test_a_run_whose_job_has_changed_is_refused(job, recorded, before, after):
    """A log knows the job with which it went on last."""
    first = recorded(*before, 'run.steps=4')
    simulate(job, settings=after, out=first, resume=True)
    with load_run(first) as run:
        assert run.n_steps == 8
    section, _, rest = after[0].partition('.')
    key = rest.partition('=')[0] if section == 'faults' else 'steps'
    with pytest.raises(JobError, match='first.h5 went on with another job: '
                                       f'.*{key} was '):
        simulate(job, settings=after, replay=first)


def test_a_file_that_is_no_log_is_refused(job, capsys):
    assert main(['simulate', str(job), '--replay', str(job)]) == 2
    assert '--replay' in capsys.readouterr().err


@pytest.mark.parametrize(('setting', 'told'), [
    ('collection.copies=2', 'collection.copies = 2.* with 1'),
    ('run.seed=5', 'run.seed = 5.* with 0'),
    ('scheme.workers=9', 'scheme.workers = 9.* with 7'),
    ('faults.silence=9.0', 'faults.silence = 9.0.* with 60.0'),
    ('faults.tolerate=1', 'faults.tolerate = 1.* with 0'),
    ('problem.model=mlp', "problem.model = 'mlp'.* with 'logistic'")])
def test_another_job_is_refused(job, recorded, setting, told):
    first = recorded()
    with pytest.raises(JobError, match=told):
        simulate(job, settings=[setting], replay=first)


def test_false_reports_are_refused(job, recorded):
    """What a worker has finished that says something else is not known."""
    lies = ['adversary.count=1', 'adversary.protocol=counts',
            'transfer.name=sums']
    log = recorded(*lies)
    with pytest.raises(JobError, match="adversary.protocol = 'counts'"):
        simulate(job, replay=log, settings=lies, out=log.parent / 'no.h5')


def test_who_was_lost_and_came_back_with_a_resume_is_noticed():
    rows = np.zeros(4, dtype=[('turn', int), ('worker', int), ('kind', int)])
    rows['turn'], rows['worker'] = [0, 1, 1, 2], [3, 3, 2, 2]
    rows['kind'][1] = ArrivalKind.LOST
    assert not came_back(rows)
    rows['worker'][3] = 3
    assert came_back(rows)


def test_what_is_free_comes_from_the_new_job(job, recorded, tmp_path):
    """A run on a device is done again on a machine that has none."""
    first = recorded()
    with h5py.File(first, 'r+') as file:
        said = file.attrs['config'].replace('"cpu"', '"cuda"')
        file.attrs['config'] = said
        assert 'device = "cuda"' in said
    chosen = {'runtime.threads': 4, 'runtime.device': 'cpu',
              'log.flush_seconds': 0.0, 'run.evaluate_every': 3}
    code, again = simulate(
        job, replay=first, out=tmp_path / 'again.h5',
        settings=[f'{key}={value}' for key, value in chosen.items()])
    assert code == DONE
    assert parameters(first).tobytes() == parameters(again).tobytes()
    with load_run(again) as run:
        assert {key: run.option(*key.split('.')) for key in chosen} == chosen
        assert run.evaluation['step'].tolist() == [0, 3, 6, 8]
