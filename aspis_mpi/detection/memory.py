"""The memory of earlier steps: who was exposed, who disagreed."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MEMORIES = 'step', 'window', 'forever'
BUDGETS = 'step', 'fixed'

#: Stands for pairs of workers that were never seen to disagree.
NEVER = -1


@dataclass(frozen=True)
class Exposure:
    """A worker that was proved wrong.

    Parameters
    ----------
    worker : int
    sentence : str
        What proves it.
    stands_alone : bool
        Whether nothing else must be believed: an audit, a payload against
        its own sketches, a malformed message.  Otherwise the proof needs
        the budget of wrong workers.
    step : int
        In which it was exposed.
    since : int
        The oldest step that the proof rests on: it was wrong in some step
        from this one to `step`.
    lowers : bool
        Whether it is one of the q wrong workers of a fixed budget: not after
        a resume with other workers.
    """

    worker: int
    sentence: str
    stands_alone: bool
    step: int
    since: int
    lowers: bool = True


class Pair(NamedTuple):
    """Two workers that contradict each other: one of them is wrong.

    `sentence` says about what, and `step` in which it was seen.
    """

    worker: int
    other: int
    sentence: str
    step: int


class Row(NamedTuple):
    """One row of what is remembered, in plain values.

    An exposure, whose `other` is empty; a disagreement of two workers, which
    has the step in which it was last seen as `step` and `since`; or a pair
    that was left out, which has a sentence, too.
    """

    key: str
    other: str
    sentence: str
    stands_alone: bool
    step: int
    since: int
    lowers: bool = True


class Memory:
    """Exposures and, by choice, disagreements of earlier steps.

    Evidence is stamped with the step that it is of.  It counts in step s
    if s - stamp is less than the span: 1 step for memory 'step', which so
    remembers nothing, `window` steps, or for ever.  An exposure that is
    derived from the budget is as old as the oldest disagreement and the
    oldest exposure that it may rest on, and expires with them.

    Parameters
    ----------
    n_workers : int
        K.
    q : int
        How many workers can be wrong, from 0 to K.
    memory : {'step', 'window', 'forever'}
    window : int
        Steps, at least 1; the span of memory 'window'.
    budget : {'step', 'fixed'}
        What is assumed, see the notes.
    most : int, optional
        Workers that are excluded at most, by default q; those that lower q
        always are.
    keys : sequence of str, optional
        Host and device of each worker; 'worker j' by default.  Those with
        the same key are told apart by their order.
    vouched : bool
        Whether the launcher says the keys, rather than the workers.

    Raises
    ------
    ValueError
        Names the argument and its bound.

    Notes
    -----
    Budget 'step' assumes that at most q workers are wrong in each step;
    they may be others in the next one.  A proof then rests on one step.
    Whoever was exposed gets no work, which is always allowed, but counts
    neither against q nor as a partner of anybody: the q wrong workers of
    this step may all be among the others.  Every exclusion costs these
    others work or copies, so where more than `most` are exposed the oldest
    exposures are forgotten.

    Budget 'fixed' assumes that at most q different workers are wrong in
    any so many consecutive steps as the span has, all steps for 'forever';
    one error of a machine counts for as long.  Workers that have left with
    their host count too.  Then disagreements are carried over, and each
    remembered exposure lowers q, as long as the workers are the same.  By
    induction a remembered worker was
    wrong within the span: the disagreements and exposures that a derived
    proof rests on are all of steps since .. step, no more than the span; if
    the worker was right in all of them, more than q others were wrong.

    A later job may have other workers.  What they say of themselves proves
    nothing: a liar that takes the name of an honest worker would leave it
    its exposure.  Where the whole list of keys is unchanged, worker by
    worker, all evidence counts.  Else an exposure counts where the launcher
    has said, then and now, that it is the same worker, and does not lower q;
    all other evidence is forgotten, which is always sound.  (By its own word
    alone a liar passes its exposure on only if it has named, in one job, the
    host that its rank is on in the next one, and nobody else has moved.)

    Disagreements must be right themselves.  Where honest workers may seem
    to disagree now and then (tolerance), a longer span collects more of
    that.
    """

    def __init__(self, n_workers, q, *, memory, window, budget,
                 most=None, keys=None, vouched=False):
        for name, value, choices in (('memory', memory, MEMORIES),
                                     ('budget', budget, BUDGETS)):
            if value not in choices:
                raise ValueError(f"{name} '{value}' must be one of "
                                 f'{", ".join(choices)}')
        if not 0 <= q <= n_workers:
            raise ValueError(f'q {q} must be between 0 and the number of '
                             f'workers, {n_workers}')
        if window < 1:
            raise ValueError(f'window {window} must be at least 1')
        self.n_workers = n_workers
        self.q = q
        self._span = {'step': 1, 'window': window, 'forever': np.inf}[memory]
        self._fixed = budget == 'fixed'
        self._most = q if most is None else most
        if keys is None:
            keys = [f'worker {worker}' for worker in range(n_workers)]
        if len(keys) != n_workers:
            raise ValueError(f'{len(keys)} keys must be one for each of '
                             f'{n_workers} workers')
        self._keys = _told_apart(keys)
        self._vouched = vouched
        self._clear()

    def _clear(self):
        self._exposures = []
        self._pairs = []
        self._seen = np.full((self.n_workers,) * 2, NEVER)
        # Mostly nobody ever disagrees: then nothing is looked for.
        self._has_seen = False

    @property
    def keys(self):
        """Host and device of each worker, told apart; a tuple of str."""
        return self._keys

    @property
    def vouched(self):
        """True where the launcher says the keys."""
        return self._vouched

    # -- what counts in a step

    def excluded(self, step):
        """Workers that get no work: exposed before, not expired; (K,)."""
        chosen = np.zeros(self.n_workers, dtype=bool)
        chosen[[it.worker for it in self._counted(step)]] = True
        return chosen

    def left_out(self, step):
        """Workers that get no work since one of two is wrong; (K,).

        Of none of them it is proved.
        """
        chosen = np.zeros(self.n_workers, dtype=bool)
        for it in self._pairs:
            chosen[[it.worker, it.other]] |= it.step < step
        return chosen

    def known(self, step):
        """Disagreements carried over from earlier steps, bool (K, K).

        None with budget 'step'; none of excluded workers.  To be asked
        before the step itself is learned.
        """
        if not self._has_seen:
            return np.zeros_like(self._seen, dtype=bool)
        known = (self._seen != NEVER) & (self._seen < step)
        known &= step - self._seen < self._span
        excluded = self.excluded(step)
        known[excluded] = known[:, excluded] = False
        return known

    def lowered(self, step):
        """Number of the q wrong workers that are excluded for certain.

        With budget 'fixed' all that were exposed among the same workers,
        and one of each pair that was left out; none with 'step'.  More than
        q contradict the budget.
        """
        if not self._fixed:
            return 0
        exposed = {it.worker for it in self._counted(step) if it.lowers}
        return len(exposed) + sum(
            it.step < step and not {it.worker, it.other} & exposed
            for it in self._pairs)

    def _counted(self, step):
        return [it for it in self._exposures
                if it.step < step and step - it.since < self._span]

    # -- what is new

    def learn(self, step, exposures, graph, pairs=()):
        """Take note of what a step has shown.

        Parameters
        ----------
        step : int
            Never smaller than before.
        exposures : iterable of (int, str, bool)
            Worker, the sentence that proves it wrong, and whether the proof
            stands alone.
        graph : ndarray of bool, shape (K, K)
            Who disagreed with whom in this step itself, without what was
            `known`: that would never grow old.  Empty where the premise was
            violated, as then it proves nothing.
        pairs : iterable of (int, int, str)
            Two workers of which one is wrong in this step, and why; only
            with budget 'fixed' and memory 'forever'.

        Returns
        -------
        int
            The oldest step that a proof of this step may rest on.
        """
        graph = np.asarray(graph, dtype=bool)
        if graph.shape != self._seen.shape:
            raise ValueError(f'graph of shape {graph.shape} must be of shape '
                             f'{self._seen.shape}')
        self._forget(step)
        oldest = self._oldest(step)
        for worker, sentence, stands_alone in exposures:
            self._add(Exposure(int(worker), sentence, bool(stands_alone),
                               step, step if stands_alone else oldest))
        if self._fixed:
            if graph.any():
                self._seen[graph | graph.T] = step
                self._has_seen = True
            self._pair(step, pairs)
        self._make_room()
        return oldest

    def _pair(self, step, pairs):
        """Leave pairs out; no worker is in two, nor exposed and in one."""
        gone = {it.worker for it in self._exposures}
        for it in self._pairs:
            gone |= {it.worker, it.other}
        for worker, other, sentence in pairs:
            if not gone & {worker, other}:
                self._pairs.append(Pair(int(worker), int(other), sentence,
                                        step))
                gone |= {worker, other}

    def _make_room(self):
        """Leave enough workers with work: the oldest exposures go."""
        def stays(it):
            return self._fixed and it.lowers
        latest = dict.fromkeys(
            it.worker for it in sorted(
                self._exposures, reverse=True,
                key=lambda it: (stays(it), it.step)))
        most = max(self._most, len({
            it.worker for it in self._exposures if stays(it)}))
        kept = list(latest)[:most]
        self._exposures = [it for it in self._exposures if it.worker in kept]

    def _oldest(self, step):
        """The oldest step that a proof of this step may rest on."""
        if not self._fixed:
            return step
        carried = self._seen[self.known(step)]
        return min(int(carried.min(initial=step)),
                   *(it.since for it in self._counted(step) if it.lowers),
                   step)

    def _add(self, new):
        """Add an exposure unless one of the same worker lasts as long."""
        if not any(it.worker == new.worker and it.since >= new.since
                   for it in self._exposures):
            self._exposures.append(new)

    def _forget(self, step):
        """Drop what does not count in this step, and so in none to come."""
        self._exposures = [it for it in self._exposures
                           if step - it.since < self._span]
        if self._has_seen:
            self._seen[step - self._seen >= self._span] = NEVER

    # -- what outlives a job

    def export(self):
        """Everything remembered, as a list of `Row`."""
        rows = [Row(self._keys[it.worker], '', it.sentence, it.stands_alone,
                    it.step, it.since, it.lowers) for it in self._exposures]
        rows += [Row(self._keys[it.worker], self._keys[it.other], it.sentence,
                     False, it.step, it.step) for it in self._pairs]
        for a, b in np.argwhere(np.triu(self._seen != NEVER)).tolist():
            last = int(self._seen[a, b])
            rows.append(Row(self._keys[a], self._keys[b], '', False, last,
                            last))
        return rows

    def same_workers(self, keys, vouched):
        """True where these are all workers, in this order.

        The one condition for what is carried over from a job to the next.
        A list that the launcher says is no list that the workers say.

        Parameters
        ----------
        keys : sequence of str
            Of the workers of an earlier job, told apart.
        vouched : bool
        """
        return (tuple(keys), vouched) == (self._keys, self._vouched)

    def restore(self, rows, keys, vouched):
        """Remember what was exported, as far as it counts, and nothing else.

        Parameters
        ----------
        rows : iterable of Row, or of their values
        keys : sequence of str
            Of the workers of then.
        vouched : bool

        Returns
        -------
        bool
            Whether these are the same workers.
        """
        self._clear()
        same = self.same_workers(keys, vouched)
        place = {}
        if same or vouched and self._vouched:
            place = {key: worker for worker, key in enumerate(self._keys)}
        for row in (Row(*values) for values in rows):
            if row.key not in place:
                continue
            worker = place[row.key]
            if not row.other:
                self._exposures.append(Exposure(
                    worker, row.sentence, row.stands_alone, row.step,
                    row.since, same and row.lowers))
            elif same and self._fixed and row.sentence:
                self._pairs.append(Pair(worker, place[row.other],
                                        row.sentence, row.step))
            elif same and self._fixed:
                other = place[row.other]
                self._seen[worker, other] = row.step
                self._seen[other, worker] = row.step
                self._has_seen = True
        self._make_room()
        return same


def _told_apart(keys):
    """The keys, numbered from the second one of the same name on.

    Workers may name their own hosts, and a name may look like a number.
    """
    seen = Counter()
    told = []
    for key in keys:
        plain = key.replace('#', '')
        seen[plain] += 1
        told.append(plain if seen[plain] == 1 else f'{plain} #{seen[plain]}')
    return tuple(told)
