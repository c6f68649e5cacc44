"""The host ledger: appends that lose and double nothing, and refusals."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from aspis_mpi import simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import BAD_JOB, JobError, LedgerError
from aspis_mpi.runlog import ledger
from aspis_mpi.runlog.evidence import Evidence, Findings, Kind, Presence
from aspis_mpi.runlog.exclusion import Question, answer
from tests.support.limits import HANGS

ROOT = Path(__file__).parents[2]

#: Appends of several processes at once, each of some runs.
APPENDS = '''
import sys
from aspis_mpi.runlog import ledger
from tests.unit.test_ledger import found
ledger.PATIENCE = 1000.0
if sys.argv[2] == 'unlocked':
    def refuse(*_):
        raise OSError('no locks here')
    ledger.fcntl.flock = refuse
for run in sys.argv[3:]:
    ledger.append(sys.argv[1], found(run))
'''


#: A line of evidence, as runs append it.
ROW = {'kind': 'exposed', 'run': 'c', 'began': 1.0, 'log': 'c.h5', 'worker': 0,
       'rank': 1, 'host': 'n3', 'device': '', 'vouched': True, 'step': 3,
       'text': ''}


def found(run, host='n3', kind=Kind.EXPOSED, began=1.0, vouched=True):
    """A start of a run on three hosts, and evidence against one of them."""
    return Findings(
        [Presence(run, began, f'{run}.h5', 'slurm' if vouched else 'ranks',
                  ('n1', host, 'n2', 'n2'), False)],
        [Evidence(run, began, f'{run}.h5', kind, 0, 1, host, '', vouched, 3,
                  'was there – \x1b[31m')])


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'nodes.jsonl'


def excluded(path, **question):
    return answer([str(path)], Question(**question)).exclude


# --- appending ---------------------------------------------------------

def test_what_was_appended_is_read_again(path):
    ledger.append(path, found('a'))
    ledger.append(path, found('b', 'n4', Kind.DEAD))
    (presences, evidence), unreadable = ledger.read(path)
    assert evidence == [*found('a').evidence,
                        *found('b', 'n4', Kind.DEAD).evidence]
    assert presences == [
        replace(it, hosts=tuple(dict.fromkeys(it.hosts)))
        for it in (*found('a').presences, *found('b', 'n4').presences)]
    assert not unreadable


def test_it_is_lines_of_json_that_say_what_they_are(path):
    ledger.append(path, found('a'))
    first, *others = map(json.loads, path.read_text('ascii').splitlines())
    assert first == {'format': 'aspis-mpi-ledger', 'version': 1}
    assert [it['kind'] for it in others] == ['run', 'exposed']


def test_nothing_is_there_twice(path):
    """A run that was killed and is gone on with says again what it said."""
    ledger.append(path, found('a'))
    before = path.read_bytes()
    ledger.append(path, found('a'))
    assert path.read_bytes() == before
    # The same in a later start, and of another kind, is something else.
    ledger.append(path, found('a', began=2.0))
    ledger.append(path, found('a', kind=Kind.SLOW))
    assert len(ledger.read(path).findings.evidence) == 3
    assert path.read_bytes().startswith(before)


def test_hosts_without_a_name_say_nothing(path):
    empty = Findings([replace(found('a').presences[0], hosts=())],
                     [replace(found('a').evidence[0], host='')])
    ledger.append(path, empty)
    assert path.read_bytes() == ledger.HEADER


@pytest.mark.parametrize('locks', ['locked', 'unlocked'])
def test_runs_that_end_at_once_lose_and_double_nothing(path, locks):
    """Also where there are no locks: appends of a kernel are whole."""
    shared = [f'shared-{i}' for i in range(5)]
    groups = [[f'{group}-{i}' for i in range(15)] + shared
              for group in range(6)]
    running = [subprocess.Popen(
        [sys.executable, '-c', APPENDS, path, locks, *group], cwd=ROOT)
        for group in groups]
    assert [process.wait(HANGS) for process in running] == [0] * len(groups)
    (presences, evidence), unreadable = ledger.read(path)
    runs = [it.run for it in evidence]
    assert set(runs) == {run for group in groups for run in group}
    assert {it.run for it in presences} == set(runs) and not unreadable
    if locks == 'locked':
        assert len(runs) == len(set(runs))
        assert path.read_bytes().count(ledger.HEADER) == 1
    # What is there twice for want of a lock counts once.
    assert len(answer([str(path)]).suspects[0].evidence) == len(set(runs))


def test_a_write_that_another_one_has_overwritten_is_repeated(
        path, monkeypatch):
    """As on NFS without locks."""
    write, lost = ledger._write, []

    def lose(file, text):
        if not lost:
            lost.append(text)
            return
        write(file, text)
    monkeypatch.setattr(ledger, '_write', lose)
    ledger.append(path, found('a'))
    assert lost and excluded(path) == 'n3'


def test_a_write_that_never_stays_is_an_error(path, monkeypatch):
    monkeypatch.setattr(ledger, '_write', lambda file, text: None)
    with pytest.raises(OSError, match='does not stay'):
        ledger.append(path, found('a'))


def test_a_lock_that_is_never_given_back_does_not_end_the_run(
        path, monkeypatch):
    monkeypatch.setattr(ledger, 'PATIENCE', 0.1)
    ledger.append(path, found('a'))
    with open(path, 'rb') as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        ledger.append(path, found('b', 'n4'))
    assert excluded(path) == 'n[3-4]'


def test_lines_that_a_kill_has_cut_off_say_nothing(path, capsys):
    """Wherever that was; the next run goes on behind them."""
    ledger.append(path, found('a'))
    whole = path.read_bytes()
    cut = ledger.HEADER + whole.splitlines(keepends=True)[2]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        ledger.append(path, found('b', 'n4'))
        hosts = {it.host for it in ledger.read(path).findings.evidence}
        assert {'n4'} <= hosts <= {'n3', 'n4'}
        assert path.read_bytes().startswith(whole[:length])
    path.write_bytes(cut[:-5])
    assert main(['show', str(path), '--exclude']) == 0
    assert '1 line cannot be read' in capsys.readouterr().err


# --- reading -----------------------------------------------------------

def test_repeat_offenders_over_runs(path, capsys):
    for run in range(12):
        guilty = run in (1, 4, 9)
        it = found(str(run))
        ledger.append(path, it if guilty else it._replace(evidence=[]))
    ledger.append(path, found('x', 'n4'))
    assert excluded(path) == 'n[3-4]' and excluded(path, repeat=3) == 'n3'
    assert main(['show', str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith('n3 is to be left out, by 3 runs of 12:\n')


def test_a_ledger_counts_no_names_of_ranks(path, capsys):
    ledger.append(path, found('a'))
    ledger.append(path, found('b', 'n2', vouched=False))
    assert excluded(path) == 'n3'
    path.unlink()
    ledger.append(path, found('b', 'n2', vouched=False))
    assert main(['show', str(path), '--exclude']) == BAD_JOB
    assert 'no launcher' in capsys.readouterr().err


def test_a_ledger_without_runs_leaves_nobody_out(path, capsys):
    path.write_bytes(ledger.HEADER)
    assert main(['show', str(path), '--exclude']) == 0
    assert capsys.readouterr().out == '\n'


@pytest.mark.parametrize('line', [
    '[]', '7', '{}', 'null', '{"kind": "run"}', '"exposed"', '\x00\xff',
    '{"kind": "later", "run": "a", "began": 1, "log": "a", "step": 1}',
    '{"kind": "run", "run": "a", "began": 1, "log": "a", "hosts": 7, '
    '"source": "slurm", "staged": false}',
    '[' * 100_000, *(json.dumps(ROW | some) for some in (
        {'began': 10 ** 400}, {'began': float('nan')},
        {'worker': float('inf')}, {'step': float('inf')}))])
def test_lines_of_others_are_counted_and_left_aside(path, line):
    ledger.append(path, found('a'))
    with open(path, 'a') as file:
        file.write(f'{line}\n')
    ledger.append(path, found('b'))
    (_, evidence), unreadable = ledger.read(path)
    assert [it.run for it in evidence] == ['a', 'b'] and unreadable == 1


@pytest.mark.parametrize('part', [0, 1, len(ledger.HEADER) - 1])
def test_a_ledger_that_has_hardly_begun_leaves_nobody_out(path, capsys, part):
    """An empty file is one that a run may append to."""
    path.write_bytes(ledger.HEADER[:part])
    assert main(['show', str(path), '--exclude']) == 0
    assert capsys.readouterr().out == '\n'
    assert main(['show', str(path), '--why']) == 0
    said = ' '.join(capsys.readouterr().err.split())
    assert f'{path} is empty: no run has said anything there yet' in said


# --- what is none ------------------------------------------------------

WRONG = {'text': b'n3 is bad\n', 'json': b'{"nodes": []}\n', 'list': b'[]',
         'binary': b'\x89HDF\r\n\x1a\n', 'zeros': bytes(99),
         'later': b'{"format": "aspis-mpi-ledger", "version": 2}\n'}


@pytest.mark.parametrize('kind', WRONG)
def test_what_is_no_ledger_is_refused_and_stays_as_it_is(path, kind):
    path.write_bytes(WRONG[kind])
    for refusing in (lambda: ledger.append(path, found('a')),
                     lambda: ledger.check(path), lambda: ledger.read(path)):
        with pytest.raises(LedgerError, match='nodes.jsonl'):
            refusing()
    assert path.read_bytes() == WRONG[kind]


def test_a_file_is_read_whole_only_where_it_may_be_a_ledger(path):
    for kind, raw in WRONG.items():
        path.write_bytes(raw)
        assert ledger.raw_of(path) == (raw if kind == 'later' else None)
    for raw in (b'', ledger.HEADER[:9], ledger.HEADER + b'7\n'):
        path.write_bytes(raw)
        assert ledger.raw_of(path) == raw


@pytest.fixture
def job(tmp_path):
    """Writes a job with a ledger: `job(name)`."""
    def write(name):
        path = tmp_path / 'job.toml'
        path.write_text(tomli_w.dumps({
            'run': {'steps': 2, 'ledger': str(name)},
            'problem': {'name': 'quadratic', 'batch_size': 60},
            'scheme': {'name': 'uncoded', 'workers': 3}}))
        return path
    return write


@pytest.mark.parametrize('kind', WRONG)
def test_a_job_is_refused_before_its_first_step(
        path, job, tmp_path, capsys, kind):
    path.write_bytes(WRONG[kind])
    out = tmp_path / 'run.h5'
    assert main(['simulate', str(job(path)), '--out', str(out)]) == BAD_JOB
    err = capsys.readouterr().err
    assert f'run.ledger = {str(path)!r}' in err and len(
        err.splitlines()) == 1
    assert 'name a host ledger, or a file that is not there yet' in err
    assert not out.exists() and path.read_bytes() == WRONG[kind]


def test_a_ledger_is_no_folder_and_nothing_that_the_run_writes(
        job, tmp_path):
    out = tmp_path / 'run.h5'
    for name in (tmp_path, out, tmp_path / 'run.npz',
                 tmp_path / 'job.toml' / 'nodes'):
        with pytest.raises(JobError, match='run.ledger = '):
            simulate(job(name), out=out)
    assert not out.exists()


def pipe(path):
    os.mkfifo(path)


def socket_at(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


@pytest.mark.parametrize('make', [pipe, socket_at])
def test_what_keeps_nothing_is_no_ledger(path, job, tmp_path, monkeypatch,
                                         make):
    """Nobody waits for who reads the other end."""
    monkeypatch.chdir(tmp_path)
    make(path)
    kind = 'pipe' if make is pipe else 'socket'
    with pytest.raises(JobError, match=f'run.ledger = .* is a {kind}, not a '
                       'file; name a host ledger'):
        simulate(job(path), out=tmp_path / 'run.h5')
    with pytest.raises(LedgerError, match=f'is a {kind}'):
        ledger.append(path, found('a'))


def test_a_device_is_no_ledger(job, tmp_path):
    with pytest.raises(JobError, match="run.ledger = '/dev/null': /dev/null "
                       'is a device, not a file; name a host ledger'):
        simulate(job('/dev/null'), out=tmp_path / 'run.h5')


def test_a_simulated_run_has_no_hosts_to_tell_of(job, tmp_path):
    """And a ledger that is not there yet is made, with its folder."""
    path = tmp_path / 'new' / 'nodes.jsonl'
    code, _ = simulate(job(path), out=tmp_path / 'run.h5')
    assert code == 0 and path.read_bytes() == ledger.HEADER


def test_a_ledger_that_fails_at_the_end_costs_no_run(
        job, tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(ledger, 'append', fail)
    code, log = simulate(job(tmp_path / 'nodes'), out=tmp_path / 'run.h5')
    assert code == 0 and log.with_suffix('.npz').exists()
    assert 'nothing of this run is in run.ledger' in caplog.text
