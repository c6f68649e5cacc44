"""Each rule of the challenge by itself, against who tries to break it."""

import numpy as np
import pytest

from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.errors import DONE
from aspis_mpi.protocol.messages import CodedGradient, Sketch, Sum
from aspis_mpi.schemes.challenge.referee import Referee
from aspis_mpi.schemes.record import Outcome
from tests.support.challenged_jobs import Run, assembled, liars, run
from tests.support.coded_jobs import distance

#: Three liars may hold a file alone: files are presumed, in two epochs.
ALONE = {'scheme': {'workers': 7, 'adversaries': 3},
         'assignment': {'name': 'subset'}}


@pytest.mark.parametrize('away', [[], [1], [0, 3]])
def test_sketches_are_looked_up_by_the_files_of_a_worker(away):
    """By ascending file, also of files that came from others."""
    design = assembled(scheme={'workers': 7, 'adversaries': 1},
                       assignment={'name': 'cyclic', 'load': 3})
    gone = np.isin(np.arange(7), away)
    nobody = np.zeros(7, dtype=bool)
    scheme = design.schemes.without(gone, nobody, nobody, 0, 0)
    assignment, places = scheme.assignment, scheme.transfer.places
    for file, row in enumerate(assignment.holders):
        for place, worker in zip(places[file], row):
            own = np.flatnonzero(assignment.incidence[:, worker])
            assert worker < 0 or own[place] == file
    assert (places[assignment.holders < 0] == 0).all()


# --- what exposes ------------------------------------------------------

@pytest.mark.parametrize('audits', [1, 2])
def test_a_random_audit_of_a_file_of_an_earlier_epoch_exposes_nobody(audits):
    """Fails where old answers are compared by the secret of new ones."""
    it = run(run={'steps': 4}, **ALONE,
             detection={'audits': 'contested', 'random_audits': audits})
    assert it.code == DONE
    assert all(record.epochs == 2 for record in it.records)
    assert any(record.audits for record in it.records)
    assert not it.exposes_honest()


# --- what a liar must not be able to stop ------------------------------

@pytest.mark.parametrize('protocol', ['payloads', 'none'])
def test_files_of_exposed_workers_alone_are_missing_and_the_run_goes_on(
        protocol):
    """Fails where a file without living workers ends the run."""
    it = run(**ALONE, adversary=liars(0, 1, 2, files='all',
                                      protocol=protocol))
    assert it.code == DONE
    assert it.records[0].exposed[:3].all() and not it.exposes_honest()
    assert it.records[0].files_missing == 1


@pytest.mark.parametrize('protocol', ['payloads', 'consistent', 'counts',
                                      'sketches', 'norms'])
def test_nobody_waits_for_files_that_were_skipped(protocol):
    """Fails where an exposed worker's files stay skipped."""
    it = run(collection={'skip_covered': True},
             adversary=liars(0, 4, protocol=protocol))
    assert it.code == DONE and len(it.records) == 2
    for record in it.records:
        assert not record.files_missing and not record.files_dropped


@pytest.mark.parametrize('copies', [1, 2, 3])
def test_a_vector_of_another_size_than_asked_for_exposes(copies):
    """Fails where a `Sum` is taken for a coded gradient, or vice versa."""
    def between(worker, message):
        other = {CodedGradient: Sum, Sum: CodedGradient}
        if worker or type(message) not in other:
            return message
        sizes = {CodedGradient: assembly.transfer.payload_size(assembly.d),
                 Sum: assembly.d}
        buffer = assembly.pools().payloads.take()
        buffer.values.fill(1)
        cls = other[type(message)]
        return cls(message.turn, message.epoch, 0,
                   buffer.front(4 * sizes[cls]))
    assembly = assembled(transfer={'name': 'coded'},
                         collection={'copies': copies},
                         adversary=liars(0))
    it = Run(assembly, between=between)
    assert it.code == DONE and it.records[0].exposed[0]
    assert not it.exposes_honest()
    assert distance(it.values, it.truth()) < 1e-4


@pytest.mark.parametrize('copies', [2, 3])
@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_excluding_liars_does_not_end_the_run(transfer, copies):
    """Fails where the files of exposed workers, which have fewer copies
    now than the collection asks for, are a bad job."""
    it = run(run={'steps': 4}, scheme={'workers': 7},
             assignment={'name': 'subset'}, transfer={'name': transfer},
             collection={'copies': copies}, detection={'memory': 'forever'},
             adversary=liars(0, 1, files='all'))
    assert it.code == DONE and it.last.exposed[:2].all()
    assert (it.last.source != -2).all()


@pytest.mark.parametrize('collection', ['all', 'coverage'])
def test_a_step_without_liars_uses_every_file(collection):
    """Fails where a collection does not wait for what is required."""
    it = run(transfer={'name': 'coded'}, collection={'name': collection},
             delay={'name': 'slow', 'mean': 1.0, 'factor': 10,
                    'workers': [0, 3]})
    for record in it.records:
        assert record.verdict is Outcome.CLEAN and record.epochs == 1
        assert record.files_certified == 9


def test_who_never_answers_a_challenge_pays_for_it_in_every_step():
    """Fails where a payload forgives the sketches that never come."""
    def between(worker, message):
        silent = worker == 0 and isinstance(message, Sketch)
        return None if silent else message
    it = Run(assembled(run={'steps': 8}), between=between)
    assert it.code == DONE
    paid = np.diff([record.account for record in it.records], axis=0)
    assert (paid[:, 0] > 0).all() and not paid[:, 1:].any()
    assert all(record.late[0] for record in it.records)
    assert not any(record.exposed.any() for record in it.records)


# --- norms -------------------------------------------------------------

class Shrunk(Protocol):
    """Holders of a file say that it is small, and send it huge."""

    def __init__(self, assembly, file):
        super().__init__(0)
        below = assembly.assignment.incidence[:file]
        self.places = below.sum(axis=0)
        self.size, self.shown = assembly.d, None

    def payload(self, step, epoch, worker, values):
        if worker == 0:
            values[:] = 1e9

    def sketches(self, step, epoch, worker, own, weights, sketch):
        place = self.places[worker]
        if worker == 0 and weights[place].any():
            others = weights.copy()
            others[place] = 0
            fit = sketch(np.full(self.size, 1e9, dtype=np.float32))[:, 0]
            fit[:-1] -= (others * own[:, :-1, 0]).sum(axis=0)
            fit[-1] = 1e-3
            self.shown = fit
        if self.shown is not None and own[place].any():
            own[place, :, 0] = self.shown


def test_no_wrong_file_is_larger_than_a_right_one_whatever_norm_it_claims():
    """Fails where the norm of a payload is not held against the norms of
    what it is made of: then colluders hide 1e9 behind a norm of 1e-3."""
    tried = 0
    for seed in range(30):
        assembly = assembled(run={'seed': seed, 'steps': 1}, **ALONE,
                             adversary=liars(0, 1, 2))
        held = assembly.assignment.incidence[:, :3].all(axis=1)
        file = int(np.flatnonzero(held)[0])
        shrunk = Shrunk(assembly, file)
        it = Run(assembly, dict.fromkeys(range(3), shrunk))
        tried += shrunk.shown is not None
        assert it.code == DONE and not it.exposes_honest()
        assert not it.last.gradient_norm > 1e4
    assert tried > 5


# --- epochs ------------------------------------------------------------

def test_three_copies_are_enough_for_one_liar_and_a_slow_worker():
    """Fails where a liar that is not exposed by its first failure may own
    files in the last epoch."""
    for seed in range(60):
        it = run(run={'seed': seed, 'steps': 4},
                 scheme={'workers': 7, 'adversaries': 1},
                 assignment={'name': 'subset'}, collection={'copies': 2},
                 adversary=liars(seed % 7, files='random', rate=0.1),
                 delay={'name': 'slow', 'mean': 1.0, 'factor': 10,
                        'workers': [(seed + 1) % 7, (seed + 3) % 7]})
        for record in it.records:
            assert record.verdict > Outcome.INCOMPLETE
            assert (record.source >= 0).all()


# --- who dies, and what has not come -----------------------------------

def mute(deaths):
    """Workers that send no vector any more from an epoch on."""
    def between(worker, message):
        late = isinstance(message, CodedGradient) and (
            message.epoch >= deaths.get(worker, message.epoch + 1))
        if late:
            message.buffer.release()
        return None if late else message
    return between


@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_a_step_in_which_nothing_came_is_skipped(transfer):
    """Fails where a step without any challenge raises in the server."""
    it = run(transfer={'name': transfer},
             collection={'name': 'deadline', 'deadline': 0.5},
             delay={'name': 'constant', 'mean': 1.0})
    assert it.code == DONE
    assert [record.verdict for record in it.records] == [Outcome.SKIPPED] * 2


@pytest.mark.parametrize('dead', [1, 2, 3, 4])
@pytest.mark.parametrize('seed', range(4))
def test_who_dies_in_a_later_epoch_is_replaced(seed, dead):
    """Fails where vectors of those who own nothing any more, as somebody
    else was asked in the meantime, are challenged."""
    it = Run(assembled(run={'seed': seed, 'steps': 1},
                       scheme={'workers': 5, 'adversaries': 1},
                       assignment={'name': 'cyclic', 'load': 5},
                       transfer={'name': 'coded'},
                       adversary=liars(0, files='all',
                                       protocol='payloads')),
             between=mute({dead: 1}))
    assert it.code == DONE and not it.exposes_honest()
    assert (it.last.source != -2).all()
    assert distance(it.values, it.truth()) < 1e-4


@pytest.mark.parametrize('q, seed, deaths', [
    (1, 0, {2: 1}), (1, 0, {5: 1}), (1, 1, {2: 1}), (1, 2, {4: 1}),
    (2, 16, {4: 0, 2: 1, 5: 2})])
def test_who_is_not_asked_again_is_judged_by_what_it_was_asked_for(
        q, seed, deaths):
    """Fails where the bound on vectors keeps a signal from those whose
    owned files it changes: their vectors are no proof then."""
    it = Run(assembled(run={'seed': seed, 'steps': 1},
                       scheme={'workers': 7, 'adversaries': q},
                       assignment={'name': 'subset', 'replication': 5},
                       transfer={'name': 'coded'},
                       collection={'name': 'all'},
                       adversary=liars(0, protocol='payloads')),
             between=mute(deaths))
    assert it.code == DONE and not it.exposes_honest()
    assert it.last.verdict > Outcome.SKIPPED


@pytest.mark.parametrize('collection', ['all', 'coverage'])
@pytest.mark.parametrize('copies', [1, 2])
def test_a_silent_worker_and_a_liar_do_not_cost_a_step(copies, collection):
    """Fails where vectors that the silent made necessary, or the shorter
    ones of `coded`, count as what liars may cost."""
    it = run(scheme={'workers': 6, 'adversaries': 1},
             assignment={'name': 'random-regular', 'load': 5},
             transfer={'name': 'coded'},
             collection={'name': collection, 'copies': copies},
             adversary=liars(4, files='all', value='constant'),
             delay={'name': 'slow', 'mean': 1.0, 'factor': 10,
                    'workers': [1, 3], 'silent': [2],
                    'silent_after': 'encode'})
    assert not it.exposes_honest()
    assert (it.records[0].source != -2).all()


def test_what_an_audit_found_right_is_not_taken_for_another_label():
    """Fails where the number of a class is remembered: it changes with
    every answer, and a late one may give the liars' class that number."""
    it = assembled(scheme={'workers': 5, 'adversaries': 2},
                   assignment={'name': 'cyclic', 'load': 5},
                   detection={'audits': 'contested'})
    sketched = it.transfer.begin()._sketched
    referee = Referee(sketched)
    values = np.random.default_rng(3).standard_normal(
        (2, it.d)).astype(np.float32)
    claims = np.zeros((5, 5), dtype=bool)
    claims[3] = True
    sketched.ask(claims, bytes(16))

    def show(worker, lie):
        rows = np.zeros_like(sketched.own[0])
        rows[3] = it.transfer.sketch([values[int(lie)]], bytes(16))[0]
        sketched.answer(worker, rows.view(np.float32).reshape(-1))
    for worker, lie in [(1, True), (2, True), (3, False), (4, False)]:
        show(worker, lie)
    everybody = np.ones(5, dtype=bool)
    for _ in range(2):
        sketched.compare()
        verdict = referee.decide(it.scheme, everybody, lambda _: values[0])
        assert verdict.certified[3] and verdict.source[3] in (0, 3)
        assert not verdict.contributors[3, [1, 2]].any()
        show(0, False)
