"""What ranks have in common, and the first in which they differ."""

import numpy as np
import pytest

from aspis_mpi.job.facts import (
    ABSENT, NONE, SHOWN, condensed, difference, first, said)

OURS = {'optimizer.lr': '0.1', 'run.seed': '7', 'problem.n_samples': '100'}


def found(theirs):
    """What rank 0 learns of another rank, by the steps of the exchange."""
    keys = list(OURS)
    number = first(condensed(OURS, keys), condensed(theirs, keys))
    if number == NONE:
        return None
    return difference(OURS, keys, number, said(theirs, keys, number))


def test_equal_facts_in_any_order():
    assert found(dict(reversed(OURS.items()))) is None


@pytest.mark.parametrize('key', OURS)
def test_another_value(key):
    it = found(OURS | {key: '13'})
    assert (it.key, it.theirs, it.ours) == (key, '13', OURS[key])
    assert str(it) == f'{key} is 13 there, {OURS[key]} on rank 0'


def test_the_first_of_rank_0_is_told():
    assert found(dict.fromkeys(OURS, '13')).key == 'optimizer.lr'


def test_a_fact_that_is_missing():
    it = found({key: OURS[key] for key in OURS if key != 'run.seed'})
    assert (it.key, it.theirs, it.ours) == ('run.seed', ABSENT, '7')


def test_a_fact_that_rank_0_has_not():
    it = found(OURS | {'optimizer.momentum': '0.9'})
    assert (it.key, it.theirs, it.ours) == ('optimizer.momentum', '0.9',
                                            ABSENT)


@pytest.mark.parametrize('text', [
    '', 'what?', 'a = b', '\x1b[31m', 'é' * 999])
@pytest.mark.parametrize('number', range(4))
def test_whatever_a_liar_answers_is_shown_in_short(number, text):
    it = difference(OURS, list(OURS), number, text)
    assert len(str(it)) < 2 * SHOWN + 99
    assert str(it).isprintable()


def test_a_name_that_does_not_survive_its_way():
    it = difference(OURS, ['data?.csv'], 0, '8 bytes')
    assert (it.theirs, it.ours) == ('8 bytes', ABSENT)


def test_what_travels_first_has_a_size_that_rank_0_gives():
    keys = list(OURS)
    for facts in OURS, {}, {str(n): 'x' for n in range(999)}:
        assert condensed(facts, keys).shape == (4,)
        assert condensed(facts, keys).dtype == np.uint64


def test_long_values_that_differ_at_the_end():
    keys, long = ['delay.silent'], '9' * 300
    it = difference({'delay.silent': long}, keys, 0, long + '1')
    assert str(it) == f'delay.silent is not the {long[:SHOWN]} ... of rank 0'
