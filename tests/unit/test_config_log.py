"""Where the log of a job goes."""

from pathlib import Path

import pytest

from aspis_mpi.assembly.outputs import check, claims, log_path, refuse_existing
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading


@pytest.fixture
def job(tables):
    """A job that is fine."""
    return loading.from_tables(tables(), 'some/job.toml')


def test_the_log_goes_where_it_was_told_to(job, tables, tmp_path):
    out = tmp_path / 'new' / 'run.h5'
    assert log_path(job.path, out, job) == out
    claims(job, out, False).close()
    assert out.parent.is_dir() and not list(out.parent.iterdir())
    named = loading.from_tables(tables(run={'out': str(out)}))
    assert log_path(named.path, None, named) == out
    assert log_path(None, tmp_path / 'b.h5', named) == tmp_path / 'b.h5'


def test_a_log_without_a_job_has_a_place(job, tables):
    """For the doctor, who may have no job, or one that cannot be run."""
    assert log_path(None, 'a.h5', job) == Path('a.h5')
    named = loading.from_tables(tables(run={'out': 'b.h5'}))
    assert log_path('some/lr0.1.toml', None, named) == Path('b.h5')
    for file, name in (('some/lr0.1.toml', 'lr0.1-'), (None, 'RUN-')):
        path = log_path(file)
        assert path.parent == Path('runs') and path.suffix == '.h5'
        assert path.name.startswith(name)


def test_an_existing_log_is_kept(job, tmp_path):
    out = tmp_path / 'run.h5'
    out.write_text('precious')
    with pytest.raises(JobError, match='exists.*--overwrite'):
        refuse_existing(job, out)
    claims(job, out, True).close()
    assert out.read_text() == 'precious'    # nothing is written yet


def test_a_directory_that_cannot_be_written(job, tmp_path):
    in_the_way = tmp_path / 'file'
    in_the_way.write_text('')
    for out in (in_the_way / 'run.h5', in_the_way / 'deep' / 'run.h5'):
        with pytest.raises(JobError, match='directory cannot be written'):
            check(job, out)
