"""Checkpoints that stay: always a ripe one, few, and never far back."""

import math

import pytest

from aspis_mpi.detection.spot import odds, ripe
from aspis_mpi.detection.spot.ripe import Kept
from aspis_mpi.streams import generator

#: H, checkpoint_every, keep.
SIZES = [(19, 5, 1), (19, 1, 3), (19, 4, 1), (40, 7, 2), (40, 25, 1),
         (40, 0, 5), (5, 3, 1), (1, 1, 1), (0, 10, 2)]
sizes = pytest.mark.parametrize('turns, every, last', SIZES)


class Run:
    """A run that writes, drops and goes back to checkpoints."""

    def __init__(self, turns, every, last):
        self.turns, self.last = turns, last
        self.every = ripe.interval(turns, every)
        self.spacing = ripe.spacing(turns, every)
        self.step = self.now = 0
        self.kept = [Kept(0, 0)]
        self.most = 1
        #: Turns whose gradients are in the parameters, by step.
        self.history = {0: []}
        self.line = []

    def advance(self):
        """One turn and its step, and a checkpoint when it is due."""
        self.now += 1
        self.step += 1
        self.line.append(self.now)
        if self.step % self.every == 0:
            self.write()

    def write(self):
        """Also where the run is stopped, at any step."""
        self.kept = sorted({one for one in self.kept if one.step != self.step}
                           | {Kept(self.step, self.now)})
        self.history[self.step] = list(self.line)
        self.most = max(self.most, len(self.kept))
        self.kept = ripe.keep(self.kept, self.now, self.turns, self.spacing,
                              self.last)

    def resume(self):
        """A kill: the newest checkpoint and its count of turns."""
        newest = self.kept[-1]
        self.step, self.now = newest.step, max(newest.made, self.counted)
        self.line = list(self.history[newest.step])

    #: Turns that the last checkpoint of a rollback knows of.
    counted = 0

    def expose(self):
        """Go back; the steps that are undone."""
        target = ripe.target(self.kept, self.now, self.turns)
        undone = self.step - target.step
        self.kept = [one for one in self.kept if one.step <= target.step]
        self.step, self.counted = target.step, self.now
        self.line = list(self.history[target.step])
        return undone


def lives(turns, every, last, turns_in_all=600):
    """Runs with kills, stops and exposures at random."""
    for number in range(20):
        draw = generator(17, 'lives', turns, every, last, number)
        run = Run(turns, every, last)
        events = draw.random(turns_in_all)
        for event in events:
            run.advance()
            if event < 0.01:
                run.write()
            elif event < 0.02:
                run.resume()
            yield run, event > 0.99


@sizes
def test_there_is_always_a_ripe_one_or_the_beginning(turns, every, last):
    for run, exposed in lives(turns, every, last):
        target = ripe.target(run.kept, run.now, turns)
        assert target.step == 0 or run.now - target.made >= turns
        if exposed:
            run.expose()


@sizes
def test_an_exposure_undoes_no_more_than_the_plan_says(turns, every, last):
    bound = odds.turns_lost(turns, ripe.spacing(turns, every))
    worst = 0
    for run, exposed in lives(turns, every, last):
        target = ripe.target(run.kept, run.now, turns)
        assert run.step - target.step <= bound
        worst = max(worst, run.step - target.step)
        if exposed:
            assert run.expose() <= bound
    # It is no bound that is far off.
    assert worst >= turns


@sizes
def test_there_are_no_more_than_the_plan_says(turns, every, last):
    spacing = ripe.spacing(turns, every)
    bound = ripe.most(turns, spacing, last)
    for run, exposed in lives(turns, every, last):
        assert run.most <= bound
        assert len(run.kept) < bound
        if exposed:
            run.expose()


@sizes
def test_a_ripe_one_has_no_lie_of_who_is_exposed_in_time(turns, every, last):
    """A liar that lies in every turn, for as long as H at most."""
    if not turns:
        return
    draw = generator(17, 'liar', turns, every)
    for run, exposed in lives(turns, every, last):
        first = run.now - int(draw.integers(turns)) if exposed else math.inf
        if exposed:
            run.expose()
            assert all(turn < first for turn in run.line)


@sizes
def test_the_newest_and_the_first_stay(turns, every, last):
    for run, exposed in lives(turns, every, last):
        before = list(run.kept)
        assert before[0].step == 0
        if run.step % run.every == 0:
            assert before[-1].step == run.step
        after = ripe.keep(before, run.now, turns, run.spacing, last + 1)
        assert set(after) <= set(before)
        assert after[-last:] == before[-last:]
        if exposed:
            run.expose()


def kept(*steps, age=0):
    return [Kept(step, step + age) for step in steps]


def steps(found):
    return [one.step for one in found]


def test_what_is_older_than_the_newest_ripe_one_goes():
    found = ripe.keep(kept(0, 5, 10, 15, 20, 25), 25, ripe=10, spacing=5)
    assert steps(found) == [0, 15, 20, 25]


def test_what_lies_close_is_thinned_to_the_spacing():
    found = ripe.keep(kept(0, *range(2, 41)), 40, ripe=20, spacing=5)
    assert steps(found) == [0, 20, 25, 30, 35, 40]


def test_keep_only_adds():
    few = ripe.keep(kept(0, *range(2, 41)), 40, ripe=20, spacing=5)
    more = ripe.keep(kept(0, *range(2, 41)), 40, ripe=20, spacing=5, last=3)
    assert set(more) - set(few) == set(kept(38, 39))
    assert set(few) < set(more)


def test_a_gap_that_is_there_stays_where_it_is():
    """After a job is resumed with other settings."""
    found = ripe.keep(kept(0, 10, 50, 52, 60), 60, ripe=55, spacing=5)
    assert steps(found) == [0, 10, 50, 52, 60]


def test_the_checkpoint_of_a_rollback_is_ripe_at_once():
    """It is of step 20, written in turn 90, with parameters of turn 20."""
    written = [Kept(0, 0), Kept(20, 20)]
    assert ripe.target(written, 90, ripe=50) == Kept(20, 20)
    # The steps that are done again are not, until H more turns are done.
    again = [*written, Kept(25, 95)]
    assert ripe.target(again, 144, ripe=50) == Kept(20, 20)
    assert ripe.target(again, 145, ripe=50) == Kept(25, 95)


def test_without_any_there_is_the_beginning():
    assert ripe.target([], 10, ripe=5) is None
    assert ripe.target(kept(3), 7, ripe=5) is None
    assert ripe.target(kept(0), 2, ripe=5) == Kept(0, 0)


def test_turns_with_fewer_workers_count_for_less():
    """So that what is ripe stays ripe and H is that of fewest workers."""
    rate, load, liars, risk = 0.1, 10, 3, 0.01
    usual = odds.exposed_in_turn(rate, odds.honest_checkers(15, liars), load)
    turns = odds.horizon(rate, odds.honest_checkers(15, liars), load, liars,
                         risk)
    few = odds.honest_checkers(10, liars)
    now = 0.0
    took = 0
    while not ripe.is_ripe(Kept(1, 0.0), now, turns):
        now += ripe.worth(odds.exposed_in_turn(rate, few, load), usual)
        took += 1
    assert abs(took - odds.horizon(rate, few, load, liars, risk)) <= 2
    assert took > turns


def test_a_mix_of_turns_is_ripe_when_the_risk_is_small():
    draw = generator(17, 'mixed')
    usual = 0.05
    turns = math.ceil(math.log(2 / 0.01) / usual)
    for _ in range(50):
        now, survives = 0.0, 1.0
        for chance in draw.random(5000) * 0.2:
            now += ripe.worth(chance, usual)
            survives *= 1 - chance
            if ripe.is_ripe(Kept(1, 0.0), now, turns):
                break
        assert ripe.is_ripe(Kept(1, 0.0), now, turns)
        assert survives <= 0.01 / 2


@pytest.mark.parametrize('turns, every, gap', [
    (571, 0, 143), (571, 100, 143), (571, 200, 200), (19, 0, 5), (0, 0, 1)])
def test_spacings(turns, every, gap):
    assert ripe.spacing(turns, every) == gap
    assert ripe.interval(turns, every) == (every or gap)
