"""Memory of exposures: what counts when, and that nobody is wronged."""

import json
from itertools import combinations

import numpy as np
import pytest

from aspis_mpi.detection.memory import Memory
from aspis_mpi.detection.rules.certified import expose
from aspis_mpi.streams import generator

#: Whether the proof stands alone.
ALONE, DERIVED = True, False


def remembers(n_workers=6, q=2, memory='window', window=3, budget='fixed',
              keys=None, vouched=False, most=None):
    return Memory(n_workers, q, memory=memory, window=window, budget=budget,
                  keys=keys, vouched=vouched, most=most)


def restored(it, old):
    """Whether a memory finds its workers to be those of another one."""
    return it.restore(old.export(), old.keys, old.vouched)


def graph(*pairs, n_workers=6):
    it = np.zeros((n_workers, n_workers), dtype=bool)
    for a, b in pairs:
        it[a, b] = it[b, a] = True
    return it


def excluded(memory, step):
    return np.flatnonzero(memory.excluded(step)).tolist()


def known(memory, step):
    pairs = np.argwhere(np.triu(memory.known(step)))
    return [tuple(pair) for pair in pairs.tolist()]


def steps_excluded(memory, worker, until=40):
    return [step for step in range(until) if memory.excluded(step)[worker]]


# --- how long ----------------------------------------------------------

@pytest.mark.parametrize('budget', ['step', 'fixed'])
@pytest.mark.parametrize('memory, window, steps', [
    ('step', 3, []), ('window', 1, []), ('window', 2, [5]),
    ('window', 4, [5, 6, 7]), ('forever', 4, list(range(5, 40)))])
def test_an_exposure_counts_after_its_step_within_the_span(
        memory, window, steps, budget):
    it = remembers(memory=memory, window=window, budget=budget)
    it.learn(4, [(3, 'caught', ALONE)], graph())
    assert steps_excluded(it, 3) == steps
    assert not it.excluded(5)[[0, 1, 2, 4, 5]].any()


def test_a_derived_exposure_expires_with_its_oldest_disagreement():
    it = remembers(window=4)
    it.learn(3, [], graph((0, 1)))
    it.learn(5, [(0, 'too many partners', DERIVED)], graph((0, 2)))
    assert steps_excluded(it, 0) == [6]
    assert known(it, 7) == [(0, 2)]


def test_a_derived_exposure_expires_with_the_exposure_it_rests_on():
    it = remembers(window=4)
    it.learn(3, [(5, 'caught', ALONE)], graph())
    it.learn(4, [(0, 'q is lower', DERIVED)], graph((0, 1), (0, 2)))
    it.learn(6, [(1, 'q is lower still', DERIVED)], graph((1, 2)))
    assert excluded(it, 6) == [0, 5] and excluded(it, 7) == []


def test_a_proof_that_stands_alone_does_not_expire_with_the_others():
    it = remembers(window=4)
    it.learn(3, [], graph((0, 1)))
    it.learn(5, [(0, 'derived', DERIVED), (0, 'caught', ALONE),
                 (2, 'derived', DERIVED)], graph((0, 2)))
    assert steps_excluded(it, 0) == [6, 7, 8]
    assert steps_excluded(it, 2) == [6]


def test_with_budget_step_a_proof_is_of_its_step_alone():
    it = remembers(window=4, budget='step')
    it.learn(3, [(5, 'caught', ALONE)], graph((0, 1)))
    it.learn(5, [(0, 'too many partners', DERIVED)], graph((0, 2)))
    assert steps_excluded(it, 0) == [6, 7, 8]


def test_nothing_is_forgotten_too_early_or_late():
    """What is dropped in `learn` is what no later step counts."""
    for step in range(1, 9):
        it = remembers(window=4)
        it.learn(0, [(3, 'caught', ALONE)], graph((0, 1)))
        it.learn(step, [], graph())
        assert excluded(it, step) == ([3] if step < 4 else [])
        assert known(it, step) == ([(0, 1)] if step < 4 else [])
        assert len(it.export()) == (2 if step < 4 else 0)


# --- disagreements -----------------------------------------------------

def test_a_disagreement_is_as_old_as_when_it_was_last_seen():
    it = remembers(window=3)
    it.learn(2, [], graph((0, 1), (2, 3)))
    it.learn(3, [], graph((1, 0)))
    assert known(it, 4) == [(0, 1), (2, 3)]
    assert known(it, 5) == [(0, 1)]
    assert known(it, 6) == []
    assert np.array_equal(it.known(4), it.known(4).T)


def test_disagreements_of_excluded_workers_wait_for_their_return():
    it = remembers(window=4)
    it.learn(1, [], graph((3, 4)))
    it.learn(2, [(0, 'derived', DERIVED)], graph((0, 1), (0, 2)))
    assert excluded(it, 3) == [0] and known(it, 4) == [(3, 4)]
    assert excluded(it, 5) == [] and known(it, 5) == [(0, 1), (0, 2)]


@pytest.mark.parametrize('memory, budget', [
    ('step', 'fixed'), ('step', 'step'), ('window', 'step'),
    ('forever', 'step')])
def test_disagreements_are_carried_only_under_a_fixed_budget(memory, budget):
    it = remembers(memory=memory, budget=budget)
    it.learn(0, [], graph((0, 1), (2, 3)))
    assert known(it, 1) == []


# --- the budget --------------------------------------------------------

@pytest.mark.parametrize('memory', ['step', 'window', 'forever'])
def test_budget_step_never_lowers_q(memory):
    it = remembers(memory=memory, budget='step')
    it.learn(0, [(3, 'caught', ALONE), (4, 'derived', DERIVED)], graph())
    assert [it.lowered(step) for step in range(6)] == [0] * 6
    assert excluded(it, 1) == ([] if memory == 'step' else [3, 4])


def test_a_fixed_budget_counts_all_that_are_excluded():
    it = remembers(memory='forever')
    it.learn(0, [(3, 'caught', ALONE)], graph())
    it.learn(1, [(4, 'derived', DERIVED), (3, 'again', ALONE)], graph())
    assert [it.lowered(step) for step in range(4)] == [0, 1, 2, 2]


def test_others_may_be_wrong_in_the_next_step_of_budget_step():
    """Lowering q for worker 0 would expose 2, whom only a liar accuses."""
    it = remembers(q=1, memory='forever', budget='step')
    it.learn(0, [(0, 'caught', ALONE)], graph((0, 1), (0, 2)))
    now = graph((1, 2), (1, 3)) | it.known(1)
    found, _ = expose(now, it.q - it.lowered(1))
    assert np.flatnonzero(found).tolist() == [1]


def test_an_exposure_that_outlived_its_evidence_would_expose_the_honest():
    """In three steps on end two workers are wrong: 0 and 2, then 2 and 4."""
    it = remembers(q=2, window=3)
    it.learn(0, [], graph((0, 1), (0, 3)))
    now = graph((2, 5))
    found, _ = expose(now | it.known(2), 2 - it.lowered(2))
    assert np.flatnonzero(found).tolist() == [0]
    it.learn(2, [(0, 'derived', DERIVED)], now)
    # Were q lowered for 0, which is right since step 1, 5 would be exposed.
    now = graph((2, 5), (4, 5)) | it.known(3)
    assert expose(now, 1)[0][5]
    assert it.lowered(3) == 0 and not expose(now, 2 - it.lowered(3))[0].any()


def wrong_sets(q, window, steps, n_workers, random):
    """Who is wrong in each step, at most q in `window` steps on end."""
    history = []
    for _ in range(steps):
        first = max(0, len(history) - window + 1)
        before = set().union(*history[first:])
        now = set()
        for worker in random.permutation(n_workers).tolist():
            if len(before | now | {worker}) <= q and random.random() < 0.5:
                now.add(worker)
        history.append(now)
    return history


def test_the_wrong_sets_keep_to_the_budget():
    """And use it, with other workers later on."""
    history = wrong_sets(2, 4, 300, 6, generator(0, 'wrong'))
    unions = [set().union(*history[t:t + 4]) for t in range(297)]
    assert max(map(len, unions)) == 2
    assert len(set().union(*history)) == 6


@pytest.mark.parametrize('k, q, window, budget', [
    (5, 2, 2, 'fixed'), (6, 2, 3, 'fixed'), (7, 3, 4, 'fixed'),
    (9, 4, 3, 'fixed'), (6, 2, 1, 'fixed'), (6, 2, 4, 'step'),
    (7, 3, 3, 'step'), (9, 4, 5, 'step')])
def test_only_workers_that_were_wrong_within_the_span_are_remembered(
        k, q, window, budget):
    """Every disagreement has a wrong end; audits hit the wrong only."""
    random = generator(1, 'memory', k, q, window)
    span = window if budget == 'fixed' else 1
    total = 0
    for _ in range(12):
        it = remembers(k, q, 'window', window, budget)
        history = wrong_sets(q, span, 40, k, random)
        for step, wrong in enumerate(history):
            recent = set().union(*history[max(0, step - window + 1):step + 1])
            gone = it.excluded(step)
            assert set(np.flatnonzero(gone).tolist()) <= recent
            now = np.zeros((k, k), dtype=bool)
            for a, b in combinations(np.flatnonzero(~gone).tolist(), 2):
                now[a, b] = now[b, a] = (
                    {a, b} & wrong and random.random() < 0.4)
            caught = [worker for worker in sorted(wrong)
                      if not gone[worker] and random.random() < 0.05]
            found, proofs = expose(now | it.known(step),
                                   q - it.lowered(step))
            assert set(np.flatnonzero(found).tolist()) <= (
                recent if budget == 'fixed' else wrong)
            total += len(proofs)
            it.learn(step, [(worker, 'caught', ALONE) for worker in caught]
                     + [(it.worker, it.sentence, it.alone) for it in proofs],
                     now)
    assert total > 20


# --- keys --------------------------------------------------------------

KEYS = tuple(f'node{n} gpu{m}' for n in range(3) for m in range(2))


def filled(keys=KEYS, vouched=True, budget='fixed'):
    it = remembers(window=9, keys=keys, vouched=vouched, budget=budget)
    it.learn(1, [(3, 'caught', ALONE)], graph((0, 1), (2, 4)))
    it.learn(2, [(5, 'derived', DERIVED)], graph((0, 4)))
    return it


@pytest.mark.parametrize('vouched', [True, False])
@pytest.mark.parametrize('keys', [
    KEYS, ('node0', 'node0', 'node0', 'node1', 'node1', 'node1')])
def test_all_evidence_counts_where_the_whole_list_is_unchanged(keys, vouched):
    old = filled(keys, vouched)
    it = remembers(window=9, keys=keys, vouched=vouched)
    assert restored(it, old)
    assert sorted(it.export()) == sorted(old.export())
    for step in (3, 9, 10, 11):
        assert excluded(it, step) == excluded(old, step)
        assert known(it, step) == known(old, step)
        assert it.lowered(step) == old.lowered(step)


def test_an_exposure_follows_its_worker_where_the_launcher_says_so():
    """And expires as ever; but it lowers q no more."""
    place = [4, 0, 5, 1, 3, 2]
    moved = [''] * 6
    for worker, there in enumerate(place):
        moved[there] = KEYS[worker]
    it, old = remembers(window=9, keys=moved, vouched=True), filled()
    assert not restored(it, old)
    assert excluded(it, 3) == sorted([place[3], place[5]])
    for step in (3, 9, 10, 11):
        assert np.array_equal(it.excluded(step)[place], old.excluded(step))
        assert it.lowered(step) == 0 and known(it, step) == []


@pytest.mark.parametrize('then, now', [
    (False, False), (True, False), (False, True)])
@pytest.mark.parametrize('budget', ['step', 'fixed'])
def test_what_the_workers_say_themselves_moves_no_evidence(then, now, budget):
    """Worker 3 was exposed; it says now to be worker 4, and 4 to be 3."""
    swapped = [KEYS[worker] for worker in (0, 1, 2, 4, 3, 5)]
    it = remembers(window=9, keys=swapped, vouched=now, budget=budget)
    assert not restored(it, filled(KEYS, then, budget))
    assert it.export() == [] and excluded(it, 3) == []
    assert it.lowered(3) == 0


@pytest.mark.parametrize('vouched', [True, False])
def test_a_list_of_the_launcher_is_none_of_the_workers(vouched):
    it = remembers(window=9, keys=KEYS, vouched=not vouched)
    assert not restored(it, filled(KEYS, vouched))
    assert it.export() == []


@pytest.mark.parametrize('now', [
    KEYS[:3] + ('node9',) + KEYS[4:], KEYS[1:] + KEYS[:1], KEYS[2:],
    KEYS + ('node9',), ('node0',) * 6])
def test_of_another_list_of_the_workers_nothing_counts(now):
    it = remembers(n_workers=len(now), window=9, keys=now)
    assert not restored(it, filled(vouched=False))
    assert it.export() == []


def test_evidence_of_a_machine_that_is_gone_is_dropped():
    """Node 1 with the exposed worker 3 and worker 2 is replaced."""
    keys = KEYS[:2] + ('node7 gpu0', 'node7 gpu1') + KEYS[4:]
    it = remembers(window=9, keys=keys, vouched=True)
    assert not restored(it, filled())
    assert excluded(it, 3) == [5] and it.lowered(3) == 0
    # What was derived is still as old as what it was derived from.
    assert excluded(it, 9) == [5] and excluded(it, 10) == []


def test_fewer_or_more_workers_after_a_requeue():
    small = remembers(n_workers=4, window=9, keys=KEYS[2:], vouched=True)
    assert not restored(small, filled())
    assert excluded(small, 3) == [1, 3] and known(small, 3) == []
    with pytest.raises(ValueError, match='6 keys.*4'):
        remembers(n_workers=4, keys=KEYS)


def test_a_proof_among_others_rests_on_nothing_of_before():
    """It is as old as what was seen since; and it lowers q by itself."""
    it = remembers(window=9, keys=KEYS[:5] + ('node9',), vouched=True)
    restored(it, filled())
    it.learn(8, [(0, 'derived', DERIVED)], graph((0, 1), (0, 2)))
    assert excluded(it, 9) == [0, 3] and it.lowered(9) == 1
    assert steps_excluded(it, 0) == list(range(9, 17))


def test_who_was_exposed_among_others_never_lowers_q_again():
    """Not even when the same workers come back once more."""
    other = KEYS[:5] + ('node9',)
    first, second, third = (
        remembers(window=9, keys=keys, vouched=True)
        for keys in (other, other, KEYS))
    restored(first, filled())
    assert restored(second, first) and not restored(third, second)
    for it in first, second, third:
        assert excluded(it, 3) == [3] and it.lowered(3) == 0


@pytest.mark.parametrize('budget', ['step', 'fixed'])
def test_resumes_leave_enough_workers_with_work(budget):
    """However many exposures come together; the newest count."""
    keys = [f'node{number}' for number in range(9)]
    it = Memory(9, 2, memory='forever', window=1, budget=budget, most=3,
                keys=keys, vouched=True)
    for job in range(4):
        nobody = np.zeros((9, 9), dtype=bool)
        it.learn(job, [(2 * job, 'caught', ALONE),
                       (2 * job + 1, 'caught', ALONE)], nobody)
        assert it.excluded(job + 1).sum() == min(2 * job + 2, 3)
        assert it.excluded(job + 1)[[2 * job, 2 * job + 1]].all()
        turned = [*it.keys[1:], it.keys[0]]
        other = Memory(9, 2, memory='forever', window=1, budget=budget,
                       most=3, keys=turned, vouched=True)
        restored(other, it)
        it = Memory(9, 2, memory='forever', window=1, budget=budget,
                    most=3, keys=keys, vouched=True)
        restored(it, other)


def test_rows_are_plain_and_complete():
    old = filled()
    rows = json.loads(json.dumps(old.export()))
    again = remembers(window=9, keys=KEYS, vouched=True)
    again.learn(0, [(0, 'of another run', ALONE)], graph((1, 2)))
    again.restore(rows, old.keys, True)
    assert sorted(again.export()) == sorted(old.export())
    assert {row[2] for row in rows} == {'caught', 'derived', ''}


def test_rows_of_an_older_checkpoint_count_as_ever():
    old = filled(vouched=False)
    it = remembers(window=9, keys=KEYS)
    assert it.restore([tuple(row)[:6] for row in old.export()], KEYS, False)
    assert it.lowered(3) == old.lowered(3) == 2


def test_a_restored_memory_goes_on_like_the_first():
    one, other = filled(), remembers(window=9, keys=KEYS, vouched=True)
    restored(other, one)
    for it in (one, other):
        it.learn(4, [(0, 'derived', DERIVED)], graph((0, 2)))
    for step in range(5, 15):
        assert excluded(one, step) == excluded(other, step)
        assert known(one, step) == known(other, step)


def test_no_name_of_a_host_is_taken_for_a_number():
    """Workers name their hosts, and may lie."""
    names = 'a', 'a', 'a #2', 'a#2', '#a', ''
    assert len(set(remembers(keys=names).keys)) == 6


# --- bad arguments -----------------------------------------------------

@pytest.mark.parametrize('change, told', [
    ({'memory': 'ever'}, "memory 'ever'.*forever"),
    ({'budget': 'window'}, "budget 'window'.*fixed"),
    ({'window': 0}, 'window 0.*1'), ({'q': 7}, 'q 7.*6'),
    ({'q': -1}, 'q -1.*0'), ({'keys': ('a', 'b')}, '2 keys.*6')])
def test_bad_arguments_are_named_with_their_bound(change, told):
    with pytest.raises(ValueError, match=told):
        remembers(**change)


def test_a_graph_of_another_size():
    with pytest.raises(ValueError, match=r'\(5, 5\).*\(6, 6\)'):
        remembers().learn(0, [], graph(n_workers=5))


def test_with_budget_step_enough_workers_keep_their_work():
    """Who is wrong may change in each step; everybody once must not end
    the run."""
    memory = Memory(7, 2, memory='forever', window=1, budget='step',
                    most=3)
    nobody = np.zeros((7, 7), dtype=bool)
    for step in range(7):
        memory.learn(step, [(step, 'test', True)], nobody)
        assert memory.excluded(step + 1).sum() == min(step + 1, 3)
    assert memory.excluded(7).nonzero()[0].tolist() == [4, 5, 6]
