"""Small job files, and the line with which one is refused."""

import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading

JOB = '''
[run]
steps = 3
[problem]
name = "quadratic"
[scheme]
name = "aspis"
workers = 5
adversaries = 2
'''


def job_file_in(folder):
    """Maker of a job file in a folder; answers its path."""
    def write(text=JOB):
        path = folder / 'job.toml'
        path.write_text(text)
        return path
    return write


def refusal(tables, n_workers=None):
    """The one line with which a job is refused."""
    with pytest.raises(JobError) as refused:
        Assembly(loading.from_tables(tables, 'job.toml', n_workers))
    text = str(refused.value)
    assert text.startswith('job.toml: ') and '\n' not in text
    return text
