"""Text and tables of the user's own: encodings, lines, mistakes."""

import warnings

import numpy as np
import pytest

from aspis_mpi import JobError
from aspis_mpi.files import numbers, texts
from aspis_mpi.job import loading

JOB = '''# größte Schrittzahl
[run]
steps = 3
[problem]
name = "quadratic"
'''

#: With a mark that says which.
ENCODINGS = ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32']


def big_endian(text):
    return '\ufeff'.encode('utf-16-be') + text.encode('utf-16-be')


# --- encodings ---------------------------------------------------------

@pytest.mark.parametrize('encode', [
    *(lambda text, name=name: text.encode(name) for name in ENCODINGS),
    big_endian], ids=[*ENCODINGS, 'utf-16-be'])
@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_a_job_and_a_table_in_every_marked_encoding(tmp_path, encode, end):
    path = tmp_path / 'job.toml'
    path.write_bytes(encode(JOB.replace('\n', end)))
    assert loading.load(path).run.steps == 3
    path = tmp_path / 'table.csv'
    path.write_bytes(encode(end.join(['# Größe', '', '1,2', '3,4'])))
    table = numbers.read(path)
    assert table.values.tolist() == [[1, 2], [3, 4]]
    assert table.lines == (3, 4)


@pytest.mark.parametrize('raw, told', [
    (JOB.encode('latin-1'), 'line 1 is no text in UTF-8 (byte 0xf6); save '
     'it as UTF-8'),
    (b'[run]\nsteps = 3\n# \xe9\n', 'line 3 is no text in UTF-8'),
    (JOB.encode('utf-16-le'), 'no text in UTF-8'),
    ('[run]\nsteps = 3\n'.encode('utf-16-le'), 'has zero bytes: it is no '
     'text, or UTF-16 without a byte-order mark; save it as UTF-8'),
    (JOB.encode('utf-16')[:-1], 'is no text in UTF-16'),
    (b'\x89HDF\r\n\x1a\n', 'line 1 is no text in UTF-8')])
@pytest.mark.parametrize('kind', ['toml', 'csv', 'txt'])
def test_another_encoding_is_told_in_one_line(tmp_path, raw, told, kind):
    path = tmp_path / f'file.{kind}'
    path.write_bytes(raw)
    read = loading.load if kind == 'toml' else numbers.read
    with pytest.raises(ValueError) as refused:
        read(path)
    text = str(refused.value)
    assert text.startswith(f'{path}: ') and told in text
    assert '\n' not in text


def test_the_line_of_a_wrong_byte_is_that_of_an_editor():
    for codec in 'utf-16-le', 'utf-32-le':
        raw = '\ufeffa\nb\n'.encode(codec) + b'\x00\xd8' + bytes(2)
        with pytest.raises(ValueError, match='line 3 is no text in UTF-'):
            texts.decoded(raw)


@pytest.mark.parametrize('text, told', [
    ('x = ' + '[' * 5000 + ']' * 5000, 'nested too deeply'),
    (f'[run]\nseed = {"9" * 5000}', 'Exceeds the limit')])
def test_toml_that_python_cannot_hold_is_told(tmp_path, text, told):
    path = tmp_path / 'job.toml'
    path.write_text(text)
    with pytest.raises(JobError, match=told) as refused:
        loading.load(path)
    assert '\n' not in str(refused.value) and 'sys.' not in str(refused.value)


# --- lines -------------------------------------------------------------

MISTAKES = [
    ('1,2\n\n# two\n3\n', 'line 4 has 1 entry, line 1 has 2'),
    ('# a,b\n1,2\n3,4,5\n', 'line 3 has 3 entries, line 2 has 2'),
    ('a,b\n1,2\n', "line 1, column 1: 'a' is no number; entries stand "
     'between commas, and what is no data follows a #'),
    ('1,2\r\n3,x\r\n', "line 2, column 2: 'x' is no number"),
    ('1,2\r3,x\r', "line 2, column 2: 'x' is no number"),
    ('1,2\x0b\n3,x\n', "line 2, column 2: 'x' is no number"),
    ('1,2,\n', "line 1, column 3: '' is no number"),
    ('1;2\n', "line 1, column 1: '1;2' is no number"),
    ('1,1_000\n', "line 1, column 2: '1_000' is no number"),
    ('1,"2"\n', 'line 1, column 2: \'"2"\' is no number'),
    ('', 'is empty'), (' \n\n', 'is empty'), ('# only\n', 'but comments')]


@pytest.mark.parametrize('text, told', MISTAKES)
def test_a_mistake_names_the_line_of_the_file(tmp_path, text, told):
    path = tmp_path / 'table.csv'
    path.write_bytes(text.encode())
    with warnings.catch_warnings(action='error'):
        with pytest.raises(ValueError) as refused:
            numbers.read(path)
    said = str(refused.value)
    assert said.startswith(f'{path}: ') and told in said
    assert not any(word in said for word in ('usecols', 'dtype', 'skip',
                                             'row', 'delimiter'))


def test_no_mistake_is_left_to_numpy():
    """Whatever NumPy refuses, the line is found."""
    drawn = np.random.default_rng(7)
    words = ['1', '-2.5e3', 'nan', 'inf', ' 3 ', 'x', '', '1 2', '#', '0x1',
             '1j', '+', '.', '1.', "'", '\t']
    refused = 0
    for _ in range(500):
        rows = [','.join(drawn.choice(words, size=drawn.integers(1, 4)))
                for _ in range(drawn.integers(1, 4))]
        try:
            table = numbers.parsed('\n'.join(rows), ',')
        except ValueError as error:
            refused += 1
            assert str(error).startswith(('line ', 'is empty', 'has nothing'))
        else:
            assert len(table.lines) == len(table.values)
    assert 100 < refused < 500


@pytest.mark.parametrize('raw, told', [
    (b'', 'is empty'), (b'1,2\n', 'is no .npy array'),
    (b'\x93NUMPY\x01\x00', 'is damaged or cut short'),
    (b'\x93NUMPY\x09\x00\x10\x00', 'is damaged or cut short')])
def test_an_array_that_is_none(tmp_path, raw, told):
    path = tmp_path / 'table.npy'
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f'table.npy: {told}'):
        numbers.read(path)


def test_an_array_that_is_cut_short_or_promises_too_much(tmp_path):
    path = tmp_path / 'table.npy'
    np.save(path, np.ones((100, 3)))
    whole = path.read_bytes()
    shape = b'(100, 3), }'
    for raw in (whole[:-8], whole.replace(
            shape + b' ' * 13, b'(10000000000000, 3), }  ')):
        assert raw != whole
        path.write_bytes(raw)
        with pytest.raises(ValueError, match='table.npy: is damaged'):
            numbers.read(path)
