"""Job files with spot checks: the answer to every mistake, in one line."""

import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.errors import BAD_JOB, DONE

JOB = '''
[run]
steps = 3
[problem]
name = "quadratic"
[scheme]
name = "spot"
workers = 9
adversaries = 2
'''

#: Settings, and what the line names: the key, its value, what to set.
MISTAKES = [
    (['detection.rate=0'], [
        'detection.rate = 0', 'must be above 0', "detection.name = 'none'"]),
    (['detection.rate=-0.1'], [
        'detection: rate -0.1', 'must be between 0 and 1']),
    (['detection.rate=1.5'], [
        'detection: rate 1.5', 'must be between 0 and 1']),
    (['detection.rate=nan'], ['detection: rate nan', 'between 0 and 1']),
    (['detection.rollback_risk=0'], [
        'detection: rollback_risk 0', 'above 0 and below 1']),
    (['detection.rollback_risk=1'], [
        'detection: rollback_risk 1', 'above 0 and below 1']),
    (['detection.outlier=0.5'], [
        'detection: outlier 0.5', 'at least 1']),
    (['detection.first=-1'], ['detection: first -1', 'at least 0']),
    (['assignment.name=cyclic'], [
        "assignment.name = 'cyclic'", 'each file has one worker',
        "set 'uncoded'"]),
    (['scheme.adversaries=5'], [
        'scheme.adversaries = 5', '9 workers', 'at most 4']),
    (['scheme.workers=4'], [
        'scheme.adversaries = 2', '4 workers', 'at most 1']),
    (['scheme.workers=2', 'scheme.adversaries=0'], [
        'at least 3 workers', 'not 2 and 0']),
    (['scheme.adversaries=0'], [
        'scheme.adversaries of at least 1', 'not 9 and 0']),
    (['faults.tolerate=1'], [
        'faults.tolerate = 1', 'at least scheme.adversaries = 2']),
    (['scheme.adversaries=3', 'detection.rollback=false'], [
        'detection.rollback = false', 'scheme.adversaries = 3 of 9',
        'set detection.rollback = true']),
    (['detection.equality=tolerance'], [
        "detection.equality = 'tolerance'", "set 'bits'"]),
    (['detection.memory=step'], [
        "detection.memory = 'step'", "set 'forever'"]),
    (['detection.memory=window'], [
        "detection.memory = 'window'", "set 'forever'"]),
    (['detection.budget=step'], [
        "detection.budget = 'step'", "set 'fixed'"]),
    (['collection.name=coverage'], [
        "collection.name = 'coverage'", "set 'all'"]),
    (['transfer.name=replicas', 'transfer.challenge=false'], [
        "transfer.name = 'replicas'", "set 'sums'"]),
    (['transfer.name=coded'], ["transfer.name = 'coded'", "set 'sums'"]),
    (['transfer.challenge=false'], [
        'transfer.challenge = false', 'set true']),
    (['aggregation.name=median'], [
        "aggregation.name = 'median'", "'mean'"]),
]
ALLOWED = [
    ['detection.rate=1'],
    ['detection.rate=1e-9'],
    ['scheme.adversaries=4'],
    ['scheme.workers=3', 'scheme.adversaries=1'],
    # 4 q < K: an update is not turned round.
    ['detection.rollback=false'],
    ['faults.tolerate=2'],
    ['transfer.sketch_type=float32'],
]


@pytest.fixture
def planned(tmp_path, capsys):
    """Plans the job with some settings; the exit code and what is said."""
    job = tmp_path / 'job.toml'
    job.write_text(JOB)

    def plan(settings):
        code = main(['plan', str(job), *(
            word for setting in settings for word in ('--set', setting))])
        return code, capsys.readouterr().err
    return plan


@pytest.mark.parametrize(('settings', 'named'), MISTAKES,
                         ids=[' '.join(some) for some, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line_that_says_what_to_set(
        planned, settings, named):
    code, said = planned(settings)
    assert code == BAD_JOB and said.count('\n') == 1
    for word in named:
        assert word in said


@pytest.mark.parametrize('settings', ALLOWED, ids=' '.join)
def test_what_is_just_allowed_is_planned(planned, settings):
    assert planned(settings) == (DONE, '')


#: The same of reactive redundancy, in the place of spot checks.
COMPARED = [
    (['detection.rate=0'], ['detection.rate = 0', 'must be above 0']),
    (['detection.rate=1.5'], ['detection: rate 1.5', 'between 0 and 1']),
    (['transfer.challenge=true'], [
        'transfer.challenge = true', "detection.name = 'reactive'",
        'set false']),
    (['assignment.name=cyclic'], [
        "assignment.name = 'cyclic'", "detection.name = 'reactive'",
        'each file has one worker']),
    (['transfer.name=replicas'], [
        "transfer.name = 'replicas'", "set 'sums'"]),
    (['detection.equality=tolerance'], [
        "detection.equality = 'tolerance'", "set 'bits'"]),
    (['detection.budget=step'], [
        "detection.budget = 'step'", "set 'fixed'"]),
    (['detection.audits=contested'], [
        "detection.audits = 'contested'", "rule 'reactive'"]),
    (['faults.tolerate=1'], [
        'faults.tolerate = 1', 'at least scheme.adversaries = 2']),
    (['scheme.adversaries=5'], ['scheme.adversaries = 5', 'at most 4']),
    (['scheme.adversaries=0'], ['scheme.adversaries of at least 1']),
    (['adversary.count=2', 'adversary.protocol=sketches'], [
        "adversary.protocol = 'sketches'", 'asked for sketches']),
    (['assignment.rename=true'], ['assignment.rename = true']),
    (['compression.name=integer'], [
        "compression.name = 'integer'", "'reactive' compares whole sums"]),
]
COMPARED_ALLOWED = [
    [], ['detection.rate=1e-9'], ['scheme.adversaries=4'],
    ['assignment.load=3'], ['assignment.adapt=4', 'assignment.load=4'],
    ['scheme.workers=3', 'scheme.adversaries=1'],
    ['adversary.count=2', 'adversary.protocol=frame'],
    ['adversary.count=2', 'adversary.protocol=refuse'],
    ['scheme.name=reactive-random']]


@pytest.mark.parametrize(('settings', 'named'), COMPARED,
                         ids=[' '.join(some) for some, _ in COMPARED])
def test_a_mistake_about_copies_is_told_in_one_line(planned, settings, named):
    code, said = planned(['scheme.name=reactive', *settings])
    assert code == BAD_JOB and said.count('\n') == 1
    for word in named:
        assert word in said


@pytest.mark.parametrize('settings', COMPARED_ALLOWED, ids=' '.join)
def test_copies_that_are_just_allowed_are_planned(planned, settings):
    assert planned(['scheme.name=reactive', *settings]) == (DONE, '')
