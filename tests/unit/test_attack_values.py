"""What must hold for every forged value, and what the named ones do."""

import warnings

import numpy as np
import pytest

from aspis_mpi import arrays
from aspis_mpi.attacks.misled import Misled
from tests.support.attack_parts import VALUES, any_lie, any_value


D = 257


def truth(seed, *shape):
    rng = np.random.default_rng(seed)
    return (3 + rng.standard_normal(shape)).astype(np.float32)


def true_means(step=0):
    return truth((11, step), 32, D)


def forged(value, honest, n_samples=2, step=0, file=0, colluders=None):
    out = np.full_like(honest, 7)
    value.forge(honest, n_samples, step, file,
                colluders or (lambda: true_means(step)), out)
    return out


@any_value
def test_equal_liars_send_equal_bits(part):
    # The second object comes to the same file by another way.
    first, second = part(7), part(7)
    forged(first, truth(0, D), step=1, file=3)
    forged(second, truth(1, D), step=4, file=0)
    for step, file in [(2, 5), (2, 1), (3, 5)]:
        honest = truth((step, file), D)
        assert arrays.equal_bits(forged(first, honest, step=step, file=file),
                                 forged(second, honest, step=step, file=file))


@any_lie
@pytest.mark.parametrize('honest', [
    truth(0, D), np.zeros(D, np.float32), -np.zeros(D, np.float32),
    np.full(D, np.nan, np.float32), np.full(D, -200, np.float32),
    np.full(D, 3e38, np.float32)],
    ids=['some', 'zero', 'minus-zero', 'nan', 'constant', 'huge'])
def test_a_lie_is_never_the_truth(part, honest):
    before = honest.copy()
    for file in range(40):
        lie = forged(part(7), honest, file=file)
        assert lie.dtype == np.float32
        assert not arrays.equal_bits(lie, honest)
        # Signs of zeros are no lie that a sum would show.
        assert not np.array_equal(lie, honest)
    assert arrays.equal_bits(honest, before)


@any_lie
def test_a_lie_differs_even_from_a_truth_that_looks_like_it(part):
    lie = forged(part(7), truth(0, D))
    assert not arrays.equal_bits(forged(part(7), lie), lie)


@any_value
def test_a_huge_gradient_makes_no_warning(part):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        forged(part(7), np.full(D, 3e38, np.float32))


@any_value
def test_only_colluders_look_at_other_files(part):
    """Once a step; who is misled computes each file anew."""
    value, calls = part(7), []

    def colluders():
        calls.append(None)
        return true_means()

    for file in range(91):
        forged(value, truth(file, D), file=file, colluders=colluders)
    misled = issubclass(part, Misled)
    assert len(calls) == (91 if misled else 1 if value.sample else 0)


def test_what_is_honest_is_the_truth():
    honest = truth(0, D)
    assert arrays.equal_bits(forged(VALUES['honest'](7), honest), honest)


def test_reversed_and_constant_are_what_they_say():
    honest = truth(0, D)
    assert np.array_equal(forged(VALUES['reversed'](7), honest),
                          np.float32(-100) * honest)
    assert np.array_equal(forged(VALUES['reversed'](7, scale=2.0), honest),
                          -2 * honest)
    lie = forged(VALUES['constant'](7, scale=5.0), honest, n_samples=3)
    assert (lie == -15).all()


def test_nan_is_nowhere_finite():
    assert np.isnan(forged(VALUES['nan'](7), truth(0, D))).all()


@pytest.mark.parametrize('n_samples', [1, 3])
def test_alie_and_foe_follow_their_papers(n_samples):
    rows = true_means().astype(np.float64)
    alie = forged(VALUES['alie'](7, z=1.5), truth(0, D), n_samples)
    spread = np.sqrt(((rows - rows.mean(0)) ** 2).sum(0) / 32)
    np.testing.assert_allclose(
        alie, n_samples * (rows.mean(0) + 1.5 * spread), rtol=1e-6)
    foe = forged(VALUES['foe'](7, epsilon=0.5), truth(0, D), n_samples)
    np.testing.assert_allclose(foe, -0.5 * n_samples * rows.mean(0),
                               rtol=1e-6)


@pytest.mark.parametrize('name', ['alie', 'foe'])
def test_colluders_agree_across_blocks_and_layouts(name):
    rows = truth(0, 5, 40_000)
    honest = truth(1, 40_000)
    whole = forged(VALUES[name](7), honest, colluders=lambda: rows)
    turned = forged(VALUES[name](7), honest,
                    colluders=lambda: np.asfortranarray(rows))
    assert arrays.equal_bits(whole, turned)
    few = forged(VALUES[name](7), honest[-9:],
                 colluders=lambda: rows[:, -9:])
    assert arrays.equal_bits(whole[-9:], few)


def test_a_bit_flip_changes_one_bit_and_any_bit():
    honest, bits, entries = truth(0, D), set(), set()
    for file in range(500):
        lie = forged(VALUES['bit-flip'](7), honest, file=file)
        changed = lie.view(np.uint32) ^ honest.view(np.uint32)
        entry, = np.flatnonzero(changed)
        entries.add(int(entry))
        bits.add(int(changed[entry]))
    assert bits == {1 << bit for bit in range(32)}
    assert len(entries) > D / 2


def test_bit_flips_follow_seed_step_and_file():
    honest = truth(0, D)
    lies = [forged(VALUES['bit-flip'](seed), honest, step=step, file=file)
            .tobytes() for seed in range(4) for step in range(4)
            for file in range(4)]
    assert len(set(lies)) > 60


def error_of(lie, honest):
    """What was added to the truth, and its length over that of the truth."""
    error = lie.astype(np.float64) - honest
    return error, np.linalg.norm(error) / np.linalg.norm(
        honest.astype(np.float64))


@pytest.mark.parametrize('direction', ['shared', 'apart', 'against'])
@pytest.mark.parametrize('size', [1e-4, 3e-3])
def test_a_lie_in_between_is_as_far_off_as_it_says(size, direction):
    value = VALUES['between'](7, apart=size, direction=direction).of(3)
    for file in range(5):
        honest = truth(file, 40_000)
        error, distance = error_of(forged(value, honest, file=file), honest)
        assert abs(distance / size - 1) < 1e-2
        lean = error @ honest / (np.linalg.norm(error)
                                 * np.linalg.norm(honest))
        assert lean < -0.99 if direction == 'against' else abs(lean) < 0.05


def test_lies_in_between_are_the_same_for_all_unless_they_are_apart():
    honest = truth(0, D)
    for direction, alike in ('shared', True), ('against', True), (
            'apart', False):
        value = VALUES['between'](7, direction=direction)
        one, other = value.of(0), value.of(1)
        assert (one is other) == alike
        lies = [forged(liar, honest, step=2, file=5) for liar in (
            one, other, VALUES['between'](7, direction=direction).of(0))]
        assert arrays.equal_bits(lies[0], lies[1]) == alike
        assert arrays.equal_bits(lies[0], lies[2])


def test_a_floor_holds_where_a_gradient_has_almost_vanished():
    """Half of it is more than the size of an ordinary one, but less than
    that of one that is hardly there."""
    value = VALUES['between'](7, apart=1e-3, floor=5e-4)
    typical = np.linalg.norm(true_means(), axis=1).mean()
    for scale, length in (1.0, 1e-3 * typical), (1e-6, 1e-3 * typical):
        honest = np.float32(scale) * truth(0, D)
        error, _ = error_of(forged(value, honest, n_samples=2), honest)
        assert abs(np.linalg.norm(error) / length - 1) < 0.05


@pytest.mark.parametrize('name, option, value, message', [
    ('between', 'apart', 0.0, 'apart 0.0 must be finite and above 0'),
    ('between', 'floor', -1.0, 'floor -1.0 must be at least 0'),
    ('reversed', 'scale', -1.0, 'scale -1.0 must be at least 0'),
    ('reversed', 'scale', float('nan'), 'scale nan must be finite'),
    ('constant', 'scale', float('inf'), 'scale inf must be finite'),
    ('alie', 'z', float('inf'), 'z inf must be finite'),
    ('alie', 'sample', 1, 'sample 1 must be at least 2'),
    ('foe', 'epsilon', -0.5, 'epsilon -0.5 must be at least 0'),
    ('foe', 'sample', 0, 'sample 0 must be at least 1'),
    ('stale', 'age', 0, 'age 0 must be between 1 and 1000'),
    ('stale', 'age', 1001, 'age 1001 must be between 1 and 1000'),
])
def test_wrong_options_are_named_with_their_bound(name, option, value,
                                                  message):
    with pytest.raises(ValueError, match=message):
        VALUES[name](7, **{option: value})
