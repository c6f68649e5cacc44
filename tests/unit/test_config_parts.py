"""Job files that name every part."""

from itertools import product

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading
from aspis_mpi.job.sections import ELSEWHERE, PARTS, SECTIONS
from aspis_mpi.learning.problems.digits import Digits
from aspis_mpi.parts import extras
from tests.support.designs import made
from tests.support.image_files import prepared_in

MODULES = 'tests.support.torch_modules'
NETWORKS = 'aspis_mpi.learning.networks'

#: Options without a default, for tests that make every part.
REQUIRED = {('schedule', 'step'): {'milestones': [2]},
            ('schedule', 'warm-up'): {'warmup': 2},
            ('assignment', 'file'): {'path': 'design.csv'},
            ('problem', 'torch'): {'module': f'{MODULES}:net',
                                   'train': f'{MODULES}:train'},
            ('problem', 'images'): {'module': f'{NETWORKS}:lenet',
                                    'data': 'mnist.images'},
            ('collection', 'deadline'): {'deadline': 1.0},
            ('collection', 'adaptive'): {'deadline': 1.0},
            ('code', 'approximate'): {'stragglers': 1},
            ('delay', 'trace'): {'path': 'trace.csv'}}
#: Of options that all have a default, one that a part is not made without.
CHOSEN = {('delay', 'slow'): {'workers': [1]}}
#: Inputs and classes that these models are for, where digits are not.
INPUTS = {'lenet': (144, 10), 'resnet18': (192, 10)}
#: What else a part needs around it, by family or by family and name.
AROUND = {
    'assignment': {'scheme': {'workers': 6, 'adversaries': 2}},
    ('assignment', 'uncoded'): {'detection': {'name': 'none'}},
    ('assignment', 'file'): {'scheme': {'name': 'partial', 'workers': 6}},
    ('transfer', 'coded'): {'scheme': {'name': 'partial', 'workers': 6}},
    ('transfer', 'sums'): {'scheme': {'name': 'partial', 'workers': 6}},
    ('transfer', 'correcting'): {
        'scheme': {'name': 'draco-cyclic', 'workers': 6, 'adversaries': 1}},
    ('detection', 'majority'): {
        'scheme': {'name': 'draco', 'workers': 6, 'adversaries': 1}},
    ('collection', 'full-workers'): {
        'scheme': {'name': 'partial', 'workers': 6}},
    ('code', 'least-squares'): {'scheme': {'name': 'partial', 'workers': 6}},
    'code': {'scheme': {'name': 'gradient-code', 'workers': 6}},
    ('code', 'raviv'): {'scheme': {'name': 'cyclic-mds', 'workers': 7}},
    ('aggregation', 'bulyan'): {'scheme': {'workers': 6, 'adversaries': 0}},
    ('detection', 'reactive'): {
        'scheme': {'name': 'reactive', 'workers': 6, 'adversaries': 1},
        'detection': {'name': 'reactive', 'budget': 'fixed'}},
    ('detection', 'spot'): {
        'scheme': {'name': 'spot', 'workers': 6, 'adversaries': 1},
        'detection': {'name': 'spot', 'budget': 'fixed'}},
    ('code', 'ye-abbe'): {'scheme': {'name': 'ye-abbe', 'workers': 6}}}


def options_of(family, name):
    """Options that make a part of the family, and no more."""
    return REQUIRED.get((family, name), {}) | CHOSEN.get((family, name), {})


def named(section, key, name):
    """A part as a job names it, and the place that it has there."""
    if isinstance(SECTIONS[section].model_fields[key].default, list):
        return [name], f'{key}.0'
    return name, key


def test_no_two_options_of_a_section_share_a_name():
    """Else one key of the job file would mean two things."""
    for section, keys in PARTS.items():
        families = [registry.parts(family).values()
                    for family in keys.values()]
        own = set(SECTIONS[section].model_fields)
        for chosen in product(*families):
            names = [key for part in chosen for key in registry.options(part)
                     if key not in ELSEWHERE]
            assert len(set(names)) == len(names), (section, names)
            assert not own & set(names), (section, names)


EVERY_PART = [(section, key, family, name)
              for section, keys in PARTS.items()
              for key, family in keys.items()
              for name in registry.parts(family)]


@pytest.mark.parametrize('section, key, family, name', EVERY_PART)
def test_every_part_can_be_had_by_its_name(tables, monkeypatch, tmp_path,
                                           section, key, family, name):
    monkeypatch.chdir(tmp_path)
    # Nothing is computed.
    monkeypatch.setattr(extras, 'find_spec', lambda name: True)
    np.savetxt('design.csv', np.ones((4, 6), dtype=int), '%d', ',')
    np.savetxt('trace.csv', np.ones((3, 5)), delimiter=',')
    if name == 'images':
        prepared_in(tmp_path)
    monkeypatch.setattr(Digits, 'model_inputs', INPUTS.get(
        name, Digits.model_inputs))
    said, place = named(section, key, name)
    chosen = {key: said, **options_of(family, name)}
    job = tables(**{section: chosen})
    if section == 'problem':
        job['problem'] = {'name': 'digits'} | chosen
    job |= AROUND.get(family, {}) | AROUND.get((family, name), {})
    if getattr(registry.parts(family)[name], 'exists', ''):
        # The nearest number of workers for which there is such a design.
        design = made(registry.parts(family)[name], job['scheme']['workers'])
        job['scheme'] = job['scheme'] | {'workers': design.n_workers}
    if 'name' in job['scheme'] and section != 'detection':
        del job['detection']
    assembly = Assembly(loading.from_tables(job))
    part = assembly.job.part(section, place)
    assert part.cls.name == part.word == name
    assert part.options.keys() == registry.options(part.cls).keys()


@pytest.mark.parametrize('section, key, family, name', EVERY_PART)
def test_every_option_has_a_type_and_a_default(section, key, family, name):
    required = REQUIRED.get((family, name), {})
    for option, parameter in registry.options(
            registry.find(family, name)).items():
        assert parameter.annotation is not parameter.empty, option
        assert (parameter.default is parameter.empty) == (option in required)
