"""Norms far above those of others never enter an update on one check."""

from dataclasses import replace

import numpy as np
import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.spot import screens
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from tests.support.spot_bench import SpotBench
from tests.support.spot_runs import SpotRun, tables

NEVER = {'rate': 1e-15, 'first': 0}
ALWAYS = {'rate': 1.0, 'first': 0}


def bench(coins=0, detection=NEVER, size=13):
    """Seven workers with two files each, two of them may be wrong."""
    return SpotBench(coins, detection=detection,
                     problem={'parameters': size, 'batch_size': 70},
                     scheme={'workers': 7, 'adversaries': 2})


def norm(vector):
    return float(np.linalg.norm(vector.astype(np.float64)))


def together(it, error, workers=(1, 5), files=None):
    """Two colluders say the same of some files of the first."""
    for file in it.owned(workers[0]) if files is None else files:
        it.lies |= {(worker, file): error for worker in workers}


def away(it, factor, size=None):
    """What makes worker 1's payload `factor` times as long as usual.

    By each of its two files; its first `size` numbers alone, where given.
    """
    sums = [sum(it.right(file) for file in it.owned(worker))[:size]
            for worker in sorted(it.present)]
    usual = np.median([np.inf if worker == 1 else norm(one)
                       for worker, one in enumerate(sums)])
    error = np.zeros(it.assembly.d, dtype=np.float32)
    error[:size] = -sums[1] / 2 * (1 + factor * usual / norm(sums[1]))
    return error


@pytest.mark.parametrize('audits', ['contested', 'none'])
@pytest.mark.parametrize('detection', [NEVER, ALWAYS], ids=['not', 'checked'])
@pytest.mark.parametrize('error', [1e30, np.nan, np.inf, -np.inf, 'above'])
def test_what_is_above_a_screen_is_never_used(error, detection, audits):
    """Whoever checks it: a colluder may."""
    for coins in range(4):
        it = bench(coins, detection | {'audits': audits})
        together(it, away(it, 3.05) if error == 'above' else error)
        before = it.server.values.copy()
        record = it.play()
        assert 1 not in record.source
        assert not record.exposed[[0, 2, 3, 4, 6]].any()
        assert np.isfinite(it.server.values).all()
        assert norm(it.server.values - before) < 1e3


def test_what_is_below_is_used_in_an_unchecked_step():
    """So it is the screen that kept out the rest."""
    it = bench()
    together(it, away(it, 2.95))
    record = it.play()
    assert (record.source == 1).sum() == 2 and not record.files_checked


def test_a_tensor_ten_times_as_long_as_usual_is_not_used():
    """Where the whole is not long enough to be seen."""
    size = 32 * 4096
    for factor, used in (9.9, True), (10.1, False):
        it = bench(size=size)
        together(it, away(it, factor, 4096))
        record = it.play()
        assert (1 in record.source) == used


def test_a_file_above_the_screen_is_not_used_on_the_word_of_a_colluder():
    """Its error is taken out of the sum again, so that no payload shows."""
    asked = 0
    for coins in range(12):
        it = bench(coins, ALWAYS)
        usual = np.median([norm(it.right(file)) for file in range(14)])
        error = np.full(13, 4 * usual / np.sqrt(13), dtype=np.float32)
        one, other = it.owned(1)
        it.lies |= {(worker, one): error for worker in (1, 5)}
        it.lies |= {(worker, other): -error for worker in (1, 5)}
        it.sums()
        it.answers()
        asked += it.checks().get(5) in (one, other)
        it.finish(0)
        assert {row.worker for row in it.server.notes.exposures} >= {1}
    assert asked


def test_an_alarm_makes_a_check_of_the_suspect_alone():
    it = bench(detection=NEVER | {'audits': 'none'})
    it.lies |= {(1, file): 1e4 for file in it.owned(1)}
    it.sums()
    assert set(it.orders) == {1}
    it.answers()
    assert set(it.checks().values()) == set(it.owned(1))
    assert 1 not in it.checks()


def test_without_audits_more_than_can_be_wrong_have_to_agree():
    it = bench(detection=NEVER | {'audits': 'none', 'outlier': 1.0})
    it.sums()
    suspects = set(it.orders)
    assert suspects
    it.answers()
    wanted = [file for worker in suspects for file in it.owned(worker)]
    asked = dict.fromkeys(wanted, 0)
    while it.orders and it.turn == 0:
        for file in it.checks().values():
            asked[file] += 1
        it.answers()
    # The owner and as many others as can be wrong.
    assert set(asked.values()) == {2}
    assert not it.server.notes.exposures


def test_an_honest_alarm_is_cleared_and_has_half_as_much_more_for_a_while():
    """Half of all are above a limit of 1; then hardly anybody."""
    run = SpotRun(detection=NEVER | {'outlier': 1.0},
                  run={'steps': 40, 'checkpoint_every': 0})
    plain = SpotRun(detection=NEVER, run={'steps': 40,
                                          'checkpoint_every': 0})
    assert run.code == plain.code == DONE and not run.exposed
    assert run.values.tobytes() == plain.values.tobytes()
    # The last step, which is looked at, has screens of files as well.
    audits = [record.audits for record in run.records[:-1]]
    assert audits[0] > 0 and sum(audits[20:]) < audits[0]


def test_a_cleared_limit_ends_after_the_horizon():
    run = SpotRun(detection=NEVER | {'outlier': 1.0, 'rate': 1e-3},
                  run={'steps': 3, 'checkpoint_every': 0})
    inspection = run.assembly.inspection
    rows = inspection.screens.cleared.rows()
    assert rows and all(inspection.horizon <= until <= 2 + inspection.horizon
                        for *_, until in rows)


def test_cleared_limits_go_on_where_the_workers_are_the_same():
    """In a checkpoint, so that a resume does not audit all of them again."""
    run = SpotRun(detection=NEVER | {'outlier': 1.0},
                  run={'steps': 20})
    last = run.snapshots.last
    assert last.members.cleared
    keys = last.members.keys
    for names, expected in ((keys, last.members.cleared),
                            (('other', *keys[1:]), [])):
        again = Assembly(loading.from_tables(tables(
            detection=NEVER | {'outlier': 1.0})))
        server = again.server(VirtualClock(), past=None)
        server.resume(replace(last, members=replace(
            last.members, keys=names)))
        assert again.inspection.cleared() == expected


def test_files_that_were_found_right_are_let_in_too():
    """In checked steps; else they are audited for ever."""
    run = SpotRun(detection=ALWAYS | {'outlier': 1.0, 'rollback_risk': 1e-12},
                  run={'steps': 40})
    assert run.assembly.inspection.horizon > 40
    audits = [record.audits for record in run.records]
    assert audits[0] > 0 and sum(audits[30:]) < audits[0]
    assert not run.exposed


def test_a_sum_in_the_place_of_another_is_screened_by_those_of_all():
    """One alone would be as long as usual by itself."""
    for coins in range(40):
        it = bench(coins, NEVER | {'audits': 'none'})
        it.sums(but=[0])
        while not it.orders:
            it.wait()
        liar, other = (sorted(it.orders) + [6, 5])[:2]
        colluders = liar, next(worker for worker in (6, 5, 4)
                               if worker not in it.orders)
        together(it, 1e6, colluders, it.owned(0))
        before = it.server.values.copy()
        it.finish(0)
        assert norm(it.server.values - before) < 1e3
        assert not {row.worker for row in it.server.notes.exposures} - set(
            colluders)


def test_more_sums_that_are_no_numbers_than_can_be_wrong_are_named():
    it = bench()
    it.added |= dict.fromkeys((0, 1, 2), np.nan)
    record = it.play()
    assert not record.exposed.any()
    assert any('not finite' in text for text in it.texts)


def test_a_payload_that_is_no_number_is_proved_wrong_by_an_audit():
    it = bench()
    together(it, np.nan)
    it.play()
    assert (1, ProofKind.AUDIT) in [
        (row.worker, row.proof) for row in it.server.notes.exposures]


@pytest.mark.parametrize('audits', ['contested', 'none'])
@pytest.mark.parametrize('gone', [{'late': [4]}, {'dead': [4]},
                                  {'dead': [3], 'late': [4]}],
                         ids=['late', 'dead', 'both'])
def test_liars_that_are_half_of_those_that_send_are_screened_too(gone,
                                                                 audits):
    """Sums of 1e30 would be as long as usual by themselves."""
    it = SpotBench(detection=NEVER | {'audits': audits},
                   scheme={'workers': 5, 'adversaries': 2},
                   faults={'tolerate': 2})
    for worker in gone.get('dead', []):
        it.lose(worker)
    late = gone.get('late', [])
    it.lies = {(liar, file): 1e30 for liar in (0, 1)
               for owner in (0, 1) for file in it.owned(owner)}
    before = it.server.values.copy()
    it.play(silent=late)
    assert norm(it.server.values - before) < 1e3
    assert not {row.worker for row in it.server.notes.exposures} - {0, 1}


def test_a_larger_limit_grows_by_what_was_found_right_alone():
    """Not by what it has let in itself, on the word of one checker."""
    it = bench(detection=ALWAYS)
    cleared = it.assembly.inspection.screens.cleared
    cleared.clear(1, screens.WHOLE, 6.0, until=99)
    cleared.clear(1, screens.FILE, 20.0, until=99)
    limits = cleared.rows()
    for _ in range(4):
        # Everybody bears worker 1 out, whatever it says.
        it.lies = {(worker, file): 4 * it.right(file)
                   for worker in range(7) for file in it.owned(1)}
        record = it.play()
        assert 1 in record.source and not record.audits
        assert cleared.rows() == limits
