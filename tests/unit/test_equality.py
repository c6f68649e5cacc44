"""Two thresholds: by the probe, from step to step, and of what."""

from types import SimpleNamespace

import numpy as np
import pytest

from aspis_mpi.coding.challenge import PAYLOAD
from aspis_mpi.coding.scrutiny import SKETCHED
from aspis_mpi.detection.equality import BITS, FLOOR, Equality, from_probe
from aspis_mpi.learning.models.mlp import Perceptron
from aspis_mpi.learning.problems.digits import Digits

LINE = Equality(False, 1.0, 3.0)
#: Thresholds of sketches, by the type of their products.
FINE, COARSE = (SKETCHED[name].thresholds for name in ('float64', 'float32'))


@pytest.mark.parametrize('thresholds', [
    (-1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0), (0.0, np.nan)])
def test_thresholds_out_of_order_are_refused(thresholds):
    with pytest.raises(ValueError, match='tolerance'):
        Equality(False, *thresholds)


@pytest.mark.parametrize(('median', 'tolerance'), [
    (0.0, 1e-6), (3e-9, 1e-6), (3e-7, 3e-6), (1e-5, 1e-4), (9e-5, 1e-4)])
@pytest.mark.parametrize(('largest', 'disagreement'), [
    (2e-4, 1.0), (0.05, 1.0), (0.2, 2.0)])
def test_thresholds_by_the_probe(median, tolerance, largest, disagreement):
    found = from_probe(SimpleNamespace(median=median, largest=largest))
    assert not found.exact
    assert found.tolerance == pytest.approx(tolerance)
    assert found.disagreement == pytest.approx(disagreement)


@pytest.mark.parametrize(('median', 'largest', 'tolerance', 'disagreement',
                          'text'), [
    (1e-6, 1e-5, 9e-7, None, r'tolerance = 9e-07 must be at least 1e-06'),
    (1e-6, 1e-5, 2e-4, None, r'tolerance = 0.0002 must be at most 0.0001'),
    (2e-4, 1e-3, None, None, r'differ from the server by 0.0002'),
    (2e-4, 1e-3, 1e-4, None, r'differ from the server by 0.0002'),
    (1e-6, 1e-2, None, 5e-3, r'disagreement = 0.005 must be at least 0.01'),
    (1e-6, 5e-4, 5e-5, 2e-4, r'disagreement = 0.0002 must be at least 0.0005'),
    (1e-6, 1e-6, 5e-5, 2e-5, r'must be at least 0.0001, twice the tolerance'),
    (1e-6, np.inf, None, None, 'finite')])
def test_thresholds_that_machines_do_not_meet_are_refused(
        median, largest, tolerance, disagreement, text):
    probe = SimpleNamespace(median=median, largest=largest)
    with pytest.raises(ValueError, match=text):
        from_probe(probe, tolerance, disagreement)


@pytest.mark.parametrize('size', [1, 2, 8])
@pytest.mark.parametrize('steps', [0, 100])
def test_one_rectifier_of_one_sample_is_no_disagreement(size, steps):
    """Machines may differ in it, where a sum is 0 but for rounding."""
    digits = Digits(7, Perceptron(64, 10))
    random, model = np.random.default_rng(7), digits.model
    inputs, labels = digits.training
    values = model.initial(random)
    for _ in range(steps):
        batch, out = random.integers(len(inputs), size=64), np.zeros_like(
            values)
        model.gradient(values, inputs[batch], labels[batch], out)
        values -= np.float32(0.5 / 64) * out
    away = from_probe(SimpleNamespace(median=0.0, largest=0.0)).disagreement

    weight1, bias1, weight2, bias2 = model.views(values)
    for _ in range(100):
        file, out = random.integers(len(inputs), size=size), np.zeros_like(
            values)
        model.gradient(values, inputs[file], labels[file], out)
        hidden = np.maximum(inputs[file] @ weight1.T + bias1, 0)
        shares = np.exp(hidden @ weight2.T + bias2)
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(size), labels[file]] -= 1
        # What comes back to each unit, open or not.
        moved = np.abs(shares @ weight2) * np.sqrt(
            1 + (inputs[file] ** 2).sum(axis=1))[:, None]
        assert 0.05 < moved.max() / np.linalg.norm(out) < away


def test_thresholds_by_the_user():
    probe = SimpleNamespace(median=1e-6, largest=1e-3)
    assert from_probe(probe, 1e-6, 1e-3) == Equality(False, 1e-6, 1e-3)


def test_a_tolerance_is_never_below_what_sketches_differ_by():
    assert LINE.of_sketches(FINE) is LINE
    tight = Equality(False, 1e-6, 2.0, follows=True)
    assert tight.of_sketches(FINE) is tight
    assert tight.of_sketches(COARSE) == Equality(False, 5e-6, 2.0, True)
    assert BITS.of_sketches(COARSE) == Equality(False, 5e-6, 5e-5)
    assert COARSE[0] < PAYLOAD, 'a file may be off by more than a sum'


# --- from step to step -------------------------------------------------

def test_a_tolerance_follows_slowly_and_within_bounds():
    start = Equality(False, 1e-5, 1e-2, True)
    assert start.after(np.nan) is start
    assert start.after(1e-6).tolerance == pytest.approx(1e-5)
    assert start.after(1.5e-6).tolerance == pytest.approx(1.5e-5)
    assert start.after(1.0).tolerance == pytest.approx(2e-5)
    assert start.after(np.inf).tolerance == pytest.approx(2e-5)
    assert start.after(0.0).tolerance == pytest.approx(0.99e-5)
    wide = narrow = start
    for _ in range(300):
        wide, narrow = wide.after(np.inf), narrow.after(0.0)
    assert wide.tolerance == 1e-4 and narrow.tolerance == 1e-6
    assert wide.disagreement == narrow.disagreement == 1e-2
    # What the job says stays.
    fixed = Equality(False, 1e-5, 1e-2)
    assert fixed.after(1.0) is fixed


@pytest.mark.parametrize('disagreement', [3e-6, 5e-4, 1e-2, 0.5])
def test_a_disagreement_is_far_from_support(disagreement):
    equality = Equality(False, 1e-6, disagreement, True)
    for _ in range(99):
        equality = equality.after(1.0)
    assert equality.tolerance <= max(1e-6, disagreement / 100)
    assert 2 * equality.tolerance <= disagreement


def test_only_a_tolerance_that_nobody_gave_follows():
    probe = SimpleNamespace(median=1e-6, largest=1e-3)
    assert from_probe(probe).follows
    assert from_probe(probe, disagreement=0.1).follows
    assert not from_probe(probe, 1e-5).follows
    assert not BITS.follows


# --- what a distance is relative to ------------------------------------

def test_distances_are_relative_to_what_counts():
    equality = Equality(False, 1e-6, 1e-2)
    assert equality.share == pytest.approx(1e-2)
    gaps = np.array([0.9e-6, 1.1e-6, 0.9e-4, 1.1e-4])

    def judged(norm):
        found = equality.distance(lambda floor: gaps / max(norm, floor), 1.0)
        # One at a time, as plain numbers, they are the same.
        assert found.tolist() == [float(equality.distance(
            lambda floor: gap / max(norm, floor), 1.0))
            for gap in gaps.tolist()]
        return np.where(found <= 1e-6, 's', np.where(
            found > 1e-2, 'd', ' ')).tolist()
    # As large as a typical file; one that has vanished.
    assert judged(1.0) == ['s', ' ', ' ', ' ']
    assert judged(1e-9) == ['s', ' ', ' ', 'd']
    # A larger one, by its own norm.
    assert judged(1e2) == ['s'] * 3 + [' ']


def test_thresholds_of_bits_have_one_floor():
    assert BITS.share == BITS.of_sketches(FINE).share == 1
    assert BITS.floor([1.0, 2.0, 9.0], 1) == FLOOR * 2.0
    assert np.isnan(BITS.floor(np.empty(0), 0))


def test_the_typical_norm_is_no_larger_than_honest_ones_make_it():
    equality = Equality(False, 1e-6, 1e-2)
    honest = [1.0, 2.0, 3.0]
    assert equality.floor(honest, 0) == 2.0
    assert equality.floor([*honest, 1e30, 1e20], 2) == 2.0
    assert equality.floor([1e30, *honest], 9) == 1.0
    assert np.isnan(equality.floor([], 3))
