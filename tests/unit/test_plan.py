"""The forecast of a job against what a run counts."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.assignment import theory
from aspis_mpi.assignment.designs.bibd import Balanced
from aspis_mpi.assignment.designs.mols import LatinSquares
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.plan import describe, forecast
from aspis_mpi.words import size

JOBS = Path(__file__).parents[2] / 'jobs'

ASPIS = '''
[run]
steps = 2
[problem]
name = '{problem}'
[scheme]
name = '{scheme}'
workers = {workers}
adversaries = 2
'''


def job_file(folder, problem='quadratic', scheme='aspis', workers=7):
    path = folder / 'job.toml'
    path.write_text(ASPIS.format(problem=problem, scheme=scheme,
                                 workers=workers))
    return path


@pytest.mark.parametrize(('problem', 'scheme', 'workers'), [
    ('quadratic', 'aspis', 7), ('digits', 'aspis', 9),
    ('linear-regression', 'uncoded', 11)])
def test_bytes_are_those_that_the_log_counts(tmp_path, problem, scheme,
                                             workers):
    job = job_file(tmp_path, problem, scheme, workers)
    _, path = simulate(job, out=tmp_path / 'run.h5')
    plan = forecast(job)
    with load_run(path) as run:
        assert set(run.steps['bytes_in']) == {plan.bytes_up}
        assert set(run.steps['bytes_out']) == {plan.bytes_down}


@pytest.mark.parametrize(('scheme', 'share'), [
    # Owners are drawn: who owns nothing is sent no signal.
    ('partial', 1), ('wait-for-all', 1), ('robust-partial', 0.97)])
def test_bytes_of_signals_are_those_that_the_log_counts(tmp_path, scheme,
                                                        share):
    job = job_file(tmp_path, 'quadratic', scheme, 40)
    _, path = simulate(job, out=tmp_path / 'run.h5')
    plan = forecast(job)
    with load_run(path) as run:
        # Before the first step the order of computing is told.
        found = run.steps['bytes_out'][1:] / plan.bytes_down
        assert (share <= found).all() and (found <= 1).all()
        # All workers may be asked before they have reported their last.
        assert (run.steps['bytes_in'] <= plan.bytes_up).all()


def test_readmes_plan_of_11_million_parameters(capsys):
    assert main(['plan', str(JOBS / 'quickstart.toml'), '--set',
                 'problem.hidden=149000']) == 0
    printed = capsys.readouterr().out
    assert '\n11,175,010 parameters;' in printed
    assert ' 61 GB up' in printed


def test_published_transfer_of_a_resnet_is_61_gigabytes(tmp_path, capsys):
    job = job_file(tmp_path, workers=15)
    assert main(['plan', str(job), '--json', '--set',
                 'problem.parameters=11173962']) == 0
    plan = json.loads(capsys.readouterr().out)
    assert size(plan['bytes_up']) == '61 GB'
    assert plan['gradients_per_step'] == 1365
    assert plan['server_memory'] > plan['bytes_up']


def test_the_plan_warns_where_buckets_are_too_few(tmp_path):
    job = job_file(tmp_path, workers=15)
    settings = ['scheme.adversaries=7']
    plan = forecast(job, settings)
    assert plan.worst_case_wrong_files == 266
    assert 'no majority of right buckets' in describe(plan)


@pytest.mark.parametrize(('scheme', 'settings', 'ending'), [
    ('aspis', [], 'at most 2 workers are and nobody is silent.'),
    ('aspis', ['scheme.adversaries=1'],
     'at most 1 worker is and nobody is silent.'),
    ('robust-partial', [], 'at most 2 workers are.'),
    ('partial', [], 'at most 2 workers are.'),
    ('wait-for-all', [], 'at most 2 workers are.'),
    # Files of the dead go to others.
    ('wait-for-all', ['faults.tolerate=1'],
     'at most 2 workers are and nobody is silent.')])
def test_votes_bound_wrong_files_while_nobody_is_silent(
        tmp_path, scheme, settings, ending):
    said = describe(forecast(job_file(tmp_path, scheme=scheme), settings))
    line, = (line for line in said.split('\n') if ' can be wrong in ' in line)
    assert line.endswith(f' in a step if {ending}')


def test_a_single_sketch_is_warned_of(tmp_path):
    job = job_file(tmp_path, scheme='robust-partial')
    told = [describe(forecast(job, [f'transfer.sketches={n}']))
            for n in (1, 2)]
    assert ['passes a challenge now and then' in it for it in told] == [
        True, False]


@pytest.mark.parametrize(('scheme', 'who', 'said'), [
    ('spot', 'random', True), ('robust-partial', 'window', True),
    ('reactive', 'random', True), ('aspis', 'random', False),
    ('aspis-plus', 'window', False), ('spot', 'worst', False)])
def test_more_liars_in_all_than_a_memory_allows_are_warned_of(
        tmp_path, scheme, who, said):
    settings = [f'adversary.who={who}', 'scheme.adversaries=1',
                'adversary.count=1']
    plan = forecast(job_file(tmp_path, 'quadratic', scheme), settings)
    assert any('more than 1 worker may lie' in line
               for line in plan.warnings) == said
    nobody = forecast(job_file(tmp_path, 'quadratic', scheme),
                      [*settings, 'adversary.count=0'])
    assert not any('may lie' in line for line in nobody.warnings)


@pytest.mark.parametrize('scheme', ['robust-partial', 'spot'])
def test_what_comes_back_with_every_step_is_not_numbered(tmp_path, scheme):
    job = job_file(tmp_path, scheme=scheme)
    told = describe(forecast(job, ['assignment.adapt=1',
                                   'run.checkpoint_every=1']))
    assert 'Every step files may be laid out anew' in told
    assert re.search('A checkpoint of .* every step[; ]', told)
    assert 'very 1 step' not in told


@pytest.mark.parametrize('uneven', [(), (
    'problem.file_sizes="zipf"', 'problem.summation="tree"',
    'problem.micro_batch=2', 'assignment.split=true')])
def test_wrong_files_are_those_of_any_layout(tmp_path, uneven):
    """A liar that is fast has more than its part of the design."""
    job = job_file(tmp_path, scheme='reactive-random')
    settings = (*uneven, 'scheme.adversaries=1', 'assignment.load=2',
                'assignment.adapt=1', 'detection.rate=1e-9', 'run.steps=4',
                'problem.batch_size=280', 'adversary.count=1',
                'adversary.workers=[0]', 'faults.patience=0.0',
                'delay.name="slow"', 'delay.factor=20.0',
                'delay.workers=[3,4,5,6]')
    plan = forecast(job, settings)
    _, path = simulate(job, settings=settings, out=tmp_path / 'run.h5')
    with load_run(path) as run:
        wrong = run.wrong_files
        assert wrong[-1] > wrong[0]
        assert wrong.max() <= plan.worst_case_wrong_files < plan.files


@pytest.mark.parametrize(('settings', 'case'), [
    (['assignment.name="uncoded"'], theory.baseline(15, 4)),
    (['assignment.name="repetition"'], theory.detox(15, 4)),
    (['assignment.name="repetition"', 'assignment.replication=5',
      'scheme.adversaries=2'], theory.draco(15, 2, 5)),
    (['assignment.name="mols"'], theory.voted(LatinSquares(15), 4)),
    (['assignment.name="bibd"'], theory.voted(Balanced(15), 4)),
    (['detection.name="core"'], theory.aspis(15, 4)),
    (['detection.name="certified"'], theory.certified(15, 4))])
def test_wrong_files_are_those_of_theory(tmp_path, settings, case):
    plan = forecast(job_file(tmp_path, workers=15), [
        'detection.name="none"', 'scheme.adversaries=4', *settings])
    assert (plan.files, plan.worst_case_wrong_files) == (case.files,
                                                         case.bound)
    assert plan.worst_case_share == case.fraction
    share = f' ({100 * case.fraction:.3g} %)' if case.bound else ''
    assert (f'At most {case.bound} of {case.files} files{share} can be wrong'
            in describe(plan))


def test_without_assumed_adversaries_nothing_is_said_of_wrong_files(tmp_path):
    plan = forecast(job_file(tmp_path), ['scheme.adversaries=0'])
    assert 'can be wrong' not in describe(plan)


PACE, LATE, BOUND = 'One worker sets the pace', 'is late', 'would bound it'


@pytest.mark.parametrize(('scheme', 'settings', 'said'), [
    ('aspis', [], {PACE, BOUND}),
    ('aspis', ['scheme.adversaries=0'], {PACE}),
    ('aspis', ['faults.patience=0'], {PACE, BOUND}),
    ('aspis', ['faults.patience=0.1'], {LATE}),
    ('robust-partial', [], {LATE}),
    ('robust-partial', ['faults.patience=0'], set()),
    ('partial', ['scheme.adversaries=0'], set())])
def test_who_sets_the_pace(tmp_path, scheme, settings, said):
    text = describe(forecast(job_file(tmp_path, scheme=scheme), settings))
    assert {words for words in (PACE, LATE, BOUND) if words in text} == said


def test_one_of_a_thing_is_in_the_singular(tmp_path):
    said = describe(forecast(job_file(tmp_path, scheme='uncoded', workers=1), [
        'scheme.adversaries=0', 'run.keep=1', 'run.checkpoint_every=1',
        'problem.micro_batch=1']))
    assert 'scheme uncoded, 1 worker and the' in said
    assert '\n1 file a step, 1 worker a file, at most 1 file a worker' in said
    assert ' 1 gradient is computed a step, 1 vector is sent.' in said
    assert 'every step and where the run ends; the last one is kept' in said


def test_a_model_that_exists_is_not_overwritten(tmp_path):
    job = job_file(tmp_path)
    model = tmp_path / 'old.npz'
    model.write_bytes(b'of last week')
    settings = [f'run.model_out={model.with_suffix("")}']
    with pytest.raises(JobError, match='old.npz: exists already'):
        simulate(job, settings=settings, out=tmp_path / 'run.h5')
    with pytest.raises(JobError, match='must be different'):
        simulate(job, settings=[f'run.model_out={tmp_path}/run.npz'],
                 out=tmp_path / 'run.npz')
    assert model.read_bytes() == b'of last week'


def test_a_problem_of_the_callers_own_is_not_looked_up(tmp_path):
    class Local(Quadratic):
        def __init__(self, *, data):
            super().__init__(seed=1, parameters=data)

    _, path = simulate(job_file(tmp_path), Local(data=5),
                       out=tmp_path / 'run.h5')
    with np.load(path.with_suffix('.npz')) as model:
        assert model['parameters'].shape == (5,)


@pytest.mark.parametrize(('n_bytes', 'text'), [
    (0, '0 B'), (999, '999 B'), (1000, '1 kB'), (999_700, '1 MB'),
    (26_349_960, '26.3 MB'), (2_353_784_160, '2.35 GB')])
def test_sizes_have_three_digits(n_bytes, text):
    assert size(n_bytes) == text


def test_a_users_data_file_counts_as_it_is(tmp_path):
    """Both the images to be learnt and the seconds of a trace."""
    job = job_file(tmp_path, 'digits')
    rows = np.tile(np.arange(65) % 10, (4000, 1))
    np.savetxt(tmp_path / 'mine.csv', rows, '%d', ',')
    np.save(tmp_path / 'trace.npy', np.zeros((1000, 7)))
    usual = forecast(job)
    images = forecast(job, [f'problem.path="{tmp_path / "mine.csv"}"'])
    trace = forecast(job, ['delay.name="trace"',
                           f'delay.path="{tmp_path / "trace.npy"}"'])
    for name in 'server_memory', 'worker_memory':
        before = getattr(usual, name)
        assert getattr(images, name) - before == 8 * 64 * (4000 - 1797)
        assert getattr(trace, name) - before == 8 * 7 * 1000


# --- spot checks

SPOT = ('problem.batch_size=60', 'run.steps=12', 'assignment.load=3')


def test_bytes_of_checked_steps_are_those_that_the_log_counts(tmp_path):
    """All are checked, or the first and the last; the mean is forecast."""
    job = job_file(tmp_path, scheme='spot')
    for rate, first, checked in ((1.0, 0, 12), (1e-9, 5, 6)):
        settings = (*SPOT, f'detection.rate={rate}',
                    f'detection.first={first}', 'run.checkpoint_every=40')
        plan = forecast(job, settings)
        _, path = simulate(job, settings=settings, out=tmp_path / 'run.h5',
                           overwrite=True)
        with load_run(path) as run:
            assert (run.steps['files_checked'] > 0).sum() == checked
            assert plan.bytes_up == round(run.steps['bytes_in'].mean())
            assert plan.bytes_down == round(run.steps['bytes_out'].mean())


def test_the_plan_of_spot_checks_says_what_they_cost_and_find(tmp_path,
                                                              capsys):
    job = job_file(tmp_path, scheme='spot')
    assert main(['plan', str(job), '--set', 'assignment.load=2',
                 '--set', 'detection.rate=0.5']) == 0
    told = capsys.readouterr().out
    plan = forecast(job, ('assignment.load=2', 'detection.rate=0.5'))
    horizon = plan.spot_forecast.ripe
    assert horizon == math.ceil(math.log(200) * 2 / (0.5 * 5 / 6))
    assert f'exposed within {horizon} turns' in told
    assert 'needs 7 gradients besides the 14' in told
    assert told.count('Memory beyond') == told.count('A checkpoint of') == 1


@pytest.mark.parametrize(('keeps', 'form'), [
    ('true', 'kept_memory'), ('false', 'again_memory')])
def test_the_memory_of_a_worker_is_that_of_its_form(tmp_path, keeps, form):
    plan = forecast(job_file(tmp_path, scheme='spot'),
                    [f'detection.keep_gradients={keeps}'])
    assert plan.worker_memory == getattr(plan.spot_forecast, form)


def test_nothing_is_said_of_spot_checks_where_there_are_none(tmp_path):
    plan = forecast(job_file(tmp_path))
    assert plan.spot is None and plan.spot_forecast is None
    assert 'checked' not in describe(plan)


# --- reactive redundancy

@pytest.mark.parametrize('load', [1, 2])
def test_bytes_of_copies_are_those_that_the_log_counts(tmp_path, load):
    """Of a step in which nobody lies, of which every one is looked at."""
    job = job_file(tmp_path, scheme='reactive')
    settings = ('problem.batch_size=60', 'run.steps=5',
                f'assignment.load={load}')
    plan = forecast(job, settings)
    _, path = simulate(job, settings=settings, out=tmp_path / 'run.h5')
    with load_run(path) as run:
        q = plan.assumed_adversaries
        assert (run.steps['files_checked'] == q * plan.files).all()
        assert plan.gradients_per_step == (q + 1) * plan.files
        assert (run.steps['bytes_in'] == plan.bytes_up).all()
        assert (run.steps['bytes_out'] == plan.bytes_down).all()
    assert plan.worst_case_wrong_files == 0 and plan.spot is None


def test_the_plan_of_copies_says_what_they_cost_and_what_gets_in(tmp_path):
    job = job_file(tmp_path, scheme='reactive-random')
    settings = ('scheme.adversaries=2', 'detection.rate=0.25')
    plan, told = forecast(job, settings), describe(forecast(job, settings))
    assert plan.gradients_per_step == round(1.5 * plan.files)
    assert plan.worst_case_wrong_files == 2
    assert 'A step is looked at with probability 0.25: 2 other' in told
    assert 'up to 5 in all' in told and 'computed 1.5 times' in told
    assert 'at worst 80 % of all gradients are used' in told
    assert 'a liar gets into 3 steps on average' in told
    whole = describe(forecast(job, ('scheme.name=reactive',)))
    assert 'Every step is looked at' in whole
    assert 'exposed in the same step' in whole
    assert 'Memory beyond' in whole
