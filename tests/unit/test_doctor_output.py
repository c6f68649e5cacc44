"""What the doctor says of the places where a run writes."""

import fcntl
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import h5py
import pytest

from aspis_mpi.backends.launcher import Launch
from aspis_mpi.doctor import storage
from aspis_mpi.doctor.case import open_case
from aspis_mpi.runlog.locking import VARIABLE, probe
from tests.support.doctor_cases import NOTE, OK, PROBLEM, job_in, levels, one
from tests.support.limits import HANGS


@pytest.fixture
def job(tmp_path):
    """Writes a job; answers its path."""
    return job_in(tmp_path)


def test_probing_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    locking = probe(tmp_path)
    assert (locking.locked, locking.unlocked, locking.forced) == ('', '',
                                                                  False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('error, told', [
    (OSError(28, 'file write failed: time = Sun\n, buf = 0x55'),
     'No space left on device'), (RuntimeError('a\n b'), 'a b')])
def test_what_hdf5_says_is_told_in_one_line(error, told, tmp_path,
                                            monkeypatch):
    def fail(*_, **options):
        raise error
    monkeypatch.setattr(h5py, 'File', fail)
    assert probe(tmp_path).locked == told
    found = one(storage.findings(open_case(Launch(), 1, 1,
                                           out=tmp_path / 'run.h5')))
    assert found.level == PROBLEM and told in found.text


@pytest.mark.parametrize('locked, unlocked, variable, expected', [
    ('', '', '', [OK]), ('no locks', '', '', [NOTE]),
    ('', '', 'TRUE', [NOTE, OK]), ('', '', 'FALSE', [OK]),
    ('no locks', 'no locks', 'TRUE', [PROBLEM])])
def test_locks_of_the_file_system(locked, unlocked, variable, expected,
                                  tmp_path, monkeypatch):
    def answers(folder):
        return type(probe(folder))(locked, unlocked, variable)
    monkeypatch.setattr('aspis_mpi.runlog.locking.probe', answers)
    monkeypatch.setattr(storage, 'file_system', lambda *_: 'ext4')
    found = list(storage.written(tmp_path, tmp_path / 'run.h5'))
    assert levels(found) == expected


#: Opens a file without a lock, as the reader of logs does.
OPENS = "import h5py, sys; h5py.File(sys.argv[1], 'r', locking=False)"


@pytest.mark.parametrize('variable, opens', [('TRUE', False),
                                             ('FALSE', True), (None, True)])
def test_the_variable_wins_over_the_program(variable, opens, tmp_path):
    """The reason for the finding: a log that is locked cannot be shown."""
    path = tmp_path / 'run.h5'
    environment = {key: value for key, value in os.environ.items()
                   if key != VARIABLE}
    environment |= {VARIABLE: variable} if variable else {}
    h5py.File(path, 'x', locking=False).close()
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, '-c', OPENS, path],
                              env=environment, capture_output=True,
                              timeout=HANGS)
    assert (done.returncode == 0) == opens


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    case = open_case(Launch(), 1, 1, out=tmp_path / 'file' / 'run.h5')
    found = one(storage.findings(case))
    assert found.level == PROBLEM and 'cannot be written' in found.text


def test_folders_are_not_made(tmp_path):
    out = tmp_path / 'new' / 'deep' / 'run.h5'
    case = open_case(Launch(), 1, 1, out=out)
    assert PROBLEM not in levels(storage.findings(case))
    assert not list(tmp_path.iterdir())


def test_a_log_that_exists_is_noted(tmp_path):
    (tmp_path / 'run.h5').touch()
    case = open_case(Launch(), 1, 1, out=tmp_path / 'run.h5')
    assert '--resume' in next(storage.findings(case)).text


def test_space_for_log_and_checkpoints(tmp_path, job, monkeypatch):
    case = open_case(Launch(), 6, 6, job(), out=tmp_path / 'run.h5')
    log, checkpoints = storage.sizes(case.assembly)
    assert checkpoints == (4 * 2 + 1) * 400 and log > 0
    full = namedtuple('Usage', 'free')(log + checkpoints - 1)
    monkeypatch.setattr(storage.shutil, 'disk_usage', lambda path: full)
    assert 'smaller run.keep' in one(storage.findings(case), PROBLEM).text


def test_the_file_system_is_the_innermost():
    mounts = ('a / ext4 rw 0 0\nb /x lustre rw 0 0\n'
              'c /x/with\\040blank nfs4 rw 0 0\n')
    assert storage.file_system(Path('/x/y'), mounts) == 'lustre'
    assert storage.file_system(Path('/xy'), mounts) == 'ext4'
    assert storage.file_system(Path('/x/with blank/z'), mounts) == 'nfs4'
