"""Digests of files: short ones whole, long ones by blocks."""

import hashlib
import os

import pytest

from aspis_mpi.files import digests
from aspis_mpi.files.digests import BLOCKS, brief, digest

#: Bytes of a block here; a megabyte elsewhere.
BLOCK = 1 << 10


@pytest.fixture(autouse=True)
def small(monkeypatch):
    assert digests.BLOCK == 1 << 20 and digests.MOST == 256 << 20
    monkeypatch.setattr(digests, 'BLOCK', BLOCK)


def test_a_short_file_is_read_whole(tmp_path):
    path = tmp_path / 'data'
    path.write_bytes(b'precious')
    assert digest(path) == (
        f'8 bytes, sha256 {hashlib.sha256(b"precious").hexdigest()}')


@pytest.mark.parametrize('content', [b'', b'a', b'b', b'ab'])
def test_other_bytes_have_another_digest(content, tmp_path):
    one, other = tmp_path / 'one', tmp_path / 'other'
    one.write_bytes(b'aa')
    other.write_bytes(content)
    assert digest(one) != digest(other)


@pytest.fixture
def long(tmp_path):
    """A file that is read by blocks: 100 of them, all zeros."""
    path = tmp_path / 'long'
    with open(path, 'wb') as file:
        file.truncate(99 * BLOCK + 5)
    return path


def changed(path, place):
    """Digests before and after one byte changes, and is as before again."""
    found = []
    for byte in b'\0', b'\1', b'\0':
        with open(path, 'r+b') as file:
            file.seek(place)
            file.write(byte)
        found.append(digest(path, most=BLOCK))
    return found


def test_of_a_long_file_the_same_blocks_count_each_time(long):
    seen = []
    for block in range(100):
        before, after, again = changed(long, block * BLOCK + 3)
        assert before == again
        seen.append(before != after)
    assert sum(seen) == BLOCKS


def test_of_a_long_file_the_length_counts(long):
    before = digest(long, most=BLOCK)
    os.truncate(long, 99 * BLOCK + 6)
    assert digest(long, most=BLOCK) != before


def test_of_a_file_with_few_blocks_all_count(tmp_path):
    path = tmp_path / 'short'
    path.write_bytes(bytes(3 * BLOCK))
    for block in range(3):
        before, after, _ = changed(path, block * BLOCK)
        assert before != after


def test_people_see_the_beginning():
    assert brief(f'8 bytes, sha256 {"ab" * 32}') == (
        '8 bytes, sha256 abababab')
