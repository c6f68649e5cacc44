"""Reports that cannot be made: one line, exit code 2, nothing is left."""

import os

import h5py
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.report import making
from tests.support.made_up_logs import JOB
from tests.support.report_pages import draw_nothing, write


@pytest.fixture(autouse=True)
def carried(monkeypatch):
    """Nothing is looked at in a browser here."""
    draw_nothing(monkeypatch)


@pytest.fixture
def log(tmp_path):
    """The log of a run of 12 of 40 steps."""
    return write(tmp_path / 'run.h5')


def refused(argv, folder):
    """Exit code 2, and every file is as before."""
    before = sorted(folder.rglob('*'))
    assert main(argv) == 2
    assert sorted(folder.rglob('*')) == before


def newer(path):
    with h5py.File(write(path), 'a') as file:
        file.attrs['version'] = 99
    return path


def foreign(path):
    with h5py.File(path, 'w') as file:
        file['x'] = [1]
    return path


def cut(path):
    write(path)
    os.truncate(path, 700)
    return path


def text_file(path):
    path.write_text('no log')
    return path


@pytest.mark.parametrize('make, told', [
    (newer, 'version 99'), (foreign, 'not a run log'),
    (cut, 'cannot be'), (text_file, 'cannot be opened'),
    (lambda path: path, 'there is no file')])
def test_what_is_no_log_is_one_line(make, told, tmp_path, capsys):
    path = make(tmp_path / 'run.h5')
    refused(['report', str(path)], tmp_path)
    said = capsys.readouterr()
    assert said.out == '' and said.err.startswith('aspis_mpi: ')
    assert told in said.err and said.err.count('\n') == 1


def test_a_folder_that_is_not_there_is_one_line(log, tmp_path, capsys):
    refused(['report', str(log), '-o', str(tmp_path / 'no' / 'r.html')],
            tmp_path)
    assert 'No such file or directory' in capsys.readouterr().err


@pytest.mark.parametrize('out', ['', 'run.h5'])
def test_neither_a_folder_nor_the_log_is_replaced(out, log, tmp_path,
                                                  capsys):
    before = log.read_bytes()
    refused(['report', str(log), '-o', str(tmp_path / out)], tmp_path)
    assert log.read_bytes() == before
    assert capsys.readouterr().err.count('\n') == 1


def test_a_disk_that_fills_up_leaves_the_page_of_before(log, tmp_path,
                                                        monkeypatch, capsys):
    out = tmp_path / 'r.html'
    out.write_text('before')

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(making.os, 'replace', full)
    refused(['report', str(log), '-o', str(out)], tmp_path)
    assert out.read_text() == 'before'
    assert 'No space left on device' in capsys.readouterr().err


def test_a_folder_that_refuses_files_is_one_line(log, tmp_path, monkeypatch,
                                                 capsys):
    def refuse(**_):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(making.tempfile, 'mkstemp', refuse)
    refused(['report', str(log)], tmp_path)
    said = capsys.readouterr()
    assert said.out == '' and said.err == (
        f'aspis_mpi: {tmp_path}/run.report.html cannot be written: '
        'Permission denied\n')


def test_a_file_is_no_folder(log, tmp_path, capsys):
    refused(['report', str(log), '-o', str(log / 'r.html')], tmp_path)
    assert 'Not a directory' in capsys.readouterr().err


def test_runs_of_different_problems_are_refused(tmp_path, capsys):
    logs = [write(tmp_path / 'a.h5'),
            write(tmp_path / 'b.h5', job=JOB.replace('"mlp"', '"linear"'))]
    refused(['report', *map(str, logs)], tmp_path)
    said = capsys.readouterr().err
    assert 'runs of different problems' in said and said.count('\n') == 1


def test_one_bad_log_among_good_ones(log, tmp_path, capsys):
    bad = foreign(tmp_path / 'bad.h5')
    refused(['report', str(log), str(bad)], tmp_path)
    said = capsys.readouterr().err
    assert str(bad) in said and said.count('\n') == 1


def test_wherever_a_log_is_cut_off(log, tmp_path, capsys):
    """A page of what can be read, or one line: never a trace."""
    whole, cut_off, codes = log.read_bytes(), tmp_path / 'cut.h5', set()
    for tenths in (3, 6, 9):
        cut_off.write_bytes(whole[:tenths * len(whole) // 10])
        code = main(['report', str(cut_off)])
        said = capsys.readouterr()
        page = tmp_path / 'cut.report.html'
        assert code == 2 and said.err.count('\n') == 1 or (
            code == 0 and said.err == '')
        assert page.exists() == (code == 0)
        page.unlink(missing_ok=True)
        codes.add(code)
    assert 2 in codes


def test_a_step_that_is_not_there(log, tmp_path, capsys):
    refused(['report', str(log), '--step', '99'], tmp_path)
    assert 'has no step 99, only 0 to 11' in capsys.readouterr().err
