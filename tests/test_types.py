"""Type hints: true where they stand, whole where people import, shipped."""

import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

import aspis_mpi
from aspis_mpi import registry
from tests.support.limits import HANGS

PACKAGE = Path(aspis_mpi.__file__).parent
ROOT = PACKAGE.parent

#: The lines of a user's script, and what a checker says of each; '' is
#: nothing.
SCRIPT = (
    ('import numpy as np', ''),
    ('import numpy.typing as npt', ''),
    ('import aspis_mpi', ''),
    ('from aspis_mpi.aggregation.base import Aggregator', ''),
    ('from aspis_mpi.assignment.base import Assignment', ''),
    ('code, path = aspis_mpi.run("job.toml")', ''),
    ('total = code + path', 'Unsupported operand types'),
    ('path.name', 'has no attribute "name"'),
    ('log = aspis_mpi.simulate("job.toml")[1].name + ".h5"', ''),
    ('aspis_mpi.run("job.toml", out=3)', 'incompatible type "int"'),
    ('aspis_mpi.simulate("job.toml", ouT="a")', 'Unexpected keyword'),
    ('design = Assignment([[1, 1], [1, 1]]).widened(3)', ''),
    ('own: npt.NDArray[np.int32] = design.files(0)', ''),
    ('first: int = design.files(0)', 'Incompatible types in assignment'),
    ('Aggregator("15", 1, 1)', 'incompatible type "str"'),
    ('two: str = aspis_mpi.JobError("wrong").exit_code', 'Incompatible types'),
    ('with aspis_mpi.load_run("run.h5") as run:', ''),
    ('    flagged: npt.NDArray[np.bool_] = run.flagged', ''),
    ('    steps: str = run.n_steps', 'Incompatible types in assignment'),
    ('class Own(aspis_mpi.Problem):', ''),
    ('    n_parameters, n_samples = 2, 3', ''),
    ('    def loss(self, parameters: npt.NDArray[np.float32]) -> str:',
     'incompatible with return type "float"'),
    ('        return aspis_mpi.Score("1.0")', 'incompatible type "str"'),
    ('aspis_mpi.run("job.toml", Own)', ''),
    ('aspis_mpi.run("job.toml", Own())', ''),
    ('aspis_mpi.ruN', 'has no attribute "ruN"'))


def check(*arguments):
    """What mypy says, its cache in the checkout so that it takes a second."""
    pytest.importorskip('mypy')
    done = subprocess.run(
        [sys.executable, '-m', 'mypy', *arguments], cwd=ROOT,
        capture_output=True, text=True, timeout=HANGS)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_the_hints_are_whole_and_true():
    told = check()
    assert told.startswith('Success'), told


def test_a_user_sees_them(tmp_path):
    """Where the package is installed, without the settings of this one."""
    script = tmp_path / 'script.py'
    script.write_text('\n'.join(line for line, _ in SCRIPT))
    told = check('--config-file=', '--ignore-missing-imports',
                 '--follow-imports=silent', str(script))
    said = dict.fromkeys(range(1, len(SCRIPT) + 1), '')
    for number, text in re.findall(r'^\S*script\.py:(\d+): (.*)', told, re.M):
        said[int(number)] += text
    for number, (line, wanted) in enumerate(SCRIPT, start=1):
        found = said[number]
        assert (wanted in found if wanted else not found), (line, found)


def test_they_are_shipped():
    config = ConfigParser(interpolation=None)
    config.read(ROOT / 'setup.cfg')
    assert 'py.typed' in config['options.package_data']['aspis_mpi'].split()
    assert (PACKAGE / 'py.typed').is_file()


def checked():
    """The modules of which every function has hints, as paths."""
    table = tomllib.loads((ROOT / 'pyproject.toml').read_text())
    assert table['tool']['mypy']['disallow_untyped_defs']
    return set(table['tool']['mypy']['files'])


@pytest.mark.parametrize('family', registry.FAMILIES)
def test_the_base_of_every_family_is_checked(family):
    """It is what a part of one's own is made of."""
    for part in registry.parts(family).values():
        *_, base = (cls for cls in part.__mro__
                    if cls.__module__.startswith('aspis_mpi.'))
        assert f'{base.__module__.replace(".", "/")}.py' in checked(), part


def test_what_is_public_is_checked():
    """Also what is called by name alone, when it is asked for."""
    files = checked()
    homes = {f'{name.replace(".", "/")}.py'
             for name in aspis_mpi._PUBLIC.values()}
    assert homes <= files
    assert set(aspis_mpi.__all__) == set(aspis_mpi._PUBLIC)
