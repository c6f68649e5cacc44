"""What the machines say before the run, and whom that accuses."""

import numpy as np
import pytest

from aspis_mpi.detection.probe import ANSWER, answer, check, examine

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


def test_an_answer_has_a_fixed_size():
    said = answer(iter(truth()), SECRET)
    assert said.shape == (N,) and said.dtype == ANSWER
    assert said.view(np.uint8).nbytes == N * (9 * 8 + 16)


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


def test_what_q_liars_answer_does_not_widen_the_thresholds():
    honest = [noisy(truth(), 1e-6, seed) for seed in range(1, 9)]
    without = asked(honest, q=0)
    own = answer(truth(), SECRET)
    answers = np.array([answer(worker, SECRET) for worker in honest])
    for told in (np.nan, np.inf, -1.0, 1e300, 0.0):
        lies = np.array([own] * 3)
        lies['sketch'] = told
        probe = examine(own, np.concatenate([lies, answers]), q=3)
        assert probe.largest <= without.largest
        assert probe.median <= without.median
    # Too many of them are for the premise to find, not for the probe.
    assert examine(own, np.concatenate([lies, answers]), 2).largest > 0.5


def test_a_server_of_another_kind_is_found():
    probe = asked([truth()] * 9, q=4, server=noisy(truth(), 1e-6, 1))
    assert probe.differing.all()
    with pytest.raises(ValueError, match='9 workers .* 4: 0, 1, 2, 3, 4, '
                       "5, 6, 7, 8; they differ by .*'tolerance'"):
        check(probe, 4)


def test_gradients_that_are_not_finite_agree():
    wrong = truth()
    wrong[0, 5] = np.nan
    probe = asked([wrong] * 3, q=1, server=wrong)
    assert probe.largest == 0 and not probe.differing.any()
