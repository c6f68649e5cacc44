"""Job files: what is filled in, and the answer to every mistake."""

import tomllib
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assembly.outputs import check, claims, log_path, refuse_existing
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading, presets
from aspis_mpi.job.presets import PRESETS
from aspis_mpi.job.sections import ELSEWHERE, PARTS, SECTIONS
from aspis_mpi.learning.problems.digits import Digits
from aspis_mpi.parts import extras
from tests.support.image_files import in_place_of_shipped, prepared_in

ROOT = Path(__file__).parents[2]

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
            ('delay', 'slow'): {'workers': [1]},
            ('delay', 'trace'): {'path': 'trace.csv'}}
#: Inputs and classes that these models are for, where digits are not.
INPUTS = {'lenet': (144, 10), 'resnet18': (192, 10)}
#: What else a part needs around it, by family or by family and name.
AROUND = {
    'assignment': {'scheme': {'workers': 6, 'adversaries': 2}},
    ('assignment', 'uncoded'): {'detection': {'name': 'none'}},
    ('assignment', 'file'): {'scheme': {'name': 'partial', 'workers': 6}},
    ('transfer', 'coded'): {'scheme': {'name': 'partial', 'workers': 6}},
    ('transfer', 'sums'): {'scheme': {'name': 'partial', 'workers': 6}},
    ('collection', 'full-workers'): {
        'scheme': {'name': 'partial', 'workers': 6}},
    ('code', 'least-squares'): {'scheme': {'name': 'partial', 'workers': 6}},
    'code': {'scheme': {'name': 'gradient-code', 'workers': 6}},
    ('code', 'raviv'): {'scheme': {'name': 'cyclic-mds', 'workers': 7}},
    ('code', 'ye-abbe'): {'scheme': {'name': 'ye-abbe', 'workers': 6}}}

JOB = '''
[run]
steps = 3
[problem]
name = "quadratic"
[scheme]
name = "aspis"
workers = 5
adversaries = 2
'''


@pytest.fixture
def job_file(tmp_path):
    """Writes a job file."""
    def write(text=JOB):
        path = tmp_path / 'job.toml'
        path.write_text(text)
        return path
    return write


def refusal(tables, n_workers=None):
    """The one line with which a job is refused."""
    with pytest.raises(JobError) as refused:
        Assembly(loading.from_tables(tables, 'job.toml', n_workers))
    text = str(refused.value)
    assert text.startswith('job.toml: ') and '\n' not in text
    return text


def options_of(family, name):
    """Options that make a part of the family, required ones only."""
    return REQUIRED.get((family, name), {})


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


# --- every part --------------------------------------------------------

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
    chosen = {key: name, **options_of(family, name)}
    job = tables(**{section: chosen})
    if section == 'problem':
        job['problem'] = {'name': 'digits'} | chosen
    job |= AROUND.get(family, {}) | AROUND.get((family, name), {})
    if 'name' in job['scheme'] and section != 'detection':
        del job['detection']
    assembly = Assembly(loading.from_tables(job))
    part = assembly.job.part(section, key)
    assert part.cls.name == name
    assert part.options.keys() == registry.options(part.cls).keys()


@pytest.mark.parametrize('section, key, family, name', EVERY_PART)
def test_every_option_has_a_type_and_a_default(section, key, family, name):
    required = options_of(family, name)
    for option, parameter in registry.options(
            registry.find(family, name)).items():
        assert parameter.annotation is not parameter.empty, option
        assert (parameter.default is parameter.empty) == (option in required)


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
    for path in (ROOT / folder).rglob('*.toml')),
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


# --- mistakes ----------------------------------------------------------

MISTAKES = [
    # the sections and keys, and what the line must name
    ({'detecton': {'name': 'core'}},
     ["unknown section 'detecton'", "did you mean 'detection'?"]),
    ({'zzz': {}}, ["unknown section 'zzz'", 'known:', 'problem']),
    ({'run': {'step': 3}},
     ["unknown key 'run.step'", "did you mean 'steps'?"]),
    ({'detection': {'equalty': 'bits'}}, ["unknown key 'detection.equalty'"]),
    ({'scheme': {'name': 'apsis'}},
     ["scheme.name = 'apsis'", "did you mean 'aspis'?"]),
    ({'scheme': {'name': 'core'}},
     ["no scheme is called 'core'; 'core' is a part: detection.name = "
      "'core'"]),
    ({'scheme': {'name': 'random'}},
     ["assignment.order = 'random' or", "adversary.who = 'random' or"]),
    ({'detection': {'name': 'clik'}},
     ["detection.name = 'clik'", "did you mean 'clique'?"]),
    ({'aggregation': {'name': 'meen'}},
     ["aggregation.name = 'meen'", "did you mean 'mean'?"]),
    ({'adversary': {'value': 'aile'}},
     ["adversary.value = 'aile'", "did you mean 'alie'?"]),
    ({'adversary': {'files': 'fixed-disagree'}},
     ["adversary.files = 'fixed-disagree'",
      "did you mean 'fixed-disagreement'?"]),
    ({'optimizer': {'schedule': 'cosin'}},
     ["optimizer.schedule = 'cosin'", "did you mean 'cosine'?"]),
    ({'problem': {'name': 'digit'}},
     ["problem.name = 'digit'", "did you mean 'digits'?"]),
    ({'collection': {'name': 'al'}}, ["collection.name = 'al'", "'all'"]),
    # types
    ({'run': {'steps': 'ten'}}, ["run.steps = 'ten'", 'integer']),
    ({'run': {'steps': 2.5}}, ['run.steps = 2.5', 'integer']),
    ({'run': {'steps': True}}, ['run.steps = True', 'integer']),
    ({'optimizer': {'lr': '0.1'}}, ["optimizer.lr = '0.1'", 'number']),
    ({'assignment': {'replication': 3.0}},
     ['assignment.replication = 3.0', 'integer']),
    ({'adversary': {'count': 1, 'workers': 3}},
     ['adversary.workers = 3', 'list, such as [0, 1]']),
    ({'adversary': {'count': 2, 'workers': '0,1'}},
     ["adversary.workers = '0,1'", 'list, such as [0, 1]']),
    ({'scheme': {'name': ['aspis']}}, ['scheme.name', "['aspis']"]),
    ({'detection': {'name': 3}}, ['detection.name = 3']),
    # bounds
    ({'run': {'steps': 0}}, ['run.steps = 0', 'greater than 0']),
    ({'run': {'seed': 1.5}}, ['run.seed = 1.5', 'integer']),
    ({'run': {'out': 'a\udc80.h5'}}, ['run.out = ', 'not UTF-8']),
    ({'scheme': {'workers': 0}}, ['scheme.workers = 0', 'greater than 0']),
    ({'faults': {'silence': 0}}, ['faults.silence = 0', 'greater than 0']),
    ({'faults': {'silence': float('nan')}}, ['faults.silence = nan']),
    ({'assignment': {'replication': 6}},
     ['assignment', 'replication 6', '5']),
    ({'assignment': {'replication': 7}},
     ['assignment', 'replication 7', '5']),
    ({'assignment': {'replication': 4}},
     ['assignment.replication = 4', 'odd']),
    ({'assignment': {'replication': 2}, 'detection': {'name': 'none'}},
     ['assignment.replication = 2', 'odd']),
    ({'scheme': {'adversaries': 3}},
     ['scheme.adversaries = 3', '5', 'at most 2']),
    ({'scheme': {'adversaries': -1}}, ['scheme.adversaries = -1']),
    ({'adversary': {'count': 6}}, ['adversary.count = 6', '5']),
    ({'adversary': {'count': 2, 'workers': [0]}}, ['workers [0]', '2']),
    ({'adversary': {'count': 1, 'workers': [5]}}, ['worker 5', '4']),
    ({'adversary': {'count': 1, 'files': 'random', 'rate': 2.0}},
     ['adversary', 'rate 2.0', '1']),
    ({'scheme': {'workers': 60}, 'assignment': {'replication': 3}},
     ["'subset' makes 34220 files of 60 workers, more than the 20000 "
      'training samples; set assignment.replication']),
    ({'problem': {'batch_size': 9}}, ['problem', 'batch_size 9', '10']),
    ({'problem': {'batch_size': 20_001}},
     ['problem', 'batch_size 20001', '20000']),
    ({'problem': {'micro_batch': 0}}, ['problem.micro_batch = 0']),
    ({'problem': {'parameters': 0}}, ['problem', 'parameters 0', '1']),
    ({'optimizer': {'lr': float('nan')}}, ['optimizer', 'lr nan', '0']),
    ({'optimizer': {'momentum': 1.0}}, ['optimizer', 'momentum 1.0']),
    ({'aggregation': {'buckets': 4}}, ['aggregation', 'buckets 4', '5']),
    ({'assignment': {'name': 'repetition'}},
     ['assignment', 'replication 3', 'divide', '5']),
    # defaults that nobody wrote
    ({'scheme': {'workers': 1, 'adversaries': 0}},
     ['replication 3', 'workers, 1; set assignment.replication']),
    ({'scheme': {'workers': 200}},
     ['replication 3 of 200 workers',
      "set assignment.replication, or assignment.name = 'cyclic'"]),
    ({'scheme': {'name': 'fractional-repetition', 'workers': 7}},
     ['replication 3 must divide', 'set assignment.replication']),
    ({'scheme': {'name': 'cyclic-mds', 'workers': 6}},
     ['K - load = 3 must be even; set assignment.load']),
    # numbers that follow from others: the key that the user can write
    ({'collection': {'copies': 5}},
     ['collection.copies = 5: must be between 1 and the number of workers of '
      'each file, 3; set assignment.replication']),
    ({'collection': {'copies': 4}, 'assignment': {'name': 'cyclic'}},
     ['collection.copies = 4: must be', 'set assignment.load']),
    ({'scheme': {'name': 'gradient-code'}, 'collection': {'copies': 2}},
     ["collection.copies = 2: must be 1 with code 'tandon'"]),
    ({'assignment': {'name': 'cyclic', 'load': 4},
      'detection': {'name': 'clique'}},
     ['assignment.load = 4: must be odd']),
    ({'scheme': {'name': 'cyclic-mds', 'workers': 6},
      'assignment': {'name': 'subset', 'replication': 5}},
     ['replication 5 of 6', 'K - replication = 1 must be even; set '
      'assignment.replication']),
    ({'scheme': {'name': 'cyclic-mds', 'workers': 6},
      'assignment': {'name': 'uncoded'}},
     ['K - load = 5 must be even; use another assignment']),
    ({'scheme': {'workers': 1, 'adversaries': 0},
      'assignment': {'name': 'random-regular'}},
     ['scheme.workers = 1: must be at least 2']),
    ({'scheme': {'name': 'ignore-stragglers', 'workers': 2,
                 'adversaries': 0}},
     ['stragglers 2', 'set transfer.stragglers']),
    ({'scheme': {'name': 'gradient-code'}, 'collection': {'thinning': True}},
     ['collection.thinning = true']),
    # combinations
    ({'assignment': {'name': 'uncoded'}},
     ["detection.name = 'core'", "'uncoded'", "'none'"]),
    ({'assignment': {'name': 'uncoded'}, 'detection': {'name': 'clique'}},
     ["detection.name = 'clique'", "'uncoded'"]),
    ({'assignment': {'replication': 1}}, ["detection.name = 'core'"]),
    ({'scheme': {'name': 'uncoded'}, 'detection': {'name': 'core'}},
     ["detection.name = 'core'", "'uncoded'"]),
    ({'assignment': {'name': 'uncoded', 'replication': 3}},
     ["unknown key 'assignment.replication'"]),
    ({'detection': {'name': 'core', 'buckets': 3}},
     ["unknown key 'detection.buckets'"]),
    ({'adversary': {'value': 'reversed', 'z': 1.0}},
     ["unknown key 'adversary.z'; 'z' is an option of value 'alie'; "
      "adversary.value is 'reversed'"]),
    ({'delay': {'mean': 3}},
     ["unknown key 'delay.mean'; 'mean' is an option of delay 'constant', ",
      "delay.name is 'none'"]),
    ({'aggregation': {'trim': 3}},
     ["'trim' is an option of aggregation 'trimmed-mean'",
      "aggregation.name is 'median-of-means'"]),
    ({'assignment': {'load': 3}},
     ["'load' is an option of assignment 'cyclic', ",
      "assignment.name is 'subset'"]),
    ({'problem': {'hidden': 3}},
     ["'hidden' is an option of model 'mlp'; problem.model is not set"]),
    ({'optimizer': {'milestones': [1]}},
     ["unknown key 'optimizer.milestones'"]),
    ({'problem': {'path': 'x.csv'}}, ["unknown key 'problem.path'"]),
    ({'problem': {'model': 'mlp'}}, ["problem.model = 'mlp'", 'quadratic']),
    ({'optimizer': {'schedule': 'step'}},
     ['optimizer.milestones is missing']),
    # a user's own
    ({'problem': {'name': 'no.such:Thing'}}, ['problem.name', 'no.such']),
    ({'problem': {'name': 'math:thing'}}, ['problem.name', 'math:thing']),
    ({'problem': {'name': ':thing'}}, ['problem.name', ':thing']),
    ({'problem': {'name': '.a:thing'}}, ['problem.name', '.a:thing']),
]


@pytest.mark.parametrize('sections, named', MISTAKES,
                         ids=[str(sections)[:60] for sections, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line(tables, sections, named):
    text = refusal(tables(**sections))
    for word in named:
        assert word in text


@pytest.mark.parametrize('section, key, named', [
    ('run', 'steps', 'run.steps is missing'),
    ('problem', 'name', 'problem.name is missing'),
    ('scheme', 'workers', 'scheme.workers is missing')])
def test_a_missing_key_is_named(tables, section, key, named):
    job = tables(problem={'micro_batch': 4})
    del job['problem']['parameters'], job[section][key]
    assert named in refusal(job)


def test_a_missing_section_is_named():
    assert 'run.steps is missing' in refusal({})


def test_a_value_in_the_place_of_a_section(tables):
    assert 'must be a section, [run]' in refusal(tables() | {'run': 3})


@pytest.mark.parametrize('setting', [
    'steps=3', 'run.steps', 'run.=3', '=', '.=', 'run.steps3', ''])
def test_a_bad_setting_says_how_to_write_it(job_file, setting):
    with pytest.raises(JobError, match='section.key=value'):
        loading.load(job_file(), [setting])


def test_a_setting_that_names_no_key(job_file):
    with pytest.raises(JobError, match="'sheme'.*did you mean 'scheme'"):
        loading.load(job_file(), ['sheme.workers=3'])
    with pytest.raises(JobError, match="'run.stops'.*did you mean 'steps'"):
        loading.load(job_file(), ['run.stops=3'])


def test_a_setting_into_something_that_is_no_section(job_file):
    with pytest.raises(JobError, match='must be a section'):
        loading.load(job_file('run = 3\n'), ['run.steps=3'])


@pytest.mark.parametrize('text', [
    '[run\nsteps = 3', 'steps = = 3', '[run]\nsteps = 1\nsteps = 2'])
def test_what_is_no_toml_is_told_with_its_place(job_file, text):
    with pytest.raises(JobError, match=r'job\.toml: .*\(at ') as refused:
        loading.load(job_file(text))
    assert '\n' not in str(refused.value)


def test_what_is_no_text_at_all(tmp_path):
    path = tmp_path / 'run.h5'
    path.write_bytes(b'\x89HDF\r\n\x1a\n\xff\xfe')
    with pytest.raises(JobError, match=r'run\.h5') as refused:
        loading.load(path)
    assert '\n' not in str(refused.value)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(JobError, match=r'none\.toml: No such file') as told:
        loading.load(tmp_path / 'none.toml')
    # A script that calls `run` prints one traceback, not two.
    assert told.value.__suppress_context__
    with pytest.raises(JobError, match='directory'):
        loading.load(tmp_path)


def test_a_missing_data_path(tables):
    job = tables()
    job['problem'] = {'name': 'digits', 'path': '/no/such/digits.csv'}
    assert '/no/such/digits.csv' in refusal(job)


@pytest.mark.parametrize('section, name, path', [
    ('problem', 'digits', 'mine.csv'), ('assignment', 'file', 'design.csv'),
    ('delay', 'trace', 'data/trace.npy')])
def test_a_relative_path_is_told_from_the_root(tables, tmp_path, monkeypatch,
                                               section, name, path):
    monkeypatch.chdir(tmp_path)
    job = tables()
    job[section] = {'name': name, 'path': path}
    assert str(tmp_path / path) in refusal(job)


def test_a_data_file_that_is_none(tables, tmp_path):
    path = tmp_path / 'digits.csv'
    path.write_text('1,2,3\n')
    job = tables()
    job['problem'] = {'name': 'digits', 'path': str(path)}
    assert str(path) in refusal(job)


# --- where the log goes ------------------------------------------------

@pytest.fixture
def job(tables):
    """A job that is fine."""
    return loading.from_tables(tables(), 'some/job.toml')


def test_the_log_goes_where_it_was_told_to(job, tables, tmp_path):
    out = tmp_path / 'new' / 'run.h5'
    assert log_path(job.path, out, job) == out
    claims(job, out, False).close()
    assert out.parent.is_dir() and not list(out.parent.iterdir())
    named = loading.from_tables(tables(run={'out': str(out)}))
    assert log_path(named.path, None, named) == out
    assert log_path(None, tmp_path / 'b.h5', named) == tmp_path / 'b.h5'


def test_a_log_without_a_job_has_a_place(job, tables):
    """For the doctor, who may have no job, or one that cannot be run."""
    assert log_path(None, 'a.h5', job) == Path('a.h5')
    named = loading.from_tables(tables(run={'out': 'b.h5'}))
    assert log_path('some/lr0.1.toml', None, named) == Path('b.h5')
    for file, name in (('some/lr0.1.toml', 'lr0.1-'), (None, 'RUN-')):
        path = log_path(file)
        assert path.parent == Path('runs') and path.suffix == '.h5'
        assert path.name.startswith(name)


def test_an_existing_log_is_kept(job, tmp_path):
    out = tmp_path / 'run.h5'
    out.write_text('precious')
    with pytest.raises(JobError, match='exists.*--overwrite'):
        refuse_existing(job, out)
    claims(job, out, True).close()
    assert out.read_text() == 'precious'    # nothing is written yet


def test_a_directory_that_cannot_be_written(job, tmp_path):
    in_the_way = tmp_path / 'file'
    in_the_way.write_text('')
    for out in (in_the_way / 'run.h5', in_the_way / 'deep' / 'run.h5'):
        with pytest.raises(JobError, match='directory cannot be written'):
            check(job, out)
