"""Pictures and figures of the pages: one command makes all that is there."""

import json
import platform
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from aspis_mpi.plan import forecast

ROOT = Path(__file__).parents[2]
DOCS = ROOT / 'docs'
MAKING = DOCS / 'making'
sys.path.append(str(DOCS))

from making import (  # noqa: E402
    benches, benchmarks, everything, machine, runs)
from tests.support.limits import HANGS

PARTS = list(everything.parts())
ENDINGS = {'.png', '.svg', '.jpg', '.jpeg', '.gif', '.webp', '.pdf'}


# --- the command ----------------------------------------------------------

def test_every_picture_is_made_by_it_and_shown_on_a_page():
    there = {path.relative_to(DOCS) for path in DOCS.rglob('*')
             if path.suffix in ENDINGS and '_build' not in path.parts}
    made = [part.file for part in PARTS
            if part.group == everything.PICTURES]
    assert len(made) == len(set(made))
    assert set(made) == there - everything.SWEPT
    shown = {(page.parent / link).resolve()
             for page in (ROOT / 'README.md', *DOCS.glob('*.md'))
             for link in re.findall(r'!\[[^\]]*\]\(([^)]+)\)',
                                    page.read_text(encoding='utf-8'))}
    assert {DOCS / file for file in there} == shown


def test_each_part_has_a_name_of_its_own_and_what_makes_it():
    names = [part.name for part in PARTS]
    assert len(names) == len({*names, *everything.GROUPS}) - 2 > 15
    for part in PARTS:
        assert (MAKING / part.command[0]).is_file(), part
        assert (DOCS / part.file).is_file(), part
    for bench in benches.BENCHES:
        assert (ROOT / 'tests' / 'bench' / bench.name).is_file()
        script = bench.name.removesuffix('.py')
        assert all(f'bench/{script}.py' in command
                   or f'bench.{script}' in command
                   for command in bench.commands)


def test_a_group_is_all_of_its_parts():
    both = [part for group in everything.GROUPS
            for part in everything.chosen([group])]
    assert both == PARTS == everything.chosen(None)
    assert [part.name for part in everything.chosen(
        ['trust.png', 'step.py'])] == ['trust.png', 'step.py']


def test_it_lists_what_there_is_and_knows_nothing_else():
    def told(*words):
        return subprocess.run(
            [sys.executable, MAKING / 'everything.py', *words], text=True,
            capture_output=True, timeout=HANGS)
    lines = told('--list').stdout.splitlines()
    assert [line.split()[1] for line in lines] == [
        part.name for part in PARTS]
    wrong = told('--only', 'trust.gif')
    assert wrong.returncode == 2 and "'trust.gif'" in wrong.stderr


def test_what_fails_is_told(capsys):
    part = replace(PARTS[0], command=('pictures.py', '--only', 'nothing'))
    assert not everything.make(part)
    assert f'{part.name}: failed' in capsys.readouterr().out
    assert everything.make(replace(part, command=('pictures.py', '--help')))


# --- pictures of runs -------------------------------------------------------

@pytest.mark.parametrize('picture', runs.PICTURES,
                         ids=[it.script for it in runs.PICTURES])
def test_what_a_picture_shows_are_jobs(picture, tmp_path):
    assert (ROOT / 'analysis' / f'{picture.script}.py').is_file()
    assert bool(picture.job) == bool(picture.runs) != bool(picture.words)
    job = tmp_path / 'job.toml'
    if picture.job:
        job.write_text(runs.job_of(picture.job), encoding='utf-8')
    for settings in picture.runs:
        assert forecast(job, settings).files


def test_a_picture_is_drawn_from_the_job_of_its_page(tmp_path, monkeypatch):
    timeline, = (it for it in runs.PICTURES if it.script == 'timeline')
    monkeypatch.setattr(runs, 'DOCS', tmp_path)
    runs.draw(timeline)
    drawn = (tmp_path / timeline.file).read_bytes()
    assert drawn.startswith(b'\x89PNG') and len(drawn) > 20_000


# --- benchmarks --------------------------------------------------------------

def test_the_page_is_what_was_stored():
    stored = benchmarks.read()
    assert stored and list(stored) == [
        bench.name for bench in benches.BENCHES if bench.name in stored]
    assert benchmarks.PAGE.read_text(encoding='utf-8') == benchmarks.page(
        stored), 'python docs/making/benchmarks.py --page'


def test_the_page_says_when_where_and_by_which_command():
    text = benchmarks.PAGE.read_text(encoding='utf-8')
    stored = benchmarks.read()
    for bench in benches.BENCHES:
        section = text.partition(f'\n## {bench.title}\n')[2]
        section = section.partition('\n## ')[0]
        assert all(f'\n{command}\n' in section for command in bench.commands)
        if bench.name not in stored:
            assert section.endswith('\nNot measured yet.\n')
            continue
        assert len(re.findall(r'^\| .* \| \d[\d.e+-]* \|$', section,
                              re.MULTILINE)) == len(bench.figures)
        assert re.search(r'^20\d\d-\d\d-\d\d, machine [A-Z], '
                         r'(\d+ s; |in pieces)',
                         section, re.MULTILINE), bench.name


def test_a_machine_is_told_without_its_name():
    facts = machine.facts()
    for found in benchmarks.read().values():
        assert list(found['machine']) == list(facts)
    # A short name may be a part of any word.
    assert not re.search(rf'\b{re.escape(platform.node())}\b',
                         ' '.join(facts.values()))
    assert facts['Python'] == platform.python_version()
    assert all(facts[name] for name in ('processor', 'numpy', 'MPI'))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench that takes no time, and room for what it prints."""
    monkeypatch.setattr(benchmarks, 'STORED', tmp_path / 'stored.json')
    monkeypatch.setattr(benchmarks, 'PAGE', tmp_path / 'page.md')
    some = benches.Bench(
        'own.py', 'A title', 'Words about it.',
        ("python -c 'print(\"{\\\"a\\\": 3, \\\"b\\\": 2}\")'",),
        (benches.Figure('a', 'a'), benches.Figure('a ÷ b', 'a', 'b')))
    monkeypatch.setattr(benchmarks, 'BENCHES', (*benches.BENCHES, some))
    return some


def test_a_bench_replaces_its_own_figures_alone(bench, monkeypatch):
    before = {name: {'kept': name} for name in ('step.py', 'own.py')}
    benchmarks.STORED.write_text(json.dumps(before), encoding='utf-8')
    pages, page = [], benchmarks.page

    def of_own(stored):
        pages.append(stored)
        return page({'own.py': stored['own.py']})
    monkeypatch.setattr(benchmarks, 'page', of_own)
    benchmarks.measure(bench)
    after = benchmarks.read()
    assert after['step.py'] == before['step.py']
    assert after['own.py']['lines'] == [{'a': 3, 'b': 2}]
    assert pages == [after]
    text = benchmarks.PAGE.read_text(encoding='utf-8')
    assert '| a ÷ b | 1.5 |' in text and '## A title' in text


def test_rules_stand_in_rows_and_sizes_in_columns(bench, monkeypatch):
    lines = [{'rule': rule, 'd': d, 'threads': 1, 'reads': 2.0,
              'memory': memory, 'holds': memory < 1.3} | keys
             for rule, d, memory, keys in (
                 ('krum', 10 ** 6, 1.1, {'peer': 'byzpy', 'faster': 6.0}),
                 ('smea', 10 ** 6, 1.1, {}), ('smea', 11 * 10 ** 6, 1.4, {}))]
    head, rows = benches.rules(lines)
    assert head[1:3] == ('d = 1,000,000, 1 thread', 'd = 11,000,000, 1 thread')
    assert rows == [('`krum`', '2.0; 6.0 × byzpy', '–', '1.10', 'yes'),
                    ('`smea`', '2.0', '2.0', '1.40', 'no')]
    some = replace(bench, figures=(), compared=benches.rules)
    monkeypatch.setattr(benchmarks, 'BENCHES', (some,))
    benchmarks.keep(some, [json.dumps(it) for it in lines], {})
    text = benchmarks.PAGE.read_text(encoding='utf-8')
    assert '| `smea` | 2.0 | 2.0 | 1.40 | no |' in text
    assert ', machine A, in pieces, while other programs' in text


def test_a_bench_that_fails_leaves_what_was_stored(bench):
    benchmarks.STORED.write_text('{}', encoding='utf-8')
    broken = replace(bench, commands=("python -c 'raise SystemExit(3)'",))
    with pytest.raises(subprocess.CalledProcessError):
        benchmarks.measure(broken)
    assert benchmarks.read() == {} and not benchmarks.PAGE.exists()


def test_machines_that_differ_have_a_column_each():
    one, other = list(benchmarks.read().items())[:2]
    other[1]['machine'] = other[1]['machine'] | {'cores': '96'}
    text = benchmarks.page(dict([one, other]))
    assert '|  | machine A | machine B |' in text
    assert re.search(r'^\| cores \| \d+ \| 96 \|$', text, re.MULTILINE)
    assert ', machine A, ' in text and ', machine B, ' in text


def test_work_of_others_is_what_is_not_ours(monkeypatch):
    """On a clock of its own, by which a command takes eight seconds."""
    ours, now = machine._ours, [0.0]

    def run(*words, **how):
        now[0] += 8
        return subprocess.run(*words, **how)
    monkeypatch.setattr(machine, 'subprocess', SimpleNamespace(run=run))
    monkeypatch.setattr(machine, 'time', SimpleNamespace(
        monotonic=lambda: now[0]))
    monkeypatch.setattr(machine, '_busy', lambda: ours() + 1.5 * now[0])
    ended = machine.run([sys.executable, '-c', 'print(sum(range(10**6)))'])
    assert ended.printed == '499999500000\n'
    assert ended.seconds == 8
    assert ended.others == pytest.approx(1.5, rel=0.01)
