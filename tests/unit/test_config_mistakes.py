"""Job files: the answer to every mistake."""

import pytest

from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from tests.support.job_files import job_file_in, refusal

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
    ({'problem': {'batch_size': 2 ** 64}},
     [f'problem: batch_size {2 ** 64} must be at most', '20000']),
    ({'problem': {'batch_size': 10 ** 30, 'file_sizes': 'zipf'}},
     [f'problem: batch_size {10 ** 30} must be at most', '20000']),
    ({'run': {'steps': 10 ** 30}},
     [f'run.steps = {10 ** 30}: must be less than {2 ** 63}']),
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
     ['replication 3 must divide the number of workers, 7: 1 '
      'and 7 do, and so does 3 with 6 or 9 workers; set assignment.repl']),
    ({'scheme': {'name': 'detox', 'workers': 16}},
     ['16: 2 and 4 do, and so does 3 with 15 or 18 workers; set']),
    ({'scheme': {'name': 'draco', 'adversaries': 2, 'workers': 12}},
     ['replication 5 must', '12: 4 and 6 do, and so does 5 with 10 or 15']),
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


@pytest.fixture
def job_file(tmp_path):
    """Writes a job file."""
    return job_file_in(tmp_path)


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
