"""A real SLURM of four virtual nodes on this machine, in one folder."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.support.limits import HANGS
from tests.support.mpirun import MARK, environment
from tests.support.slurm_configuration import NODES, configure

#: What has to be installed.
PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'sbatch', 'scontrol', 'srun')

#: Ports to choose from: none that the system gives to whoever asks for any,
#: which others may be doing.
PORTS = range(10_000, 32_000)

#: Seconds between two looks at the shared memory of jobs.
LOOK = 0.2

#: Seconds between two questions about a job, each of which is a process.
ASK = 0.3

#: States in which a job stays.
OVER = {'COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'NODE_FAIL',
        'OUT_OF_MEMORY', 'BOOT_FAIL', 'DEADLINE'}

#: Daemons in sbin, which is not on everybody's path.
PATH = os.pathsep.join([os.environ.get('PATH', os.defpath), '/usr/sbin',
                        '/sbin'])


@dataclass(frozen=True)
class Job:
    """What `scontrol show job` says.

    Attributes
    ----------
    state : str
    code : int
        Exit code of the batch script.
    signal : int
        That ended the batch script, 0 if none.
    restarts : int
    fields : dict of str to str
        All it says.
    """

    state: str
    code: int
    signal: int
    restarts: int
    fields: dict

    @property
    def is_over(self):
        return self.state in OVER


class Cluster:
    """Daemons and jobs that all bear one mark in their environment.

    Parameters
    ----------
    folder : Path
        Of its own; everything but the shared memory of MPI lies there.
    """

    def __init__(self, folder):
        self.folder = folder
        self.ports = _free_ports(1 + len(NODES))
        self.mapped = set()
        self._mark = str(uuid.uuid4())
        self._daemons = {}
        self._over = threading.Event()
        self._check = threading.Thread(target=self._look, daemon=True)
        configure(folder, self.ports)

    def environment(self, folder, **variables):
        """That of a user on the login node, who may import from `folder`."""
        clean = environment(folder) | {
            'PATH': f'{Path(sys.prefix) / "bin"}{os.pathsep}{PATH}',
            'SLURM_CONF': str(self.folder / 'slurm.conf'),
            'TMPDIR': str(self.folder / 'tmp'), MARK: self._mark}
        del clean['OMP_NUM_THREADS']        # the batch script has to set it
        return clean | variables

    def start(self):
        """Start all daemons and wait until every node is idle."""
        self._check.start()
        self._spawn('munged', 'munged', '--foreground', '--force',
                    f'--socket={self.folder}/munge.socket',
                    f'--key-file={self.folder}/munge.key',
                    f'--pid-file={self.folder}/munged.pid',
                    f'--seed-file={self.folder}/munged.seed')
        self._until(lambda: (self.folder / 'munge.socket').exists())
        self._spawn('slurmctld', 'slurmctld', '-D')
        for name in NODES:
            self._spawn(name, 'slurmd', '-D', '-N', name)
        self.settle()

    def settle(self):
        """Wait until every node is idle; a job is over before its nodes."""
        self._until(self._is_idle)

    def ask(self, *words, folder=None, **variables):
        """Run a command of SLURM on the login node.

        Returns
        -------
        subprocess.CompletedProcess
        """
        folder = folder or self.folder
        return subprocess.run(
            [str(word) for word in words], cwd=folder, text=True,
            timeout=HANGS, env=self.environment(folder, **variables),
            capture_output=True, stdin=subprocess.DEVNULL)

    def submit(self, folder, *words, **variables):
        """Number of the job that `sbatch` makes of options and a script."""
        done = self.ask('sbatch', '--parsable', *words, folder=folder,
                        **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, number):
        """One job, or one task of an array, e.g. `7_2`.

        Returns
        -------
        Job
        """
        done = self.ask('scontrol', '--oneliner', 'show', 'job', number)
        assert done.returncode == 0, done.stderr
        fields = dict(re.findall(r'(\S+?)=(\S*)', done.stdout))
        code, _, number = fields['ExitCode'].partition(':')
        return Job(fields['JobState'], int(code), int(number),
                   int(fields['Restarts']), fields)

    def wait(self, number):
        """Let a job end by itself.

        Returns
        -------
        Job
        """
        return self.wait_for(number, lambda job: job.is_over)

    def wait_for(self, number, condition):
        """Look at a job until it is as it should be.

        Returns
        -------
        Job
        """
        end = time.monotonic() + HANGS
        while not condition(job := self.job(number)):
            assert time.monotonic() < end, f'{HANGS:g} s: {job}'
            time.sleep(ASK)
        return job

    def pids(self):
        """Processes of daemons and jobs that are alive."""
        mark = f'{MARK}={self._mark}'.encode()
        return [int(entry.name) for entry in Path('/proc').iterdir()
                if entry.name.isdigit() and mark in _read(entry / 'environ')]

    def stop(self):
        """Take everything down.

        Returns
        -------
        list of str
            What did not go by itself: processes, ports, shared memory.
        """
        try:
            self._cancel()
        finally:
            left = self._end()
        return left

    def _cancel(self):
        if 'slurmctld' in self._daemons:
            self.ask('scancel', '--user', str(os.geteuid()))
            self._wait(self._has_no_jobs)

    def _end(self):
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
        self._wait(lambda: not self.pids())
        left = [f'process {_name(pid)}' for pid in self._kill()]
        for daemon in self._daemons.values():
            daemon.wait(HANGS)
        self._over.set()
        self._check.join()
        left += [f'port {port}' for port in self.ports if not _is_free(port)]
        left += [name for name in self.mapped if Path(name).exists()]
        for name in self.mapped:
            Path(name).unlink(missing_ok=True)
        return left

    def _spawn(self, name, program, *words):
        with open(self.folder / f'{name}.log', 'wb') as log:
            self._daemons[name] = subprocess.Popen(
                [shutil.which(program, path=PATH), *words],
                cwd=self.folder, env=self.environment(self.folder),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def _until(self, condition):
        assert self._wait(condition), self._logs()

    def _wait(self, condition):
        end = time.monotonic() + HANGS
        while not (holds := condition()) and time.monotonic() < end:
            time.sleep(0.05)
        return holds

    def _logs(self):
        """The last words of every daemon."""
        return '\n'.join(
            f'{path.name}:\n{path.read_text()[-1000:]}'
            for path in sorted(self.folder.glob('*.log')))

    def _is_idle(self):
        done = self.ask('sinfo', '--noheader', '--Node', '--format=%T')
        return done.stdout.split() == ['idle'] * len(NODES)

    def _has_no_jobs(self):
        return not self.ask('squeue', '--noheader').stdout.strip()

    def _kill(self):
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return pids

    def _look(self):
        while not self._over.wait(LOOK):
            for pid in self.pids():
                maps = _read(Path(f'/proc/{pid}/maps')).decode()
                self.mapped |= set(re.findall(r'/dev/shm/\S+', maps))


def missing():
    """Programs of SLURM that are not installed."""
    return [name for name in PROGRAMS if not shutil.which(name, path=PATH)]


def _free_ports(count):
    found = (port for port in random.sample(PORTS, len(PORTS))
             if _can_be_bound(port))
    return list(islice(found, count))


def _can_be_bound(port):
    with socket.socket() as probe:
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
        return True


def _is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) != 0


def _name(pid):
    return _read(Path(f'/proc/{pid}/cmdline')).replace(b'\0', b' ').decode()


def _read(path):
    """Bytes of a file of /proc, none of a process that has just gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b''
