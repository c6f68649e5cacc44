"""The bench of rules of aggregation: its turns, its verdicts, its tables."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import aggregators
from tests.bench.served import N, NUMPY, OURS, READ
from tests.support.limits import HANGS

BENCH = Path(aggregators.__file__)


class Scripted:
    """A library whose calls take the seconds that are given, in turn."""

    def __init__(self, library, log, **rules):
        self.library, self.d, self._log = library, 1000, log
        self.rules = {name: len(ways) for name, ways in rules.items()}
        self._ways = {name: [iter(way) for way in ways]
                      for name, ways in rules.items()}

    def seconds(self, rule, way=0):
        self._log.append(self.library)
        return next(self._ways[rule][way])

    def bytes(self, rule, way=0):
        return 4 * N * self.d // 2


def test_libraries_take_turns_and_their_fastest_ways_count(monkeypatch):
    monkeypatch.setattr(aggregators, 'MOST', 3)
    log = []
    ours = Scripted(OURS, log, krum=[[1, .1, .3, .2]],
                    **{READ: [[1, .05, .05, .05]]})
    peer = Scripted('byzpy', log, krum=[[8.0], [1.5, 1.3, 1.1]])
    slow = Scripted('krum', log, krum=[[70.0]])
    monkeypatch.setattr(aggregators, 'SECONDS', 2.0)
    found = aggregators.compared(
        aggregators.Turns([ours, peer, slow], 'krum'), 'krum', 1000, 1)
    # The last is a read alone: the peer has had its time.
    assert log[5:] == 2 * [OURS, 'byzpy', OURS] + [OURS, OURS]
    assert found['peer'] == 'byzpy'
    assert (found['seconds'], found['reads'], found['faster']) == (.2, 4, 6)
    assert found['memory'] == pytest.approx(1.5 + 1 / N)
    assert not found['holds']


@pytest.mark.parametrize('line, expected', [
    ({'rule': 'median', 'reads': 9, 'memory': 1.1}, True),
    ({'rule': 'median', 'reads': 9, 'memory': 1.31}, False),
    ({'rule': 'median', 'reads': 9, 'faster': 2.0}, True),
    ({'rule': 'median', 'reads': 1.4, 'faster': 1.9}, False),
    ({'rule': 'mean', 'reads': 1.3, 'faster': 1.1}, True),
    ({'rule': 'krum', 'reads': 1.0, 'faster': 4.9}, False),
    ({'rule': 'nnm + mean', 'reads': 9, 'faster': 5.0}, True)])
def test_verdicts(line, expected):
    if 'faster' in line:
        line = line | {'peer': 'byzfl'}
    assert aggregators.holds({'memory': 1.0} | line) is expected


def run(*words):
    return subprocess.run([sys.executable, BENCH, '--d', '2000', *words],
                          capture_output=True, text=True, timeout=HANGS)


def test_it_prints_lines_or_a_table_and_ends_with_its_verdict():
    done = run('--rules', 'mean', 'krum', '--threads', '1', '2')
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(it['rule'], it['threads']) for it in lines] == [
        ('mean', 1), ('krum', 1), ('mean', 2), ('krum', 2)]
    assert all(it['seconds'] > 0 and it['numpy'] > 0 for it in lines)
    assert done.returncode == int(not all(it['holds'] for it in lines))
    table = list(csv.DictReader(run('--rules', 'smea', '--table', 'csv')
                                .stdout.splitlines()))
    assert [it['rule'] for it in table] == ['smea']
    assert table[0]['numpy'] == table[0]['peer'] == ''


def test_a_rule_that_is_not_there_is_named_with_those_that_are():
    done = run('--rules', 'krumm')
    assert done.returncode == 1 and NUMPY not in done.stderr
    assert 'there is no rule krumm; there are read, bulyan' in done.stderr
