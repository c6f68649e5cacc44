"""What must hold for lies about the protocol, and what the named ones do."""


import numpy as np
import pytest

from aspis_mpi.coding.challenge import compare
from aspis_mpi.coding.sketching import sketch
from tests.support.attack_parts import PROTOCOLS, adversaries_of, any_protocol


@any_protocol
@pytest.mark.parametrize('q', [0, 1, 3])
def test_only_adversaries_dawdle_and_always_the_same(part, q):
    adversaries = adversaries_of(q)
    before = adversaries.copy()
    first, second = part(7), part(7)
    for step in (5, 0, 5, 1, 2):
        dawdle = first.dawdlers(step, adversaries)
        assert dawdle.dtype == bool and not (dawdle & ~adversaries).any()
        assert np.array_equal(dawdle, second.dawdlers(step, adversaries))
        assert not dawdle.any() or part.timing and first.seconds > 0
    assert np.array_equal(adversaries, before)


@any_protocol
def test_what_is_claimed_is_what_the_worker_has(part):
    """As bits of its load, and no less than what is finished."""
    for finished in 0, 0b1, 0b1011:
        claimed = part(7).claims(finished, 5)
        assert claimed & finished == finished and not claimed >> 5


@pytest.mark.parametrize('period', [1, 3])
def test_silence_goes_round(period):
    part = PROTOCOLS['intermittent'](7, period=period)
    adversaries = np.array([True, False, True, True, False])
    turns = [np.flatnonzero(part.dawdlers(step, adversaries)).tolist()
             for step in range(6 * period)]
    assert turns == [[worker] for worker in [0, 2, 3] * 2
                     for _ in range(period)]
    assert part.seconds == np.inf


def test_all_that_are_late_are_so_in_every_step():
    part = PROTOCOLS['late'](7, seconds=0.5)
    assert part.seconds == 0.5
    for step in range(3):
        assert np.array_equal(part.dawdlers(step, adversaries_of(3)),
                              adversaries_of(3))


@pytest.mark.parametrize('copies', [1, 2])
@pytest.mark.parametrize('size', [0.9e-9, 1e-3])
def test_sketches_are_off_by_the_same_to_either_side(size, copies):
    """Of adversaries by ascending number; norms stay."""
    rng = np.random.default_rng(copies)
    right = sketch([rng.standard_normal(500).astype(np.float32)
                    for _ in range(4)], copies, bytes(16))
    part = PROTOCOLS['straddle'](7, size=size)
    part.meet(np.isin(np.arange(9), [1, 2, 5, 8]))
    shown = {}
    for worker in 1, 2, 5, 8:
        shown[worker] = right.copy()
        part.sketches(0, 0, worker, shown[worker], None, None)
        assert np.array_equal(shown[worker][:, -1], right[:, -1])
        distance = compare(shown[worker], right)
        np.testing.assert_allclose(distance, size, rtol=1e-4)
    assert np.array_equal(shown[1], shown[5])
    assert np.array_equal(shown[2], shown[8])
    np.testing.assert_allclose(compare(shown[1], shown[2]), 2 * size,
                               rtol=1e-4)


@pytest.mark.parametrize('name, option, value, message', [
    ('straddle', 'size', -1.0, 'size -1.0 must be at least 0'),
    ('late', 'seconds', 0.0, 'seconds 0.0 must be finite and above 0'),
    ('late', 'seconds', float('inf'), 'seconds inf must be finite'),
    ('intermittent', 'period', 0, 'period 0 must be at least 1')])
def test_a_wrong_option_of_a_protocol_is_named(name, option, value, message):
    with pytest.raises(ValueError, match=message):
        PROTOCOLS[name](7, **{option: value})
