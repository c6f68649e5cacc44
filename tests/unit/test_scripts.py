"""The scripts of jobs/ and analysis/ start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for folder in ('jobs', 'analysis')
                 for path in (ROOT / folder).rglob('*.py'))

#: Imports each script as a user's Python does, which knows its own folder
#: alone, and prints the files that came with it.
IMPORTS = '''
import importlib, sys
from pathlib import Path

def ours():
    return {name: module.__file__ for name, module in sys.modules.items()
            if (getattr(module, '__file__', None) or '').startswith(folders)}

*folders, scripts = sys.argv[1:]
folders = tuple(folders)
before = sys.path[1:]
for script in map(Path, scripts.split(',')):
    sys.path[:] = [str(script.parent), *before]
    importlib.import_module(script.stem)
    for name, file in ours().items():
        print(file)
        del sys.modules[name]
'''


def is_started(path):
    """Whether it is a script, not a module that scripts share."""
    return "if __name__ == '__main__':" in path.read_text(encoding='utf-8')


def test_each_script_finds_what_it_imports():
    scripts = [path for path in MODULES if is_started(path)]
    done = subprocess.run(
        [sys.executable, '-c', IMPORTS, f'{ROOT / "jobs"}/',
         f'{ROOT / "analysis"}/', ','.join(map(str, scripts))],
        capture_output=True, text=True, timeout=60,
        env=os.environ | {'PYTHONPATH': str(ROOT)})
    assert done.returncode == 0, done.stderr
    # What no script uses is nobody's.
    assert set(done.stdout.split()) == set(map(str, MODULES))


#: Puts together every job of an experiment, and prints how many there are.
JOBS = {
    'attacks': """
import attacks, grid
jobs = [(attacks.JOB, run.settings) for run in
        (*grid.simulated(), *grid.marked()) if run.seed == 1]
""",
    'partial': """
import partial, points
jobs = [(partial.HERE / point.job, point.seeded()[0])
        for point in points.POINTS]
""",
    'robust': """
import robust
jobs = [(robust.JOB, settings) for settings in robust.CASES.values()]
"""}
ASSEMBLE = """
from aspis_mpi.assembly.design import Design
from aspis_mpi.job import loading as config
for job, settings in jobs:
    Design(config.load(job, settings), leads=False)
print(len(jobs))
"""


@pytest.mark.parametrize('name', JOBS)
def test_the_jobs_of_an_experiment_are_valid(name):
    """Each with its own settings, which a stricter check may refuse."""
    done = subprocess.run(
        [sys.executable, '-c', JOBS[name] + ASSEMBLE],
        capture_output=True, text=True, timeout=100,
        env=os.environ | {'PYTHONPATH': os.pathsep.join(map(str, (
            ROOT / 'jobs' / name, ROOT)))})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 9
