"""What `tests/run.sh --quick` runs: it is there, and about every package."""

import re
import subprocess
from pathlib import Path

import aspis_mpi

PACKAGE = Path(aspis_mpi.__file__).parent
ROOT = PACKAGE.parent


def listed():
    """The words of the list, as bash expands them."""
    text = (ROOT / 'tests' / 'run.sh').read_text()
    array, = re.findall(r'^quick=\(.*?\)$', text, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        ['bash', '-c', f'{array}\nprintf "%s\\n" "${{quick[@]}}"'],
        cwd=ROOT, text=True, capture_output=True, check=True)
    return done.stdout.split()


def chosen():
    """The files of tests that it leaves."""
    files = set()
    for word in listed():
        option, _, pattern = word.rpartition('=')
        found = {*ROOT.glob(pattern)}
        assert found, f'{word}: there is none'
        found |= {file for folder in found for file in folder.glob('test_*')}
        files = files - found if option else files | found
    return [file for file in files if file.suffix == '.py']


def test_every_package_is_looked_at():
    texts = [file.read_text(encoding='utf-8') for file in chosen()]
    packages = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert {'detection', 'protocol', 'runlog'} < packages
    for name in packages:
        assert any(f'aspis_mpi.{name}' in text or
                   f'from aspis_mpi import {name}' in text
                   for text in texts), name
