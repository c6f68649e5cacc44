"""Jobs with robust rules, pre-aggregations and published attacks."""

import dataclasses

import numpy as np
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE, JobError
from aspis_mpi.job import loading
from aspis_mpi.plan import describe, plan_of
from aspis_mpi.runlog.reader import load_run

JOB = {
    'run': {'steps': 4, 'seed': 3, 'evaluate_every': 0},
    'problem': {'name': 'digits', 'model': 'logistic', 'batch_size': 330},
    'optimizer': {'name': 'sgd', 'lr': 0.5},
    'scheme': {'name': 'uncoded', 'workers': 11, 'adversaries': 2},
    'aggregation': {'name': 'median'},
    'adversary': {'count': 2, 'value': 'reversed'}}


def tables(**sections):
    return JOB | {name: JOB.get(name, {}) | keys
                  for name, keys in sections.items()}


def run(tmp_path, **sections):
    """The parameters at the end, and the log."""
    code, log = simulate(loading.from_tables(tables(**sections)),
                         out=tmp_path / 'it.h5', overwrite=True)
    assert code == DONE
    with np.load(log.with_suffix('.npz')) as saved:
        return np.concatenate([saved[name].ravel() for name in saved]), log


@pytest.mark.parametrize('rule', [
    'krum', 'multi-krum', 'bulyan', 'caf', 'centered-clipping', 'mda',
    'meamed', 'smea', 'median'])
@pytest.mark.parametrize('before', [[], ['nnm']])
def test_training_goes_on_under_an_attack(tmp_path, rule, before):
    """Where the mean is thrown far off, these rules are not."""
    chosen = {'aggregation': {'name': rule, 'before': before},
              'scheme': {'adversaries': 1 if rule == 'bulyan' else 2},
              'adversary': {'count': 1 if rule == 'bulyan' else 2}}
    parameters, _ = run(tmp_path, **chosen)
    lost, _ = run(tmp_path, **chosen | {'aggregation': {'name': 'mean'}})
    assert np.linalg.norm(parameters) < 0.1 * np.linalg.norm(lost)


@pytest.mark.parametrize('value', [
    'ipm', 'gaussian', 'mimic', 'min-max', 'min-sum', 'optimal-alie',
    'optimal-ipm'])
def test_liars_of_a_published_attack_lie_as_the_truth_says(tmp_path, value):
    """Also on each worker's own, and each time the same."""
    attack = {'value': value}
    if value != 'gaussian':
        attack['sample'] = 6
    found, log = run(tmp_path, adversary=attack)
    with load_run(log) as it:
        assert (it.lied.sum(axis=1) == 2).all()
    again, _ = run(tmp_path, adversary=attack)
    honest, _ = run(tmp_path, adversary={'count': 0, 'value': 'nan'})
    assert np.array_equal(found, again) and not np.array_equal(found, honest)


def test_liars_with_the_number_of_the_paper(tmp_path):
    """The default is a plain 1, which 2 liars of 11 do not come to."""
    bits = {z: run(tmp_path, adversary={'value': 'alie', 'z': z})[0]
            for z in ('paper', 1.0, 1)}
    assert np.array_equal(bits[1.0], bits[1])
    assert not np.array_equal(bits[1.0], bits['paper'])


def test_the_log_has_the_chain_and_leads_to_it_again(tmp_path, capsys):
    chosen = {'name': 'median', 'before': ['bucketing', 'nnm'], 'mixed': 3}
    parameters, log = run(tmp_path, aggregation=chosen,
                          scheme={'adversaries': 1})
    with load_run(log) as it:
        kept = it.config
    main(['show', str(log)])
    assert 'median after bucketing, nnm' in capsys.readouterr().out
    assert kept['aggregation'] == chosen | {'bucket_size': 2}
    again, _ = simulate(loading.from_tables(kept),
                        out=tmp_path / 'again.h5')
    with np.load(tmp_path / 'again.npz') as saved:
        same = np.concatenate([saved[name].ravel() for name in saved])
    assert again == DONE and np.array_equal(parameters, same)


def test_a_plan_says_what_comes_before():
    plan = plan_of(Assembly(loading.from_tables(tables(
        aggregation={'name': 'median-of-means',
                     'before': ['nnm', 'bucketing']},
        scheme={'adversaries': 1}))))
    assert plan.before == ['nnm', 'bucketing'] and plan.rows == 6
    assert plan.buckets == 3
    assert ('Before the aggregation comes nnm, then bucketing, which leaves '
            '6 rows of the 11 files.') in describe(plan)
    without = plan_of(Assembly(loading.from_tables(tables())))
    assert without.rows == 11 and 'Before the' not in describe(without)
    assert dataclasses.asdict(without)['before'] == []


@pytest.mark.parametrize('sections, words', [
    ({'aggregation': {'name': 'bulyan'}},
     "aggregation: 'bulyan' needs at least 11 rows where 2 .* gets 10"),
    ({'aggregation': {'name': 'krum', 'before': ['bucketing']}},
     "'krum' needs at least 7 rows .* gets 5, of which it bears 1"),
    ({'aggregation': {'name': 'median', 'before': ['nmm']}},
     "aggregation.before.0 = 'nmm': no pre-aggregation is called 'nmm'; did "
     "you mean 'nnm'"),
    ({'aggregation': {'name': 'median', 'before': ['nnm', 'arc', 'nnm']}},
     "'nnm' stands there twice"),
    ({'aggregation': {'name': 'median', 'before': 'nnm'}},
     "aggregation.before = 'nnm': should be a valid list"),
    ({'aggregation': {'name': 'median', 'before': [1]}},
     'aggregation.before.0 = 1: should be a valid string'),
    ({'aggregation': {'name': 'median', 'mixed': 3}},
     "'mixed' is an option of pre-aggregation 'nnm'; aggregation.before is"),
    ({'aggregation': {'name': 'median', 'before': ['nnm'], 'mixed': 99}},
     'aggregation: mixed 99 must be between 1 and .* 10'),
    ({'adversary': {'value': 'alie', 'z': 'paper', 'count': 5}},
     "adversary: wrong 5 .* less than half of values, 10"),
    ({'adversary': {'value': 'alie', 'z': 'papre'}}, "adversary.z = 'papre'"),
    ({'adversary': {'value': 'optimal-ipm', 'against': 'medan'}},
     "adversary: no aggregation is called 'medan'")])
def test_what_cannot_be_is_refused_in_a_line(sections, words):
    scheme = {'scheme': {'workers': 10}}
    with pytest.raises(JobError, match=words):
        Assembly(loading.from_tables(tables(**scheme | sections)))


def test_sums_allow_nothing_before_the_mean():
    with pytest.raises(JobError, match=r"aggregation.before = \['nnm'\]: "
                                       'transfer .*coded.* brings sums'):
        Assembly(loading.from_tables(tables(
            scheme={'name': 'partial', 'adversaries': 0},
            aggregation={'name': 'mean', 'before': ['nnm']},
            adversary={'count': 0})))
