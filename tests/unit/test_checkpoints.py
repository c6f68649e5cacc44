"""A checkpoint is whole and right, or it is not used."""

import json
from dataclasses import replace

import numpy as np
import pytest

from aspis_mpi.detection.equality import Equality
from aspis_mpi.detection.memory import Row
from aspis_mpi.errors import DamagedCheckpoint
from aspis_mpi.protocol.server.snapshot import Members, Snapshot
from aspis_mpi.runlog import going_back
from aspis_mpi.runlog.checkpoints import (
    Checkpoints, Ripening, facts_of, load, step_of)

K, LOAD, D = 5, 6, 300


def snapshot(step=7, seed=0):
    drawn = np.random.default_rng(seed)
    speeds = drawn.uniform(0, 1, K)
    speeds[2] = np.nan
    members = Members(
        ('node1', 'node1 (2)', 'node2', 'ü', 'node2 (2)'),
        [Row('node2', '', 'worker 2 is wrong', True, 3, 3),
         Row('node1', 'ü', '', False, 5, 5)],
        drawn.exponential(size=K), drawn.random(K) < 0.3,
        drawn.random(K) < 0.3, speeds,
        drawn.integers(-1, 10, size=(K, LOAD), dtype=np.int32),
        drawn.random(K) < 0.3, Equality(False, 1e-5 / 3, 1e-2, True),
        turn=3 * step + 1, age=2.5 * step, cleared=[(2, 0, 10 / 3, 40)],
        unworked=drawn.integers(50, size=(2, K)),
        usual=drawn.exponential(size=(4, K, 20)), watched=5 * step,
        norms=drawn.exponential(size=(9, 2)))
    return Snapshot(
        step, 1 / 3, drawn.standard_normal(D).astype(np.float32),
        {'velocity': drawn.standard_normal(D).astype(np.float32)},
        1e-6 / 7, 2, members, 1.5 * step, diverged=step - 2)


def assert_equal(one, other):
    """Every value has the same bits."""
    for name in ('step', 'seconds', 'floor', 'failures', 'made', 'diverged'):
        assert getattr(one, name) == getattr(other, name), name
    assert one.parameters.tobytes() == other.parameters.tobytes()
    assert one.optimizer.keys() == other.optimizer.keys()
    for name, values in one.optimizer.items():
        assert values.tobytes() == other.optimizer[name].tobytes()
    a, b = one.members, other.members
    for name in ('keys', 'evidence', 'equality', 'turn', 'age', 'cleared',
                 'watched'):
        assert getattr(a, name) == getattr(b, name), name
    for name in ('account', 'silent', 'resting', 'speeds', 'order', 'absent',
                 'unworked', 'usual', 'norms'):
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype and x.shape == y.shape
        assert x.tobytes() == y.tobytes(), name


def test_what_is_saved_is_loaded_bit_for_bit(tmp_path):
    path = Checkpoints(tmp_path / 'run.h5').save(snapshot())
    assert path == tmp_path / 'run.checkpoints' / 'step-00000007.npz'
    assert_equal(load(path), snapshot())


def test_a_checkpoint_with_strikes_resumes_with_empty_accounts(tmp_path):
    """As version 1 had them; what else it says counts."""
    path = Checkpoints(tmp_path / 'run.h5').save(snapshot())
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    del arrays['account'], arrays['silent']
    facts = json.loads(arrays['facts'].tobytes()) | {'version': 1}
    arrays |= {'strikes': np.arange(K), 'back': np.full(K, 99),
               'facts': np.frombuffer(json.dumps(facts).encode(), np.uint8)}
    np.savez(path, **arrays)
    members = load(path).members
    assert members.account.tolist() == [0.0] * K
    assert members.silent.tolist() == [False] * K
    right = snapshot()
    assert_equal(load(path), replace(right, members=replace(
        right.members, account=members.account, silent=members.silent)))


def test_an_older_checkpoint_does_not_say_how_steps_went(tmp_path):
    path = Checkpoints(tmp_path / 'run.h5').save(snapshot())
    with np.load(path) as file:
        arrays = dict(file)
    del arrays['usual'], arrays['norms']
    facts = json.loads(arrays['facts'].tobytes())
    assert facts.pop('watched') and facts.pop('diverged')
    arrays['facts'] = np.frombuffer(json.dumps(facts).encode(), dtype='u1')
    np.savez(path, **arrays)
    older = load(path)
    assert older.members.usual is None and older.members.norms is None
    assert older.members.watched == older.diverged == -1


def test_thresholds_of_an_older_checkpoint_stay_as_they_are(tmp_path):
    path = Checkpoints(tmp_path / 'run.h5').save(snapshot())
    with np.load(path) as file:
        arrays = dict(file)
    facts = json.loads(arrays['facts'].tobytes())
    assert facts['equality'].pop('follows')
    arrays['facts'] = np.frombuffer(json.dumps(facts).encode(), dtype='u1')
    np.savez(path, **arrays)
    assert load(path).members.equality == Equality(False, 1e-5 / 3, 1e-2)


def test_the_newest_are_kept_the_newest_first(tmp_path):
    kept = Checkpoints(tmp_path / 'run.h5', keep=3)
    for step in (1, 9, 10, 100, 1000):
        kept.save(snapshot(step))
    assert [path.name for path in kept.paths()] == [
        'step-00001000.npz', 'step-00000100.npz', 'step-00000010.npz']
    # Past eight digits the number still decides, not the name.
    kept.save(snapshot(10 ** 9))
    assert load(kept.paths()[0]).step == 10 ** 9


def aged(step, age, made=None):
    """A snapshot of a run that has done so many turns."""
    it = snapshot(step)
    return replace(it, made=age if made is None else made,
                   members=replace(it.members, age=age))


def test_those_stay_to_which_a_run_may_go_back(tmp_path):
    """The beginning, the newest ripe one, and all newer, thinned."""
    kept = Checkpoints(tmp_path / 'run.h5', 1, Ripening(20, 8))
    for step in range(0, 61, 4):
        kept.save(aged(step, step))
    steps = sorted(map(step_of, kept.paths()))
    assert steps == [0, 40, 48, 56, 60]
    assert kept.target(60, 20).step == 40
    assert kept.target(59, 20).step == 0
    assert kept.target(60, 4).step == 56


def test_a_mixture_is_ripe_at_once(tmp_path):
    kept = Checkpoints(tmp_path / 'run.h5', 1, Ripening(20, 8))
    for step in range(0, 61, 4):
        kept.save(aged(step, step))
    kept.save(aged(40, 63, made=40))
    assert sorted(map(step_of, kept.paths())) == [0, 40]
    assert kept.target(64, 20).step == 40
    # What is made again is younger.
    kept.save(aged(44, 67))
    assert kept.target(70, 20).step == 40
    assert kept.target(87, 20).step == 44


def test_a_damaged_one_is_not_gone_back_to(tmp_path):
    kept = Checkpoints(tmp_path / 'run.h5', 9)
    for step in (0, 4, 8):
        path = kept.save(aged(step, step))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert kept.target(99, 1).step == 4
    # Its small facts are whole, its vectors are not.
    place = whole.index(b'parameters.npy') + 200
    path.write_bytes(whole[:place] + b'?' + whole[place + 1:])
    assert facts_of(path)['step'] == 8
    assert kept.target(99, 1).step == 4
    for file in kept.paths():
        file.write_bytes(b'')
    with pytest.raises(DamagedCheckpoint, match='no checkpoint to go back'):
        kept.target(99, 1)


def test_nothing_but_complete_checkpoints_has_a_name(tmp_path, monkeypatch):
    """A kill in the midst of writing leaves the ones before alone."""
    kept = Checkpoints(tmp_path / 'run.h5')
    kept.save(snapshot(1))

    def killed(file, array, **options):
        file.write(b'PK half of it')
        raise KeyboardInterrupt
    monkeypatch.setattr(np.lib.format, 'write_array', killed)
    with pytest.raises(KeyboardInterrupt):
        kept.save(snapshot(2))
    assert [load(path).step for path in kept.paths()] == [1]


def test_all_are_removed(tmp_path):
    kept = Checkpoints(tmp_path / 'run.h5')
    for step in range(3):
        kept.save(snapshot(step))
    (kept.folder / '.step-00000009.npz.unfinished').touch()
    kept.remove()
    assert not kept.folder.exists()
    kept.remove()


def test_a_damaged_file_is_never_taken_for_another(tmp_path):
    """One wrong byte anywhere, or an end too early: found, or harmless."""
    kept, drawn = Checkpoints(tmp_path / 'run.h5'), np.random.default_rng(1)
    path, right = kept.save(snapshot()), snapshot()
    whole = path.read_bytes()
    found = 0
    for _ in range(400):
        wrong = bytearray(whole)
        wrong[int(drawn.integers(len(wrong)))] ^= int(drawn.integers(1, 256))
        path.write_bytes(wrong)
        try:
            assert_equal(load(path), right)
        except DamagedCheckpoint:
            found += 1
    assert found > 300
    for length in drawn.integers(len(whole), size=100).tolist():
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedCheckpoint, match='no complete checkpoint'):
            load(path)


@pytest.mark.parametrize('content', [b'', b'text', b'\x93NUMPY\x01\x00'])
def test_what_is_no_checkpoint(tmp_path, content):
    path = tmp_path / 'step-00000001.npz'
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpoint):
        load(path)


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / 'step-00000001.npz'
    np.savez(path, facts=np.array([{'a': 1}], dtype=object))
    with pytest.raises(DamagedCheckpoint):
        load(path)


NOTICE = {'turn': 3, 'seconds': 1.0, 'start': 9, 'end': 7, 'cause': 0,
          'wrong': 0}


@pytest.mark.parametrize('text', [
    '', '7', 'null', '{}', '[]', '[7]', '[{}]', '[' * 100_000, '"\xff"',
    json.dumps([{'turn': 3}]), json.dumps([NOTICE | {'other': 1}]),
    json.dumps([NOTICE | {'turn': 'x'}]), json.dumps([NOTICE | {'end': None}]),
    json.dumps([NOTICE | {'cause': 99}]), json.dumps([NOTICE | {'cause': []}]),
    json.dumps([NOTICE | {'start': '9'}, NOTICE])])
def test_a_notice_that_no_run_has_written_says_nothing(tmp_path, text):
    kept = Checkpoints(tmp_path / 'run.h5')
    kept.save(snapshot(7))
    kept.notice.write_bytes(json.dumps([NOTICE]).encode())
    assert going_back.begun(kept)
    kept.notice.write_bytes(text.encode('latin-1'))
    assert going_back.begun(kept) == ()
