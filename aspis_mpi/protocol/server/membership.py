"""Members of a step, their scheme, and the orders of computing."""

import logging
from dataclasses import replace

import numpy as np

from aspis_mpi.assignment.layout import of_order
from aspis_mpi.assignment.pacing import by_speed
from aspis_mpi.protocol.messages import Reorder
from aspis_mpi.protocol.server.snapshot import Members
from aspis_mpi.protocol.server.wait import Usual
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Draw, DrawKind, Reordering
from aspis_mpi.schemes.speeds import Speeds

#: In the place of a file: a worker has not been told its order.
UNTOLD = -2


class Membership:
    """Knowledge of the workers from one step to the next.

    Exposed workers get no work while the memory lasts, lost ones never
    again, and those that have cost the run too much time none until it has
    lasted longer: then others have their files, where the scheme allows.
    How fast the others are may change their order of computing.

    Parameters
    ----------
    scheme : Scheme
        Of all workers.
    memory : Memory
    rebuild : callable
        Given who is excluded, who is lost and who is idle, bool (K,), by how
        many the number of assumed adversaries is lower, and the step, the
        Scheme of the others.  Raises ValueError where there is none.
    accounts : Accounts
        What each worker has cost the run.
    inspection : Inspection, optional
        Of sums that are looked at by chance.
    adapting : Adapting, optional
        Lays files out by speeds.
    costs : ndarray of float64, shape (f,), optional
        Of each file, where they are not alike.

    Attributes
    ----------
    turn : int
        Steps that the run has begun before this one, undone ones included;
        -1 before the first.
    age : float
        See `Members`.
    scheme : Scheme
        Of this step.
    order : ndarray of int32, shape (K, width)
        Files of each worker in this step's order of computing.
    exposed, excluded : ndarray of bool, shape (K,)
        Workers that were exposed, and all that get no work for what they
        have sent: also pairs that contradict each other.
    lost : ndarray of bool, shape (K,)
        Workers that have gone for good, or get no work in this run.
    idle : ndarray of bool, shape (K,)
        Workers that get no work in this step, as they have cost too much.
    known : ndarray of bool, shape (K, K), or None
        Disagreements of earlier steps that count.
    accounts : Accounts
    speeds : Speeds
    usual : Usual
    """

    def __init__(self, scheme, memory, rebuild, accounts, inspection=None,
                 *, adapting=None, costs=None):
        n_workers = scheme.assignment.n_workers
        self.turn, self.age = -1, 0.0
        self.scheme = scheme
        self.order = scheme.assignment.order
        self.excluded = self.exposed = np.zeros(n_workers, dtype=bool)
        self.lost = np.zeros(n_workers, dtype=bool)
        self.known = None
        self.accounts = accounts
        self.idle = self._told_idle = self.lost.copy()
        self.speeds = Speeds(n_workers, adapting is not None)
        self._adapting = adapting
        # By speeds, of all workers, and that of which the scheme is.
        self._layout = self._laid = None
        self.usual = Usual.of(n_workers)
        self._inspection = inspection
        self._costs = costs
        self._designed = scheme.assignment.incidence.sum(axis=1)
        self._placement = scheme.assignment.placement
        self._memory = memory
        self._rebuild = rebuild
        self._lowered = 0
        self._counted = self.lost.copy()
        self._rested = self.idle
        self._settled = False
        # What the run log knows: that of the design, and each change.
        self._logged = self.order
        # Workers know the order of the design itself.
        self._told = np.where(scheme.ordered, UNTOLD, self.order)
        # The order and the workers of the last step, when they were told.
        self._ordered = None, b''
        self._before = self._restored = None

    def _lasting(self):
        """State that `turn_to` and a step change."""
        return (*self.accounts.export(), self.order,
                self.excluded | self.lost)

    @property
    def q(self):
        """Workers that may be wrong, of those that take part."""
        return self._memory.q - self._lowered

    def settle(self, equality):
        """From now on replicas are equal when this says so.

        Machines that have not changed keep what the run began with, since
        the parameters depend on it.
        """
        if not self._settled:
            self.scheme = replace(self.scheme, equality=equality)

    @property
    def work(self):
        """Work of each worker over the mean, (K,); None if files are alike.

        1 for who has nothing to do.
        """
        if self._costs is None:
            return None
        costs = self._costs @ self.scheme.assignment.incidence
        return np.where(costs > 0, costs / costs[costs > 0].mean(), 1.0)

    def work_of(self, files):
        """Work of what some are asked for, (K,); None if files are alike.

        Parameters
        ----------
        files : dict of int to list of int
            By worker.

        Returns
        -------
        ndarray of float64, shape (K,), or None
            In usual files; 1 for who is asked for nothing.
        """
        if self._costs is None:
            return None
        found = np.ones(len(self.excluded))
        for worker, some in files.items():
            found[worker] = self._costs[some].sum()
        return found

    def thin(self, present):
        """True if files have fewer holders than designed without others."""
        if present.all():
            return False
        holders = self.scheme.assignment.incidence[:, present].sum(axis=1)
        return bool((holders < self._designed).any())

    def turn_to(self, step, seconds):
        """Begin a turn, and find out who takes part in it, bool (K,).

        Parameters
        ----------
        step : int
            That is done in it.
        seconds : float
            Since the run began.

        Raises
        ------
        ValueError
            Too few are left, or more are exposed than can be wrong.
        """
        self._before = self._restored or self._lasting()
        self._restored = None
        self.usual.begin()
        self.turn += 1
        self._turn(self.turn, step, seconds)
        scheme = self.scheme
        if self.turn and scheme.reorder and not self.turn % scheme.reorder:
            self.order = by_speed(scheme.assignment, self.speeds.seconds,
                                  scheme.copies)
        return ~(self.excluded | self.lost | self.idle)

    def _turn(self, turn, step, seconds):
        """The scheme of those who may take part in a turn."""
        self.exposed = self._memory.excluded(turn)
        excluded = self.exposed | self._memory.left_out(turn)
        lowered = self._memory.lowered(turn)
        if lowered > self._memory.q:
            raise ValueError(
                f'{lowered} workers are exposed, more than scheme.adversaries'
                f" = {self._memory.q}; with detection.budget = 'step' others "
                'may be wrong in other steps')
        if self._inspection:
            self._inspection.require(
                int(np.count_nonzero(~(excluded | self.lost))),
                self._memory.q - lowered)
        self.idle = self.accounts.turn(seconds, ~(excluded | self.lost))
        changed = self.scheme.assignment.renames or (
            excluded != self.excluded).any() or (
            lowered != self._lowered) or (
            self.lost != self._counted).any() or (
            self.idle != self._rested).any() or (
            self._layout is not self._laid)
        if changed:
            self.scheme = replace(
                self._rebuild(excluded, self.lost, self.idle, lowered, step,
                              self._layout),
                equality=self.scheme.equality)
            self._laid = self._layout
            self.order = self.scheme.assignment.order
            self.excluded, self._lowered = excluded, lowered
            self._counted, self._rested = self.lost.copy(), self.idle
        known = self._memory.known(turn)
        self.known = known if known.any() else None

    def tell_idle(self, seconds, notes):
        """Say who gets no work from now on, as it cost too much, and who may.

        Parameters
        ----------
        seconds : float
            Since the run began.
        notes : Notes
        """
        before, self._told_idle = self._told_idle, self.idle
        if (before == self.idle).all():
            return
        accounts, limits = self.accounts, self.accounts.limit(seconds)
        for worker in np.flatnonzero(self.idle & ~before).tolist():
            notes.note(
                logging.WARNING, EventCode.RESTING,
                f'worker {worker} has cost the run '
                f'{accounts.seconds[worker]:.4g} s, more than '
                f'{limits[worker]:.4g} s: it gets no work until the run has '
                f'lasted {accounts.until(worker):.4g} s, or others have cost '
                'as much (faults.patience)', worker + 1)
        for worker in np.flatnonzero(before & ~self.idle).tolist():
            notes.note(logging.INFO, EventCode.RETURNED,
                       f'worker {worker} gets work again', worker + 1)

    def orders(self, step, notes):
        """Tell the workers what to compute in which order, if it is new.

        Parameters
        ----------
        step : int
        notes : Notes
            Takes note of what is not the order of the design.

        Returns
        -------
        list of (int, Message)
        """
        at_work = ~(self.excluded | self.lost)
        known = self.order, at_work.tobytes()
        if known[0] is self._ordered[0] and known[1] == self._ordered[1]:
            return []
        self._ordered = known
        new = (self._told != self.order).any(axis=1) & at_work
        if (self._logged != self.order)[at_work].any():
            notes.reorderings.append(Reordering(step, self.order))
            self._logged = self.order
        self._told[new] = self.order[new]
        return [(worker, Reorder(self.turn, order=self.order[worker].astype(
            '<i4').tobytes())) for worker in np.flatnonzero(new).tolist()]

    def observe(self, step, resolution):
        """Take note of what a step cost, and how fast workers were."""
        self.accounts.charge(step.wait.charges, step.silent, ~step.excluded)
        tally, reported = step.tally, step.tally.last_report
        if self._adapting is None:
            if self.scheme.reorder or self.scheme.collection.follows_speeds:
                self.speeds.observe(tally.done, reported, ~step.excluded)
            return
        if resolution.verdict.contradiction:
            return
        # Whose sketches were not waited for is not known to be right.
        costs = self._adapting.costs
        accepted = costs @ resolution.credited
        judged = accepted > 0
        self.speeds.observe(np.where(judged, accepted, tally.work(costs)),
                            reported, ~step.excluded, judged)

    def adapt(self, step, notes):
        """Lay files out anew before the next turn, where that helps.

        Now, so that a checkpoint has the layout before it is used.

        Parameters
        ----------
        step : int
            That is done.
        notes : Notes
        """
        adapting, turn = self._adapting, self.turn + 1
        if adapting is None or not adapting.due(turn):
            return
        away = self._memory.excluded(turn) | self._memory.left_out(turn)
        everything = self.scheme.collection.waits_for_all
        needed = self.scheme.needed
        change = adapting.change(
            turn, self.order, self.speeds.seconds,
            ~(away | self.lost | self.idle),
            max(0, self._memory.q - self._memory.lowered(turn)),
            None if everything else max(self.scheme.copies, int(
                0 if needed is None else needed.max())))
        if change is None:
            return
        self._layout = change.layout
        notes.draws.append(Draw(step, self.turn, 0, DrawKind.LAYOUT,
                                change.seed))
        notes.note(logging.INFO, EventCode.LAYOUT,
                   f'step {step + 1}: {change.sentence}')

    def learn(self, proofs, resolution):
        """Remember what this turn has proved, unless its premise failed.

        Parameters
        ----------
        proofs : list of Proof
            Besides those of the resolution.
        resolution : Resolution

        Returns
        -------
        int
            The oldest turn on which a proof may rest that needs others.
        """
        verdict = resolution.verdict
        if verdict.contradiction:
            return self.turn
        return self._memory.learn(
            self.turn, [(proof.worker, proof.sentence, proof.alone)
                   for proof in (*proofs, *verdict.proofs)],
            resolution.disagreements, verdict.pairs)

    # -- what outlives a job

    def export(self, within=False):
        """Knowledge between two steps, as `Members`.

        `within` a step that will be done again: before it began.
        """
        account, silent, resting, order, absent = (
            within and (self._before or self._restored) or self._lasting())
        return Members(self._memory.keys, self._memory.export(), account,
                       silent, resting, self.speeds.seconds.copy(),
                       order.copy(), absent, self.scheme.equality,
                       self._memory.vouched, self.turn + (not within),
                       self.age, self._inspection.cleared()
                       if self._inspection else [],
                       self._placement,
                       None if self._layout is None else self._layout.order,
                       self._adapting.export() if self._adapting else None,
                       self.usual.export(within),
                       *(self._inspection.export() if self._inspection
                         else ()))

    def restore(self, step, seconds, members):
        """Know again what was exported before a step, of the same workers.

        An exposure may follow its worker, see `Memory`; the rest counts only
        where all workers are the same.

        Returns
        -------
        bool
            Whether they are.

        Raises
        ------
        ValueError
            As of `turn_to`.
        """
        same_workers = self._memory.restore(members.evidence, members.keys,
                                             members.vouched)
        if same_workers:
            self.accounts.restore(members.account, members.silent,
                                  members.resting)
        self.turn, self.age = members.turn - 1, members.age
        known = members.order.shape == self.order.shape
        # Under other names in the design they have other files, too.
        same = known and np.array_equal(members.placement, self._placement)
        if same_workers and same and members.layout is not None:
            self._layout = of_order(members.layout,
                                    self.scheme.assignment)
        self._turn(members.turn, step, seconds)
        if known:
            self._logged = members.order
        if self._inspection and members.norms is not None:
            self._inspection.restore(members.watched, members.norms)
        if not same_workers:
            return False
        self.settle(members.equality)
        self._settled = True
        self.speeds.seconds = members.speeds.copy()
        if self._inspection:
            self._inspection.clear(members.cleared)
        if self._adapting and members.unworked is not None:
            self._adapting.restore(members.unworked)
        if members.usual is not None:
            self.usual.restore(members.usual)
        # A layout is newer than the order of the last step, and so is who
        # has died or come to have no work in it: others have those files.
        if same and self._adapting is None and (
                members.absent == self.excluded).all() and np.array_equal(
                np.sort(members.order), np.sort(self.order)):
            self.order = members.order.copy()
        # Should this step be stopped, too, it has not begun either.
        if same:
            self._restored = (members.account, members.silent,
                              members.resting, members.order, members.absent)
        return True
