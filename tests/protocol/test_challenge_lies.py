"""Lies about vectors, sketches and norms: caught, or harmless."""

import numpy as np
import pytest

from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.backends.simulated import Network
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.schemes.record import Outcome
from tests.support.challenged_jobs import (
    SUBSET, OnOneFile, Run, assembled, liars)
from tests.support.coded_jobs import distance

def test_a_vector_against_its_own_sketches_exposes():
    """Whatever q is: it needs no other worker."""
    for q in 1, 4:
        it = Run(assembled(**SUBSET, scheme={'adversaries': q}, adversary=(
            liars(3, protocol='payloads')), collection={'name': 'all'}))
        assert it.last.exposed.nonzero()[0].tolist() == [3]
        assert 'its own sketches' in it.texts[0]


def test_more_liars_than_assumed_are_named_when_the_run_ends():
    """And nobody is told that they speak another protocol."""
    it = Run(assembled(run={'steps': 9}, scheme={'adversaries': 1},
                       adversary=liars(0, 1, 2, protocol='payloads',
                                       files='random', rate=0.0)))
    assert it.code == FAILED
    named = [worker for worker in range(9) if any(
        f'worker {worker} sent a vector that is not what its own sketches '
        'add up to' in text for text in it.texts)]
    assert len(named) >= 2 and set(named) <= {0, 1, 2}
    assert 'more workers than scheme.adversaries are proved' in it.texts[-1]


def test_a_disagreement_alone_exposes_nobody():
    """Fails where whoever is outside an accepted class is taken as proved
    wrong: then a liar could have two honest workers exposed."""
    quiet = 0
    for place in range(28):
        it = Run(assembled(**SUBSET, collection={'name': 'all'},
                           adversary=liars(1)), {1: OnOneFile({1: place})})
        assert not it.exposes_honest()
        if 'own sketches' in ' '.join(it.texts):
            continue
        quiet += 1
        assert it.last.disagreements[1].sum() == 2
        assert not it.last.exposed.any()
    assert quiet > 10


def test_who_is_patient_lies_after_the_first_challenge_alone():
    """The truth says exactly in which steps the update is wrong.

    Nothing is certified where three may lie and two hold each file, of which
    the largest are dropped: so there is a second epoch.
    """
    wrong = []
    for seed in range(40):
        it = Run(assembled(
            run={'steps': 1, 'seed': seed}, scheme={'adversaries': 3},
            assignment={'name': 'cyclic', 'load': 2},
            collection={'name': 'all'}, adversary=liars(
                0, 1, 2, protocol='patient', scale=1.0)))
        wrong.append(it.wrong_files()[0] > 0)
        assert (distance(it.values, it.truth()) > 1e-5) == wrong[-1]
        assert not it.last.exposed.any()
        assert it.last.epochs > 1 or not wrong[-1]
    # Otherwise nothing would be said of it.
    assert any(wrong) and not all(wrong)


class Hidden(Protocol):
    """An error in each vector, allowed by norms that are too large."""

    def __init__(self, error, factor):
        super().__init__(0)
        self._error, self._factor = error, factor

    def payload(self, step, epoch, worker, values):
        values += np.float32(self._error)

    def sketches(self, step, epoch, worker, own, weights, sketch):
        own[:, -1] *= self._factor


@pytest.mark.parametrize('error', [0.0, 1.0, 1e6])
@pytest.mark.parametrize('factor', [0.0, 1e-3, 0.99, 1.01, 1e3, 1e12, -1.0])
def test_norms_that_are_not_right_hide_nothing(factor, error):
    """Fails where norms are not compared: the error that a vector may have
    grows with the norms that its sender claims."""
    for transfer in 'sums', 'coded':
        it = Run(assembled(run={'steps': 1}, collection={'name': 'all'},
                           transfer={'name': transfer},
                           adversary=liars(0, 4)),
                 dict.fromkeys((0, 4), Hidden(error, factor)))
        assert not it.last.contributors[:, [0, 4]].any()
        assert not it.exposes_honest() and (it.last.source != -2).all()
        assert distance(it.values, it.truth()) < 1e-4


@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_sketches_that_fit_a_wrong_vector_do_not_fit_those_of_others(
        transfer):
    """Fails where a vector counts that passes its own sender's sketches.

    An error so large that the vector is longer than its files together
    would fail there, too.
    """
    it = Run(assembled(**SUBSET, collection={'name': 'all'},
                       transfer={'name': transfer},
                       adversary=liars(0, 4, protocol='consistent',
                                       size=0.1)))
    assert 'own sketches' not in ' '.join(it.texts)
    assert not it.last.contributors[:, [0, 4]].any()
    assert it.last.epochs > 1 and not it.exposes_honest()
    assert distance(it.values, it.truth()) < 1e-4


class Puts(Protocol):
    """A number in a place of what is sent."""

    def __init__(self, where, number, everywhere):
        super().__init__(0)
        self._where, self._number = where, number
        self._part = slice(None) if everywhere else slice(0, 1)

    def payload(self, step, epoch, worker, values):
        if self._where == 'vector':
            values[self._part] = self._number

    def sketches(self, step, epoch, worker, own, weights, sketch):
        if self._where == 'sketch':
            own[self._part, :-1] = self._number
        if self._where == 'norm':
            own[self._part, -1] = self._number


@pytest.mark.parametrize('number', [
    np.nan, np.inf, -np.inf, 1e30, -1e30, 3e38, 1e-45, 0.0])
@pytest.mark.parametrize('where', ['vector', 'sketch', 'norm'])
@pytest.mark.parametrize('everywhere', [False, True])
def test_what_is_no_number_of_a_gradient_is_caught_or_harmless(
        where, number, everywhere):
    """Fails where a comparison with NaN lets something pass, or raises."""
    with np.errstate(all='raise', under='ignore'):
        for transfer, copies in ('sums', 1), ('coded', 1), ('coded', 2):
            lie = Puts(where, number, everywhere)
            it = Run(assembled(
                transfer={'name': transfer}, collection={'copies': copies},
                adversary=liars(0, 4)), dict.fromkeys((0, 4), lie),
                network=Network(0.3 * everywhere))
            assert it.code == DONE and not it.exposes_honest()
            assert all(record.verdict > Outcome.INCOMPLETE
                       for record in it.records)
            assert distance(it.values, it.truth()) < 1e-4


@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_a_claim_is_not_a_copy(transfer):
    """Fails where a file that was claimed, and not shown, is taken for one
    that has copies enough: then files are missing."""
    it = Run(assembled(run={'steps': 4}, transfer={'name': transfer},
                       adversary=liars(0, 4, protocol='counts')))
    assert it.code == DONE and not it.exposes_honest()
    for record in it.records:
        assert record.files_certified == 9
        assert (record.source != -2).all()
    assert distance(it.values, it.truth()) < 1e-4


class OneMore(Protocol):
    """Each file is reported with the one before it."""

    def __init__(self):
        super().__init__(0)

    def claims(self, finished, load):
        return (finished << 1 | 1) & (1 << load) - 1


def test_another_copy_is_waited_for_instead_of_one_that_was_claimed():
    """Fails where a file that lacks a copy at the challenge is given up:
    two workers that disagree with it do not expose who made the claim."""
    waited = 0
    for seed in range(40):
        it = Run(assembled(run={'seed': seed, 'steps': 1},
                           adversary=liars(0)), {0: OneMore()})
        waited += it.last.epochs > 1 or it.last.disagreements.any()
        assert it.last.files_certified == 9
        assert (it.last.source >= 0).all() and not it.exposes_honest()
    assert waited > 5
