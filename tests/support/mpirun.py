"""Jobs under the real mpirun of an MPI, none of which is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from aspis_mpi import load_run
from aspis_mpi.errors import RunLogError
from tests.support.limits import HANGS

REPO = Path(__file__).resolve().parents[2]
SHM = '/dev/shm/'

#: Environment variable that marks every process of one job.
MARK = 'ASPIS_TEST_JOB'

#: What a launcher above pytest would tell our own ranks.
LAUNCHERS = ('OMPI_', 'PMI_', 'PMIX_', 'PRTE_', 'HYDRA_', 'SLURM_', 'I_MPI_')

#: What ranks are called in their environment.
RANK = {'openmpi': 'OMPI_COMM_WORLD_RANK', 'mpich': 'PMI_RANK',
        'intel': 'PMI_RANK'}

#: MPIs that tests run under: two always, Intel's alone where it is named.
MPIS = ('intel',) if 'ASPIS_IMPI' in os.environ else ('openmpi', 'mpich')

#: What starts jobs; Intel's mpirun would keep signals to itself.
LAUNCHER = {'openmpi': 'mpirun', 'mpich': 'mpirun', 'intel': 'mpiexec'}

#: Seconds between two looks at the shared memory of a job, at first and at
#: last: ten a second would take a tenth of a core.
LOOK = 0.1, 0.5

#: What Open MPI's mpirun says on a busy machine, now and then, instead of
#: starting anything.
NEVER_BEGAN = "The PMIx server's listener thread failed to start"

#: How often such a job is started.
STARTS = 3


def prefix(mpi):
    """Where an MPI and its Python are installed."""
    if mpi == 'openmpi':
        return Path(sys.prefix)
    name = {'mpich': 'ASPIS_MPICH', 'intel': 'ASPIS_IMPI'}[mpi]
    return Path(os.environ.get(name, REPO / f'.venv-{mpi}'))


def environment(folder):
    """That of a user who has just logged in, for every rank."""
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(LAUNCHERS)}
    clean |= {'OMP_NUM_THREADS': '1', 'PYTHONPATH': f'{folder}:{REPO}'}
    # Without a second of sleep at every start, for a transport that nobody
    # uses here; and without bytecode of modules that tests write, two of
    # which may have one name, size and second.
    clean |= {'OMPI_MCA_btl': '^ofi', 'PYTHONDONTWRITEBYTECODE': '1'}
    # Ranks that hang are asked where they are.
    clean |= {'PYTHONFAULTHANDLER': '1'}
    if os.geteuid() == 0:
        clean |= {'OMPI_ALLOW_RUN_AS_ROOT': '1',
                  'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}
    return clean


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes
    ----------
    code : int
        Exit code of mpirun.
    out, err : str
    time : float
        Seconds since the epoch at the end.
    mapped, left : set of str
        Files in /dev/shm that its processes used, and left there.
    """

    code: int
    out: str
    err: str
    time: float
    mapped: set
    left: set

    @property
    def lines(self):
        """What aspis_mpi itself said of a bad job."""
        return [line for line in self.err.splitlines()
                if line.startswith('aspis_mpi:')]


class Running:
    """A job under mpirun and all its processes, also in other groups.

    `pauses` are those between two looks at their shared memory.
    """

    def __init__(self, command, environment, folder, pauses=LOOK):
        name, value = MARK, str(uuid.uuid4())
        self._mark = f'{name}={value}'
        self._arguments = {
            'args': command, 'cwd': folder, 'env': environment | {name: value},
            'text': True, 'stdin': subprocess.DEVNULL,
            'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE,
            'start_new_session': True}
        self._starts = 0
        self._start()
        self.mapped = set()
        self._over = threading.Event()
        self._pauses = pauses
        self._check = threading.Thread(target=self._watch, daemon=True)
        self._check.start()

    def _start(self):
        self._starts += 1
        self._process = subprocess.Popen(**self._arguments)

    @property
    def over(self):
        """True if mpirun has ended."""
        return self._process.poll() is not None

    def _never_began(self, err):
        """True if it is started once more, as mpirun itself had failed."""
        if NEVER_BEGAN not in err or self._starts == STARTS:
            return False
        self._start()
        return True

    def pids(self):
        """Its processes that are alive."""
        mark = self._mark.encode()
        return [int(entry.name) for entry in Path('/proc').iterdir()
                if entry.name.isdigit() and mark in _read(entry / 'environ')]

    def signal(self, number):
        """Send a signal to mpirun alone."""
        self._process.send_signal(number)

    def rank(self, mpi, number):
        """The process of one rank."""
        variable = f'{RANK[mpi]}={number}'.encode()
        found = [pid for pid in self.pids() if variable in
                 _read(Path(f'/proc/{pid}/environ')).split(b'\0')]
        return found[0] if found else None

    def wait(self, limit=HANGS):
        """Let it end by itself within `limit` seconds, with all it started.

        Returns
        -------
        Ended
        """
        try:
            out, err = self._process.communicate(timeout=limit)
            if self._never_began(err):
                return self.wait(limit)
            end = time.time()
            survivors = self._survivors()
        except subprocess.TimeoutExpired:
            self._fail(f'still running after {limit} s')
        finally:
            self.kill()
            left = self._clean()
        if survivors:
            pytest.fail(f'{len(survivors)} processes outlived mpirun:\n{err}')
        return Ended(self._process.returncode, out, err, end, self.mapped,
                     left)

    def wait_for_rows(self, log, least):
        """Sleep until it has logged some steps."""
        self.wait_until(lambda: rows_of(log) >= least,
                        lambda: f'{least} rows of {log}: {rows_of(log)}')

    def wait_for_event(self, log, words):
        """Sleep until it has logged that something has happened."""
        self.wait_until(lambda: any(words in text for text in told_in(log)),
                        lambda: f'{words!r} in {log}: {told_in(log)}')

    def wait_until(self, holds, what):
        """Sleep until something holds; `what`, it says where it hangs."""
        end = time.monotonic() + HANGS
        while not holds():
            if time.monotonic() > end:
                self._fail(f'after {HANGS:g} s there is no {what()}')
            if self.over and not holds():
                out, err = self._process.communicate()
                if not self._never_began(err):
                    pytest.fail(f'it ended without {what()}\n{out}\n{err}')
            time.sleep(0.05)

    def _fail(self, reason):
        """Let its processes say where they are, kill them, and fail."""
        mine = self._process.pid
        for pid in set(self.pids()) - {mine}:
            _send(pid, signal.SIGABRT)
        time.sleep(1)
        self.kill()
        out, err = self._process.communicate()
        pytest.fail(f'{reason}:\n{out}\n{err}')

    def kill(self):
        """End whatever is left of it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in self.pids():
            _send(pid, signal.SIGKILL)

    def close(self):
        """Kill and clean up; for jobs that nobody waited for."""
        self.kill()
        self._process.communicate()
        self._clean()

    def _survivors(self):
        end = time.monotonic() + HANGS
        while (pids := self.pids()) and time.monotonic() < end:
            time.sleep(0.05)
        return pids

    def _watch(self):
        pause, longest = self._pauses
        while not self._over.wait(pause):
            pause = min(1.25 * pause, longest)
            self.look()

    def look(self):
        """Note the shared memory of its processes, to be removed."""
        for pid in self.pids():
            maps = _read(Path(f'/proc/{pid}/maps')).decode()
            self.mapped |= {line[line.index(SHM):].split()[0]
                            for line in maps.splitlines() if SHM in line}

    def _clean(self):
        """Remove what it left in /dev/shm, and nothing of others."""
        self._over.set()
        self._check.join()
        left = {name for name in self.mapped if Path(name).exists()}
        for name in left:
            Path(name).unlink(missing_ok=True)
        return left


def _send(pid, number):
    """Send a signal to a process, which may just have gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _read(path):
    """Bytes of a file of /proc, none of a process that has just gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b''


def write_job(path, settings):
    """Write a job file of `section.key`s; those without a value are left out.

    Returns
    -------
    Path
    """
    tables = {}
    for name, value in settings.items():
        section, _, key = name.partition('.')
        if value is not None:
            tables.setdefault(section, {})[key] = value
    path.write_text(tomli_w.dumps(tables))
    return path


def parameters(log):
    """Those that a run saved next to its log, of all its layers."""
    with np.load(Path(log).with_suffix('.npz')) as saved:
        return np.concatenate([saved[name].ravel() for name in saved])


def rows_of(log):
    """Steps in a log that is being written, 0 if there is none yet."""
    try:
        with load_run(log) as run:
            return run.n_steps
    except RunLogError:
        return 0


def told_in(log):
    """Texts of the events in a log that is being written."""
    try:
        with load_run(log) as run:
            return [event.text for event in run.events]
    except RunLogError:
        return []
