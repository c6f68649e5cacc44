"""Jobs whose parts do not go together: each is refused with a way out."""

import re

import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.coding.codes.least_squares import LeastSquares
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.parts import extras

#: A job with a challenge that is accepted.
CHALLENGED = {
    'run': {'steps': 1}, 'problem': {'name': 'quadratic', 'parameters': 4},
    'scheme': {'workers': 9, 'adversaries': 2},
    'assignment': {'name': 'cyclic', 'load': 5},
    'collection': {'name': 'coverage'},
    'transfer': {'name': 'coded', 'challenge': True},
    'detection': {'name': 'certified'}, 'aggregation': {'name': 'mean'}}


def assembled(problem=None, **sections):
    job = {name: CHALLENGED.get(name, {}) | keys
           for name, keys in (CHALLENGED | sections).items()}
    return Assembly(loading.from_tables(job), problem)


class Distant(Quadratic):
    """A problem whose data rank 0 cannot read."""

    on_server = False


class Plain(LeastSquares):
    """A code of the user's own, without an option."""

    def __init__(self, assignment, copies):
        super().__init__(assignment, copies)


class Large(Plain):
    """One whose payloads cannot be checked."""

    uncheckable = "code = 'Large': its coefficients are large; use another"


#: This module, in which a job finds parts of its user's own.
HERE = __name__

#: The same job without the challenge.
PLAIN = {'transfer': {'challenge': False}, 'detection': {'name': 'none'}}
#: With single gradients, which need none.
PUSHED = PLAIN | {'transfer': {'name': 'replicas', 'challenge': False}}

REFUSED = {
    'a Gaussian R with several copies': (
        {'transfer': {'matrix': 'gaussian'}, 'collection': {'copies': 2}},
        "transfer.matrix = 'gaussian'", "use 'structured'"),
    "a code of the user's own that says so": (
        {'transfer': {'code': f'{HERE}:Large'}},
        "transfer.code = 'Large'", 'use another'),
    'replicas': (
        {'transfer': {'name': 'replicas'}},
        'transfer.challenge = true', "transfer.name = 'sums' or 'coded'"),
    'a code that cannot lose one payload': (
        {'transfer': {'code': 'tandon'}},
        "not 'tandon'", "transfer.code = 'least-squares'"),
    'whole workers': (
        {'collection': {'name': 'full-workers'}},
        "collection.name = 'full-workers'", "use 'coverage', 'deadline'"),
    'random audits of sums that nobody compares': (
        {'transfer': {'challenge': False}, 'detection': {
            'name': 'none', 'random_audits': 1}},
        'random_audits', 'set transfer.challenge = true'),
    'audits of sums that nobody compares': (
        {'transfer': {'challenge': False}, 'detection': {
            'name': 'none', 'audits': 'contested'}},
        'detection.audits', 'set transfer.challenge = true'),
    'certificates of sums that nobody compares': (
        {'transfer': {'challenge': False}},
        "detection.name = 'certified'", 'or transfer.challenge = true'),
    'a tolerance of bits': (
        {'detection': {'tolerance': 1e-5}},
        'detection.tolerance', "detection.equality = 'tolerance'"),
    'a disagreement of bits': (
        {'detection': {'disagreement': 1e-2}},
        'detection.disagreement', "detection.equality = 'tolerance'"),
    'a tolerance that is too large': (
        {'detection': {'equality': 'tolerance', 'tolerance': 1.1e-4}},
        'detection.tolerance = 0.00011', '0.0001'),
    'a tolerance that is none': (
        {'detection': {'equality': 'tolerance', 'tolerance': 0.0}},
        'detection.tolerance = 0.0', 'greater than 0'),
    'a share below 0': (
        {'detection': {'presume_below': -0.01}},
        'presume_below', 'between 0 and 1'),
    'a share above 1': (
        {'detection': {'presume_below': 1.01}},
        'presume_below', 'between 0 and 1'),
    'an aggregation of sums': (
        {'aggregation': {'name': 'median'}},
        "aggregation.name = 'median'", "allow the 'mean' alone"),
    'no epoch at all': (
        {'transfer': {'max_epochs': 0}}, 'transfer.max_epochs = 0', '1'),
    'sketches of nothing': (
        {'transfer': {'sketches': 0}}, 'transfer.sketches = 0', '1'),
    'audits of files that no rule calls contested': (
        {'detection': {'name': 'clique', 'audits': 'contested'}},
        "detection.audits = 'contested': rule 'clique'",
        "use detection.name = 'certified'"),
    'a budget of steps that nobody remembers': (
        {'detection': {'memory': 'step', 'budget': 'fixed'}},
        "detection.budget = 'fixed'", "detection.memory = 'window'"),
    'the same where that is the default': (
        {'detection': {'name': 'clique', 'budget': 'fixed'}},
        "detection.budget = 'fixed'", "detection.memory = 'window'"),
    'a window of a memory without one': (
        {'detection': {'window': 3}},
        "detection.window = 3: detection.memory = 'forever'",
        "set detection.memory = 'window'"),
    'sketches without a challenge': (
        PLAIN | {'transfer': {'challenge': False, 'sketches': 16}},
        'transfer.sketches = 16', 'set transfer.challenge = true'),
    'epochs without a challenge': (
        PLAIN | {'transfer': {'challenge': False, 'max_epochs': 1}},
        'transfer.max_epochs = 1', 'set transfer.challenge = true'),
    'an unchallenged type': (
        PLAIN | {'transfer': {'challenge': False, 'sketch_type': 'float32'}},
        "transfer.sketch_type = 'float32'", 'set transfer.challenge = true'),
    'floats for integers': (
        {'transfer': {'sketch_type': 'float32'},
         'compression': {'name': 'integer'}},
        "transfer.sketch_type = 'float32'", 'leave it out'),
    'a device for nothing': (
        {'runtime': {'device': 'gpu'}},
        "runtime.device = 'gpu': problem 'quadratic'", "use 'cpu'"),
}


@pytest.mark.parametrize('sections, key, way', REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together_is_refused_with_a_way_out(sections, key,
                                                             way):
    with pytest.raises(JobError) as refused:
        assembled(**sections)
    assert key in str(refused.value)
    assert way in str(refused.value)


def test_a_job_that_comes_back_with_few_ranks_may_tolerate_more_deaths():
    assert assembled(faults={'tolerate': 10}).job.n_workers == 9


def test_a_preset_for_q_adversaries_needs_some():
    """The load is 2 q + 1: what is wrong is q, not the assignment."""
    job = {name: CHALLENGED[name] for name in ('run', 'problem')}
    robust = {'name': 'robust-partial', 'workers': 9}
    with pytest.raises(JobError, match=(
            'scheme.adversaries = 0: .*robust-partial.* set at least 1')):
        Assembly(loading.from_tables(job | {'scheme': robust}))
    Assembly(loading.from_tables(job | {'scheme': robust | {
        'adversaries': 1}}))
    with pytest.raises(JobError, match="'cyclic' has one replica"):
        Assembly(loading.from_tables(job | {
            'scheme': robust | {'adversaries': 1},
            'assignment': {'load': 1}}))


@pytest.mark.parametrize('audits', [
    {'audits': 'contested'}, {'audits': 'none', 'random_audits': 1}])
def test_audits_without_data_on_rank_0_are_refused(audits):
    problem = Distant(0, parameters=4)
    with pytest.raises(JobError, match=re.escape(
            "set detection.audits = 'none' and detection.random_audits = "
            '0')):
        assembled(problem, detection=audits)


def test_by_default_only_what_can_be_audited_is():
    """Fails where a default asks for what a job cannot have."""
    assert assembled().scheme.audits
    assert assembled().server(float)._knowledge._auditor is not None
    distant = assembled(Distant(0, parameters=4))
    assert distant.server(float)._knowledge._auditor is None


@pytest.mark.parametrize('sections', [
    {}, {'transfer': {'name': 'sums'}}, {'collection': {'copies': 2}},
    {'transfer': {'matrix': 'gaussian'}},
    {'transfer': {'code': f'{HERE}:Plain'}, 'collection': {'copies': 2}},
    {'detection': {'audits': 'none', 'random_audits': 3}},
    {'detection': {'equality': 'tolerance', 'tolerance': 1e-4}},
    {'detection': {'audits': 'contested'}},
    {'detection': {'name': 'clique', 'memory': 'forever',
                   'budget': 'fixed', 'random_audits': 2}},
    {'detection': {'name': 'core', 'audits': 'none', 'window': 15}},
    {'detection': {'memory': 'window', 'window': 3, 'budget': 'fixed'}},
    {'transfer': {'sketches': 16, 'max_epochs': 5}},
    {'transfer': {'sketch_type': 'float32'}},
    {'faults': {'tolerate': 9}},
    {'detection': {'presume_below': 0.0}},
    {'detection': {'presume_below': 1.0}},
    {'collection': {'name': 'deadline', 'deadline': 1.0}},
    {'collection': {'name': 'all'}}])
def test_what_goes_together_is_accepted(sections):
    """What is refused above is so for the reason that is given."""
    assert assembled(**sections).transfer.comparable


@pytest.mark.parametrize('protocol, sums', [
    ('counts', True), ('payloads', True), ('consistent', True),
    ('sketches', False), ('norms', False), ('straddle', False),
    ('patient', False)])
def test_liars_have_something_to_lie_about(protocol, sums):
    """Gradients that are pushed as they are leave nothing else."""
    liars = {'adversary': {'count': 2, 'protocol': protocol}}
    refused = f"adversary.protocol = '{protocol}'"
    assembled(**liars)
    with pytest.raises(JobError, match=f"{refused}.*transfer 'replicas'"):
        assembled(**PUSHED, **liars)
    if sums:
        assembled(**PLAIN, **liars)
        return
    with pytest.raises(JobError, match=f'{refused}.*challenge = true'):
        assembled(**PLAIN, **liars)


def test_the_probe_can_be_narrowed_with_every_transfer():
    for sections in PUSHED, {}:
        assembled(**sections, adversary={'count': 2, 'protocol': 'narrow'})


@pytest.mark.parametrize('protocol', ['late', 'intermittent'])
def test_whoever_dawdles_can_do_so_with_every_transfer(protocol):
    for sections in PUSHED, PLAIN, {}:
        assembly = assembled(**sections, adversary={
            'count': 2, 'protocol': protocol, 'value': 'honest'})
        assert assembly.attack.dawdles(0).any()
        assert not assembly.attack.lies(0).any()


def test_a_protocol_of_nobody_is_no_mistake():
    """It is what a series of attacks has as its first run."""
    assembled(**PUSHED, adversary={'protocol': 'payloads'})


@pytest.mark.parametrize('problem, named', [
    ({'name': 'digits', 'model': 'mlp'}, "'digits' with model 'mlp'"),
    ({'name': 'digits', 'model': 'convnet'}, None),
    ({'name': f'{HERE}:Distant', 'parameters': 4}, None)])
def test_a_device_is_for_what_computes_there(problem, named, monkeypatch):
    """One of the user's own may choose it without being told."""
    monkeypatch.setattr(extras, 'find_spec', lambda name: True)
    job = loading.from_tables(CHALLENGED | {
        'problem': problem, 'runtime': {'device': 'cuda'}})
    if named is None:
        Assembly(job)
        return
    with pytest.raises(JobError, match=f"'cuda': problem {named} computes"):
        Assembly(job)


def test_a_problem_of_the_callers_chooses_its_device(monkeypatch):
    monkeypatch.setattr(extras, 'find_spec', lambda name: True)
    problem = Distant(0, parameters=4)
    job = {name: keys for name, keys in CHALLENGED.items()
           if name != 'problem'} | {'runtime': {'device': 'cuda'}}
    Assembly(loading.from_tables(job, problem=problem), problem)
