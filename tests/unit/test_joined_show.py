"""Summaries of a run of several parts."""

import json
from dataclasses import asdict

import pytest

from aspis_mpi.assembly.replay import Recorded
from aspis_mpi.errors import JobError
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.summary import format_summary, print_summary
from aspis_mpi.runlog.totals import summarize
from tests.support.made_up_logs import JOB
from tests.support.run_parts import DESIGNS, three_parts, write


@pytest.fixture
def three(tmp_path):
    """The first of three parts of a run."""
    return three_parts(tmp_path)


def test_show_tells_of_the_parts(three, capsys):
    print_summary(three)
    shown = ' '.join(capsys.readouterr().out.split())
    assert ('parts 3: 5 workers; 4 from step 10 on (run.2.h5); 6 from step '
            '13 on (run.3.h5)') in shown
    assert '6 workers, 20 files on 3 each' in shown
    assert '21 of 40 done' in shown
    print_summary(three, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [list(part.values()) for part in shown['parts']] == [
        [str(three), 5, 10, 0, 10],
        [str(three.with_name('run.2.h5')), 4, 4, 10, 3],
        [str(three.with_name('run.3.h5')), 6, 20, 13, 8]]
    assert shown['pace']['steps'] == 21
    assert shown['quality']['step'] == 21
    assert shown['continues'] is None


def test_show_of_a_part_and_of_a_run_of_one_part(three, tmp_path):
    with load_run(three.with_name('run.2.h5')) as run:
        summary = summarize(run)
    assert summary.continues == 'run.h5'
    assert 'part      of run.h5, from step 10 on' in format_summary(summary)
    (tmp_path / 'one').mkdir()
    with load_run(write(tmp_path / 'one', 1, range(5))) as run:
        summary = summarize(run)
    assert len(asdict(summary)['parts']) == 1
    assert not any(line.startswith('part')
                   for line in format_summary(summary).splitlines())


def test_many_parts_fit_a_terminal(tmp_path):
    path = write(tmp_path, 1, range(3))
    for number in range(2, 12):
        write(tmp_path, number, [number], design=DESIGNS[1])
    with load_run(path) as run:
        lines = format_summary(summarize(run)).splitlines()
    assert max(map(len, lines)) <= 79


def test_samples_are_those_of_each_parts_batches(tmp_path):
    path = write(tmp_path, 1, range(5))
    write(tmp_path, 2, range(5, 8), job=JOB.replace('910', '100'))
    with load_run(path) as run:
        pace = summarize(run).pace
        seconds = run.steps['seconds_step'].sum()
    assert pace.samples_per_second == pytest.approx(
        (5 * 910 + 3 * 100) / seconds)


def test_replay_refuses_several_designs(three):
    with pytest.raises(JobError, match='--replay: .*run.h5.* 3 parts'):
        Recorded(three)
