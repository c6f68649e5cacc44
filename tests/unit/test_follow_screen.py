"""What a terminal, a file and a pipe get of a run that is followed."""

import io
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from weakref import ref

import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.errors import BAD_JOB, LEFT
from aspis_mpi.following.course import Course
from aspis_mpi.following.drawing import ASCII, BLOCKS
from aspis_mpi.following.facts import Courses, Facts
from aspis_mpi.following.loop import follow
from aspis_mpi.following.reading import Follower
from aspis_mpi.following.screen import Plain, Terminal, screen_of
from aspis_mpi.following.telling import Room, told
from aspis_mpi.runlog.amounts import JobFigures
from aspis_mpi.runlog.summary import print_summary
from tests.support.growing_log import GrowingLog
from tests.support.limits import HANGS
from tests.support.tiny_terminal import TinyTerminal

ROOT = Path(__file__).parents[2]
JOB = JobFigures(None, 'quadratic', None, 'none', 'mean', '', 5, 10, 3, 6,
                 40, 60)
FACTS = Facts(
    path='run.h5', job=JOB, n_parts=1, steps=4, clock='wall', pace=2.0,
    left=18.0, evaluated=None, best=None,
    courses=Courses(Course(), Course(), Course()), verdicts={}, waiting=None,
    slow=(), gone=(), exposed=(), proofs=(), flagged={3: 1}, rollbacks=0,
    undone=0, warnings=0, last_warning=None, news=100.0, patience=16.0,
    asked=False, over=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'run.h5'


@pytest.fixture(scope='module')
def author():
    """Another process, which writes logs."""
    with GrowingLog() as log:
        yield log


@pytest.fixture
def half(author, path):
    """A log of a run that is not over, and that nobody writes any more."""
    author.open(str(path))
    author.steps(0, 20)
    author.close()
    return path


@pytest.fixture
def whole(author, path):
    """A log of a run that is over."""
    author.open(str(path))
    author.steps(0, 40)
    author.close()
    os.utime(path, (1e9, 1e9))
    return path


def command(*words, **options):
    """`show` in a process of its own, which Ctrl-C reaches.

    Where the tests run in the background it is ignored unless told so.
    """
    return subprocess.Popen(
        [sys.executable, '-m', 'aspis_mpi', 'show', *map(str, words)],
        env=os.environ | {'PYTHONPATH': str(ROOT)}, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        **options)


# --- a terminal --------------------------------------------------------

def test_frames_are_drawn_in_their_place(monkeypatch):
    terminal = TinyTerminal(80, 24, monkeypatch)
    screen, before = screen_of(terminal), ['$ ls', 'run.h5', '$ show']
    for facts in (FACTS, replace(FACTS, flagged={}), replace(
            FACTS, steps=5, rollbacks=2), FACTS):
        screen.show(facts, 101.0)
        # What was above stays, and nothing of the last frame is left.
        assert terminal.shown(before) == before + [
            line.text for line in told(facts, 101.0, Room())]


def test_after_a_change_of_size_all_is_drawn_anew(monkeypatch):
    terminal = TinyTerminal(80, 24, monkeypatch)
    screen = screen_of(terminal)
    screen.show(FACTS, 101.0)
    terminal.size = os.terminal_size((40, 10))
    terminal.truncate(terminal.seek(0))
    screen.show(FACTS, 101.0)
    assert terminal.shown() == [
        line.text for line in told(FACTS, 101.0, Room(40, 10))]


@pytest.mark.parametrize('value, coloured', [('', True), ('1', False)])
def test_colours_can_be_refused(monkeypatch, value, coloured):
    monkeypatch.setenv('NO_COLOR', value)
    terminal = TinyTerminal(80, 24, monkeypatch)
    screen_of(terminal).show(FACTS, 101.0)
    assert ('\x1b[33m' in terminal.getvalue()) == coloured


def test_a_wide_character_takes_two_columns(monkeypatch):
    terminal = TinyTerminal(40, 24, monkeypatch)
    screen_of(terminal).show(replace(FACTS, path='日' * 39), 101.0)
    assert terminal.getvalue().count('日') == 19


def test_no_terminal_gets_nothing_that_one_obeys(monkeypatch):
    monkeypatch.setenv('TERM', 'xterm')
    assert isinstance(screen_of(io.StringIO()), Plain)
    terminal = TinyTerminal(80, 24, monkeypatch)
    assert isinstance(screen_of(terminal), Terminal)
    monkeypatch.setenv('TERM', 'dumb')
    assert isinstance(screen_of(terminal), Plain)


@pytest.mark.parametrize('encoding, glyphs', [
    ('utf-8', BLOCKS), ('ascii', ASCII), ('latin-1', ASCII)])
def test_only_characters_that_it_can_show_are_sent(monkeypatch, encoding,
                                                   glyphs):
    terminal = TinyTerminal(80, 24, monkeypatch)
    terminal.encoding = encoding
    screen_of(terminal).show(FACTS, 101.0)
    assert glyphs.empty in terminal.getvalue()


# --- lines elsewhere ----------------------------------------------------

def test_a_line_only_when_there_is_news():
    stream = io.StringIO()
    screen = Plain(stream)
    for facts, now in ((FACTS, 100.0), (FACTS, 102.0), (FACTS, 104.0),
                       (replace(FACTS, steps=5), 106.0), (FACTS, 300.0),
                       (FACTS, 302.0)):
        screen.show(facts, now)
    lines = stream.getvalue().splitlines()
    assert [re.search(r'step +(\d+)/40', line)[1] for line in lines] == [
        '4', '5', '4']
    assert 'no news since' in lines[-1]
    assert all(re.match(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \S', line)
               for line in lines)


# --- until the run is over ------------------------------------------------

class Play:
    """What happens while the follower sleeps; its clock is this one's."""

    def __init__(self, *acts):
        self.acts, self.now = [*acts], 5000.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if not self.acts:
            pytest.fail('the run is over, and it still waits')
        self.acts.pop(0)()


def test_it_waits_for_the_log_follows_and_ends_with_the_run(
        author, path, capsys):
    play = Play(
        lambda: None, lambda: author.open(str(path)),
        lambda: author.steps(0, 10), lambda: None,
        lambda: author.event(1.0, 30, 0, 'interrupt'),
        lambda: author.resume(5),
        lambda: author.event(1.0, 30, 0, 'resumed'),
        lambda: author.steps(5, 40), author.close)
    stream = io.StringIO()
    assert follow(path, 2.0, stream, play.clock, play.sleep) == 0
    assert not play.acts
    missing, *lines, blank = stream.getvalue().splitlines()
    assert f'{path} is not there yet; waiting for it since ' in missing
    assert [int(re.search(r'step +(\d+)/40', line)[1]) for line in lines] == [
        0, 10, 10, 5, 5, 40]
    assert [number for number, line in enumerate(lines) if line.endswith(
        'was asked to end; waiting for it to go on')] == [2, 3]
    assert blank == ''
    followed = capsys.readouterr().out
    print_summary(path)
    assert followed == capsys.readouterr().out


def test_a_run_that_is_over_is_shown_at_once(whole, capsys):
    assert main(['show', str(whole), '--follow']) == 0
    told = capsys.readouterr().out
    main(['show', str(whole)])
    first, rest = told.split('\n\n', 1)
    assert '40/40' in first and '\x1b' not in told
    assert rest == capsys.readouterr().out


def test_it_is_left_by_ctrl_c_without_a_word(half):
    process = command(half, '--follow', stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE)
    try:
        assert '20/40' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=HANGS)
    finally:
        process.kill()
    assert (process.returncode, err) == (LEFT, '')
    assert all('20/40' in line for line in out.splitlines())


def test_ctrl_c_is_heard_in_the_midst_of_a_look(half, monkeypatch):
    """Where an exception would be printed and forgotten."""
    look, before = Follower.look, signal.getsignal(signal.SIGINT)

    def interrupted(follower):
        thing = Play()
        it = ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
        del thing
        assert it() is None
        return look(follower)
    monkeypatch.setattr(Follower, 'look', interrupted)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            follow(half, 2.0, io.StringIO(), sleep=pytest.fail)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_ends_when_nobody_reads_though_there_is_no_news(half):
    process = command(half, '--follow', '--interval', 500,
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert '20/40' in process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=HANGS) == 0
        assert process.stderr.read() == ''
    finally:
        process.kill()
        process.stderr.close()


# --- mistakes -------------------------------------------------------------

@pytest.mark.parametrize('words', [
    ['b.h5'], ['--json'], ['--why'], ['--exclude'], ['--repeat', '2'],
    ['--since', '2026-01-01']])
def test_it_takes_one_log_and_no_other_option(whole, words, capsys):
    assert main(['show', str(whole), *words, '--follow']) == BAD_JOB
    line, = capsys.readouterr().err.splitlines()
    assert '--follow takes one run log' in line


def test_a_folder_is_not_followed(tmp_path, capsys):
    assert main(['show', str(tmp_path), '--follow']) == BAD_JOB
    assert '--follow takes one run log' in capsys.readouterr().err


def test_an_interval_is_that_of_following(whole, capsys):
    assert main(['show', str(whole), '--interval', '2']) == BAD_JOB
    assert '--interval is for --follow' in capsys.readouterr().err
    for wrong in ('0', '-1', 'x', 'nan', 'inf'):
        with pytest.raises(SystemExit) as end:
            main(['show', str(whole), '--follow', f'--interval={wrong}'])
        assert end.value.code == BAD_JOB
        assert 'must be at least 0.1 seconds' in capsys.readouterr().err


@pytest.mark.parametrize('spoil', [
    lambda path: os.truncate(path, 3000),
    lambda path: path.write_bytes(b'text')], ids=['cut off', 'text'])
def test_what_is_no_log_ends_as_show_does(half, spoil, capfd):
    spoil(half)
    assert main(['show', str(half), '--follow']) == BAD_JOB
    followed = capfd.readouterr()
    assert main(['show', str(half)]) == BAD_JOB
    assert followed == capfd.readouterr()
    assert len(followed.err.splitlines()) == 1
