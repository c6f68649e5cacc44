"""Made-up ranks and jobs for the doctor, and what it found."""

from collections import namedtuple

from aspis_mpi.doctor.finding import Level
from aspis_mpi.doctor.rank import Rank

OK, NOTE, PROBLEM = Level

#: What findings ask of a plan, and of what the library can.
Plan = namedtuple('Plan', 'server_memory worker_memory')
Tolerance = namedtuple('Tolerance', 'built on')

GB = 1 << 30


def two_hosts(n, **seen):
    """n ranks, half on each of two hosts; `seen` gives a value a rank."""
    return [Rank(i, 'ab'[2 * i >= n], **{key: of(i) for key, of
                                         in seen.items()})
            for i in range(n)]


def one(findings, level=None):
    """The only finding, or the only one of a level."""
    finding, = [finding for finding in findings
                if level is None or finding.level == level]
    return finding


def levels(findings):
    return [finding.level for finding in findings]


def job_in(folder):
    """Maker of a job in a folder; answers its path."""
    def write(text=''):
        path = folder / 'job.toml'
        path.write_text(
            'run = {steps = 10}\nscheme = {name = "aspis"}\n'
            'problem = {name = "quadratic", parameters = 100, batch_size = '
            f'45}}\n{text}')
        return path
    return write
