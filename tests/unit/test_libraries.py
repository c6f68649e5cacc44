"""What to do about an MPI library that has another name."""

import pytest

from aspis_mpi.backends.launcher import Launch
from aspis_mpi.backends.libraries import KNOWN, RENAMED, advice, missing
from aspis_mpi.doctor import launcher

MPICH = {'PMI_RANK': '0', 'PMI_SIZE': '4'}


@pytest.fixture
def root(tmp_path):
    """Makes a file system with libraries at these paths; answers its root."""
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path
    return make


@pytest.mark.parametrize('folder', [
    'usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'usr/lib64'])
@pytest.mark.parametrize('environment', [{}, MPICH])
def test_a_renamed_library_is_linked_to_its_known_name(
        folder, environment, root):
    text = advice(environment, root(f'{folder}/{RENAMED}'))
    assert f'ln -sf {root()}/{folder}/{RENAMED} ~/mpich/{KNOWN}' in text
    assert 'LD_LIBRARY_PATH=$HOME/mpich' in text
    assert 'MPI4PY_MPIABI=mpich' in text


def test_a_renamed_library_on_the_path_of_the_loader(root):
    where = root('opt/mpich/' + RENAMED) / 'opt' / 'mpich'
    environment = {'LD_LIBRARY_PATH': f'{where.parent / "none"}::{where}'}
    assert str(where / RENAMED) in advice(environment, root())


def test_nothing_is_said_where_it_is_found(root):
    assert advice({}, root()) == ''
    both = root(f'usr/lib64/{RENAMED}', f'home/mpich/{KNOWN}')
    assert advice({}, both)
    assert advice({'LD_LIBRARY_PATH': f'{both}/home/mpich'}, both) == ''


@pytest.mark.parametrize('other', [{'OMPI_COMM_WORLD_SIZE': '4'},
                                   MPICH | {'I_MPI_INFO_NP': '1'}])
def test_nothing_is_said_of_an_mpi_that_did_not_start_this(other, root):
    assert advice(other, root(f'usr/lib64/{RENAMED}')) == ''


def test_an_import_that_fails_says_what_to_do(root):
    error = ImportError(f'{KNOWN}: cannot open\nshared object file')
    assert "pip install '.[local-mpi]'" in missing(error, {}, root())
    text = missing(error, MPICH, root(f'usr/lib64/{RENAMED}'))
    assert text.startswith('mpi4py cannot start MPI: ImportError: '
                           f'{KNOWN}: cannot open shared object file: ')
    assert f'ln -sf {root()}/usr/lib64/{RENAMED}' in text


def test_ranks_that_do_not_know_of_each_other_are_told_of_it():
    found, = launcher.findings(Launch(0, 4), 1, 'Open MPI v4',
                               advice='link it')
    assert found.text.endswith('belong to different MPIs; link it.')


def test_the_doctor_names_the_launcher_that_forwards_signals():
    found, = launcher.findings(
        Launch(), 1, 'Intel(R) MPI Library 2021', 1,
        ('/opt/mpirun', 'Intel MPI'), 'mpirun -n 6 python -m x mpirun')
    assert 'keeps signals to itself: mpiexec -n 6 python -m x mpirun' in (
        found.text)
