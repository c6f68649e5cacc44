"""Job files: what is filled in, and that they read back."""

import tomllib
from pathlib import Path

import pytest

from aspis_mpi import registry
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading, presets
from aspis_mpi.job.presets import PRESETS
from aspis_mpi.job.sections import SECTIONS
from tests.support.image_files import in_place_of_shipped
from tests.support.job_files import job_file_in

ROOT = Path(__file__).parents[2]


@pytest.fixture
def job_file(tmp_path):
    """Writes a job file."""
    return job_file_in(tmp_path)


# --- what is filled in -------------------------------------------------

def test_a_job_without_a_preset_is_aspis_with_certificates():
    job = loading.from_tables({'run': {'steps': 1},
                               'problem': {'name': 'quadratic'}})
    assert job.assignment.name == 'subset'
    assert job.assignment.replication == 3
    assert job.detection.name == 'certified'
    assert job.aggregation.name == 'median-of-means'
    assert (job.collection.name, job.transfer.name) == ('all', 'replicas')
    assert job.q == 0 and job.adversary.count == 0


@pytest.mark.parametrize('preset', PRESETS)
def test_a_preset_fills_its_sections(tables, preset):
    job = loading.from_tables(tables(scheme={'name': preset}))
    for section, keys in presets.sections(preset, 2).items():
        for key, value in keys.items():
            assert getattr(getattr(job, section), key) == value


def test_presets_are_the_published_choices():
    assert PRESETS['aspis']['detection'] == {'name': 'clique'}
    assert PRESETS['aspis']['assignment'] == {'name': 'subset',
                                              'replication': 3}
    assert PRESETS['aspis']['aggregation'] == {'name': 'median-of-means'}
    assert PRESETS['uncoded']['detection'] == {'name': 'none'}
    assert PRESETS['uncoded']['aggregation'] == {'name': 'mean'}


def test_each_key_of_a_preset_can_be_overridden(tables):
    job = loading.from_tables(tables(
        scheme={'name': 'aspis'}, assignment={'replication': 5},
        detection={'name': 'core'}, aggregation={'buckets': 7}))
    assert job.assignment.name == 'subset' and job.assignment.replication == 5
    assert job.detection.name == 'core'
    assert job.aggregation.name == 'median-of-means'
    assert job.part('aggregation').options['buckets'] == 7


def test_another_part_does_not_inherit_the_presets_options(tables):
    """The preset's replication belongs to its subset alone."""
    job = loading.from_tables(tables(scheme={'name': 'aspis'},
                                     assignment={'name': 'uncoded'},
                                     detection={'name': 'none'}))
    assert not hasattr(job.assignment, 'replication')


def test_sections_are_frozen(tables):
    job = loading.from_tables(tables())
    with pytest.raises(ValueError):
        job.run.steps = 5


def test_the_number_of_ranks_is_the_default_of_workers(tables):
    without = tables()
    del without['scheme']['workers']
    assert loading.from_tables(without, n_workers=9).n_workers == 9
    assert loading.from_tables(tables(), n_workers=9).n_workers == 5


def test_device_reaches_the_parts_that_take_one(tables):
    job = tables(runtime={'device': 'cuda:1'})
    job['problem'] = {'name': 'digits', 'model': 'convnet'}
    job = loading.from_tables(job)
    assert job.part('problem', 'model').options['device'] == 'cuda:1'


def test_a_problem_of_the_callers_need_not_be_named(job_file):
    path = job_file('[run]\nsteps = 1\n[scheme]\nworkers = 5\n')
    problem = registry.find('problem', 'quadratic')(0, parameters=3)
    job = loading.load(path, problem=problem)
    assert job.problem.name == (
        'aspis_mpi.learning.problems.quadratic:Quadratic')
    assert Assembly(job, problem).d == 3


# --- there and back ----------------------------------------------------

@pytest.mark.parametrize('sections', [
    {},
    {'scheme': {'name': 'aspis'}},
    {'scheme': {'name': 'uncoded'}},
    {'adversary': {'count': 2, 'who': 'fixed', 'workers': [0, 4],
                   'value': 'alie', 'files': 'random', 'rate': 0.5}},
    {'optimizer': {'schedule': 'step', 'milestones': [1, 2], 'lr': 1e-3}},
    {'run': {'out': 'a "quoted" name.h5', 'seed': 2 ** 62}},
    {'run': {'seed': 2 ** 200}}, {'run': {'seed': -5}},
    {'aggregation': {'name': 'trimmed-mean'}, 'faults': {'silence': 0.25}},
])
def test_a_complete_job_reads_back(tables, sections):
    job = loading.from_tables(tables(**sections))
    again = loading.from_tables(tomllib.loads(job.to_toml()))
    for name in SECTIONS:
        assert (getattr(again, name).model_dump()
                == getattr(job, name).model_dump()), name
    assert again.parts == job.parts
    assert again.to_toml() == job.to_toml()


@pytest.mark.parametrize('path', sorted(
    path for folder in ('jobs', 'experiments')
    for path in (ROOT / folder).rglob('*.toml')
    # Those are sweeps: tests/unit/test_sweep.py.
    if path.parent.name != 'sweeps'),
                         ids=lambda path: path.name)
def test_the_jobs_of_the_repository_are_fine(path):
    Assembly(loading.load(path, in_place_of_shipped(path)))


def test_settings_win_over_the_file(job_file):
    job = loading.load(job_file(), [
        'run.steps=9', 'optimizer.lr = 1e-3', 'detection.name=core',
        'adversary.count=2', 'adversary.workers=[1, 2]', 'run.seed=1',
        'run.seed=2'])
    assert job.run.steps == 9 and job.optimizer.lr == 1e-3
    assert job.detection.name == 'core'
    assert job.adversary.workers == [1, 2]
    assert job.run.seed == 2
