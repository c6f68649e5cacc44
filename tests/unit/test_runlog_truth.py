"""Wrong files and flags against the truth of a log."""

from dataclasses import replace

import numpy as np

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.runlog.reader import load_run
from tests.support.made_up_logs import create, fill, made_up


def hand_made(path):
    """Two steps of four workers and two files: who lied, who was used.

    Step 0: worker 0 lies on file 0, which is used from 1, and on file 1,
    which is used from 0 and 3: one wrong file.  Step 1: worker 2 lies in
    its payload, which file 0 uses, worker 3 was to lie on a file that is
    not used at all: one wrong file.  Worker 3 has no work in step 1.
    """
    assignment = Assignment([[1, 1, 1, 0], [1, 0, 0, 1]])
    nobody = np.zeros(4, dtype=bool)
    blank = replace(made_up(0, 2, 4), excluded=nobody, flagged=nobody)
    first = replace(blank, step=0, flagged=nobody | [True, True, False,
                                                      False],
                    contributors=np.array([[0, 1, 0, 0], [1, 0, 0, 1]],
                                          dtype=bool))
    second = replace(blank, step=1,
                     excluded=nobody | [False, False, False, True],
                     contributors=np.array([[0, 1, 1, 0], [0, 0, 0, 0]],
                                           dtype=bool))
    with create(path, assignment) as log:
        log.append(first, np.array([1, 0, 0, 0]),
                   np.array([[1, 0, 0, 0], [1, 0, 0, 0]]), nobody, nobody)
        log.append(second, np.array([0, 0, 1, 1]),
                   np.array([[0, 0, 0, 0], [0, 0, 0, 1]]),
                   np.array([0, 0, 1, 0]), nobody)


def test_wrong_files_of_a_hand_made_case(tmp_path):
    hand_made(tmp_path / 'run.h5')
    with load_run(tmp_path / 'run.h5') as run:
        assert run.wrong_files.tolist() == [1, 1]


def test_wrong_files_do_not_depend_on_the_window(tmp_path, monkeypatch):
    assignment = Subset(6, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(50))
    with load_run(tmp_path / 'run.h5') as run:
        expected = [
            sum(any(c[j] and (lie[j] or payload[j]) for j in range(6))
                for c, lie in zip(contributors, lies))
            for contributors, lies, payload in zip(
                run.contributors, run.lies, run.payload_lies)]
        assert run.wrong_files.tolist() == expected
        monkeypatch.setattr('aspis_mpi.runlog.view.WINDOW', 1000)
        assert run.wrong_files.tolist() == expected


def test_who_lied_on_a_file_or_a_payload(tmp_path, monkeypatch):
    hand_made(tmp_path / 'run.h5')
    for window in 1 << 24, 8:
        monkeypatch.setattr('aspis_mpi.runlog.view.WINDOW', window)
        with load_run(tmp_path / 'run.h5') as run:
            assert run.lied.tolist() == [[True, False, False, False],
                                         [False, False, True, True]]


def test_an_adversary_that_tells_no_lie_is_not_missed(tmp_path):
    assignment = Assignment([[1, 1, 1], [1, 1, 1]])
    nobody = np.zeros(3, dtype=bool)
    blank = replace(made_up(0, 2, 3), step=0, excluded=nobody,
                    flagged=nobody)
    with create(tmp_path / 'run.h5', assignment) as log:
        log.append(blank, np.array([1, 1, 0]),
                   np.array([[1, 0, 0], [0, 0, 0]]), nobody, nobody)
    with load_run(tmp_path / 'run.h5') as run:
        assert run.lied.tolist() == [[True, False, False]]
        assert run.flagging.missed == 1


def test_flags_against_the_truth(tmp_path):
    hand_made(tmp_path / 'run.h5')
    with load_run(tmp_path / 'run.h5') as run:
        flagging = run.flagging
        assert flagging == type(flagging)(right=1, wrong=1, missed=1)
        assert flagging.precision == flagging.recall == 0.5


def test_shares_of_nothing_are_unknown(tmp_path):
    create(tmp_path / 'run.h5', Uncoded(3)).close()
    with load_run(tmp_path / 'run.h5') as run:
        assert np.isnan(run.flagging.precision)
        assert np.isnan(run.flagging.recall)
