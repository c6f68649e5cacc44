"""Presets of published schemes that vote in each file by itself."""

import numpy as np
import pytest

from aspis_mpi import JobError
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.job import loading
from aspis_mpi.schemes.record import Outcome
from tests.support.coded_jobs import Run, initial


def job(name, q=2, workers=15, **sections):
    """The job of a preset, with as many liars as it is prepared for."""
    tables = {
        'run': {'steps': 4, 'seed': 5, 'evaluate_every': 0},
        'problem': {'name': 'quadratic', 'parameters': 13, 'batch_size': 75},
        'scheme': {'name': name, 'workers': workers, 'adversaries': q},
        'adversary': {'count': q}}
    for section, keys in sections.items():
        tables[section] = tables.get(section, {}) | keys
    return loading.from_tables(tables)


@pytest.mark.parametrize('files', ['all', 'majorities', 'random'])
def test_draco_is_exact_whatever_q_liars_send(files):
    lying, honest = (Run(Assembly(job('draco', adversary=keys)))
                     for keys in ({'files': files}, {'count': 0}))
    assert lying.code == honest.code == DONE
    assert lying.values.tobytes() == honest.values.tobytes()
    assert lying.assembly.worst_case == 0
    assert lying.assembly.assignment.replication == 5


def test_draco_needs_more_right_replicas_than_wrong_ones():
    with pytest.raises(JobError, match=(
            r'assignment\.replication = 3: must be at least 2q \+ 1 = 5 .*'
            r'set that, or scheme\.adversaries = 1')):
        Assembly(job('draco', assignment={'replication': 3}))


def test_detox_loses_a_group_in_which_liars_are_the_majority():
    """Three of 15 workers hold one majority of five, wherever they are."""
    it = Run(Assembly(job('detox', q=3, adversary={
        'workers': [0, 1, 7], 'files': 'all'})))
    assert it.code == DONE and it.assembly.worst_case == 1
    for record in it.records:
        lies = it.assembly.attack.lies(record.step)
        wrong = (record.contributors & lies).any(axis=1)
        assert np.flatnonzero(wrong).tolist() == [0]
        assert not record.flagged.any()


CODED = [(5, 1), (7, 3), (15, 2)]


@pytest.mark.parametrize('workers, q', CODED)
@pytest.mark.parametrize('value', ['reversed', 'constant', 'nan', 'alie'])
def test_the_cyclic_code_of_draco_is_exact_whatever_q_liars_send(
        workers, q, value):
    """But for rounding; the liars are found in each step."""
    lying, honest = (
        Run(Assembly(job('draco-cyclic', q, workers, adversary=keys)))
        for keys in ({'value': value}, {'count': 0}))
    plain = Run(Assembly(job('uncoded', q=0, workers=workers,
                             adversary={'count': 0})))
    assert lying.code == honest.code == DONE
    for it in lying, honest:
        np.testing.assert_allclose(it.values, plain.values, rtol=2e-5)
    liars = lying.assembly.attack.adversaries(0)
    for record in lying.records:
        assert (record.flagged == liars).all()
        assert not (record.contributors & liars).any()
        assert record.files_dropped == record.files_missing == 0
    assert not any(record.flagged.any() for record in honest.records)


def test_who_sends_nothing_is_one_of_those_that_are_corrected():
    it = Run(Assembly(job('draco-cyclic', q=2, adversary={
        'count': 1, 'workers': [3], 'value': 'reversed'},
        delay={'silent': [7]}, faults={'silence': 5.0})))
    plain = Run(Assembly(job('uncoded', q=0, adversary={'count': 0})))
    assert it.code == DONE
    np.testing.assert_allclose(it.values, plain.values, rtol=2e-5)
    assert it.records[0].flagged.nonzero()[0].tolist() == [3]


def test_more_than_q_wrong_vectors_change_nothing():
    it = Run(Assembly(job('draco-cyclic', q=2, adversary={'count': 3})))
    assert it.code == FAILED
    assert all(record.verdict is Outcome.CONTRADICTION
               for record in it.records)
    np.testing.assert_array_equal(it.values, initial(it.assembly))


@pytest.mark.parametrize('load, said', [
    (3, r'assignment\.load = 3: must be at least 2q \+ 1 = 5'),
    (6, r'replication 6 must be odd'),
])
def test_the_cyclic_code_needs_2q_plus_1_workers_of_each_file(load, said):
    with pytest.raises(JobError, match=said):
        Assembly(job('draco-cyclic', assignment={'load': load}))


@pytest.mark.parametrize('name', ['draco', 'draco-cyclic'])
def test_as_many_may_be_silent_as_may_be_wrong(name):
    it = Assembly(job(name, q=2))
    assert it.silent_survived == 2
    silent = Run(Assembly(job(name, q=2, adversary={'count': 0}, delay={
        'silent': [3, 4]}, faults={'silence': 5.0})))
    honest = Run(Assembly(job(name, q=2, adversary={'count': 0})))
    assert silent.code == DONE
    assert not any(record.files_dropped for record in silent.records)
    np.testing.assert_allclose(silent.values, honest.values, rtol=2e-5)


def test_aspis_plus_finds_all_liars_when_they_get_other_names():
    """They lie where they win the vote: with the same names they stay."""
    renamed, kept = (Run(Assembly(job(
        'aspis-plus', q=3, run={'steps': 12},
        assignment={'rename': rename},
        adversary={'files': 'majorities'}))) for rename in (True, False))
    liars = renamed.assembly.attack.adversaries(0)
    assert renamed.code == kept.code == DONE
    for record in renamed.records:
        assert not (record.flagged & ~liars).any()
    assert (renamed.records[-1].flagged == liars).all()
    assert not (renamed.records[-1].contributors & liars).any()
    assert not any(record.flagged.any() for record in kept.records)


def test_a_flag_of_aspis_plus_goes_with_the_disagreements():
    """Liars lie in the first step alone; the window has three."""
    it = Run(Assembly(job('aspis-plus', q=2, run={'steps': 8},
                          detection={'window': 3}, adversary={
                              'who': 'tests.support.late_liar:Early',
                              'until': 1})))
    liars = it.records[0].flagged
    assert liars.sum() == 2
    flagged = [record.flagged.tolist() for record in it.records]
    assert flagged[:3] == 3 * [liars.tolist()]
    assert not np.any(flagged[3:])


def test_byzshield_lets_no_more_wrong_files_in_than_the_worst_case():
    it = Run(Assembly(job('byzshield', q=4, adversary={
        'files': 'majorities'})))
    assert it.code == DONE and it.assembly.worst_case == 5
    for record in it.records:
        lies = it.assembly.attack.lies(record.step)
        wrong = (record.contributors & lies).any(axis=1).sum()
        assert wrong == lies.any(axis=1).sum() <= 5


#: Scheme, workers, liars and who they are, and how many votes they win.
VOTES = [('byzshield', 15, 4, {}, 5),
         ('detox', 21, 3, {'workers': [0, 1, 7]}, 1)]


@pytest.mark.parametrize('scheme, workers, q, who, wrong', VOTES)
@pytest.mark.parametrize('rule', ['krum', 'multi-krum', 'bulyan'])
def test_a_robust_rule_bears_the_votes_that_liars_won(scheme, workers, q,
                                                      who, wrong, rule):
    """Their files are a hundred times as long as any other."""
    def values(rule, **keys):
        it = Run(Assembly(job(scheme, q, workers, aggregation={'name': rule},
                              adversary={'files': 'majorities'} | keys)))
        assert it.code == DONE and it.assembly.worst_case == wrong
        lies = it.assembly.attack.lies(0).any(axis=1).sum()
        return it.values, lies

    honest, none = values(rule, count=0)
    borne, lies = values(rule, value='reversed', **who)
    pulled, _ = values('mean', value='reversed', **who)
    assert none == 0 < lies <= wrong
    assert np.abs(pulled - honest).max() > 20 * np.abs(borne - honest).max()


@pytest.mark.parametrize('scheme, q, rule, files, least, borne', [
    ('byzshield', 5, 'bulyan', 25, 35, 5),
    ('byzshield', 6, 'multi-krum', 25, 27, 11),
    ('detox', 2, 'bulyan', 5, 7, 0), ('detox', 4, 'krum', 5, 7, 1)])
def test_votes_too_few_for_a_rule_are_refused_by_their_number(
        scheme, q, rule, files, least, borne):
    with pytest.raises(JobError, match=(
            f"'{rule}' needs at least {least} rows .* it gets {files}, of "
            f'which it bears {borne} wrong')):
        Assembly(job(scheme, q, aggregation={'name': rule}))
