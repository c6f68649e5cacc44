"""Where a run writes: nothing of another run is lost, and links stay."""

import multiprocessing
import os
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import h5py
import numpy as np
import pytest
import tomli_w

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.assembly import outputs
from aspis_mpi.assembly.start import Start
from aspis_mpi.errors import BAD_JOB, DONE
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.runlog.checkpoints import Checkpoints
from aspis_mpi.runlog.claims import Claim
from aspis_mpi.runlog.log_parts import places
from tests.support.limits import HANGS

STEPS, EVERY = 12, 4

#: Pairs of runs that begin at once.
PAIRS = 25 if os.environ.get('ASPIS_THOROUGH') else 10


@pytest.fixture
def job(tmp_path):
    """Writes a job of five workers."""
    def write(**keys):
        run = {'steps': STEPS, 'seed': 3, 'evaluate_every': 1,
               'checkpoint_every': EVERY} | keys
        path = tmp_path / 'job.toml'
        path.write_text(tomli_w.dumps({
            'run': run, 'problem': {'name': 'quadratic', 'parameters': 40,
                                    'batch_size': 60},
            'scheme': {'name': 'aspis', 'workers': 5, 'adversaries': 1}}))
        return path
    return write


@pytest.fixture
def disk(tmp_path):
    """Another folder, on another file system where there is one."""
    memory = Path('/dev/shm')
    with tempfile.TemporaryDirectory(
            dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


class Killed(BaseException):
    """What nobody takes for a mistake of the problem's."""


def killed(path, log, dies_at, **options):
    """A run that ends in one of its evaluations; the first is of no step."""
    left, evaluate = iter(range(dies_at - 1)), Quadratic.evaluate

    def mortal(*arguments):
        if next(left, None) is None:
            raise Killed
        return evaluate(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Quadratic, 'evaluate', mortal)
        with pytest.raises(Killed):
            simulate(path, out=log, **options)


def steps(log):
    with load_run(log) as run:
        return run.steps['step'].tolist()


def parameters(log):
    with np.load(log.with_suffix('.npz')) as file:
        return file['parameters'].tobytes()


# --- checkpoints that are missing ---------------------------------------

@pytest.mark.parametrize('later', [
    {}, {'checkpoint_every': 1000}, {'checkpoint_every': 0},
    {'steps': 3 * STEPS}])
@pytest.mark.parametrize('dies_at', [EVERY + 2, STEPS])
def test_a_log_without_its_checkpoints_is_never_replaced(
        job, tmp_path, dies_at, later):
    log = tmp_path / 'run.h5'
    killed(job(), log, dies_at)
    shutil.rmtree(Checkpoints(log).folder)
    before, last = log.read_bytes(), (dies_at - 2) // EVERY * EVERY
    with pytest.raises(JobError, match=f'checkpoint was written after {last} '
                       'steps, but none is in .*run.checkpoints'):
        simulate(job(**later), out=log, resume=True)
    assert log.read_bytes() == before
    simulate(job(**later), out=log, overwrite=True)
    assert steps(log)[0] == 0


def test_a_log_that_was_moved_is_told_where_its_checkpoints_are(job,
                                                                tmp_path):
    log, moved = tmp_path / 'run.h5', tmp_path / 'far' / 'moved.h5'
    killed(job(), log, 2 * EVERY)
    moved.parent.mkdir()
    log.rename(moved)
    with pytest.raises(JobError, match='there are some in .*/run.checkpoints'):
        simulate(job(), out=moved, resume=True)
    shutil.move(tmp_path / 'run.checkpoints', tmp_path / 'elsewhere')
    with pytest.raises(JobError, match='were written to .*run.checkpoints'):
        simulate(job(), out=moved, resume=True)
    shutil.move(tmp_path / 'elsewhere', moved.parent / 'moved.checkpoints')
    assert simulate(job(), out=moved, resume=True)[0] == DONE
    assert steps(moved) == list(range(STEPS))


def test_checkpoints_without_their_log_are_no_beginning(job, tmp_path):
    log = tmp_path / 'run.h5'
    killed(job(), log, 2 * EVERY)
    log.rename(tmp_path / 'moved.h5')
    with pytest.raises(JobError, match='checkpoints is there, but not the '
                       'log .*run.h5'):
        simulate(job(), out=log, resume=True)
    shutil.rmtree(tmp_path / 'run.checkpoints')
    assert simulate(job(), out=log, resume=True)[0] == DONE


def test_a_later_part_without_its_log_is_no_beginning(job, tmp_path):
    log = tmp_path / 'run.h5'
    simulate(job(steps=6), out=log)
    simulate(job(), out=log, resume=True, settings=['scheme.workers=4'])
    log.rename(tmp_path / 'moved.h5')
    for name in ('run.npz', 'run.checkpoints'):
        shutil.move(tmp_path / name, tmp_path / f'moved-{name}')
    with pytest.raises(JobError, match='run.2.h5 is there, but not'):
        simulate(job(), out=log, resume=True)


@pytest.mark.parametrize('dies_at', [2, 3])
def test_killed_before_its_first_checkpoint_it_keeps_its_log(job, tmp_path,
                                                             dies_at):
    log, names = tmp_path / 'run.h5', ('run.killed.h5', 'run.killed-2.h5')
    kept = []
    for name in names:
        killed(job(), log, dies_at, resume=bool(kept))
        kept.append(log.read_bytes())
    assert simulate(job(), out=log, resume=True) == (DONE, log)
    assert steps(log) == list(range(STEPS))
    for name, content in zip(names, kept):
        assert (tmp_path / name).read_bytes() == content
        assert steps(tmp_path / name) == list(range(dies_at - 1))
    assert [part.path for part in places(log)] == [log]
    with load_run(log) as run:
        assert any('kept as' in event.text and names[1] in event.text
                   for event in run.events)


def test_the_log_knows_its_last_checkpoint(job, tmp_path):
    log = tmp_path / 'run.h5'
    killed(job(), log, 3)
    with load_run(log) as run:
        assert run.attrs['last_checkpoint'] == -1
        assert run.attrs['checkpoints_in'] == str(tmp_path
                                                  / 'run.checkpoints')
    simulate(job(steps=EVERY + 2), out=log, resume=True)
    with load_run(log) as run:
        assert run.attrs['last_checkpoint'] == EVERY + 2

    # Of a damaged one it goes back to the one before.
    Checkpoints(log).paths()[0].write_bytes(b'')
    killed(job(), log, 3, resume=True)
    with load_run(log) as run:
        assert run.attrs['last_checkpoint'] == EVERY
    simulate(job(), out=log, resume=True, settings=['scheme.workers=4'])
    with load_run(log) as run:
        assert run.parts[0].attrs['last_checkpoint'] == EVERY
        assert run.attrs['last_checkpoint'] == STEPS


@pytest.mark.parametrize('rows, every, refused', [
    (EVERY, EVERY, True), (EVERY - 1, EVERY, False), (STEPS - 1, 0, False)])
def test_a_log_of_before_says_it_by_its_rows(job, tmp_path, rows, every,
                                             refused):
    log = tmp_path / 'run.h5'
    killed(job(checkpoint_every=every), log, rows + 1)
    with h5py.File(log, 'r+') as file:
        del file.attrs['last_checkpoint'], file.attrs['checkpoints_in']
    shutil.rmtree(Checkpoints(log).folder, ignore_errors=True)
    if not refused:
        assert simulate(job(), out=log, resume=True)[0] == DONE
        assert steps(tmp_path / 'run.killed.h5') == list(range(rows))
        return
    with pytest.raises(JobError, match='last checkpoint was written, but'):
        simulate(job(), out=log, resume=True)


def test_a_finished_run_says_that_its_model_is_lost(job, tmp_path, capsys):
    log = tmp_path / 'run.h5'
    simulate(job(), out=log)
    shutil.rmtree(Checkpoints(log).folder)
    (tmp_path / 'run.npz').unlink()
    assert simulate(job(), out=log, resume=True)[0] == DONE
    assert 'run.npz is missing' in capsys.readouterr().err


# --- links ----------------------------------------------------------------

#: Everything that a run of two parts leaves.
NAMES = 'run.h5', 'run.2.h5', 'run.npz', 'run.checkpoints'


def linked(tmp_path, disk, names=NAMES):
    """Links to what is not there yet, but can be made."""
    for name in names:
        (tmp_path / name).symlink_to(disk / f'{name}.far')


def assert_links(tmp_path, disk, names=NAMES):
    for name in names:
        assert (tmp_path / name).readlink() == disk / f'{name}.far'
        assert (disk / f'{name}.far').exists()
    assert not [path for folder in (tmp_path, disk)
                for path in folder.glob('**/.*')]


def test_whatever_is_a_link_stays_one(job, tmp_path, disk):
    """Begun, killed, resumed, gone on with others, and overwritten."""
    log, whole = tmp_path / 'run.h5', tmp_path / 'whole.h5'
    simulate(job(), out=whole)
    linked(tmp_path, disk)
    killed(job(), log, 2 * EVERY)
    simulate(job(steps=STEPS - 2), out=log, resume=True)
    assert parameters(log) != parameters(whole)
    simulate(job(), out=log, resume=True, settings=['scheme.workers=4'])
    assert_links(tmp_path, disk)
    assert steps(log) == list(range(STEPS))
    simulate(job(), out=log, overwrite=True)
    assert_links(tmp_path, disk, ('run.h5', 'run.npz', 'run.checkpoints'))
    assert not (disk / 'run.2.h5.far').exists()
    assert parameters(log) == parameters(whole)


def test_killed_before_its_first_checkpoint_a_link_stays_one(job, tmp_path,
                                                             disk):
    linked(tmp_path, disk, ['run.h5'])
    killed(job(), tmp_path / 'run.h5', 3)
    simulate(job(), out=tmp_path / 'run.h5', resume=True)
    assert_links(tmp_path, disk, ['run.h5'])
    assert steps(disk / 'run.h5.far.killed') == [0, 1]


def test_folders_may_be_links(job, tmp_path, disk):
    (tmp_path / 'runs').symlink_to(disk / 'new')
    log = tmp_path / 'runs' / 'run.h5'
    simulate(job(), out=log)
    simulate(job(), out=log, overwrite=True)
    assert (tmp_path / 'runs').readlink() == disk / 'new'
    assert {path.name for path in (disk / 'new').iterdir()} == {
        'run.h5', 'run.npz', 'run.checkpoints'}


@pytest.mark.parametrize('name', ['run.h5', 'run.npz', 'run.checkpoints',
                                  'runs'])
@pytest.mark.parametrize('target', ['no/such/disk', 'self'])
def test_a_link_that_leads_nowhere_is_refused(job, tmp_path, name, target):
    """Nothing is made where a disk is not mounted."""
    link = tmp_path / name
    link.symlink_to(tmp_path / target if target != 'self' else link)
    log = tmp_path / ('runs/run.h5' if name == 'runs' else 'run.h5')
    with pytest.raises(JobError, match=f'{name} is a link to .*, which is '
                       'not there'):
        simulate(job(), out=log)
    assert {path.name for path in tmp_path.iterdir()} == {'job.toml', name}


def test_a_log_and_a_model_that_are_one_file(job, tmp_path):
    (tmp_path / 'model.npz').symlink_to(tmp_path / 'run.h5')
    with pytest.raises(JobError, match='must be different files'):
        simulate(job(), out=tmp_path / 'run.h5',
                 settings=[f'run.model_out={tmp_path}/model.npz'])


# --- two runs at once -----------------------------------------------------

def both(*commands):
    """Begin two commands at once; exit codes, and what each has said."""
    fork = multiprocessing.get_context('fork')
    gate = fork.Barrier(len(commands))
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, str(number)) for number in range(len(commands))]
        running = [fork.Process(target=_command, args=(gate, words, file))
                   for words, file in zip(commands, said)]
        for process in running:
            process.start()
        for process in running:
            process.join(HANGS)
            assert process.exitcode is not None
        return ([process.exitcode for process in running],
                [file.read_text() for file in said])


def _command(gate, words, file):
    gate.wait(HANGS)
    with open(file, 'w') as sink, redirect_stdout(sink), redirect_stderr(
            sink):
        code = main(['simulate', *map(str, words)])
    os._exit(code)


def assert_one_each(codes, said):
    """One has trained; the other was refused in a line."""
    assert sorted(codes) == [DONE, BAD_JOB], said
    line, = said[codes.index(BAD_JOB)].splitlines()
    assert 'is being written by another' in line or 'exists already' in line


@pytest.mark.parametrize('words', [[], ['--resume']])
def test_two_runs_with_one_new_log(job, tmp_path, words):
    """The one that is refused has touched nothing."""
    path = job(steps=2)
    simulate(path, out=tmp_path / 'whole.h5')
    for number in range(PAIRS):
        log = tmp_path / f'pair-{number}.h5'
        command = [path, '--out', log, *words]
        codes, said = both(command, command)
        if '--resume' not in words or codes != [DONE, DONE]:
            assert_one_each(codes, said)
        assert steps(log) == [0, 1]
        assert parameters(log) == parameters(tmp_path / 'whole.h5')
    assert not [*tmp_path.glob('.*'), *tmp_path.glob('*.2.h5')]


def test_two_runs_that_begin_in_the_same_second(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = job(steps=2)
    for number in range(PAIRS):
        monkeypatch.setattr(outputs.time, 'strftime', lambda _: str(number))
        assert_one_each(*both([path], [path]))
        assert steps(tmp_path / 'runs' / f'job-{number}.h5') == [0, 1]


@pytest.mark.parametrize('one, other', [
    ('run.h5', 'run.hdf5'), ('run.h5', 'run')])
def test_two_logs_with_one_folder_of_checkpoints(job, tmp_path, one, other):
    path = job(steps=2)
    for number in range(5):
        folder = tmp_path / str(number)
        commands = [[path, '--out', folder / name, '--set',
                     f'run.model_out={folder}/{name}.npz']
                    for name in (one, other)]
        assert_one_each(*both(*commands))


def test_two_runs_with_one_model(job, tmp_path):
    path = job(steps=2)
    for number in range(5):
        model = tmp_path / f'{number}.npz'
        assert_one_each(*both(*(
            [path, '--out', tmp_path / f'{name}-{number}.h5', '--set',
             f'run.model_out={model}'] for name in 'ab')))
        assert model.exists()


@pytest.mark.parametrize('option', ['overwrite', 'resume'])
@pytest.mark.parametrize('name', ['run.h5', 'run.npz', 'run.checkpoints'])
def test_nothing_is_replaced_that_a_run_writes(job, tmp_path, name, option):
    log = tmp_path / 'run.h5'
    simulate(job(steps=6), out=log)
    before = {path: path.read_bytes() for path in tmp_path.rglob('*.*')
              if path.is_file() and path.name != 'job.toml'}
    held = Claim(tmp_path / name)
    with pytest.raises(JobError, match=f'{name} is being written by another '
                       'process; is an earlier job still running'):
        simulate(job(), out=log, **{option: True})
    held.close()
    assert before == {path: path.read_bytes() for path in before}
    assert simulate(job(), out=log, **{option: True})[0] == DONE


def test_a_file_of_the_last_moment_is_not_replaced(job, tmp_path,
                                                   monkeypatch):
    """Somebody else copied it there, and claimed nothing."""
    log = tmp_path / 'run.h5'
    monkeypatch.setattr(Start, 'make_room',
                        lambda _: log.write_text('precious'))
    with pytest.raises(JobError, match='run.h5 exists'):
        simulate(job(), out=log)
    assert log.read_text() == 'precious'
    assert not list(tmp_path.glob('.*'))


def test_a_refused_job_lets_its_names_go(job, tmp_path):
    log = tmp_path / 'run.h5'
    log.write_text('precious')
    with pytest.raises(JobError, match='exists already'):
        simulate(job(), out=log)
    assert simulate(job(), out=tmp_path / 'b.h5', check=True)[0] == DONE
    assert {path.name for path in tmp_path.iterdir()} == {'job.toml',
                                                          'run.h5'}
    assert simulate(job(), out=log, overwrite=True)[0] == DONE
