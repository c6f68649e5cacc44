"""The scripts of analysis/ and the modules of experiments/ start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.limits import HANGS

ROOT = Path(__file__).parents[2]
ANALYSIS = sorted((ROOT / 'analysis').glob('*.py'))
EXPERIMENTS = sorted((ROOT / 'experiments').rglob('*.py'))

#: Imports each script as a user's Python does, which knows its own folder
#: alone, or each module from the root; prints the files that came with it.
IMPORTS = '''
import importlib, sys
from pathlib import Path

def ours():
    return {name: module.__file__ for name, module in sys.modules.items()
            if (getattr(module, '__file__', None) or '').startswith(folder)}

folder, *names = sys.argv[1:]
for name in names:
    importlib.import_module(name)
    for found, file in ours().items():
        print(file)
        del sys.modules[found]
'''


def is_started(path):
    """Whether it is a script, not a module that scripts share."""
    return "if __name__ == '__main__':" in path.read_text(encoding='utf-8')


def module_of(path):
    """Name of a module as the root of the repository knows it."""
    return '.'.join(path.relative_to(ROOT).with_suffix('').parts)


def python(*arguments, cwd=ROOT, **environment):
    """What Python says that knows the package, as it is installed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True,
        text=True, timeout=HANGS, cwd=cwd, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize('folder, names', [
    ('analysis', [path.stem for path in ANALYSIS if is_started(path)]),
    ('experiments', [module_of(path) for path in EXPERIMENTS
                     if is_started(path)])])
def test_each_script_finds_what_it_imports(folder, names):
    there = {'analysis': ANALYSIS, 'experiments': EXPERIMENTS}[folder]
    search = ROOT / 'analysis' if folder == 'analysis' else ROOT
    told = python('-c', IMPORTS, f'{ROOT / folder}/', *names, cwd=search,
                  PYTHONPATH=str(ROOT))
    # What no script uses is nobody's.
    assert set(told.split()) == set(map(str, there))


@pytest.mark.parametrize('path', [path for path in EXPERIMENTS
                                  if is_started(path)], ids=module_of)
def test_an_experiment_starts_from_the_root(path):
    told = python('-m', module_of(path), '--help')
    assert module_of(path).rpartition('.')[2] in told and 'usage' in told


def test_experiments_compute_with_one_thread():
    """Their bits are published, and depend on how many there are."""
    assert python('-c', 'import experiments, os; '
                  'print(os.environ["OMP_NUM_THREADS"])',
                  OMP_NUM_THREADS='4').split() == ['1']


#: Puts together every job of an experiment, and prints how many there are.
JOBS = {
    'attacks': """
from experiments.attacks import table
from tests.support.image_files import in_place_of_shipped
jobs = [(job, (*run.settings, *in_place_of_shipped(job)))
        for made in table.TABLES.values() for job in [table.HERE / made.job]
        for run in made.grid.simulated if run.seed == 1]
""",
    'partial': """
from experiments.partial import points, table
jobs = [(table.HERE / point.job, point.seeded()[0])
        for point in points.POINTS]
""",
    'robust': """
from experiments.robust import mpi
jobs = [(mpi.JOB, settings) for settings in mpi.CASES.values()]
"""}
ASSEMBLE = """
from aspis_mpi.assembly.design import Design
from aspis_mpi.job import loading
for job, settings in jobs:
    Design(loading.load(job, settings), leads=False)
print(len(jobs))
"""


@pytest.mark.parametrize('name', JOBS)
def test_the_jobs_of_an_experiment_are_valid(name):
    """Each with its own settings, which a stricter check may refuse."""
    assert int(python('-c', JOBS[name] + ASSEMBLE)) >= 9
