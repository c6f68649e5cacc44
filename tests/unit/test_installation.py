"""What is installed: the package's files, and what is asked of pip."""

import subprocess
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

import aspis_mpi
from aspis_mpi.parts import extras
from tests.support.limits import HANGS

PACKAGE = Path(aspis_mpi.__file__).parent
ROOT = PACKAGE.parent
SCRIPT = ROOT / 'jobs' / 'environment.sh'


@pytest.fixture
def config():
    """setup.cfg."""
    config = ConfigParser(interpolation=None)
    assert config.read(ROOT / 'setup.cfg')
    return config


def names(requirements):
    """Projects in a list of requirements."""
    return {line.partition('>')[0].strip() for line in
            requirements.splitlines() if line.strip()}


def test_every_file_of_the_package_is_installed(config):
    data = [path for path in PACKAGE.rglob('*') if path.is_file()
            and path.suffix not in ('.py', '.pyc')]
    patterns = [
        f'{PACKAGE.parent / package.replace(".", "/")}/{pattern}'
        for package, lines in config['options.package_data'].items()
        for pattern in lines.split()]
    assert len(data) >= 2
    assert not [path for path in data
                if not any(fnmatch(path, pattern) for pattern in patterns)]


def test_the_digits_come_with_their_licence():
    text = (PACKAGE / 'learning' / 'data' / 'digits.txt').read_text()
    assert 'CC BY 4.0' in text and 'Alpaydin' in text


def test_the_base_needs_no_library_of_an_extra(config):
    base = names(config['options']['install_requires'])
    extra = {library: names(config['options.extras_require'][library])
             for library in extras.ADDED}
    assert {'numpy', 'mpi4py'} <= base
    assert all(library in extra[library] for library in extras.ADDED)
    assert not base & {*set().union(*extra.values()), 'scikit-learn'}


def test_the_script_installs_every_extra_when_asked():
    text = SCRIPT.read_text()
    for library in extras.ADDED:
        assert f'aspis_install_{library}()' in text


def test_the_script_refuses_what_it_does_not_know():
    done = subprocess.run(['bash', SCRIPT, 'torhc'], text=True,
                          capture_output=True, timeout=HANGS)
    assert (done.returncode, done.stdout) == (2, '')
    assert "there is no 'torhc' to install besides, only torch" in done.stderr
