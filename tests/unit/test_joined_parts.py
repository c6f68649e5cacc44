"""Which files are the parts of a run."""

import h5py
import pytest

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.log_parts import free
from aspis_mpi.runlog.reader import Run, load_run
from tests.support.made_up_logs import create, mark
from tests.support.run_parts import DESIGNS, three_parts, write


@pytest.fixture
def three(tmp_path):
    """The first of three parts of a run."""
    return three_parts(tmp_path)


def test_numbers_are_in_order_and_may_be_left_out(tmp_path):
    path = write(tmp_path, 1, range(5))
    for number in (10, 9, 2):
        write(tmp_path, number, [number], design=DESIGNS[1])
    with load_run(path) as run:
        assert run.steps['step'].tolist() == [0, 1, 2, 9, 10]


@pytest.mark.parametrize('name', ['r[u]n.h5', 'a.b.h5', 'log', 'run (1).h5'])
def test_any_name_of_a_log(tmp_path, name):
    path = write(tmp_path, 1, range(5)).rename(tmp_path / name)
    later = free(path, 2)
    assert later == path.with_name(f'{path.stem}.2{path.suffix}')
    mark(write(tmp_path, 2, range(5, 7)), 5, name).rename(later)
    assert free(path, 2) == path.with_name(f'{path.stem}.3{path.suffix}')
    with load_run(path) as run:
        assert run.steps['step'].tolist() == list(range(7))


@pytest.mark.parametrize('number', ['02', '0', '1', '-2', '2 ', '\u0662', ''])
def test_another_number_is_no_part(tmp_path, number):
    path = write(tmp_path, 1, range(5))
    later = write(tmp_path, 2, range(5, 7))
    later.rename(tmp_path / f'run.{number}.h5')
    with load_run(path) as run:
        assert len(run.parts) == 1


def test_parts_are_found_from_the_folder_itself(three, monkeypatch):
    monkeypatch.chdir(three.parent)
    with load_run('run.h5') as run:
        assert len(run.parts) == 3


# -- files that are no parts, and parts that cannot be read

def test_a_file_that_does_not_continue_this_run_is_ignored(tmp_path):
    path = write(tmp_path, 1, range(5))
    write(tmp_path, 2, range(3, 6))
    mark(tmp_path / 'run.2.h5', 3, 'other.h5')
    with h5py.File(tmp_path / 'run.3.h5', 'w') as file:
        file['x'] = 1
    create(tmp_path / 'run.4.h5', DESIGNS[1]).close()
    for name in ('run.1.h5', 'run.02.h5', 'run.x.h5', 'run.2.h5.bak',
                 'run.accuracy.png'):
        (tmp_path / name).write_text('not a part')
    with load_run(path) as run:
        assert type(run) is Run
        assert run.steps['step'].tolist() == list(range(5))
        assert len(run.parts) == 1


def test_parts_of_a_log_that_was_begun_anew_are_ignored(tmp_path):
    path = write(tmp_path, 1, range(5))
    mark(write(tmp_path, 2, range(3, 6)), 3,
         created='2001-01-01T00:00:00+01:00')
    with load_run(path) as run:
        assert len(run.parts) == 1 and run.n_steps == 5


def refused(path, why):
    with pytest.raises(RunLogError, match=why) as caught:
        load_run(path)
    assert str(path.with_name('run.2.h5')) in str(caught.value)


def test_a_damaged_part_is_named(tmp_path):
    path = write(tmp_path, 1, range(5))
    later = write(tmp_path, 2, range(3, 9))
    later.write_bytes(later.read_bytes()[:-5000])
    refused(path, 'cannot be (opened|read)')


@pytest.mark.parametrize('content', [b'', b'text'])
def test_what_is_no_hdf5_is_no_part(tmp_path, content):
    """A log gets its name when it is whole, so it is none of ours."""
    path = write(tmp_path, 1, range(5))
    (tmp_path / 'run.2.h5').write_bytes(content)
    with load_run(path) as run:
        assert len(run.parts) == 1


def test_a_part_with_a_damaged_table_is_named(tmp_path):
    path = write(tmp_path, 1, range(5))
    with h5py.File(write(tmp_path, 2, range(3, 9)), 'a') as file:
        del file['truth/lies']
    refused(path, '/truth/lies of .* cannot be read')


@pytest.mark.parametrize('attrs, why', [
    ({'format': 'else'}, 'not a run log of aspis_mpi'),
    ({'version': 99}, 'has version 99 of the run log'),
    ({'first_step': -1}, 'first_step -1 is no step'),
    ({'first_step': 'three'}, 'first_step three is no step'),
    ({'created': 'now'}, 'does not say when it was created')])
def test_a_part_that_is_something_else_is_named(tmp_path, attrs, why):
    path = write(tmp_path, 1, range(5))
    mark(write(tmp_path, 2, range(3, 9)), 3, **attrs)
    refused(path, why)


def test_a_missing_log_is_missing_whatever_continues_it(tmp_path):
    path = write(tmp_path, 1, range(5))
    write(tmp_path, 2, range(3, 9))
    path.unlink()
    for missing in (path, tmp_path / 'no' / 'run.h5'):
        with pytest.raises(RunLogError, match='there is no file'):
            load_run(missing)
