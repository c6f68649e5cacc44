"""Lies of published attacks: that they are what their papers say."""

import numpy as np
import pytest
from scipy.stats import norm

from aspis_mpi import arrays
from aspis_mpi.attacks.attack import Attack
from aspis_mpi.attacks.optimal import largest
from aspis_mpi.attacks.values.alie import deviations
from tests.support.attack_parts import FILES, SUBSET, VALUES, WHO
from tests.support.robust_cases import RULES, applied

D = 300


def gradients(m=12, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((m, D)) * rng.uniform(0.5, 2, (m, 1))
    return (rows + rng.standard_normal(D)).astype(np.float32)


def forged(value, rows, n_samples=1, step=0, file=0):
    out = np.empty(rows.shape[1], dtype=np.float32)
    honest = np.full(rows.shape[1], 5, dtype=np.float32)
    value.forge(honest, n_samples, step, file, lambda: rows, out)
    return out


def test_ipm_is_a_small_foe():
    rows = gradients()
    assert arrays.equal_bits(forged(VALUES['ipm'](7), rows),
                             forged(VALUES['foe'](7, epsilon=0.1), rows))
    np.testing.assert_allclose(forged(VALUES['ipm'](7), rows),
                               -0.1 * rows.mean(axis=0), rtol=1e-4,
                               atol=1e-6)


def test_gaussian_noise_has_its_deviation_and_is_drawn_anew():
    rows = np.zeros((1, 50_000), dtype=np.float32)
    value = VALUES['gaussian'](7, deviation=3.0)
    lies = [forged(value, rows, 2, step, file) for step, file in (
        (0, 0), (0, 1), (1, 0))]
    for lie in lies:
        assert abs(lie.mean()) < 0.1 and abs(lie.std() / 6 - 1) < 0.02
    assert np.abs(np.corrcoef(lies) - np.eye(3)).max() < 0.03
    other = forged(VALUES['gaussian'](8, deviation=3.0), rows, 2)
    assert not arrays.equal_bits(other, lies[0])


@pytest.mark.parametrize('seed', range(5))
def test_a_mimic_copies_the_file_that_stands_out(seed):
    rows = gradients(seed=seed)
    centred = rows - rows.mean(axis=0, dtype=float)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    chosen = np.abs(centred @ direction).argmax()
    assert arrays.equal_bits(forged(VALUES['mimic'](7), rows), rows[chosen])


def test_a_mimic_may_be_told_whom_to_copy():
    rows = gradients()
    assert arrays.equal_bits(forged(VALUES['mimic'](7, copied=3), rows),
                             rows[3])
    assert arrays.equal_bits(forged(VALUES['mimic'](7, copied=30), rows),
                             rows[-1])


def gaps(rows, lie):
    """Squared distances of true gradients to each other and to a lie."""
    rows, lie = rows.astype(float), lie.astype(float)
    return (np.square(rows[:, None] - rows).sum(axis=2),
            np.square(rows - lie).sum(axis=1))


@pytest.mark.parametrize('direction, way', [
    ('unit', lambda rows: -rows.mean(axis=0)),
    ('std', lambda rows: -rows.std(axis=0)),
    ('sign', lambda rows: -np.sign(rows.mean(axis=0)))])
@pytest.mark.parametrize('seed', range(3))
def test_lies_go_as_far_as_true_gradients_do(direction, way, seed):
    """Just so far, and in the direction that was chosen."""
    rows = gradients(seed=seed)
    for name in 'min-max', 'min-sum':
        lie = forged(VALUES[name](7, direction=direction), rows)
        apart, away = gaps(rows, lie)
        if name == 'min-max':
            np.testing.assert_allclose(away.max(), apart.max(), rtol=1e-4)
        else:
            np.testing.assert_allclose(away.sum(), apart.sum(axis=1).max(),
                                       rtol=1e-4)
        rows_ = rows.astype(float)
        moved, along = lie - rows_.mean(axis=0), way(rows_)
        lean = moved @ along / np.linalg.norm(moved) / np.linalg.norm(along)
        assert lean > 1 - 1e-6


@pytest.mark.parametrize('name', ['min-max', 'min-sum'])
def test_where_all_are_equal_there_is_no_room(name):
    rows = np.tile(gradients(1), (5, 1))
    np.testing.assert_allclose(forged(VALUES[name](7), rows), rows[0],
                               rtol=1e-6)


@pytest.mark.parametrize('n, m', [(50, 24), (50, 12), (15, 3), (25, 5),
                                  (7, 3)])
def test_deviations_of_alie_follow_its_algorithm(n, m):
    supporters = np.floor(n / 2 + 1) - m
    expected = norm.ppf((n - m - supporters) / (n - m))
    assert abs(deviations(n, m) - expected) < 1e-9


@pytest.mark.parametrize('options, counts', [
    ({}, (15, 4)), ({'values': 40}, (40, 4)),
    ({'values': 40, 'wrong': 9}, (40, 9))])
def test_alie_takes_its_numbers_from_the_job_or_as_given(options, counts):
    value = VALUES['alie'](7, z='paper', **options)
    Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7), value=value)
    z, rows = deviations(*counts), gradients()
    expected = rows.mean(axis=0, dtype=float) + z * rows.std(
        axis=0, dtype=float)
    np.testing.assert_allclose(forged(value, rows), expected, rtol=1e-5,
                               atol=1e-6)


def test_without_liars_alie_asks_for_nothing():
    value = VALUES['alie'](7, z='paper')
    Attack(WHO['fixed'](15, 0, 7), FILES['all'](SUBSET, 7), value=value)


@pytest.mark.parametrize('options, words', [
    ({'z': 'paper', 'wrong': 8}, 'wrong 8 .* less than half of values, 15'),
    ({'z': 'paper', 'values': 8}, 'wrong 4 .* less than half of values, 8'),
    ({'z': 2.0, 'values': 8}, "z 2.0 must be 'paper' where values")])
def test_alie_needs_an_honest_majority(options, words):
    with pytest.raises(ValueError, match=words):
        Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7),
               value=VALUES['alie'](7, **options))


@pytest.mark.parametrize('top', [0.0, 0.3, 2.0, 77.0])
@pytest.mark.parametrize('evaluations', [1, 2, 40])
def test_the_search_keeps_its_budget_and_finds_the_top(top, evaluations):
    asked = []

    def score(x):
        asked.append(x)
        return -abs(x - top)

    found = largest(score, evaluations)
    assert len(asked) == evaluations and min(asked) >= 0
    assert abs(found - top) == min(abs(x - top) for x in asked)
    if evaluations == 40:
        assert abs(found - top) < 0.05 * max(top, 1)


def harm(rule, rows, lie, n_lies):
    """Distance of what a rule makes of it from the true mean."""
    n = len(rows) + n_lies
    found = applied(RULES[rule](n, n_lies, n_lies),
                    [*rows, *[lie] * n_lies])
    return np.linalg.norm(found - rows.mean(axis=0, dtype=float))


@pytest.mark.parametrize('name', ['optimal-alie', 'optimal-ipm'])
@pytest.mark.parametrize('rule', ['mean', 'median', 'trimmed-mean', 'krum',
                                  'geometric-median'])
def test_no_factor_on_a_grid_harms_much_more(name, rule):
    """The rule is told of 4 liars for 12 true gradients."""
    rows = gradients()
    value = VALUES[name](7, against=rule, evaluations=24)
    value.meet(16, 4)
    found = harm(rule, rows, forged(value, rows), 4)
    start, way = value.line(rows.astype(float))
    grid = [harm(rule, rows, (start + x * way).astype(np.float32), 4)
            for x in (0, 0.25, 0.5, 1, 2, 3, 5)]
    assert found > 0 and found >= 0.75 * max(grid)
    assert found >= max(grid[0], grid[3]) * (1 - 1e-6)


def test_a_rule_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no aggregation is called 'medan'; "
                                         "did you mean 'median'"):
        VALUES['optimal-ipm'](7, against='medan')


@pytest.mark.parametrize('name, option, value, message', [
    ('gaussian', 'deviation', 0.0, 'deviation 0.0 must be finite and above'),
    ('ipm', 'epsilon', -0.5, 'epsilon -0.5 must be at least 0'),
    ('mimic', 'copied', 32, 'copied 32 must be between 0 and 31'),
    ('min-max', 'sample', 1, 'sample 1 must be at least 2'),
    ('optimal-alie', 'sample', 1, 'sample 1 must be at least 2'),
    ('optimal-ipm', 'evaluations', 0, 'evaluations 0 must be at least 1')])
def test_wrong_options_are_named_with_their_bound(name, option, value,
                                                  message):
    with pytest.raises(ValueError, match=message):
        VALUES[name](7, **{option: value})
