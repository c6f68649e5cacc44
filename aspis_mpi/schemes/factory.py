"""The making of schemes: of all workers, and of those that are left.

The server keeps what is here and makes schemes anew when workers are exposed
or lost.  So all of it is frozen, and made of those sections of a job that say
what the server does: neither the job nor who lies is in its reach.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aspis_mpi.aggregation.base import Aggregator
from aspis_mpi.arrays import Ints
from aspis_mpi.assignment.orders.natural import Natural
from aspis_mpi.assignment.reassignment import reassigned, without
from aspis_mpi.coding.code import Code
from aspis_mpi.coding.scrutiny import TOLERANT, Scrutiny
from aspis_mpi.detection.base import Detector
from aspis_mpi.registry import find
from aspis_mpi.schemes.challenge.challenged import Challenged
from aspis_mpi.schemes.decision import Detection
from aspis_mpi.schemes.gathering import Collection
from aspis_mpi.schemes.scheme import Scheme
from aspis_mpi.schemes.spot.inspection import Inspection
from aspis_mpi.schemes.spot.recomputed import Recomputed
from aspis_mpi.schemes.spot.spotted import Spotted
from aspis_mpi.schemes.tables.base import Transfer


@dataclass(frozen=True, eq=False)
class Makers:
    """Makers of the parts of a scheme: each takes what its family takes."""

    collection: Callable[..., Collection]
    transfer: Callable[..., Transfer]
    detector: Callable[[int], Detector]
    aggregator: Callable[..., Aggregator]


@dataclass(frozen=True, eq=False)
class SchemeFactory:
    """Makes schemes of any assignment, as one job asks for them.

    Parameters
    ----------
    q : int
        Adversaries that the job assumes.
    seed : int
        Of the run.
    assignment, collection, transfer, detection : Section
        Of the job.
    make : Makers
    code : Code, optional
        Of the transfer, if it has one.
    inspection : Inspection, optional
        Where sums are looked at by chance.
    wholes : int, optional
        Files that an aggregation gets, where those of an assignment are
        nodes of them.
    scrutiny : Scrutiny
        Of what travels.
    """

    q: int
    seed: int
    assignment: Any
    collection: Any
    transfer: Any
    detection: Any
    make: Makers
    code: Code | None = None
    inspection: Inspection | None = None
    wholes: int | None = None
    scrutiny: Scrutiny = TOLERANT

    def inner(self, assignment):
        """The transfer without the challenge."""
        section = self.collection
        transfer = self.make.transfer(assignment, section.copies,
                                      section.thinning, self.code)
        collection = self.make.collection(assignment, section.copies,
                                          self.code)
        if collection.waits_for_all and not self.transfer.challenge:
            return transfer.unasked()
        return transfer

    def challenged(self, inner, assignment):
        """The transfer, with a challenge where there is one."""
        section = self.transfer
        if self.inspection is not None and self.inspection.rule.recomputes:
            return Recomputed(assignment, self.inspection, 0, 2 + self.q)
        if not section.challenge:
            return inner
        if self.inspection is not None:
            return Spotted(assignment, self.inspection, section.sketches,
                           2 + self.q, self.scrutiny)
        return Challenged(inner, assignment, self.q, self.seed,
                          section.sketches, section.max_epochs,
                          self.scrutiny)

    def scheme(self, assignment, q, transfer, worst_case=None):
        """The scheme of some workers, q of which may be wrong."""
        detection = Detection(self.make.detector, q)
        if worst_case is None:
            worst_case = (
                detection.detector.worst_case(assignment)
                if transfer.comparable else 0 if transfer.corrects
                else assignment.touched(q))
        rows = self.wholes or assignment.n_files
        # A file is wrong if one of its nodes is.
        context = rows, q, min(rows, worst_case)
        copies = self.collection.copies
        return Scheme(
            assignment=assignment,
            collection=self.make.collection(assignment, copies, self.code),
            transfer=transfer, detection=detection,
            aggregator=self.make.aggregator(*context),
            mean=find('aggregation', 'mean')(*context),
            worst_case=worst_case,
            copies=min(copies, assignment.least_copies),
            ordered=self.assignment.order != Natural.name,
            reorder=self.assignment.reorder,
            skip_covered=self.collection.skip_covered,
            audits=self.detection.audits != 'none',
            random_audits=self.detection.random_audits)


@dataclass(frozen=True, eq=False)
class Schemes:
    """The schemes of a run: of all workers, and of any that are left.

    Parameters
    ----------
    factory : SchemeFactory
    full : Scheme
        Of all workers.
    inner : Transfer
        What travels in it, without the challenge.
    most_absent : int
        Workers whose files the assignment has room for on others.
    work : ndarray of int, shape (f,), optional
        Of each file, where they are not alike.
    """

    factory: SchemeFactory
    full: Scheme
    inner: Transfer
    most_absent: int
    work: Ints | None = None

    def without(self, excluded, lost, idle, lowered, step, layout=None):
        """The scheme of a step without some workers.

        Their files go to others.

        Those of idle ones only where there is room, and where no file can
        be missed so much that they are asked again.

        Parameters
        ----------
        excluded, lost, idle : ndarray of bool, shape (K,)
        lowered : int
            By how much fewer adversaries are assumed.
        step : int
        layout : Assignment, optional
            Who has which file while nobody is without work, if not as
            designed.

        Returns
        -------
        Scheme

        Raises
        ------
        ValueError
            There is none.
        """
        make, inner = self.factory, self.inner
        assignment = (self.full.assignment.at(step) if layout is None
                      else layout)
        absent = excluded | lost
        if self.full.tolerates_missing and (
                np.count_nonzero(absent | idle) <= self.most_absent):
            absent |= idle
        moved = inner.reassignable and absent.any()
        if moved:
            assignment = reassigned(assignment, absent, assignment.width,
                                    self.work)
        if assignment is not self.full.assignment:
            inner = make.inner(assignment)
        if excluded.any() and not moved:
            assignment = without(assignment, excluded)
        # Renamed workers can do as much as before.
        other = absent.any() or lowered or layout is not None
        worst_case = None if other else self.full.worst_case
        return make.scheme(assignment, make.q - lowered,
                           make.challenged(inner, assignment), worst_case)
