"""Numbers without sense in a job: refused in a line, or of no harm."""

import inspect
import warnings
from typing import get_args

import numpy as np
import pytest

from aspis_mpi import registry, simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE, FAILED, JobError
from aspis_mpi.job import loading
from aspis_mpi.plan import describe, plan_of

#: Integers and floats that nobody means.
INTEGERS = 0, -1, 2 ** 63, 10 ** 400
FLOATS = 0.0, -1.0, 1e-308, 1e40, 1e308, np.inf, -np.inf, np.nan
#: Sections of small jobs by the part that an option is of.
JOBS = {
    'who': {}, 'files': {}, 'value': {}, 'protocol': {}, 'delay': {},
    'detection': {'scheme': {'name': 'spot', 'workers': 7,
                             'adversaries': 1}},
    'collection': {'scheme': {'name': 'partial', 'workers': 7},
                   'collection': {'deadline': 0.5}},
    'code': {'scheme': {'name': 'partial', 'workers': 7},
             'transfer': {'name': 'coded'}},
    'optimizer': {}, 'schedule': {}, 'aggregation': {}, 'compression': {}}
#: Where each family is named.
PLACES = {'who': 'adversary.who', 'files': 'adversary.files',
          'value': 'adversary.value', 'protocol': 'adversary.protocol',
          'code': 'transfer.code', 'schedule': 'optimizer.schedule'}
#: What parts cannot do without.
NEEDED = {'slow': {'workers': [1]}, 'fixed': {'workers': [0, 3]}}
#: Of these a job is run, too: they go on with what they are given.
RUN = 'who', 'files', 'value', 'protocol', 'delay'


def numbers(annotation):
    """Extreme numbers of a type, also where it has others as well."""
    kinds = {annotation, *get_args(annotation)}
    found = list(INTEGERS) if int in kinds else []
    return found + list(FLOATS) * (float in kinds)


def cases():
    """Family, part, option and number."""
    for family in JOBS:
        for name, part in registry.parts(family).items():
            for key, option in registry.options(part).items():
                for number in numbers(option.annotation):
                    yield family, name, key, number


def tables(family, name, key, number):
    place, _, named = PLACES.get(family, family).partition('.')
    job = {'run': {'steps': 2, 'evaluate_every': 0},
           'problem': {'name': 'quadratic', 'parameters': 9,
                       'batch_size': 70},
           'scheme': {'workers': 7, 'adversaries': 2},
           'adversary': {'count': 2} if family in RUN else {}}
    job |= {section: job.get(section, {}) | keys
            for section, keys in JOBS[family].items()}
    job[place] = job.get(place, {}) | (
        NEEDED.get(name, {}) | {named or 'name': name, key: number})
    return job


CASES = [*cases()]


@pytest.mark.parametrize('case', CASES,
                         ids=['-'.join(map(str, it))[:60] for it in CASES])
def test_it_is_refused_in_a_line_or_does_no_harm(case, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        try:
            job = loading.from_tables(tables(*case), 'job.toml')
            it = Assembly(job)
        except JobError as refused:
            assert str(refused).startswith('job.toml: ')
            assert '\n' not in str(refused)
            return
        assert describe(plan_of(it))
        if case[0] in RUN:
            assert simulate(job, out=tmp_path / 'run.h5')[0] in (DONE, FAILED)


@pytest.mark.parametrize('family, name, key', [
    ('aggregation', 'centered-clipping', 'iterations'),
    ('aggregation', 'geometric-median', 'iterations'),
    ('value', 'optimal-alie', 'evaluations'),
    ('value', 'optimal-ipm', 'evaluations')])
def test_no_search_goes_on_for_ever(family, name, key):
    for number, fine in ((1, True), (10_000, True), (10_001, False),
                         (2 ** 63, False), (0, False)):
        job = loading.from_tables(tables(family, name, key, number), 'j.toml')
        if fine:
            assert Assembly(job)
            continue
        with pytest.raises(JobError, match=f'{key} {number} must be at (least '
                           '1|most 10000)$'):
            Assembly(job).scheme.aggregator


def test_threads_without_number_are_bytes_without_number():
    job = loading.from_tables(tables('delay', 'none', 'silent', 0) | {
        'runtime': {'threads': 10 ** 400}}, 'job.toml')
    assert '1e+288 TB' in describe(plan_of(Assembly(job)))


def test_options_of_all_families_are_looked_at():
    """At least those that liars and delays have."""
    seen = {case[:3] for case in CASES}
    assert {('value', 'screened', 'load'), ('delay', 'slow', 'factor'),
            ('detection', 'spot', 'outlier'), ('code', 'raviv', 'root'),
            ('optimizer', 'adam', 'eps')} <= seen
    for family in RUN:
        for name, part in registry.parts(family).items():
            for key, option in registry.options(part).items():
                if option.annotation in (int, float):
                    assert (family, name, key) in seen
                assert option.annotation is not inspect.Parameter.empty
