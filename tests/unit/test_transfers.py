"""What a signal asks for, and what the server makes of the vectors."""

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.coding import combine
from aspis_mpi.coding.codes.least_squares import LeastSquares
from aspis_mpi.coding.codes.raviv import Raviv
from aspis_mpi.coding.codes.tandon import Tandon
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.messages import Encode
from aspis_mpi.detection.contradiction import ContradictionKind
from aspis_mpi.schemes.record import CODED, Outcome
from aspis_mpi.schemes.closing import Closing
from aspis_mpi.schemes.tables.state import NOBODY, GlobalState
from aspis_mpi.schemes.transfer.coded import Coded
from aspis_mpi.schemes.transfer.correcting import Correcting
from aspis_mpi.schemes.transfer.sums import Sums
from tests.support.decoded_sums import IRREGULAR

D = 11
CYCLIC = Cyclic(9, load=4)


#: Of each transfer: its assignment, and the copies that it needs.
MADE = {}


def coded(assignment=CYCLIC, copies=1, thinning=False):
    transfer = Coded(assignment, copies, thinning,
                     LeastSquares(assignment, copies))
    MADE[transfer] = assignment, copies
    return transfer


def sums(assignment=CYCLIC, copies=1, thinning=False):
    """However many copies are waited for, one is enough."""
    transfer = Sums(assignment, copies, thinning)
    MADE[transfer] = assignment, 1
    return transfer


TRANSFERS = [
    pytest.param(coded(), id='coded-1'),
    pytest.param(coded(copies=2), id='coded-2'),
    pytest.param(coded(copies=3), id='coded-3'),
    pytest.param(coded(thinning=True), id='coded-thin'),
    pytest.param(coded(copies=2, thinning=True), id='coded-2-thin'),
    pytest.param(coded(RandomRegular(9, load=5), 2), id='coded-regular'),
    pytest.param(coded(IRREGULAR, 2), id='coded-irregular'),
    pytest.param(sums(), id='sums'),
    pytest.param(sums(copies=2), id='sums-2'),
    pytest.param(sums(thinning=True), id='sums-thin'),
    pytest.param(sums(IRREGULAR), id='sums-irregular')]
every_transfer = pytest.mark.parametrize('transfer', TRANSFERS)
SUMS = [param for param in TRANSFERS if 'sums' in param.id]


def incidence(transfer):
    """Who holds what, bool (f, K)."""
    return MADE[transfer][0].incidence


def gradients(n_files):
    """Small integers: every sum of them is exact."""
    rng = np.random.default_rng(0)
    return rng.integers(-99, 100, (n_files, D)).astype(np.float32)


def states(transfer, n=25, copies=1):
    """Random states in which every file has enough copies."""
    rng, held = np.random.default_rng(2), incidence(transfer)
    while n:
        finished = held & (rng.random(held.shape) < rng.uniform(0.5, 1))
        if (finished.sum(axis=1) >= copies).all():
            n -= 1
            yield finished


def least(transfer):
    """Copies that make a file exact."""
    return MADE[transfer][1]


class Table:
    """A `PayloadTable`, and workers that send what it asks for."""

    def __init__(self, transfer, n_files=9):
        self.transfer = transfer
        self.table = transfer.begin()
        self.gradients = gradients(n_files)
        self.pool = Pool(transfer.payload_size(D))
        self.samples = np.arange(1, len(self.gradients) + 1)

    def ask(self, finished):
        return self.table.ask(finished)

    def vector(self, worker):
        files, weights = self.transfer.encoding(worker, self.table.state)
        buffer = self.pool.take()
        combine.encode(list(self.gradients[files]), weights, buffer.values)
        return buffer

    def send(self, workers):
        for worker in workers:
            self.table.accept(int(worker), self.vector(int(worker)))

    def resolve(self):
        out = np.full(D, 7, dtype=np.float32)
        return self.table.resolve(Closing(None, None, self.samples, out, 1,
                                          lambda: 0.0)), out

    def mean(self, cover=None):
        cover = np.ones(len(self.samples)) if cover is None else cover
        return (cover @ self.gradients) / (cover @ self.samples)


# --- exact sums --------------------------------------------------------

@every_transfer
def test_the_vectors_of_a_covered_state_give_the_mean(transfer):
    for finished in states(transfer, copies=least(transfer)):
        it = Table(transfer, len(incidence(transfer)))
        asked = it.ask(finished)
        assert np.array_equal(asked, it.table.senders)
        it.send(np.flatnonzero(asked))
        resolution, out = it.resolve()
        assert resolution.outcome is Outcome.CLEAN and resolution.updates
        assert not resolution.residual
        assert np.allclose(out, it.mean(), rtol=1e-5, atol=1e-5)
        assert np.array_equal(resolution.copies, finished.sum(axis=1))
        contributors = resolution.verdict.contributors
        assert not (contributors & ~finished).any()
        assert contributors.any(axis=1).all()
        it.table.release()


@every_transfer
def test_the_order_of_arrival_changes_no_bit(transfer):
    finished = next(states(transfer, 1, least(transfer)))
    found = []
    for seed in range(4):
        it = Table(transfer, len(incidence(transfer)))
        senders = np.flatnonzero(it.ask(finished))
        it.send(np.random.default_rng(seed).permutation(senders))
        found.append(it.resolve()[1].view('u4'))
    assert all(np.array_equal(found[0], other) for other in found)


@pytest.mark.parametrize('transfer', SUMS)
def test_sums_of_integers_are_exact(transfer):
    for finished in states(transfer):
        it = Table(transfer, len(incidence(transfer)))
        it.send(np.flatnonzero(it.ask(finished)))
        expected = (it.gradients.astype(np.float64).sum(axis=0)
                    / it.samples.sum()).astype(np.float32)
        assert np.array_equal(it.resolve()[1], expected)


@every_transfer
def test_a_signal_survives_its_bytes(transfer):
    for finished in states(transfer, 5, least(transfer)):
        state = transfer.signal(finished)
        fields = transfer.pack(state)
        assert len(fields[0]) == transfer.signal_bytes
        again = transfer.read(Encode(0, 0, 0, *fields))
        assert np.array_equal(again.owners, state.owners)
        for worker in range(state.finished.shape[1]):
            one, two = (transfer.encoding(worker, it)
                        for it in (state, again))
            assert np.array_equal(one[0], two[0])
            assert np.array_equal(one[1], two[1])


def test_a_signal_has_a_bit_for_each_file_of_each_worker():
    transfer = coded()
    assert transfer.signal_bytes == -(-incidence(transfer).sum() // 8)


def test_different_messages_are_read_anew():
    transfer = coded()
    one, two = states(transfer, 2)
    messages = [Encode(0, 0, 0, *transfer.pack(transfer.signal(finished)))
                for finished in (one, two)]
    for message, finished in [*zip(messages, (one, two)),
                              (messages[0], one)]:
        assert np.array_equal(transfer.read(message).finished, finished)


def test_states_of_any_size_are_packed():
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 5), (8, 8), (9, 7), (13, 2)):
        told = (rng.random(shape) < 0.6).nonzero()
        finished = np.zeros(shape, dtype=bool)
        finished[told] = rng.random(told[0].size) < 0.5
        state = GlobalState(finished, rng.integers(-1, shape[1], shape[0]))
        again = GlobalState.unpack(*state.pack(told), told, shape)
        assert np.array_equal(again.finished, state.finished)
        assert np.array_equal(again.owners, state.owners)


def test_the_files_of_an_owner_are_those_that_name_it():
    rng = np.random.default_rng(1)
    for n_files, n_workers in (1, 1), (7, 3), (40, 9):
        for least in -1, 0:
            owners = rng.integers(least, n_workers, n_files, dtype=np.int16)
            state = GlobalState(np.ones((n_files, n_workers), dtype=bool),
                                owners)
            assert state.has_owners == (owners >= 0).any()
            files = np.flatnonzero(owners >= 0)
            assert np.array_equal(np.argwhere(state.owning),
                                  np.stack([files, owners[files]], axis=1))
            for worker in range(n_workers):
                assert state.owned(worker).tolist() == [
                    file for file in range(n_files) if owners[file] == worker]
    nobody = np.full(5, NOBODY, dtype=np.int16)
    assert not GlobalState(np.ones((5, 2), dtype=bool), nobody).has_owners


# --- who sends ---------------------------------------------------------

@every_transfer
def test_who_is_not_asked_has_no_part(transfer):
    for finished in states(transfer, 10, least(transfer)):
        state = transfer.signal(finished)
        senders = transfer.senders(state)
        assert not transfer.decoding(state).weights[:, ~senders].any()
        for worker in np.flatnonzero(senders):
            files, weights = transfer.encoding(int(worker), state)
            assert files.size and finished[files, worker].all()
            assert weights.shape[0] == files.size


@pytest.mark.parametrize('transfer', SUMS)
def test_owners_have_finished_their_files(transfer):
    for finished in states(transfer):
        state = transfer.signal(finished)
        assert finished[np.arange(len(finished)), state.owners].all()
        assert np.array_equal(transfer.sources(state), state.owners)


def test_nobody_sends_what_is_not_used():
    """In groups with the same files one whole worker is enough."""
    groups = Repetition(9, replication=3, load=3)
    transfer = Coded(groups, 1, False, Tandon(groups, 1))
    it = Table(transfer)
    full = np.array([1, 1, 0, 1, 0, 0, 0, 1, 1], dtype=bool)
    asked = it.ask(groups.incidence & full)
    used = transfer.decoding(it.table.state).weights.any(axis=0)
    assert used.sum() == 3 and np.array_equal(asked, used)
    it.send(np.flatnonzero(asked))
    contributors = it.resolve()[0].verdict.contributors
    assert np.array_equal(contributors.any(axis=0), used)


def test_owners_are_spread_when_everybody_is_through():
    owners = sums().signal(CYCLIC.incidence).owners
    assert np.bincount(owners, minlength=9).max() == 1


@pytest.mark.parametrize('copies', [1, 2])
def test_thinning_asks_fewer_and_loses_nothing(copies):
    thick, thin = coded(copies=copies), coded(copies=copies, thinning=True)
    fewer = 0
    for finished in states(thick, copies=copies):
        one, two = (transfer.signal(finished) for transfer in (thick, thin))
        assert not (two.finished & ~one.finished).any()
        assert (two.finished.sum(axis=1) >= copies).all()
        fewer += (thick.senders(one).sum() - thin.senders(two).sum())
    assert fewer > 0
    owners = sums(thinning=True).signal(CYCLIC.incidence).owners
    assert len(set(owners)) == 3        # 9 files, 4 a worker


# --- after a lost sender -----------------------------------------------

def lost(transfer, n=25):
    """States, one of their senders, and what is there without it."""
    rng, held = np.random.default_rng(5), incidence(transfer)
    for finished in states(transfer, n, least(transfer)):
        state = transfer.signal(finished)
        gone = int(rng.choice(np.flatnonzero(transfer.senders(state))))
        after = finished | held & (rng.random(held.shape) < 0.3)
        after[:, gone] = False
        short = after.sum(axis=1) < least(transfer)
        after[short] = held[short]
        after[:, gone] = False
        if (after.sum(axis=1) >= least(transfer)).all():
            yield finished, gone, after


@every_transfer
def test_those_who_are_not_asked_again_send_nothing_else(transfer):
    """A second signal: old vectors and new ones together are exact."""
    again = kept = 0
    for finished, gone, after in lost(transfer):
        it = Table(transfer, len(incidence(transfer)))
        it.send(np.flatnonzero(it.ask(finished)))
        before = it.table.state
        it.table.lose(gone)
        asked = it.ask(after)
        senders = it.table.senders
        assert not asked[gone] and not senders[gone]
        assert not (asked & ~senders).any()
        for worker in np.flatnonzero(senders):
            one, two = (transfer.encoding(int(worker), state)
                        for state in (before, it.table.state))
            same = (np.array_equal(one[0], two[0])
                    and np.allclose(one[1], two[1], rtol=0, atol=1e-12))
            # Nobody keeps a vector that is wrong now.
            assert asked[worker] or same
        it.send(np.flatnonzero(asked))
        again, kept = again + asked.sum(), kept + (senders & ~asked).sum()
        resolution, out = it.resolve()
        assert resolution.outcome is Outcome.CLEAN
        assert np.allclose(out, it.mean(), rtol=1e-5, atol=1e-5)
        assert not resolution.verdict.contributors[:, gone].any()
        it.table.release()
        assert len({id(it.pool.take()) for _ in range(it.pool.made)}
                   ) == it.pool.made
    assert again and (kept or MADE[transfer][0] is IRREGULAR)


@pytest.mark.parametrize('transfer', [
    param for param in TRANSFERS if 'coded' in param.id])
def test_files_that_lost_nothing_are_left_as_they_were(transfer):
    """New copies do not count where none is missing: nobody resends."""
    for finished, gone, after in lost(transfer):
        before = transfer.signal(finished)
        state = transfer.signal(after, before)
        kept = before.finished & after
        short = kept.sum(axis=1) < least(transfer)
        assert np.array_equal(state.finished[~short], kept[~short])
        assert np.array_equal(state.finished[short], after[short])


@pytest.mark.parametrize('transfer', SUMS)
def test_owners_stay_where_they_can(transfer):
    for finished, gone, after in lost(transfer):
        before = transfer.signal(finished)
        state = transfer.signal(after, before)
        stays = before.owners != gone
        assert np.array_equal(state.owners[stays], before.owners[stays])
        assert (state.owners[~stays] != gone).all()
        new = set(state.owners[~stays])
        assert set(np.flatnonzero(transfer.changed(before, state))) <= (
            new | {gone})


@pytest.mark.parametrize('cls', [Tandon, Raviv], ids=lambda cls: cls.name)
def test_codes_of_whole_workers_ask_only_who_is_new(cls):
    """Any 7 of 9 decode: one is lost, another one is through by now."""
    assignment = Cyclic(9, load=3)
    transfer = Coded(assignment, 1, False, cls(assignment, 1))
    full = np.ones(9, dtype=bool)
    full[[1, 5]] = False
    it = Table(transfer)
    it.send(np.flatnonzero(it.ask(assignment.incidence & full)))
    it.table.lose(3)
    full[[3, 5]] = False, True
    asked = it.ask(assignment.incidence & full)
    assert np.flatnonzero(asked).tolist() == [5]
    it.send([5])
    resolution, out = it.resolve()
    assert resolution.outcome is Outcome.CLEAN
    assert np.allclose(out, it.mean(), rtol=1e-4, atol=1e-4)


def test_three_signals_in_a_row():
    """Lost one after the other; the last state is exact from what is kept."""
    transfer = coded()
    it, finished = Table(transfer), CYCLIC.incidence.copy()
    it.send(np.flatnonzero(it.ask(finished)))
    for gone in (0, 4, 8):
        finished[:, gone] = False
        it.table.lose(gone)
        it.send(np.flatnonzero(it.ask(finished.copy())))
    assert np.allclose(it.resolve()[1], it.mean(), rtol=1e-5)


# --- incomplete --------------------------------------------------------

@pytest.mark.parametrize('copies', [1, 2, 3])
def test_what_lacks_copies_is_the_residual(copies):
    transfer, rng = coded(copies=copies), np.random.default_rng(0)
    for _ in range(25):
        finished = CYCLIC.incidence & (rng.random((9, 9)) < 0.3)
        it = Table(transfer)
        it.send(np.flatnonzero(it.ask(finished)))
        resolution, out = it.resolve()
        counts = finished.sum(axis=1)
        expected = np.sqrt(np.maximum(0, copies - counts).sum())
        assert resolution.residual == pytest.approx(expected)
        assert np.array_equal(
            resolution.verdict.source,
            np.where(counts > 0, CODED, -2))
        if expected:
            assert resolution.outcome is Outcome.INCOMPLETE
        if copies == 1 and finished.any():
            assert np.allclose(out, it.mean(counts > 0), rtol=1e-5,
                               atol=1e-5)


def test_sums_of_what_is_there():
    transfer, rng = sums(), np.random.default_rng(0)
    for _ in range(25):
        finished = CYCLIC.incidence & (rng.random((9, 9)) < 0.2)
        it = Table(transfer)
        it.send(np.flatnonzero(it.ask(finished)))
        there = finished.any(axis=1)
        resolution, out = it.resolve()
        assert resolution.residual == pytest.approx(np.sqrt((~there).sum()))
        assert (it.table.state.owners[~there] == NOBODY).all()
        assert np.allclose(out, it.mean(there), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('transfer', [coded(), coded(copies=2), sums()],
                         ids=['coded', 'coded-2', 'sums'])
def test_nothing_makes_no_update(transfer):
    it = Table(transfer)
    assert not it.ask(np.zeros((9, 9), dtype=bool)).any()
    resolution, out = it.resolve()
    assert resolution.outcome is Outcome.SKIPPED and not resolution.updates
    assert (out == 7).all()
    assert not resolution.verdict.contributors.any()


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_sum_that_is_not_finite_makes_no_update(value):
    it = Table(coded())
    it.gradients[3, 5] = value
    it.send(np.flatnonzero(it.ask(CYCLIC.incidence)))
    resolution, _ = it.resolve()
    assert resolution.outcome is Outcome.CONTRADICTION
    contradiction = resolution.verdict.contradiction
    assert contradiction.kind is ContradictionKind.NOT_FINITE
    assert 'not finite' in contradiction.text


# --- buffers -----------------------------------------------------------

def test_a_newer_vector_replaces_an_older_one():
    it = Table(coded())
    it.ask(CYCLIC.incidence)
    for _ in range(3):
        it.send(range(9))
    assert it.pool.made == 10           # nine, and one on its way
    it.table.release()
    it.table.release()
    assert len({id(it.pool.take()) for _ in range(10)}) == 10
    assert it.pool.made == 10


# --- arguments ---------------------------------------------------------

def test_thinning_needs_coefficients_that_follow_the_state():
    with pytest.raises(ValueError, match='least-squares'):
        Coded(CYCLIC, 1, True, Tandon(CYCLIC, 1))


def test_every_transfer_that_is_asked_is_tested_here():
    asked = {name for name, cls in registry.parts('transfer').items()
             if not cls.sends_at_once}
    # That which corrects errors is in test_published_schemes.
    assert asked == {Coded.name, Sums.name, Correcting.name}
