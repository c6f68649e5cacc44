"""What the machines say before the run, and whom that accuses."""

import re

import numpy as np
import pytest

from aspis_mpi.detection.equality import Equality, from_probe
from aspis_mpi.detection.probe import (
    ANSWER, DRAWS, FILES, answer, check, check_draws, check_support, examine,
    trials)
from aspis_mpi.detection.tensors import Tensors
from aspis_mpi.learning.batches import Batches


SECRET = bytes(range(16))
N, D = 5, 20_000


def truth(seed=0, n=N):
    return np.random.default_rng(seed).standard_normal((n, D)).astype('f4')


def noisy(gradients, noise, seed):
    random = np.random.default_rng(seed)
    drawn = random.standard_normal(gradients.shape)
    return (gradients * (1 + noise * drawn)).astype('f4')


def asked(workers, q, server=None):
    own = answer(truth() if server is None else server, SECRET)
    return examine(own, np.array([answer(worker, SECRET)
                                  for worker in workers]), q)


# --- which files -------------------------------------------------------

@pytest.mark.parametrize('f, batch', [
    (455, 1400), (455, 910), (16, 31), (16, 17), (5, 13), (3, 3), (1, 7),
    (1000, 1999)])
def test_every_size_is_tried_with_several_draws(f, batch):
    batches = Batches(7, 2000, batch, f)
    chosen = trials(batches.counts)
    assert chosen == sorted(set(chosen)) and len(chosen) <= FILES
    sizes = [batches.counts[file] for _, file in chosen]
    assert set(sizes) == set(batches.counts.tolist())
    for size in set(sizes):
        assert sizes.count(size) >= DRAWS
        drawn = {tuple(batches.samples(step, file)) for step, file in chosen
                 if batches.counts[file] == size}
        assert len(drawn) == sizes.count(size)


def test_the_files_that_are_tried_cost_no_more_than_a_few():
    for f in range(1, 60):
        for larger in range(f):
            counts = 2 + (np.arange(f) < larger)
            n = len(trials(counts))
            assert n <= min(FILES, max(f, 2 * DRAWS))
            assert len(trials(counts, most=2)) == 2


# --- what is said of them ----------------------------------------------

def test_an_answer_has_a_fixed_size():
    said = answer(iter(truth()), SECRET)
    assert said.shape == (N,) and said.dtype == ANSWER
    assert said.view(np.uint8).nbytes == N * (9 * 8 + 16 + 64 * 4)


def test_equal_machines_do_not_differ():
    probe = asked([truth()] * 7, q=3)
    assert not probe.differing.any()
    assert probe.largest == probe.median == 0
    check(probe, 0)


def test_the_last_bit_of_one_number_is_seen():
    changed = truth()
    smallest = np.abs(changed[3]).argmin()
    changed[3, smallest] = np.nextafter(changed[3, smallest], np.float32(9))
    probe = asked([truth(), changed, truth()], q=1)
    assert probe.differing.tolist() == [False, True, False]
    assert probe.deviations[1] < 1e-9
    check(probe, 1)
    with pytest.raises(ValueError, match="1 workers .* than q = 0: 1; .*set "
                       "detection.equality = 'tolerance'"):
        check(probe, 0)


@pytest.mark.parametrize('noise', [1e-7, 1e-6, 1e-4])
def test_noise_is_measured(noise):
    workers = [noisy(truth(), noise, seed) for seed in range(1, 16)]
    probe = asked(workers, q=3)
    exact = [max(np.linalg.norm((w - g).astype(float)) / np.linalg.norm(g)
                 for w, g in zip(worker, truth())) for worker in workers]
    assert probe.differing.all()
    assert (probe.deviations >= 0.5 * np.array(exact)).all()
    assert (probe.deviations <= 2.5 * np.array(exact)).all()
    assert 0.5 * noise < probe.median <= probe.largest < 3 * noise


def test_a_worker_counts_with_its_worst_file():
    workers = [truth() for _ in range(5)]
    workers[2][4] *= np.float32(1.01)
    probe = asked(workers, q=0)
    assert np.flatnonzero(probe.deviations > 5e-3).tolist() == [2]
    assert probe.median == 0 and probe.largest == probe.deviations[2]


def test_what_q_liars_answer_stays_within_what_honest_workers_do():
    honest = [noisy(truth(), 1e-6, seed) for seed in range(1, 9)]
    without = asked(honest, q=0)
    own = answer(truth(), SECRET)
    answers = np.array([answer(worker, SECRET) for worker in honest])
    for told in (np.nan, np.inf, -1.0, 1e300, 0.0):
        lies = np.array([own] * 3)
        lies['sketch'] = told
        probe = examine(own, np.concatenate([lies, answers]), q=3)
        assert probe.largest <= without.largest
        assert probe.median <= without.largest
    # Too many of them are for the premise to find, not for the probe.
    assert examine(own, np.concatenate([lies, answers]), 2).largest > 0.5


@pytest.mark.parametrize('n, q', [
    (n, q) for n in range(3, 16) for q in range(1, (n + 1) // 2)])
def test_liars_that_repeat_the_server_do_not_narrow_the_thresholds(n, q):
    """The median stays a honest one, also with more of them than n/3."""
    honest = [noisy(truth(n=1), 1e-6, seed) for seed in range(n - q)]
    probe = asked([truth(n=1)] * q + honest, q, server=truth(n=1))
    alone = np.sort(probe.deviations[q:])
    assert alone[0] > 0
    assert alone[-(-n // 2) - q - 1] <= probe.median <= alone[-1]
    assert from_probe(probe).tolerance >= 10 * alone[0]


def test_the_largest_is_said_where_half_compute_like_the_server():
    workers = [truth()] * 4 + [noisy(truth(), 1e-6, seed) for seed in (1, 2)]
    text = str(asked(workers, q=1))
    assert 'workers 4, 5 compute other bits' in text
    assert re.search(r'server, 0 apart in the median and at most 1\S*e-06 '
                     r'\(without the 1 farthest\)', text)


def test_a_server_of_another_kind_is_found():
    probe = asked([truth()] * 9, q=4, server=noisy(truth(), 1e-6, 1))
    assert probe.differing.all()
    with pytest.raises(ValueError, match='9 workers .* 4: 0, 1, 2, 3, 4, '
                       "5, 6, 7, 8; they are .*'tolerance'"):
        check(probe, 4)


def test_gradients_that_are_not_finite_agree():
    wrong = truth()
    wrong[0, 5] = np.nan
    probe = asked([wrong] * 3, q=1, server=wrong)
    assert probe.largest == 0 and not probe.differing.any()


# --- in which tensor ---------------------------------------------------

TENSORS = Tensors({'first.weight': D // 2, 'first.bias': 10,
                   'last.weight': D // 2 - 10})
#: An entry of each.
ENTRIES = {'first.weight': 3, 'first.bias': D // 2 + 3, 'last.weight': D - 1}


def changed(*names, file=0):
    """The truth but for the last bit of some tensors of a file."""
    gradients = truth()
    for name in names:
        gradients[file].view(np.uint32)[ENTRIES[name]] ^= np.uint32(1)
    return gradients


def located(workers, q, tensors=TENSORS):
    own = answer(truth(), SECRET, tensors)
    return examine(own, np.array([answer(worker, SECRET, tensors)
                                  for worker in workers]), q, tensors)


@pytest.mark.parametrize('file', range(N))
def test_the_first_tensor_that_differs_is_named(file):
    odd = changed('first.bias', 'last.weight', file=file)
    probe = located([truth(), odd, truth()], 0)
    assert probe.where == 'first.bias'
    with pytest.raises(ValueError, match='1 workers compute other bits .*'
                       'apart .*, first in first.bias; set detection'):
        check(probe, 0)


def test_nothing_is_named_without_names_or_differences():
    assert located([truth()] * 3, 1).where == ''
    nameless = located([changed('first.bias')] * 3, 1, Tensors({}))
    assert nameless.where == '' and nameless.differing.all()
    assert ', first in' not in str(nameless)


def test_liars_do_not_lead_astray_while_others_differ_alike():
    """They say that they differ in the first one, which nobody else does."""
    honest = [changed('last.weight')] * 3
    liars = [changed('first.weight')] * 2
    assert located(honest + liars, 2).where == 'last.weight'
    # Where no tensor has more than they can be, the most count.
    assert located([changed('first.bias')] + liars, 2).where == 'first.weight'


def test_a_worker_s_groups_decide_nothing():
    """Not even those that no tensor has."""
    own = answer(truth(), SECRET, TENSORS)
    said = np.array([own] * 3)
    said['groups'][:] = 255
    probe = examine(own, said, 0, TENSORS)
    assert not probe.differing.any()
    check(probe, 0)
    said = np.array([own] * 3)
    said['groups'][:, :, 3:] = 255
    assert examine(own, said, 0, TENSORS).where == ''
    said['digest'] ^= 1
    with pytest.raises(ValueError, match='3 workers'):
        check(examine(own, said, 0, TENSORS), 2)


def test_random_layers_need_equal_bits():
    odd = changed('last.weight')
    check_draws(located([odd, odd, truth()], 2), 2)
    with pytest.raises(ValueError, match='random numbers .*2 workers compute '
                       'other bits .*q = 1: 0, 1; .* first in last.weight; '
                       'use machines of one kind, or layers that draw'):
        check_draws(located([odd, odd, truth()], 1), 1)


# --- who supports whom -------------------------------------------------

def around(radius, n):
    """Answers to one file, each so far from the truth in its own way."""
    said = np.repeat(answer(truth(n=1), SECRET)[None], n, axis=0)
    for worker, sketch in enumerate(said['sketch'][:, 0]):
        sketch[worker] += radius * 8 ** 0.5 * sketch[-1]
    return said


@pytest.mark.parametrize('q', [0, 1, 2, 3])
def test_thresholds_with_which_nobody_is_supported_are_refused(q):
    """Near the server, but farther than that from each other."""
    own = answer(truth(n=1), SECRET)
    probe = examine(own, around(0.9e-5, 7), q)
    assert probe.median == pytest.approx(0.9e-5, rel=1e-3)
    check_support(probe, Equality(False, 1.3e-5, 1e-2))
    if not q:
        check_support(probe, Equality(False, 1e-5, 1e-2))
        return
    with pytest.raises(ValueError, match='of 7 workers at most 1 support .* '
                       f'fewer than {q + 1}, .*detection.tolerance higher'):
        check_support(probe, Equality(False, 1e-5, 1e-2))


def test_honest_workers_alone_are_always_enough():
    """Whatever liars answer, and where too few answer to outvote them."""
    own = answer(truth(n=1), SECRET)
    for n_honest, q in ((3, 2), (2, 2), (1, 2), (8, 7), (4, 1)):
        said = np.concatenate([around(0.5, q), around(1e-6, n_honest)])
        probe = examine(own, said, q)
        check_support(probe, from_probe(probe))
