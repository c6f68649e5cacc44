"""What must hold for every attack, and what the named ones are known to do."""

import warnings
from math import comb

import numpy as np
import pytest

from aspis_mpi import arrays, registry
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.attacks.attack import Attack
from aspis_mpi.coding.challenge import compare
from aspis_mpi.coding.sketching import sketch

WHO = registry.parts('who')
FILES = registry.parts('files')
VALUES = registry.parts('value')
LIES = {name: part for name, part in VALUES.items() if part.lies}
PROTOCOLS = registry.parts('protocol')
SUBSET = Subset(15, replication=3)
DESIGNS = [SUBSET, Subset(7, replication=4), Uncoded(6),
           Repetition(12, replication=3, load=2)]

any_who = pytest.mark.parametrize('part', WHO.values(), ids=WHO)
any_files = pytest.mark.parametrize('part', FILES.values(), ids=FILES)
any_value = pytest.mark.parametrize('part', VALUES.values(), ids=VALUES)
any_lie = pytest.mark.parametrize('part', LIES.values(), ids=LIES)
any_protocol = pytest.mark.parametrize('part', PROTOCOLS.values(),
                                       ids=PROTOCOLS)
every_q = pytest.mark.parametrize('q', range(2, 8))


def adversaries_of(q, n_workers=15, seed=7):
    return WHO['fixed'](n_workers, q, seed).members(0)


def lies_of(name, q, seed=7, step=0):
    return FILES[name](SUBSET, seed).lies(step, adversaries_of(q))


def wrong_by_vote(lies):
    """Files whose strict majority of holders lies (equal liars)."""
    return int((2 * lies.sum(axis=1) > SUBSET.incidence.sum(axis=1)).sum())


def disagreements(lies, adversaries):
    """Pairs (adversary, honest) that differ on some file, (K, K)."""
    honest = SUBSET.incidence & ~adversaries
    return lies.T.astype(int) @ honest.astype(int) > 0


def test_the_parts_of_the_contract_are_there():
    assert set(WHO) >= {'fixed', 'random', 'window'}
    assert set(FILES) >= {'all', 'fixed-disagreement', 'framing',
                          'majorities', 'quiet', 'random', 'sacrifice'}
    assert set(VALUES) >= {'alie', 'bit-flip', 'constant', 'foe', 'nan',
                           'reversed', 'honest', 'between'}
    assert set(PROTOCOLS) >= {
        'none', 'counts', 'payloads', 'consistent', 'sketches', 'norms',
        'late', 'intermittent', 'straddle', 'patient', 'narrow'}


# --- who ---------------------------------------------------------------

@any_who
@pytest.mark.parametrize('count', [0, 1, 4, 9])
def test_there_are_always_count_adversaries(part, count):
    for step in range(120):
        members = part(9, count, 7).members(step)
        assert members.dtype == bool and members.shape == (9,)
        assert members.sum() == count


@any_who
def test_adversaries_follow_from_the_seed(part):
    def run(seed):
        who = part(15, 4, seed)
        return np.array([who.members(step) for step in range(60)])
    assert np.array_equal(run(7), run(7))
    assert any(not np.array_equal(run(7), run(seed)) for seed in range(5))


@any_who
def test_adversaries_do_not_depend_on_the_order_of_asking(part):
    asked = part(15, 4, 7)
    backwards = [asked.members(step) for step in reversed(range(60))]
    for step in range(60):
        assert np.array_equal(part(15, 4, 7).members(step),
                              backwards[59 - step])


@any_who
@pytest.mark.parametrize('count', [-1, 10])
def test_more_adversaries_than_workers_is_an_error(part, count):
    with pytest.raises(ValueError, match=f'count {count} .*between 0.* 9'):
        part(9, count, 7)


def test_how_long_the_same_workers_are_adversaries():
    fixed, random = WHO['fixed'](15, 4, 7), WHO['random'](15, 4, 7)
    window = WHO['window'](15, 4, 7, window=10)
    same = [[np.array_equal(who.members(step), who.members(step + 1))
             for step in range(29)] for who in (fixed, random, window)]
    assert all(same[0])
    assert sum(same[1]) < 3
    assert [step for step in range(29) if not same[2][step]] == [9, 19]


def test_listed_workers_are_the_adversaries():
    who = WHO['fixed'](15, 3, 7, workers=[14, 0, 5])
    assert np.flatnonzero(who.members(3)).tolist() == [0, 5, 14]


@pytest.mark.parametrize('workers, message', [
    ([1, 1, 2], r'workers \[1, 1, 2\] must be distinct'),
    ([1, 2, 15], 'worker 15 .* between 0 and 14'),
    ([-1, 2, 3], 'worker -1 .* between 0 and 14'),
    ([1, 2], r'workers \[1, 2\] must be as many as count, 3'),
])
def test_a_wrong_list_of_workers_is_an_error(workers, message):
    with pytest.raises(ValueError, match=message):
        WHO['fixed'](15, 3, 7, workers=workers)


def test_a_window_has_at_least_one_step():
    with pytest.raises(ValueError, match='window 0 must be at least 1'):
        WHO['window'](15, 3, 7, window=0)


# --- files -------------------------------------------------------------

@any_files
@pytest.mark.parametrize('assignment', DESIGNS)
@pytest.mark.parametrize('q', range(7))
def test_only_adversaries_lie_and_only_on_their_files(part, assignment, q):
    adversaries = adversaries_of(min(q, assignment.n_workers),
                                 assignment.n_workers)
    before = adversaries.copy()
    for step in range(5):
        lies = part(assignment, 7).lies(step, adversaries)
        assert lies.dtype == bool
        assert lies.shape == assignment.incidence.shape
        assert not (lies & ~assignment.incidence).any()
        assert not lies[:, ~adversaries].any()
    assert np.array_equal(adversaries, before)


@any_files
def test_lies_are_the_same_in_two_processes(part):
    first, second = part(SUBSET, 7), part(SUBSET, 7)
    for step in (4, 0, 2):
        first.lies(step, adversaries_of(5))
    for step in range(5):
        assert np.array_equal(first.lies(step, adversaries_of(4)),
                              second.lies(step, adversaries_of(4)))


@any_files
def test_lies_depend_on_the_step_only_where_they_say_so(part):
    files = part(SUBSET, 7)
    same = [np.array_equal(files.lies(0, adversaries_of(4)),
                           files.lies(step, adversaries_of(4)))
            for step in range(1, 6)]
    assert not any(same) if part.by_step else all(same)


@pytest.mark.parametrize('name', ['fixed-disagreement', 'framing', 'random',
                                  'sacrifice'])
def test_what_is_drawn_follows_the_seed(name):
    assert any(not np.array_equal(lies_of(name, 4, seed=7),
                                  lies_of(name, 4, seed=seed))
               for seed in range(5))


def test_att1_lies_on_every_file():
    lies = lies_of('all', 3)
    assert np.array_equal(lies, SUBSET.incidence & adversaries_of(3))


@every_q
def test_att2_wins_half_of_c_2q_3_files(q):
    lies = lies_of('fixed-disagreement', q)
    assert wrong_by_vote(lies) == comb(2 * q, 3) // 2
    assert comb(2 * q, 3) // 2 == [2, 10, 28, 60, 110, 182][q - 2]


@every_q
def test_att2_leaves_two_largest_cliques(q):
    adversaries = adversaries_of(q)
    pairs = disagreements(lies_of('fixed-disagreement', q), adversaries)
    disputed = pairs[adversaries]
    assert (disputed == disputed[0]).all()
    assert disputed[0].sum() == q


@every_q
def test_framing_leaves_the_adversaries_the_only_largest_clique(q):
    adversaries = adversaries_of(q)
    lies = lies_of('framing', q)
    disputed = disagreements(lies, adversaries)[adversaries]
    assert (disputed == disputed[0]).all()
    assert disputed[0].sum() == q - 1
    # Files used at an adversary's word once the framed are disbelieved.
    assert lies.any(axis=1).sum() == comb(2 * q - 1, 3) - comb(q - 1, 3)


@every_q
def test_att3_lies_where_liars_win_the_vote(q):
    lies = lies_of('majorities', q)
    assert lies.any(axis=1).sum() == SUBSET.majorities(q)
    assert wrong_by_vote(lies) == SUBSET.majorities(q)


def test_half_of_the_holders_is_no_majority():
    adversaries = np.array([True, True, False, False, False])
    lies = FILES['majorities'](Subset(5, replication=4), 7).lies(
        0, adversaries)
    assert not lies.any()


@every_q
def test_quiet_lies_on_files_that_adversaries_hold_alone(q):
    lies = lies_of('quiet', q)
    assert lies.any(axis=1).sum() == comb(q, 3)
    assert (lies.sum(axis=1)[lies.any(axis=1)] == 3).all()
    assert not disagreements(lies, adversaries_of(q)).any()


@every_q
def test_the_sacrificed_adversary_disagrees_with_one_honest_worker(q):
    adversaries = adversaries_of(q)
    lies = lies_of('sacrifice', q)
    partners = np.sort(disagreements(lies, adversaries)[adversaries].sum(1))
    assert partners.tolist() == [1] + [15 - q] * (q - 1)
    assert wrong_by_vote(lies) == [1, 15, 40, 74, 115, 161][q - 2]


@pytest.mark.parametrize('name', ['fixed-disagreement', 'framing',
                                  'sacrifice'])
def test_more_victims_than_honest_workers_are_all_of_them(name):
    assignment = Subset(5, replication=3)
    adversaries = np.array([True, True, True, True, False])
    lies = FILES[name](assignment, 7).lies(0, adversaries)
    assert np.array_equal(lies, assignment.incidence & adversaries)


@pytest.mark.parametrize('rate', [0.0, 0.1, 0.7, 1.0])
def test_random_lies_come_at_their_rate(rate):
    adversaries = adversaries_of(3)
    files = FILES['random'](SUBSET, 7, rate=rate)
    held = (SUBSET.incidence & adversaries).sum()
    lies = np.array([files.lies(step, adversaries) for step in range(100)])
    bound = 5 * np.sqrt(rate * (1 - rate) / (100 * held))
    assert abs(lies.sum() / (100 * held) - rate) <= bound
    # Two adversaries on one file: independent, not one draw for both.
    first, second = np.flatnonzero(adversaries)[:2]
    both = SUBSET.incidence[:, first] & SUBSET.incidence[:, second]
    together = (lies[:, both, first] & lies[:, both, second]).mean()
    assert abs(together - rate ** 2) < 0.06


@pytest.mark.parametrize('rate', [-0.1, 1.5, float('nan')])
def test_a_rate_is_a_probability(rate):
    with pytest.raises(ValueError, match=f'rate {rate} .* between 0 and 1'):
        FILES['random'](SUBSET, 7, rate=rate)


# --- values ------------------------------------------------------------

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
    value, calls = part(7), []

    def colluders():
        calls.append(None)
        return true_means()

    for file in range(91):
        forged(value, truth(file, D), file=file, colluders=colluders)
    assert len(calls) == (1 if value.sample else 0)


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
])
def test_wrong_options_are_named_with_their_bound(name, option, value,
                                                  message):
    with pytest.raises(ValueError, match=message):
        VALUES[name](7, **{option: value})


# --- protocol ----------------------------------------------------------

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


# --- plan --------------------------------------------------------------

@any_who
@pytest.mark.parametrize('files', FILES.values(), ids=FILES)
def test_a_plan_answers_like_its_parts(part, files):
    plan = Attack(part(15, 4, 7), files(SUBSET, 7))
    who, fresh = part(15, 4, 7), files(SUBSET, 7)
    for step in [0, 0, 1, 5, 1, 120, 0]:
        members = who.members(step)
        assert np.array_equal(plan.lies(step), fresh.lies(step, members))
        assert np.array_equal(plan.adversaries(step), members)


def test_a_plan_cannot_be_changed_by_who_reads_it():
    plan = Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7))
    for answer in (plan.adversaries(0), plan.lies(0)):
        with pytest.raises(ValueError, match='read-only'):
            answer[:] = False


def test_who_sends_the_truth_lies_on_no_file():
    plan = Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7),
                      PROTOCOLS['late'](7), VALUES['honest'](7))
    for step in range(3):
        assert plan.adversaries(step).sum() == 4
        assert not plan.lies(step).any()
        assert not plan.payload_lies(step).any()
        assert np.array_equal(plan.dawdles(step), plan.adversaries(step))


def test_patient_liars_have_lied_only_on_what_came_later():
    files, later = FILES['all'](SUBSET, 7), np.arange(455) % 3 == 0
    plan = Attack(WHO['fixed'](15, 4, 7), files, PROTOCOLS['patient'](7))
    assert np.array_equal(plan.told(0, later),
                          plan.lies(0) & later[:, None])
    assert not plan.told(0, False).any()
    others = Attack(WHO['fixed'](15, 4, 7), files, PROTOCOLS['late'](7))
    assert np.array_equal(others.told(0, False), others.lies(0))


def test_nobody_dawdles_where_nothing_is_said_of_it():
    plan = Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7))
    assert plan.dawdles(0).shape == (15,) and not plan.dawdles(0).any()


def test_a_plan_keeps_what_does_not_change():
    plan = Attack(WHO['window'](15, 4, 7, window=10),
                      FILES['framing'](SUBSET, 7))
    assert plan.lies(0) is plan.lies(9)
    assert plan.lies(9) is not plan.lies(10)


@pytest.mark.parametrize('assignment', DESIGNS)
def test_without_adversaries_nobody_lies(assignment):
    plan = Attack(WHO['fixed'](assignment.n_workers, 0, 7),
                      FILES['all'](assignment, 7))
    assert plan.adversaries(3).shape == (assignment.n_workers,)
    assert not plan.adversaries(3).any()
    assert plan.lies(3).shape == assignment.incidence.shape
    assert not plan.lies(3).any()
