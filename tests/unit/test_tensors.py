"""Which tensors of a gradient differ, by how much, and what is told of it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.detection.base import Proof, ProofKind, Verdict
from aspis_mpi.detection.tensors import (
    GROUPS, MOST, TensorDifference, Tensors)
from aspis_mpi.errors import Mistake
from aspis_mpi.job import loading
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.runlog.reader import Run
from aspis_mpi.runlog.summary import format_summary, print_summary
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.locator import Locator
from aspis_mpi.schemes.record import ExposureRecord
from tests.support.made_up_logs import create, fill

SIZES = {'weight': 40, 'bias': 5, 'scale': 1, 'last': 4}
TENSORS = Tensors(SIZES)
D = sum(SIZES.values())


def drawn(seed=0):
    return np.random.default_rng(seed).standard_normal(D).astype('f4')


# --- comparing ---------------------------------------------------------

def test_equal_vectors_differ_nowhere():
    assert TENSORS.differing(drawn(), drawn()) == []
    assert TENSORS.differences(drawn(), drawn()) == ()


def test_a_flipped_bit_is_one_entry_of_one_tensor():
    sent = drawn()
    sent.view(np.uint32)[41] ^= np.uint32(1 << 28)
    assert TENSORS.differing(drawn(), sent) == ['bias']
    found, = TENSORS.differences(drawn(), sent)
    assert found[0] == 'bias' and found[2:] == (1, 5)
    right = drawn()[40:45].astype(float)
    assert found.distance == pytest.approx(
        np.linalg.norm(sent[40:45] - right) / np.linalg.norm(right), rel=1e-5)


def test_another_gradient_is_all_entries_of_all_tensors():
    found = TENSORS.differences(drawn(), -2 * drawn())
    assert {it.tensor: it.size for it in found} == SIZES
    assert all(it.entries == it.size for it in found)
    assert [it.distance for it in found] == pytest.approx([3] * 4)


def test_the_largest_come_first_and_only_a_few():
    tensors = Tensors({f'layer{i}': 2 for i in range(20)})
    right = np.ones(40, np.float32)
    sent = right + np.repeat(np.arange(20, dtype=np.float32), 2)
    found = tensors.differences(right, sent)
    assert [it.tensor for it in found] == [
        f'layer{i}' for i in range(19, 19 - MOST, -1)]


@pytest.mark.parametrize('right, sent', [(0, 1), (1, np.nan), (1, np.inf),
                                         (np.nan, 1), (1e-38, 3e38)])
def test_what_cannot_be_compared_is_infinitely_far(right, sent):
    one = Tensors({'only': 3})
    found, = one.differences(np.full(3, right, np.float32),
                             np.full(3, sent, np.float32))
    assert found.distance > 1e75 and found.entries == 3


def test_both_signs_of_zero_are_an_entry_that_differs():
    found, = Tensors({'a': 1}).differences(np.zeros(1, np.float32),
                                           np.array([-0.0], np.float32))
    assert found.entries == 1


def test_cuts_are_the_places_of_all_tensors():
    """So that pieces of a payload can be them, also where one is empty."""
    cuts = Tensors({'a': 2, 'b': 0, 'c': 3}).cuts
    assert cuts == [slice(0, 2), slice(2, 2), slice(2, 5)]
    assert Tensors({}).cuts == []


@pytest.mark.parametrize('n', [1, 2, GROUPS, GROUPS + 1, 3 * GROUPS + 5])
def test_groups_are_all_tensors_in_a_row(n):
    tensors = Tensors({f't{i}': i % 3 for i in range(n)})
    groups = tensors.groups
    assert len(groups) == min(n, GROUPS)
    assert groups[0].start == 0
    assert all(a.stop == b.start for a, b in zip(groups, groups[1:]))
    assert groups[-1].stop == sum(i % 3 for i in range(n))
    names = [tensors.group(i) for i in range(len(groups))]
    assert names[0].split(' to ')[0] == 't0'
    assert names[-1].split(' to ')[-1] == f't{n - 1}'


# --- what a problem says -----------------------------------------------

class Named(Quadratic):
    """A problem that names its tensors."""

    said = {}

    def tensor_sizes(self):
        return self.said


@pytest.mark.parametrize('said, message', [
    ({'a': 3}, 'gives 3 entries in all; they must be n_parameters = 12'),
    ({'a': 13, 'b': -1}, 'names and numbers of entries'),
    ({1: 12}, 'names and numbers of entries'),
    (['a'], 'names and numbers of entries'),
    (None, 'names and numbers of entries')])
def test_tensors_that_cannot_be_are_refused(said, message):
    problem = Named(1, parameters=12)
    problem.said = said
    with pytest.raises(Mistake, match=message):
        assert Guard(problem).tensors


def test_a_problem_need_not_name_them():
    assert not Guard(Quadratic(1, parameters=12)).tensors
    assert not Guard(SimpleNamespace()).tensors


# --- whose file is compared --------------------------------------------

class Arrived:
    """Replicas of three files by two workers and a liar, worker 2."""

    codec = PLAIN

    def __init__(self, lies):
        self.sent = {(w, f): drawn(f) for w in range(3) for f in range(3)}
        for file in lies:
            self.sent[2, file] = self.sent[2, file].copy()
            self.sent[2, file][0] += 1

    def values(self, worker, file):
        return self.sent[worker, file]

    def senders(self, file, believed):
        return np.flatnonzero(believed)

    def against(self, file, workers, values):
        same = np.array([(self.sent[w, file] == values).all()
                         for w in workers])
        return same, ~same


def proved(kind=ProofKind.DISAGREEMENTS, certified=(True,) * 3, told=(),
           lies=(1,)):
    """Tensors in a proof against worker 2, which lied about some files."""
    contributors = np.ones((3, 3), bool)
    contributors[:, 2] = False
    verdict = Verdict(np.zeros(3, bool), np.zeros(3, np.int16), contributors,
                      certified=np.array(certified))
    proof, = Locator(TENSORS, told).completed(
        [Proof(2, 'said', kind)], verdict, Arrived(lies))
    return [it.tensor for it in proof.tensors]


def test_disagreements_are_located_where_a_file_is_certified():
    assert proved() == ['weight']
    assert proved(certified=(True, False, True)) == []
    assert proved(lies=()) == []


def test_what_was_told_is_not_compared_again():
    assert proved(told={(2, ProofKind.DISAGREEMENTS)}) == []
    assert proved(told={(2, ProofKind.AUDIT),
                        (1, ProofKind.DISAGREEMENTS)}) == ['weight']
    assert proved(ProofKind.SKETCHES) == []


# --- whole runs --------------------------------------------------------

JOB = {
    'run': {'steps': 3, 'seed': 7, 'evaluate_every': 0},
    'problem': {'name': 'digits', 'model': 'mlp', 'batch_size': 30},
    'scheme': {'workers': 5, 'adversaries': 1},
    'assignment': {'name': 'subset', 'replication': 3},
    'detection': {'name': 'certified'}, 'aggregation': {'name': 'mean'}}
LAYERS = {'hidden.weight': 4096, 'hidden.bias': 64, 'output.weight': 640,
          'output.bias': 10}
#: Each file has one holder, and all are audited.
AUDITED = {'assignment': {'name': 'uncoded'},
           'detection': {'name': 'none', 'random_audits': 5}}


def ran(tmp_path, value, who=(2,), **sections):
    job = {**JOB, **sections}
    job['adversary'] = {'count': len(who), 'workers': list(who),
                        'value': value}
    code, path = simulate(loading.from_tables(job), out=tmp_path / 'run.h5')
    assert code == 0
    return path


@pytest.mark.parametrize('kind, sections', [
    (ProofKind.AUDIT, AUDITED), (ProofKind.DISAGREEMENTS, {})],
    ids=['audit', 'disagreements'])
def test_a_hostile_gradient_is_wrong_everywhere(tmp_path, kind, sections):
    with load_run(ran(tmp_path, 'reversed', **sections)) as run:
        first = run.exposures[0]
        assert (first.worker, first.proof) == (2, kind)
        assert {it.tensor: it.size for it in first.tensors} == LAYERS
        assert all(it.distance > 1 for it in first.tensors)
        # Once for all steps in a row.
        assert len(run.exposures) == 1


@pytest.mark.parametrize('sections', [AUDITED, {}],
                         ids=['audit', 'disagreements'])
def test_a_flipped_bit_is_wrong_in_one_layer(tmp_path, sections):
    with load_run(ran(tmp_path, 'bit-flip', **sections)) as run:
        it, = run.exposures[0].tensors
        assert it.entries == 1 and LAYERS[it.tensor] == it.size
        assert it.tensor in ' '.join(format_summary(summarize(run)).split())


def challenged(tmp_path, value, n_workers):
    """The first exposure of a run whose workers send sums of files."""
    path = ran(tmp_path, value, scheme={
        'name': 'robust-partial', 'workers': n_workers, 'adversaries': 1},
        assignment={}, detection={}, aggregation={},
        problem=JOB['problem'] | {'batch_size': 120})
    with load_run(path) as run:
        return run.exposures[0]


@pytest.mark.parametrize('value, n_layers', [('reversed', 4),
                                             ('bit-flip', 1)])
def test_a_sum_of_one_file_is_compared_with_another_worker_s(
        tmp_path, value, n_layers):
    first = challenged(tmp_path, value, 4)
    assert first.proof is ProofKind.DISAGREEMENTS
    assert len(first.tensors) == n_layers
    assert (sum(it.entries for it in first.tensors) == 1) == (n_layers == 1)


def test_a_sum_of_one_file_is_compared_with_what_an_audit_finds(tmp_path):
    """Each file has one holder, so that only the server knows better."""
    path = ran(tmp_path, 'reversed', assignment={'name': 'uncoded'},
               transfer={'name': 'sums', 'challenge': True},
               detection={'name': 'none', 'random_audits': 5})
    with load_run(path) as run:
        first = run.exposures[0]
    assert first.proof is ProofKind.AUDIT and len(first.tensors) == 4


def test_sums_of_several_files_tell_no_tensors(tmp_path):
    assert not challenged(tmp_path, 'reversed', 15).tensors


# --- the log -----------------------------------------------------------

@pytest.fixture
def log(tmp_path):
    assignment = Subset(5, replication=3)
    found = (TensorDifference('a.weight', np.inf, 3, 4096),
             TensorDifference('ß' * 200, 2.0, 64, 64),
             TensorDifference('c', 1e-3, 1, 10))
    with create(tmp_path / 'run.h5', assignment) as log:
        for step in range(4):
            log.exposure(ExposureRecord(step, step, 1 + step % 2,
                                        ProofKind.AUDIT, 'said',
                                        found[:step], step))
            fill(log, assignment, [step])
    return tmp_path / 'run.h5'


def test_tensors_come_back_with_their_exposure(log):
    with load_run(log) as run:
        assert [len(it.tensors) for it in run.exposures] == [0, 1, 2, 3]
        first, second, third = run.exposures[3].tensors
        assert first == ('a.weight', np.inf, 3, 4096)
        assert third == ('c', 1e-3, 1, 10)
        assert len(second.tensor.encode()) <= 256 and ' [...] ß' in (
            second.tensor)


def test_those_of_steps_that_are_done_again_are_left_out(log):
    with Run(log, until=2) as run:
        assert [len(it.tensors) for it in run.exposures] == [0, 1]


def test_show_names_tensors_and_json_has_them(log, capsys):
    print_summary(log)
    lines = ' '.join(capsys.readouterr().out.split())
    assert ('tensors worker 2, step 1: a.weight not comparably (3 of 4,096 '
            'entries)') in lines
    print_summary(log, as_json=True)
    found = json.loads(capsys.readouterr().out)['exposures']
    assert [it['worker'] for it in found] == [1, 2]
    assert found[1]['tensors'] == [
        {'name': 'a.weight', 'distance': None, 'entries': 3, 'size': 4096}]
