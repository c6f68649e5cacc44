"""Runs of a sweep in processes of their own, also when these are killed."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aspis_mpi import load_run
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.backends.signals import ASKING
from aspis_mpi.sweep import records
from aspis_mpi.sweep.states import look
from tests.support.gate import hold
from tests.support.limits import HANGS
from tests.support.mpirun import environment
from tests.support.sweep_files import parameters_of, sweep_in

ROOT = Path(__file__).parents[2]

#: Of which the server gives up the last one.
THREE = '''
[base]
run.steps = 30
run.evaluate_every = 0
problem.name = "quadratic"
problem.parameters = 12
scheme = {name = "uncoded", workers = 3, adversaries = 1}
adversary = {value = "nan"}
[grid.liars]
keys = ["adversary.count"]
values = [0, 3]
[grid.seed]
keys = ["run.seed"]
values = [1, 2]
[[without]]
liars = 3
seed = 2
'''
#: To be stopped on the way, with checkpoints; it waits for that in a step,
#: also the first of two times.
SOON, WAITS = 200, 600
LONG = '''
[base]
delay.name = "tests.support.gate:Gate"
run = {steps = 700, evaluate_every = 0, checkpoint_every = 50}
problem = {name = "quadratic", parameters = 12}
scheme = {name = "aspis", workers = 5, adversaries = 1}
log.flush_seconds = 0.02
[grid.seed]
keys = ["run.seed"]
values = [1]
'''


@pytest.fixture
def start(tmp_path):
    """Starts a sweep in a process; none is left behind."""
    begun = []

    def begin(path, *words):
        begun.append(subprocess.Popen(
            [sys.executable, '-m', 'aspis_mpi', 'sweep', str(path), '--out',
             'runs', *words], cwd=tmp_path, env=environment(ROOT), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True))
        return begun[-1]
    yield begin
    for process in begun:
        for pid in (*children(process.pid), process.pid):
            kill(pid)
        process.communicate()


def children(pid):
    """All processes that a process, or one of these, has started."""
    found = [int(word) for word in about(pid, f'task/{pid}/children').split()]
    return found + [it for child in found for it in children(child)]


def about(pid, what):
    """A text of /proc on a process, none if it has just gone."""
    try:
        return Path(f'/proc/{pid}/{what}').read_text()
    except OSError:
        return ''


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def ended(process):
    """Exit code, and the lines on standard error."""
    _, err = process.communicate(timeout=HANGS)
    return process.returncode, err.splitlines()


def wait_for(holds, what):
    """Wait until something holds."""
    end = time.monotonic() + HANGS
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.02)
    pytest.fail(f'there is no {what}')


def wait_for_rows(run, least):
    """Wait until a log has more rows than `least`."""
    wait_for(lambda: look(run).steps > least, f'{run.log} of {least} rows')


def serves(pid):
    """True if a process is the server that forks for each run."""
    return 'forkserver' in about(pid, 'cmdline')


def deaf(pid):
    """Signals that a process ignores or has blocked."""
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    masks = dict(line.split(':\t', 1) for line in lines)
    mask = int(masks['SigBlk'], 16) | int(masks['SigIgn'], 16)
    return {number for number in signal.valid_signals()
            if mask >> (number - 1) & 1}


def test_what_is_missing_is_run_several_at_a_time(tmp_path, start):
    path, sweep = sweep_in(tmp_path, THREE)
    code, said = ended(start(path, '--jobs', '3'))
    assert code == 3
    assert said[0] == '3 runs: 0 done, 0 failed, 3 to do; logs in runs'
    assert said[-1] == 'failed: 3-1; --fresh NAME forgets one'
    pattern = r'(\d)/3  (\S+) +(done in .*|FAILED in .*)  .* runs a minute  '
    told = [re.match(pattern, line).groups() for line in said[1:-1]]
    assert [number for number, _, _ in told] == ['1', '2', '3']
    assert {name: how.split()[0] for _, name, how in told} == {
        '0-1': 'done', '0-2': 'done', '3-1': 'FAILED'}
    assert [look(run).word for run in sweep.runs] == [
        'done', 'done', 'failed']

    # As if each had been run alone, and nothing is printed over here.
    for run in sweep.runs[:2]:
        alone = tmp_path / 'alone.h5'
        assert simulate(run.record, out=alone, overwrite=True)[0] == 0
        assert alone.with_suffix('.npz').read_bytes() == (
            run.model.read_bytes())
        assert '30 of 30 done' in run.said.read_text()

    before = [run.log.stat() for run in sweep.runs]
    code, said = ended(start(path, '--jobs', '3'))
    assert (code, len(said)) == (3, 2)
    assert said[0] == '3 runs: 2 done, 1 failed, 0 to do; logs in runs'
    assert [run.log.stat() for run in sweep.runs] == before


def test_a_sweep_goes_on_after_a_signal_and_after_a_kill(tmp_path, start):
    path, sweep = sweep_in(tmp_path, LONG)
    run, = sweep.runs
    first, let_go = (hold(tmp_path, step) for step in (SOON, WAITS))
    process = start(path)
    wait_for_rows(run, 100)
    process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert code == 75 and said[-1] == (
        'the sweep was stopped; the same command goes on')
    state = look(run)
    assert state.word == 'partial' and 100 < state.steps <= SOON + 1

    first()
    process = start(path)
    wait_for_rows(run, state.steps + 100)
    for pid in (process.pid, *children(process.pid)):
        kill(pid)
    process.communicate(timeout=HANGS)
    let_go()
    state = look(run)
    assert state.word == 'partial' and state.steps < 700

    assert ended(start(path))[0] == 0
    assert look(run).word == 'done'
    with load_run(run.log) as log:
        assert log.steps['step'].tolist() == list(range(700))
        assert len(log.starts) == 3
    ours = parameters_of(run)
    assert simulate(run.record, out=run.log, overwrite=True)[0] == 0
    assert parameters_of(run) == ours


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM,
                                    signal.SIGUSR1])
def test_a_signal_to_all_processes_is_one_to_the_sweep(tmp_path, start,
                                                       number):
    """As by Ctrl-C: while the first run is begun, and later."""
    path, sweep = sweep_in(tmp_path, LONG)
    run, = sweep.runs
    first, _ = (hold(tmp_path, step) for step in (SOON, WAITS))
    process = start(path)
    wait_for(lambda: any(map(serves, children(process.pid))), 'server')
    os.killpg(process.pid, number)
    code, said = ended(process)
    assert code == 75 and said[-1] == (
        'the sweep was stopped; the same command goes on'), said
    assert said[1].startswith(signal.Signals(number).name)

    first()
    process = start(path)
    wait_for_rows(run, SOON + 60)
    os.killpg(process.pid, number)
    assert ended(process)[0] == 75
    assert look(run).word == 'partial' and not records.is_used(run)
    assert 'Traceback' not in run.said.read_text()


def test_what_a_sweep_starts_for_itself_hears_no_request_to_end(tmp_path,
                                                                start):
    """Neither the server nor the tracker of what processes share."""
    path, sweep = sweep_in(tmp_path, LONG)
    hold(tmp_path, WAITS)
    process = start(path)
    wait_for_rows(sweep.run(1), 60)
    everybody = children(process.pid)
    runs = {it for pid in everybody for it in children(pid)}
    helpers = [pid for pid in everybody if pid not in runs]
    assert len(helpers) == 2 and any(map(serves, helpers))
    for pid in helpers:
        assert deaf(pid) >= set(ASKING)


def test_a_run_that_is_killed_alone_ends_nothing_else(tmp_path, start):
    """It counts as failed this time, and goes on the next."""
    path, sweep = sweep_in(tmp_path, LONG.replace('[1]', '[1, 2]'))
    let_go = hold(tmp_path, WAITS)
    process = start(path)
    wait_for_rows(sweep.run(1), 60)
    server = [pid for pid in children(process.pid) if children(pid)]
    victim, = children(server[-1])
    kill(victim)
    let_go()
    code, said = ended(process)
    assert code == 3 and said[-1] == 'failed: 1; --fresh NAME forgets one'
    assert 'exit code -9; see runs/1.txt' in said[1]
    assert [look(run).word for run in sweep.runs] == ['partial', 'done']
    assert ended(start(path))[0] == 0


def test_two_sweeps_at_once_do_no_run_twice(tmp_path, start):
    path, sweep = sweep_in(tmp_path, THREE.replace(
        '[0, 3]', '[0]').partition('[[without]]')[0])
    both = [start(path), start(path)]
    codes, said = zip(*map(ended, both))
    assert set(codes) <= {0, 75} and 0 in codes, said
    assert ended(start(path))[0] == 0
    for run in sweep.runs:
        assert look(run).word == 'done'
        with load_run(run.log) as log:
            assert len(log.starts) == 1
    assert not list(sweep.folder.glob('.*'))
    assert not list(sweep.folder.glob('*killed*'))
