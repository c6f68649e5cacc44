"""`show FOLDER` tells every run in it, and what is none."""

import json
import os
import re

import pytest
import tomli_w

from aspis_mpi import simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import BAD_JOB

JOB = {'run': {'steps': 3, 'evaluate_every': 0, 'checkpoint_every': 0},
       'problem': {'name': 'quadratic', 'parameters': 8, 'batch_size': 60},
       'scheme': {'name': 'aspis', 'workers': 5, 'adversaries': 1},
       'adversary': {'count': 1}}


@pytest.fixture
def runs(tmp_path):
    """A run of one log, one of two, and what else lies about."""
    (tmp_path / 'job.toml').write_text(tomli_w.dumps(JOB))
    folder = tmp_path / 'runs'
    for out, settings, resume in (
            ('b.h5', ['run.steps=2'], False), ('a.h5', [], False),
            ('b.h5', ['run.steps=4', 'scheme.workers=6'], True),
            ('without', [], False)):
        simulate(tmp_path / 'job.toml', out=folder / out, settings=settings,
                 resume=resume)
    (folder / 'notes.txt').write_text('a.h5 is the good one')
    (folder / 'text.h5').write_text('no HDF5')
    (folder / 'gone.h5').symlink_to(tmp_path / 'nowhere.h5')
    return folder


def test_every_run_has_its_lines(runs, capsys):
    assert main(['show', f'{runs}{os.sep}']) == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert [line for line in lines if re.fullmatch(r'\S+', line)] == [
        'a.h5', 'b.h5', 'without']
    assert all(len(line) <= 79 for line in lines if str(runs) not in line)
    said = ' '.join(told.split())
    assert 'aspis on quadratic, 5 workers, 1 adversary (' in said
    assert '3 of 3 steps, loss ' in said
    assert '2 parts, aspis on quadratic, 6 workers' in said
    assert '4 of 4 steps' in said and 'b.2.h5' not in said
    assert f'no run log: {runs}/text.h5 cannot be opened' in said
    assert f'no run log: there is no file {runs}/gone.h5' in said
    assert 'other files: a.npz, b.npz, notes.txt, without.npz' in said


def test_json_has_the_summary_of_each(runs, capsys):
    main(['show', str(runs / 'b.h5'), '--json'])
    one = json.loads(capsys.readouterr().out)
    assert main(['show', str(runs), '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run['path'] for run in found['runs']] == [
        str(runs / name) for name in ('a.h5', 'b.h5', 'without')]
    assert found['runs'][1] == one
    assert set(found['unreadable']) == {'text.h5', 'gone.h5'}


def test_a_part_whose_run_is_elsewhere_is_told_alone(runs, capsys):
    (runs / 'b.h5').unlink()
    assert main(['show', str(runs)]) == 0
    said = ' '.join(capsys.readouterr().out.split())
    assert 'b.2.h5 a part of b.h5, aspis on quadratic' in said


def test_a_folder_without_a_run_is_refused_in_a_line(tmp_path, capsys):
    (tmp_path / 'notes.txt').write_text('')
    assert main(['show', str(tmp_path)]) == BAD_JOB
    line, = capsys.readouterr().err.splitlines()
    assert line == f'aspis_mpi: there is no run log in the folder {tmp_path}'
