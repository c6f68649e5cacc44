"""The forecast of spot checks in numbers and in words."""

from dataclasses import replace

import pytest

from aspis_mpi.detection.spot import odds
from aspis_mpi.detection.spot.forecast import Spot, described, expected

VECTOR = 4 * 11_173_962
JOB = Spot(workers=15, adversaries=2, load=10, vector=VECTOR, rate=0.1,
           first=10, steps=10_000, rollback=True, risk=0.01, every=0, keep=3,
           checkpoint=2 * VECTOR, server_memory=25 * VECTOR,
           worker_memory=2 * VECTOR, keeps=True)
SMALL = replace(JOB, workers=7, adversaries=1, load=2, rate=0.5, every=5,
                keep=1, steps=40, first=2, seconds=0.005, vector=4000,
                checkpoint=8000, server_memory=90_000, worker_memory=8000)

TOLD = """\
A step is checked with probability 0.1; the first 10, those before a \
checkpoint that stays and the last one always are. These are 10.7 % of \
10000 steps.
A checked step needs 15 gradients besides the 150 of its files: 1.07 % more \
computing in all.
A wrong payload is exposed with probability 0.0093 at least, so that a liar \
gets 108 of them in on average, at most.
A liar is exposed after 11 turns if everything is wrong, after 108 turns if \
a tenth is, after 1,077 turns if a hundredth is, on average.
A liar that lies in every turn is exposed within 571 turns with probability \
0.99. An exposure takes the run back by at most 714 turns, 2 exposures by at \
most 1428 turns in all.
A checkpoint of 89.4 MB every 143 steps; at most 13 are on disk at once, \
1.16 GB.
Memory beyond the process: server 1.12 GB; a worker 670 MB that keeps its \
gradients, 268 MB with detection.keep_gradients = false, 179 MB with \
assignment.load = 1."""


def test_it_says_all_of_it():
    assert described(JOB) == TOLD.split('\n')


def test_where_a_file_takes_so_long_exposures_do_as_well():
    told = '\n'.join(described(SMALL))
    assert 'within 19 turns' in told
    assert 'at most 24 turns (0.24 s), 1 exposure by at most 24 turns' in told
    assert 'It lasts 0.005 s longer' in told
    again = '\n'.join(described(replace(SMALL, keeps=False)))
    assert ('A checked step needs 21 gradients besides the 14 of its files, '
            'since gradients are not kept but computed again') in again
    assert 'It lasts 0.015 s longer' in again


def test_without_going_back_nothing_is_said_of_checkpoints():
    told = '\n'.join(described(replace(JOB, rollback=False)))
    assert 'what a liar has got in stays' in told
    assert 'on disk' not in told and 'before a checkpoint' not in told


def test_one_file_a_worker_has_one_form_of_memory():
    *_, memory = described(replace(JOB, load=1))
    assert memory == ('Memory beyond the process: server 1.12 GB; a worker '
                      '179 MB with assignment.load = 1.')


def test_no_more_is_lost_than_was_done():
    found = expected(replace(JOB, steps=200))
    assert found.one_exposure == 200 and found.all_exposures == 400


def test_deaths_make_the_horizon_longer():
    longer = odds.horizon(0.1, odds.honest_checkers(12, 2), 10, 2, 0.01)
    assert longer > expected(JOB).ripe == expected(
        replace(JOB, tolerates=3)).ripe
    told = described(replace(JOB, tolerates=3))
    assert (f'Where 3 workers have died these are {longer} turns, and at '
            'most 729 turns for an exposure.') in told
    assert not any('died' in said for said in described(JOB))


def test_a_run_shorter_than_the_horizon_says_what_that_means():
    def short(steps):
        return [said for said in described(replace(JOB, steps=steps))
                if 'takes it back to its beginning' in said]
    assert 'only 571 steps' in short(571)[0]
    assert not short(572)


@pytest.mark.parametrize('load, keeps', [(1, True), (1, False), (8, True),
                                         (8, False)])
def test_a_checked_step_has_what_all_of_the_run_has(load, keeps):
    """The share of checked steps times what is more in each."""
    job = replace(JOB, load=load, keeps=keeps)
    found = expected(job)
    assert found.extra == pytest.approx(
        found.checked_share * found.checked_extra / (job.workers * load))


def test_memory_of_a_worker_falls_from_form_to_form():
    found = expected(JOB)
    assert (found.kept_memory > found.again_memory >= found.single_memory
            > JOB.worker_memory)
    assert found.kept_memory - found.again_memory == 9 * VECTOR


def test_a_share_of_checked_steps_counts_checkpoints_that_stay():
    """Every 5 steps of 40, of which those 5 apart stay; the last is one."""
    found = expected(SMALL)
    forced = 2 + 8 + 1
    assert found.checked_share == odds.checked_share(0.5, 40, forced)
    dense = expected(replace(SMALL, every=2))
    assert dense.checked_share == odds.checked_share(0.5, 40, 2 + 10 + 1)


@pytest.mark.parametrize('change, said', [
    ({'rate': 0.0}, 'rate 0.0 must be above 0'),
    ({'rate': 1.5}, 'rate 1.5 must be above 0'),
    ({'risk': 0.0}, 'risk 0.0 must be above 0'),
    ({'workers': 2}, 'liars 2 must be between')])
def test_what_makes_no_sense_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        expected(replace(JOB, **change))
