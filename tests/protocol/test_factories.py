"""A part that is named as 'module:factory': a function that makes it."""

import inspect
import sys

import numpy as np
import pytest

from aspis_mpi import JobError, registry, simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading
from aspis_mpi.job.sections import PARTS
from aspis_mpi.protocol.server.machine import DONE

#: The function of a test, where its job finds it.
made = None

#: A challenge, thresholds, a silent worker, and room for files of others.
JOB = {
    'run': {'steps': 3},
    'problem': {'name': 'digits', 'model': 'logistic', 'batch_size': 36},
    'optimizer': {'name': 'sgd', 'schedule': 'constant'},
    'scheme': {'workers': 9, 'adversaries': 2},
    'assignment': {'name': 'cyclic', 'load': 5, 'order': 'natural'},
    'collection': {'name': 'coverage', 'copies': 3},
    'transfer': {'name': 'sums', 'challenge': True},
    'compression': {'name': 'none'},
    'detection': {'name': 'certified', 'equality': 'tolerance'},
    'aggregation': {'name': 'mean'},
    'adversary': {'count': 1, 'who': 'fixed', 'files': 'all',
                  'value': 'reversed', 'protocol': 'none'},
    'delay': {'name': 'exponential', 'silent': [4]},
    'faults': {'tolerate': 1, 'silence': 9.0}}

CODED = {'transfer': {'name': 'coded', 'code': 'least-squares'}}
REPLICAS = {'transfer': {'name': 'replicas', 'challenge': False},
            'aggregation': {'name': 'median', 'before': ['nnm']}}

#: Section, key, and what is different in the job.
CASES = [(section, key, {'code': CODED, 'before': REPLICAS}.get(key, {}))
         for section, keys in PARTS.items() for key in keys]
CASES += [('transfer', 'name', CODED), ('transfer', 'name', REPLICAS),
          ('aggregation', 'name', REPLICAS), ('collection', 'name', CODED)]


def tables(sections):
    return {name: JOB.get(name, {}) | sections.get(name, {})
            for name in JOB | sections}


@pytest.fixture
def factory(monkeypatch):
    """The name of a function that makes a part; it tells its options."""
    def named(family, name, **attributes):
        part = registry.find(family, name)

        def make(*context, **options):
            return part(*context, **options)
        make.__signature__ = inspect.signature(part)
        vars(make).update(attributes)
        monkeypatch.setattr(sys.modules[__name__], 'made', make)
        return f'{__name__}:made'
    return named


@pytest.mark.parametrize('section, key, sections', CASES)
def test_a_factory_makes_what_its_part_is(section, key, sections, factory,
                                          tmp_path):
    job = tables(sections)
    attributes = {'model_inputs': (64, 10)} if section == 'problem' else {}
    said = job[section][key]
    several = isinstance(said, list)
    function = factory(PARTS[section][key], said[0] if several else said,
                       **attributes)
    bits = []
    for name in said, [function] if several else function:
        job[section] = job[section] | {key: name}
        code, log = simulate(loading.from_tables(job), out=tmp_path / 'it.h5',
                             overwrite=True)
        assert code == DONE
        with np.load(log.with_suffix('.npz')) as saved:
            bits.append([saved[name].tobytes() for name in saved])
    assert bits[0] == bits[1]


@pytest.mark.parametrize('family, sections, told', [
    ('assignment', {'assignment': {'order': None}},
     "assignment.order is missing.* use 'natural'"),
    ('transfer', CODED | {'transfer': {'name': 'coded', 'code': None}},
     "'coded' needs transfer.code, such as 'least-squares'"),
    ('transfer', {'transfer': {'name': 'sums', 'code': 'least-squares'}},
     "transfer.code = 'least-squares': transfer '.*:made' has no code"),
    ('problem', {}, "problem.model = 'logistic'.* attribute model_inputs")])
def test_what_a_function_cannot_tell_is_asked_for(family, sections, told,
                                                  factory):
    job = tables(sections)
    job[family]['name'] = factory(family, job[family]['name'])
    job[family] = {key: value for key, value in job[family].items()
                   if value is not None}
    with pytest.raises(JobError, match=told):
        Assembly(loading.from_tables(job))
