"""Rules of detection, where some of the q adversaries are exposed."""

import ast
from pathlib import Path

import numpy as np
import pytest

import aspis_mpi
from aspis_mpi import registry
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.detection.base import Detector
from aspis_mpi.detection.rules.core import Core
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.decision import Detection

ROOT = Path(aspis_mpi.__file__).parent
K = 7

#: A rule that works with what it derived from q when it was made.
OWN = '''
from aspis_mpi.detection.rules.certified import Certified


class Derived(Certified):
    name = 'derived'

    def __init__(self, n_adversaries):
        super().__init__(n_adversaries)
        self.twice = 2 * n_adversaries

    def judge(self, evidence):
        if self.twice != 2 * self.q:
            raise AssertionError(f'{self.twice} is not twice {self.q}')
        return super().judge(evidence)
'''


class Derived(Core):
    """A rule that derives something from q, and counts how often."""

    made = []

    def __init__(self, n_adversaries):
        super().__init__(n_adversaries)
        self.twice = 2 * n_adversaries
        self.made.append(n_adversaries)


@pytest.mark.parametrize('exposed', range(4))
def test_what_a_rule_derives_from_q_is_never_stale(exposed):
    believed = np.arange(K) >= exposed
    detection = Detection(Derived, 3)
    rule = detection.among(believed)
    assert rule.q == 3 - exposed == detection.left(believed)
    assert rule.twice == 2 * rule.q
    assert detection.detector.twice == 6 and detection.q == 3


def test_a_rule_is_made_once_for_each_number_of_adversaries():
    Derived.made.clear()
    detection = Detection(Derived, 2)
    for exposed in (0, 1, 0, 2, 1):
        detection.among(np.arange(K) >= exposed)
    assert Derived.made == [2, 1, 0]


def test_more_exposed_workers_than_adversaries_leave_none():
    detection = Detection(Derived, 1)
    assert detection.left(np.arange(K) >= 3) == -2
    assert detection.among(np.arange(K) >= 3).q == 0


def test_a_rule_of_ones_own_is_made_anew_in_a_run(tmp_path, monkeypatch):
    """Audits expose liars one by one, and the rule is asked in between."""
    (tmp_path / 'rule_of_q.py').write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    job = loading.from_tables({
        'run': {'steps': 2, 'seed': 7},
        'problem': {'name': 'quadratic', 'parameters': 12},
        'scheme': {'workers': K, 'adversaries': 3},
        'assignment': {'name': 'subset', 'replication': 3},
        'collection': {'name': 'all'}, 'transfer': {'name': 'replicas'},
        'detection': {'name': 'rule_of_q:Derived', 'memory': 'step',
                      'audits': 'contested'},
        'aggregation': {'name': 'mean'},
        'adversary': {'count': 3, 'files': 'framing'}})
    code, path = simulate(job, None, out=tmp_path / 'run.h5')
    assert code == DONE
    with load_run(path) as run:
        assert run.steps['audits'].all() and run.exposed.any()
        assert not (run.exposed & ~run.adversaries).any()
        # It proves files right, and so the log tells.
        assert summarize(run).trust.certified > 0


def test_nothing_changes_the_q_of_a_rule():
    """A rule for another q is another object."""
    for path in sorted(ROOT.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            changes = (isinstance(node, ast.Attribute) and node.attr == 'q'
                       and isinstance(node.ctx, ast.Store))
            # Each sets its own, where it is made.
            own = changes and getattr(node.value, 'id', '') == 'self'
            assert own or not changes, f'{path.name}:{node.lineno}'


def test_nothing_outside_a_rule_asks_for_its_name():
    """Capabilities say what a rule can; own rules have them, too."""
    names = set(registry.parts('detection')) - {'none'}
    assert 'certified' in names
    for path in sorted(ROOT.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Compare):
                compared = {side.value for side in
                            (node.left, *node.comparators)
                            if isinstance(side, ast.Constant)}
                assert not compared & names, f'{path.name}:{node.lineno}'


@pytest.mark.parametrize('name', registry.parts('detection'))
def test_a_rule_can_be_made_for_any_fewer_adversaries(name):
    rule = registry.parts('detection')[name]
    for q in range(4):
        assert isinstance(rule(q), Detector) and rule(q).q == q
