"""State that outlives a step: parameters, knowledge of the workers."""

import logging
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.compression.scale import Clipping
from aspis_mpi.detection.probe import NAMELESS
from aspis_mpi.protocol.server.advice import DIVERGES, Premise
from aspis_mpi.protocol.server.snapshot import NO_GRID, Snapshot
from aspis_mpi.schemes.closing import Closing
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.locator import Locator
from aspis_mpi.schemes.resolution import Resolution

#: Factor by which thresholds change before the log says so.
TOLD = 2.0


class Conclusion(NamedTuple):
    """Result of a step.

    Attributes
    ----------
    resolution : Resolution
    lr, norm : float
        Of the update; NaN if there was none.
    seconds : float
        That it took.
    hopeless : bool
        The assumptions do not hold, and the run cannot go on.
    exposes : bool
        Somebody was proved wrong.
    diverges : bool
        Its numbers are not finite, or far too large.
    clipping : Clipping
        Of its grid.
    """

    resolution: Resolution
    lr: float
    norm: float
    seconds: float
    hopeless: bool
    exposes: bool
    diverges: bool
    clipping: Clipping = Clipping()


class Resolver:
    """Learns from each step, and can be taken apart and put together again.

    Parameters
    ----------
    training : Training
    membership : Membership
    samples : ndarray of int, shape (f,)
        Samples of each file.
    threads : int
        For the aggregation.
    auditor : Auditor or None
        Computes contested files.
    notes : Notes
    examiner : Auditor, optional
        Computes what advice needs.
    wholes : Wholes, optional
        Of which the files are nodes.
    scale : Scale, optional
        The grid of files of integers.

    Attributes
    ----------
    floor : float
        Norms below it are not told from it.
    diverged : int
        The last step that has diverged, as long as nobody is exposed for it.
    """

    def __init__(self, training, membership, samples, threads, auditor,
                 notes, examiner=None, *, wholes=None, scale=None):
        self.training = training
        self.floor = 0.0
        self.diverged = -1
        # Age of the run when the parameters were made.
        self._made = 0.0
        self._membership = membership
        self._samples = samples
        self._wholes = wholes
        self._threads = threads
        self._auditor = auditor
        self._notes = notes
        self._tensors = examiner.tensors if examiner else NAMELESS
        self._premise = Premise(notes, training, examiner)
        self._scale = scale
        self._codec = PLAIN
        # The tolerance that the log has, once it has changed.
        self._said = None
        self._told = set()

    def codec(self, step):
        """The codec of a step that begins."""
        if self._scale is not None:
            self._codec = self._scale.codec(
                step, self.training.parameters.values)
        return self._codec

    def audit(self, step):
        """Function from a file of a step to its vector; None without audits.

        See `Closing`.
        """
        if self._auditor is None:
            return None
        values, codec = self.training.parameters.values, self._codec
        return lambda file: codec.encoded(
            file, self._auditor.gradient(step, file, values))

    def conclude(self, step):
        """Make new parameters of what has come, and remember what it shows.

        Parameters
        ----------
        step : Step
            In which nothing is waited for any more.

        Returns
        -------
        Conclusion
        """
        training, now = self.training, self._notes.now
        resolution = step.table.resolve(Closing(
            self._membership.scheme, ~step.exposed, self._samples,
            training.gradient, self._threads, now, self.audit(step.number),
            Locator(self._tensors, self._notes.proved), self._wholes))
        began = now()
        lr, norm = (training.update(step.number) if resolution.updates
                    else training.keep())
        seconds = now() - began
        clipping = Clipping()
        if self._scale is not None and resolution.updates:
            clipping = self._scale.follow(resolution.accepted)
        self._membership.age += step.worth
        self._made = self._membership.age
        step.table.release()
        self._remark(step.number, norm, resolution.accepted)

        if np.isfinite(resolution.floor):
            self.floor = resolution.floor
        self._follow(step.number, resolution.spread)
        self._membership.observe(step, resolution)
        oldest = self._membership.learn(step.proofs, resolution)
        self._membership.adapt(step.number, self._notes)
        self._notes.resolved(step, resolution, oldest)
        verdict = resolution.verdict
        return Conclusion(resolution, lr, norm, seconds,
                          self._premise.hopeless(step.number, resolution),
                          not verdict.contradiction
                          and bool(step.proofs or verdict.proofs),
                          verdict.contradiction is not None
                          and verdict.contradiction.kind in DIVERGES,
                          clipping)

    def _remark(self, step, norm, accepted):
        """Say once what of an update is hardly meant."""
        training = self.training
        # A grid that is too coarse yet makes zeros of other gradients, too.
        rounded = accepted is not None and accepted.sizes.any()
        if norm == 0 and not rounded and not training.gradient.any():
            self._say(EventCode.ZERO, f'step {step}: the gradient is exactly '
                      'zero, of all files: nothing is trained')
        if training.overflowed:
            self._say(EventCode.OVERFLOW, f'step {step}: parameters leave the '
                      'range of float32; lower optimizer.lr or set '
                      'optimizer.clip')

    def _say(self, code, text):
        if code not in self._told:
            self._told.add(code)
            self._notes.note(logging.WARNING, code, text)

    def _follow(self, step, spread):
        """Let the thresholds go along with what machines differ by."""
        members = self._membership
        before = members.scheme.equality
        equality = before.after(spread)
        if equality == before:
            return
        members.scheme = replace(members.scheme, equality=equality)
        self._said = self._said or before.tolerance
        change = equality.tolerance / self._said
        if not 1 / TOLD < change < TOLD:
            self._said = equality.tolerance
            self._notes.note(
                logging.INFO, EventCode.TOLERANCE,
                f'step {step}: workers differ by {spread:.2g}; {equality}')

    def keep(self, done, within=False):
        """Leave a snapshot; so many steps have made the parameters.

        `within` the next one, which will be done again.
        """
        parameters, optimizer = self.training.export()
        self._notes.snapshots.append(Snapshot(
            done, self._notes.now(), parameters, optimizer, self.floor,
            self._premise.failures, self._membership.export(within),
            self._made, NO_GRID if self._scale is None
            else self._scale.export(), self.diverged))

    def go_back(self, snapshot):
        """Be at its step again, with all that is known of workers since.

        That is left as a snapshot, whose parameters are as old as before.
        """
        self.training.restore(snapshot.parameters, snapshot.optimizer)
        self.floor, self._made = snapshot.floor, snapshot.made
        self._premise.failures = snapshot.failures
        self._restore_scale(snapshot)
        self.keep(snapshot.step)

    def resume(self, snapshot):
        """Be what was left once; whether all workers are where they were."""
        self._notes.resume(snapshot.seconds)
        self.diverged = snapshot.diverged
        self.training.restore(snapshot.parameters, snapshot.optimizer)
        self.floor, self._made = snapshot.floor, snapshot.made
        self._premise.failures = snapshot.failures
        self._restore_scale(snapshot)
        return self._membership.restore(snapshot.step, snapshot.seconds,
                                        snapshot.members)

    def _restore_scale(self, snapshot):
        if self._scale is not None:
            self._scale.restore(snapshot.grid)
