"""What must hold for every delay and for workers that fall silent."""

import warnings

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.delays.drawn import Drawn
from aspis_mpi.delays.silence import Silence

PARTS = registry.parts('delay')
#: Each delay, made for K = 6 workers and l = 4 files.
RANDOM = ('exponential', 'shifted-exponential', 'uniform', 'pareto')
K, LOAD = 6, 4
any_random = pytest.mark.parametrize('name', RANDOM)
per = pytest.mark.parametrize('per', ['worker', 'file'])


def trace_of(tmp_path, rows, name='trace.npy'):
    path = tmp_path / name
    np.save(path, rows)
    return str(path)


@pytest.fixture(params=sorted(PARTS))
def make(request, tmp_path):
    """Makes one of the delays for a seed, with what it cannot do without."""
    required = {
        'slow': {'workers': [1, 4]},
        'trace': {'path': trace_of(tmp_path, np.arange(18.0).reshape(3, 6))}}
    options = required.get(request.param, {})
    return lambda seed=7: PARTS[request.param](K, LOAD, seed, **options)


def drawn(name, n_workers=20_000, load=3, seed=7, **options):
    return PARTS[name](n_workers, load, seed, **options).paces(0)


# --- every delay -------------------------------------------------------

def test_the_delays_of_the_contract_are_there():
    assert set(PARTS) >= {'none', 'constant', 'slow', 'trace', *RANDOM}


def test_seconds_are_rows_of_the_paces(make):
    delay = make()
    for step in range(20):
        paces = delay.paces(step)
        assert paces.shape == (K, LOAD) and paces.dtype == np.float64
        assert (paces >= 0).all()
        for worker in range(K):
            assert np.array_equal(delay.seconds(step, worker), paces[worker])


def test_seconds_do_not_depend_on_who_asks_and_in_which_order(make):
    """Each rank under MPI and the simulator have an object of their own."""
    asked = make()
    backwards = {step: asked.paces(step).copy()
                 for step in reversed(range(15))}
    for step in range(15):
        assert np.array_equal(make().seconds(step, 3), backwards[step][3])


def test_what_is_handed_out_cannot_be_changed(make):
    with pytest.raises(ValueError, match='read-only'):
        make().paces(0)[0, 0] = 5


@pytest.mark.parametrize('sizes, complaint', [
    ((0, 4), 'workers 0 must be at least 1'),
    ((6, 0), 'load 0 must be at least 1')])
def test_impossible_sizes_are_refused(sizes, complaint):
    with pytest.raises(ValueError, match=complaint):
        PARTS['none'](*sizes, 7)


@pytest.mark.parametrize('name', ['constant', *RANDOM])
@pytest.mark.parametrize('mean', [0.0, -1.0, np.inf, np.nan])
def test_a_mean_must_be_positive(name, mean):
    with pytest.raises(ValueError, match=f'mean {mean} must be .* above 0'):
        PARTS[name](K, LOAD, 7, mean=mean)


@pytest.mark.parametrize('name, options', [
    ('none', ()), ('constant', ('mean',)), ('exponential', ('mean', 'per')),
    ('pareto', ('mean', 'per', 'alpha')),
    ('slow', ('mean', 'workers', 'hosts', 'factor'))])
def test_options_are_those_of_the_base_and_its_own(name, options):
    assert tuple(registry.options(PARTS[name])) == options


def test_a_delay_may_have_a_constructor_that_is_written_down():
    class Own(Drawn):
        def __init__(self, n_workers, load, seed, *, mean: float = 2.0,
                     least: float = 0.5):
            super().__init__(n_workers, load, seed, mean=mean, per='file')
            self.least = least

        def factors(self, rng, shape):
            return np.full(shape, self.least)
    assert tuple(registry.options(Own)) == ('mean', 'least')
    assert (Own(K, LOAD, 7, least=0.25).paces(3) == 0.5).all()
    with pytest.raises(ValueError, match='mean -1 must be'):
        Own(K, LOAD, 7, mean=-1)


# --- random delays -----------------------------------------------------

@any_random
@per
def test_seconds_differ_between_steps_and_seeds(name, per):
    part = PARTS[name]
    delay = part(K, LOAD, 7, per=per)
    first = delay.paces(0).copy()
    assert not np.isclose(first, delay.paces(1)).any()
    assert not np.isclose(first, part(K, LOAD, 8, per=per).paces(0)).any()


@any_random
def test_one_speed_a_worker_or_one_a_file(name):
    by_worker = drawn(name, n_workers=50, per='worker')
    assert (by_worker == by_worker[:, :1]).all()
    assert len(np.unique(by_worker)) == 50
    assert len(np.unique(drawn(name, n_workers=50, per='file'))) == 150


@any_random
@per
def test_the_mean_is_the_mean(name, per):
    """Four standard errors of 60,000 draws."""
    tail = {'alpha': 4.0} if name == 'pareto' else {}
    rows = np.array([drawn(name, seed=seed, mean=0.2, per=per, **tail)[:, 0]
                     for seed in range(3)])
    error = rows.std() / np.sqrt(rows.size)
    assert abs(rows.mean() - 0.2) < 4 * error
    assert error < 0.001


@any_random
def test_seconds_grow_with_the_mean(name):
    np.testing.assert_allclose(drawn(name, mean=3.0),
                               100 * drawn(name, mean=0.03))


def test_distributions_by_their_quantiles():
    """Against the inverse distribution functions, 20,000 draws of mean 1."""
    u = np.linspace(0.05, 0.95, 19)
    log = -np.log1p(-u)
    expected = {
        'exponential': log,
        'shifted-exponential': 0.5 + 0.5 * log,
        'uniform': 0.5 + u,
        'pareto': 0.6 * (1 - u) ** -0.4}
    for name, quantiles in expected.items():
        draws = drawn(name, mean=1.0)[:, 0]
        np.testing.assert_allclose(np.quantile(draws, u), quantiles,
                                   atol=0.05, rtol=0.05)


def test_bounds_of_the_distributions():
    assert drawn('shifted-exponential', mean=1.0, shift=0.3).min() >= 0.3
    assert (drawn('shifted-exponential', mean=0.5, shift=1.0) == 0.5).all()
    wide = drawn('uniform', mean=1.0, spread=1.0)
    assert 0 <= wide.min() < 0.01 and 1.99 < wide.max() <= 2
    assert (drawn('uniform', mean=0.5, spread=0.0) == 0.5).all()
    assert drawn('pareto', mean=1.0, alpha=2.0).min() >= 0.5


@pytest.mark.parametrize('name, options, complaint', [
    ('exponential', {'per': 'step'}, "per 'step' must be 'worker' or"),
    ('shifted-exponential', {'shift': 1.5}, 'shift 1.5 must be between 0'),
    ('shifted-exponential', {'shift': -0.1}, 'shift -0.1 must be between 0'),
    ('uniform', {'spread': 1.01}, 'spread 1.01 must be between 0 and 1'),
    ('uniform', {'spread': np.nan}, 'spread nan must be between 0 and 1'),
    ('pareto', {'alpha': 1.0}, 'alpha 1.0 must be finite and above 1'),
    ('slow', {'workers': [6]}, 'worker 6 in workers .* 0 and 5'),
    ('slow', {'workers': [-1]}, 'worker -1 in workers .* 0 and 5'),
    ('slow', {'workers': [2, 2]}, r'workers \[2, 2\] must be distinct'),
    ('slow', {'workers': [2], 'factor': 0.0}, 'factor 0.0 must be .* above'),
])
def test_options_out_of_bounds(name, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        PARTS[name](K, LOAD, 7, **options)


# --- delays that are not drawn -----------------------------------------

def test_no_delay_and_a_constant_one():
    assert (PARTS['none'](K, LOAD, 7).paces(3) == 0).all()
    assert (PARTS['constant'](K, LOAD, 7, mean=0.2).paces(3) == 0.2).all()


def test_slow_workers_take_factor_times_as_long():
    paces = PARTS['slow'](K, LOAD, 7, mean=0.5, workers=[1, 4],
                          factor=3.0).paces(9)
    assert (paces == np.array([[.5, 1.5, .5, .5, 1.5, .5]]).T).all()
    assert (PARTS['slow'](K, LOAD, 7, mean=0.5, workers=[]).paces(0)
            == 0.5).all()


@pytest.mark.parametrize('shape', [(5, K), (5, K, LOAD), (1, K)])
def test_a_trace_repeats_its_rows(tmp_path, shape):
    rows = np.random.default_rng(0).random(shape)
    rows[-1, 2] = np.inf
    delay = PARTS['trace'](K, LOAD, 7, path=trace_of(tmp_path, rows))
    for step in range(12):
        row = rows[step % shape[0]].reshape(K, -1)
        assert (delay.paces(step) == row).all()


def test_a_trace_may_have_more_columns_than_the_design(tmp_path):
    rows = np.random.default_rng(0).random((3, K, LOAD + 2))
    delay = PARTS['trace'](K, LOAD, 7, path=trace_of(tmp_path, rows))
    assert np.array_equal(delay.paces(4), rows[1])
    assert np.array_equal(delay.seconds(2, 5), rows[2, 5])


def test_a_trace_as_text(tmp_path):
    path = tmp_path / 'trace.csv'
    path.write_text('1,2,3\n0.5,inf,0\n')
    delay = PARTS['trace'](3, 2, 7, path=str(path))
    assert delay.paces(3).tolist() == [[0.5, 0.5], [np.inf] * 2, [0, 0]]
    path.write_text('1,2,3\n')
    one = PARTS['trace'](3, 2, 7, path=str(path))
    assert one.seconds(8, 1).tolist() == [2, 2]


def test_a_trace_of_whole_numbers(tmp_path):
    path = trace_of(tmp_path, np.arange(6).reshape(1, 6))
    assert PARTS['trace'](K, LOAD, 7, path=path).seconds(0, 5)[0] == 5.0


@pytest.mark.parametrize('rows, complaint', [
    (np.ones((3, 5)), r'\(3, 5\); it must be \(T, 6\) or \(T, 6, 4\)'),
    (np.ones((3, 6, 3)), r'\(3, 6, 3\); it must be'),
    (np.ones((3, 5, 4)), r'\(3, 5, 4\); it must be'),
    (np.ones((3, 6, 4, 1)), r'\(3, 6, 4, 1\); it must be'),
    (np.ones(6), r'\(6,\); it must be'),
    (np.ones((0, 6)), r'\(0, 6\); it must be .* T at least 1'),
    (np.array(1.0), r'\(\); it must be'),
    (np.diag([0, 0, -2.0, 0, 0, 0]), 'row 3, column 3 is -2.0; .* at least 0'),
    (np.diag([0, np.nan, 0, 0, 0, 0]),
     'row 2, column 2 is nan; .* at least 0'),
    (np.full((1, 6, 4), -1), 'row 1, column 1, entry 1 is -1.0'),
    (np.ones((2, 6), dtype=complex), 'complex128; they must be real'),
    (np.full((2, 6), 'a'), 'they must be real numbers')])
def test_a_trace_that_does_not_fit(tmp_path, rows, complaint):
    path = trace_of(tmp_path, rows)
    with pytest.raises(ValueError, match=complaint) as error:
        PARTS['trace'](K, LOAD, 7, path=path)
    assert path in str(error.value)


def test_a_trace_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / 'trace.npy'
    np.save(path, np.array([[print] * 6]), allow_pickle=True)
    with pytest.raises(ValueError, match='trace.npy: holds objects of Python'):
        PARTS['trace'](K, LOAD, 7, path=str(path))


@pytest.mark.parametrize('name, text, told', [
    ('none.npy', None, 'No such file'), ('none.csv', None, 'No such file'),
    ('short.npy', '', 'is empty'),
    ('wrong.npy', 'not numpy', 'is no .npy array'),
    ('words.csv', '1,2,3,4,5,six', "line 1, column 6: 'six' is no number"),
    ('ragged.csv', '1,2,3,4,5,6\n\n1,2\n', 'line 3 has 2 entries, line 1'),
    ('negative.csv', '# K = 6\n1,2,3,4,5,6\n1,2,3,-4,5,6\n',
     'line 3, column 4 is -4.0'),
    ('empty.csv', '', 'is empty'),
    ('bare.csv', '# nothing\n\n', 'has nothing but comments'),
    ('trace.json', '[]', "ends in '.json'")])
def test_a_trace_that_cannot_be_read(tmp_path, name, text, told):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with warnings.catch_warnings(action='error'):
        with pytest.raises(ValueError, match=f'{name}: .*({told})') as error:
            PARTS['trace'](K, LOAD, 7, path=str(path))
    assert str(path) in str(error.value)


@pytest.mark.parametrize('name, raw', [
    ('excel.csv', b'\xef\xbb\xbf1,2\r\n3,inf\r\n'),
    ('blanks.txt', b'# workers 0 and 1\n1 2\n3 inf # it died\n')])
def test_a_trace_from_elsewhere(tmp_path, name, raw):
    """A spreadsheet marks its encoding."""
    path = tmp_path / name
    path.write_bytes(raw)
    delay = PARTS['trace'](2, 1, 7, path=str(path))
    assert delay.paces(0).tolist() == [[1.0], [2.0]]
    assert delay.paces(1).tolist() == [[3.0], [np.inf]]


# --- silence -----------------------------------------------------------

@pytest.mark.parametrize('count', [0, 1, 4, 9])
def test_a_count_of_silent_workers_is_drawn_anew(count):
    silence = Silence(9, 7, count)
    rows = np.array([silence.members(step) for step in range(60)])
    assert (rows.sum(axis=1) == count).all()
    assert len(np.unique(rows, axis=0)) > 1 or count in (0, 9)
    for step in reversed(range(60)):
        again = Silence(9, 7, count).members(step)
        assert np.array_equal(again, rows[step])


def test_every_worker_is_silent_equally_often():
    counts = sum(Silence(10, 3, 4).members(step).astype(int)
                 for step in range(1000))
    assert abs(counts - 400).max() < 5 * np.sqrt(1000 * 0.4 * 0.6)


def test_listed_workers_are_silent_from_a_step_on():
    silence = Silence(5, 7, [4, 1], silent_from=3)
    assert not silence.members(2).any()
    assert silence.files(2, 4) is None
    for step in (3, 4, 100):
        assert np.flatnonzero(silence.members(step)).tolist() == [1, 4]
        assert silence.files(step, 4) == 0
        assert silence.files(step, 0) is None


def test_silent_after_some_files():
    silence = Silence(5, 7, [2], silent_after=3)
    assert silence.files(0, 2) == 3
    assert silence.files(0, 3) is None
    assert not any(silence.mute(0, worker) for worker in range(5))


def test_silent_when_asked_to_send():
    silence = Silence(5, 7, [2], silent_after='encode')
    assert [silence.mute(0, worker) for worker in range(5)] == [
        False, False, True, False, False]
    assert all(silence.files(0, worker) is None for worker in range(5))


def test_nobody_is_silent_by_default():
    assert not Silence(5, 7).members(0).any()


@pytest.mark.parametrize('options, complaint', [
    ({'silent': 6}, 'silent 6 must be between 0 and .* 5'),
    ({'silent': -1}, 'silent -1 must be between 0'),
    ({'silent': [5]}, 'worker 5 in silent .* 0 and 4'),
    ({'silent': [1, 1]}, r'silent \[1, 1\] must be distinct'),
    ({'silent_from': -1}, 'silent_from -1 must be at least 0'),
    ({'silent_after': -1}, "silent_after -1 must be 'encode' or at least 0"),
    ({'silent_after': 'never'}, "silent_after never must be 'encode'")])
def test_impossible_silence_is_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        Silence(5, 7, **options)
