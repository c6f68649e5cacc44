"""A name belongs to one run at a time."""

import errno
import fcntl
import os

import pytest

from aspis_mpi.errors import InUse
from aspis_mpi.runlog.claims import Claim, Claims, claim


def test_a_name_is_free_again_when_its_claim_is_closed(tmp_path):
    path = tmp_path / 'run.h5'
    first = Claim(path)
    with pytest.raises(InUse, match='run.h5 is being written by another'):
        Claim(path)
    first.close()
    Claim(path).close()
    assert not list(tmp_path.iterdir())


def test_a_claim_goes_over_to_the_file_that_gets_the_name(tmp_path):
    path = tmp_path / 'run.h5'
    first = Claim(path)
    first.place.replace(path)
    with pytest.raises(InUse):
        claim(path)
    # The name of what is not finished is free, and stays another's.
    second = Claim(path)
    first.close()
    claim(path).close()
    assert second.place.exists()
    second.close()


def test_what_a_kill_has_left_is_taken_over(tmp_path):
    left = tmp_path / '.run.h5.unfinished'
    left.write_bytes(b'half of a log')
    Claim(tmp_path / 'run.h5').close()
    assert not left.exists()


def test_a_link_where_a_file_is_to_be_made_is_an_error(tmp_path):
    (tmp_path / '.run.h5.unfinished').symlink_to(tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError):
        Claim(tmp_path / 'run.h5')


def test_two_names_of_one_file_are_one(tmp_path):
    (tmp_path / 'other').mkdir()
    link = tmp_path / 'link.h5'
    link.symlink_to('other/run.h5')
    first = Claim(link)
    with pytest.raises(InUse):
        Claim(tmp_path / 'other' / 'run.h5')
    first.close()


def test_all_names_are_let_go_together(tmp_path):
    names = [tmp_path / name for name in ('run.h5', 'run.npz')]
    held = Claims()
    for name in names:
        assert held.take(name) is held.take(name)
    held.close()
    for name in names:
        Claim(name).close()


@pytest.mark.parametrize('fault', [errno.ENOSYS, errno.EOPNOTSUPP,
                                   errno.ENOLCK])
def test_without_locks_the_one_that_makes_the_file_has_the_name(
        tmp_path, monkeypatch, fault):
    """Whose run may have been killed, that one alone can take it over."""
    def lockless(*_):
        raise OSError(fault, os.strerror(fault))
    monkeypatch.setattr(fcntl, 'flock', lockless)
    path = tmp_path / 'run.h5'
    first = Claim(path)
    with pytest.raises(InUse, match='.run.h5.unfinished belongs to another'):
        Claim(path)
    Claim(path, again=True).close()
    first.close()
    assert not list(tmp_path.iterdir())
