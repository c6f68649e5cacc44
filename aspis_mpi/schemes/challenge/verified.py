"""The worth of a step's payloads: challenged, compared, asked for again.

An epoch brings payloads, then the sketches and norms of all that was
finished of the files in them, by everybody who finished it.  A payload is
used when it is what its own sender's sketches say, and when these are those
that the detector believes, for every file in it.  The files of the others
are sent again in the next epoch, by other workers.
"""

from dataclasses import replace

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.coding import challenge
from aspis_mpi.detection.base import (
    DROPPED, MISSING, Proof, ProofKind, Verdict)
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.detection.matching import unmatched
from aspis_mpi.schemes.challenge.referee import Referee
from aspis_mpi.schemes.challenge.sketched import Sketched
from aspis_mpi.schemes.challenge.stock import Stock
from aspis_mpi.schemes.record import BY_SERVER, CODED
from aspis_mpi.schemes.resolution import (
    Resolution, outcome_of_sum, without_largest)
from aspis_mpi.schemes.tables.payloads import add, files_in, served
from aspis_mpi.schemes.tables.round import RoundTable
from aspis_mpi.schemes.tables.table import ChallengedTable


class VerifiedTable(RoundTable, ChallengedTable):
    """The payloads and sketches of one step, epoch by epoch.

    Parameters
    ----------
    transfer : Challenged
    step : int
    equality : Equality
    floor : float
        Norms below it are not told from it.
    known : ndarray of bool, shape (K, K), or None
        Disagreements that are remembered.
    """

    def __init__(self, transfer, step, equality, floor, known):
        shape = transfer.assignment.incidence.shape
        super().__init__(transfer, transfer.round(step, 0))
        self._step = step
        self._sketched = Sketched(transfer, equality, floor, known)
        self._stock = Stock(transfer, self._sketched)
        self._secret = None
        # Whose payload of this epoch lacks its sketches.
        self._owing = set()
        self._verdict = None
        self._proofs = []
        self._referee = Referee(self._sketched)
        self._flagged = np.zeros(shape[1], dtype=bool)
        self._vectors, self._seconds = 0, 0.0
        self.exposed = np.zeros(shape[1], dtype=bool)
        self.required = np.zeros(shape[0], dtype=int)

    @property
    def odd(self):
        """Workers whose copies do not count for the rest of the step, (K,)."""
        return self._sketched.odd

    @property
    def undivided(self):
        """True where the vectors asked for have all d numbers."""
        return self._transfer.undivided(self.state)

    def ask(self, finished):
        """Make a new signal of who finished what; who must send, (K,)."""
        fresh = self._round.state is None
        asked = self._round.ask(self._able(finished))
        # What was asked for otherwise is no part of this signal any more.
        for worker in np.flatnonzero(asked | ~self._round.senders).tolist():
            self._round.lose(worker)
        if not fresh:
            return asked
        share = 1 if self.undivided else self._transfer.copies
        self._vectors += np.count_nonzero(asked) / share
        # What liars can cost has a bound; the rest is missing.
        most = self._transfer.most_vectors
        return asked & (not self.epochs or self._vectors <= most)

    def lose(self, worker):
        """Forget what a worker sent, unless it has been verified."""
        self._round.lose(worker)
        self._stock.lose(worker)
        self._owing.discard(worker)

    def _able(self, finished):
        """Workers that may be asked for each file, bool (f, K).

        From the second epoch on, whoever is least suspicious of those that
        showed what is believed, or that have not shown anything yet.
        """
        verdict = self._verdict
        if verdict is None:
            return finished
        able = finished & ~self._closed(self._stock.kept)[:, None]
        believed = verdict.source >= 0
        able[~believed & (self.required == 0)] = False
        able[:, self.odd] = False
        graph = self._sketched.evidence().disagreements
        left = unmatched(graph)
        showed = able & verdict.contributors
        fresh = able & ~self._sketched.present()
        good = (showed & left).any(axis=1)
        able[believed] = np.where(good[:, None], showed,
                                  showed | fresh)[believed]
        for some in left, ~graph.any(axis=1):
            better = able & some
            found = better.any(axis=1)
            able[found] = better[found]
        return able

    def _closed(self, payloads):
        """Files in some payloads, and those that were audited, bool (f,)."""
        closed = files_in(payloads, len(self.required))
        closed[list(self._referee.right)] = True
        return closed

    def challenge(self, claims, secret):
        """Begin a challenge; the files in payloads, and who is asked."""
        self.epochs += 1
        self._secret = secret
        self._stock.take(self._round, self._vector)
        self._owing = {payload.worker for payload in self._stock.fresh}
        files = files_in(self._stock.fresh, len(claims))
        claims = claims & files[:, None]
        self._sketched.ask(claims, secret)
        self.checked = False
        return files, claims.any(axis=0)

    def check(self, clock):
        """Sketch the payloads, while the workers sketch their files."""
        start = clock()
        self._stock.sketch(self._secret)
        self.checked = True
        self._seconds += clock() - start

    def answer(self, worker, values):
        """Take the sketches of a worker's files, as they travel."""
        self._sketched.answer(worker, values)
        self._owing.discard(worker)

    def enough(self, needed):
        """True where all senders have answered, and often enough."""
        return not self._owing and self._sketched.enough(needed)

    def verify(self, scheme, believed, living, audit, clock):
        """Decide what is right with all that has been shown."""
        start = clock()
        sketched = self._sketched
        sketched.compare()
        self._stock.compare()
        believed = believed & ~self.exposed
        believed = believed & ~self._convict(believed)
        found = self._referee.decide(scheme, believed, audit)
        self._verdict = without_largest(found, sketched, scheme.worst_case)
        self._learn(found)
        believed = believed & ~self.exposed
        self._stock.select(self._verdict, believed, self._round)
        self._settle(scheme.detection, believed, living)
        self._seconds += clock() - start

    def _convict(self, believed):
        """Expose those whose payload is not what they showed, bool (K,)."""
        guilty = np.zeros(len(believed), dtype=bool)
        for worker in self._stock.liars(believed):
            guilty[worker] = True
            self._proofs.append(Proof(worker, (
                f'worker {worker} sent a vector that is not what its own '
                'sketches add up to'), ProofKind.SKETCHES))
        self.exposed |= guilty
        return guilty

    def _learn(self, verdict):
        """Keep what this epoch proves, for the rest of the step."""
        self._flagged |= verdict.flagged | verdict.exposed
        if verdict.contradiction:
            return
        self._proofs += verdict.proofs
        self.exposed |= verdict.exposed

    def _settle(self, detection, believed, living):
        """Find out what another epoch could bring."""
        verdict, self.required = self._verdict, self.required * 0
        closed = self._closed(self._stock.usable)
        self.settled = bool(verdict.contradiction) or bool(closed.all())
        if self.settled:
            return
        again = (verdict.source >= 0) & ~closed
        evidence = detection.detector.leave_out(self._sketched.evidence(),
                                                ~believed)
        more = detection.among(believed).lacking(evidence)
        more[closed | verdict.certified | again] = 0
        # A suspect should not be asked where another copy can be had.
        left = unmatched(evidence.disagreements) & (
            living & believed & ~self.odd)
        able = verdict.contributors & left
        more[again & ~able.any(axis=1)] = 1
        holders = evidence.holders
        silent = (holders >= 0) & ~evidence.present & (
            living & ~self.odd)[holders]
        more = np.minimum(more, silent.sum(axis=1))
        claimed = self._sketched.claims & living & believed & ~self.odd
        self.required = np.where(more > 0, claimed.sum(axis=1) + more, 0)
        self.settled = not (again.any() or more.any())

    def renew(self):
        """Begin another epoch with what could be verified."""
        self._stock.renew(self.exposed)
        self._owing = set()
        self._round = self._transfer.round(self._step, self.epochs)

    def resolve(self, closing):
        """Add up what has been verified."""
        start, scheme = closing.clock(), closing.scheme
        samples, out = closing.samples, closing.out
        used = self._used()
        verdict = self._located(self._logged(), used, closing.locator)
        if self.epochs > 1:
            self.later = self._stock.later(len(samples))
        cover = np.zeros(len(samples))
        for payload in used:
            cover[payload.files] = payload.cover
        divisor = float(cover @ samples)
        accepted = None
        if divisor > 0 and not verdict.contradiction:
            accepted = add(used, out, divisor, self.codec,
                           round(float(cover.sum())))
            if not arrays.is_finite(out):
                verdict = scheme.detector.refuse(
                    self._sketched.evidence(), Contradiction(
                        ContradictionKind.NOT_FINITE,
                        'the sum of the gradients is not finite'))
        there = np.flatnonzero(cover)
        lacks = self._transfer.copies * (1 - cover[there]).sum()
        norms = np.empty(0)
        if self._verdict is not None:
            norms = self._sketched.norms(there, self._verdict.source[there])
        graph = self._sketched.seen()
        return Resolution(
            verdict, outcome_of_sum(verdict, divisor, lacks, graph), graph,
            self._sketched.margin, self._sketched.copies(), self._seconds,
            closing.clock() - start,
            residual=float(np.sqrt(lacks)) if lacks else 0.0,
            audits=self._referee.audits, remarks=tuple(self._referee.remarks),
            floor=scheme.equality.floor(norms, scheme.worst_case),
            spread=(self._sketched.spread(scheme.detection.q)
                    if scheme.equality.follows else np.nan),
            hidden_bias=self._hidden_bias(
                used, cover, scheme.detection.left(
                    closing.believed & ~self.exposed)),
            accepted=accepted,
            shown=(None if self._verdict is None
                   else self._verdict.contributors))

    def _hidden_bias(self, used, cover, q):
        """The most that q liars can have hidden in the payloads used."""
        errors = self._sketched.hidden([payload for payload in used
                                        if payload.buffer is not None])
        return challenge.hidden_bias(errors, q, cover.sum())

    def _logged(self):
        """The verdict with what was really used, for the run log."""
        verdict = self._verdict
        n_files, n_workers = len(self.required), len(self.exposed)
        source = np.full(n_files, MISSING, dtype=np.int16)
        contributors = np.zeros((n_files, n_workers), dtype=bool)
        if verdict is None:
            return Verdict(self.exposed, source, contributors)
        if verdict.contradiction:
            return replace(verdict, proofs=tuple(self._proofs))
        source[verdict.source == DROPPED] = DROPPED
        for payload in self._used():
            alone = payload.undivided or self._transfer.sums
            source[payload.files] = (payload.worker if alone or
                                     payload.buffer is None else CODED)
            if payload.buffer is not None:
                contributors[payload.files, payload.worker] = True
        return replace(
            verdict, source=source, contributors=contributors,
            exposed=self.exposed, flagged=self._flagged | self.exposed,
            proofs=tuple(self._proofs))

    def _located(self, verdict, used, locator):
        """The verdict whose proofs name tensors, as far as that can be done.

        What a worker sent must be of one file, of which there is a value
        that is certified: another worker's, or the server's own.
        """
        if locator is None or not verdict.proofs:
            return verdict
        right = {payload.file: payload.values for payload in used
                 if payload.file is not None
                 and verdict.certified[payload.file]} | self._referee.proven
        sent = {payload.worker: payload
                for payload in self._stock.held + self._stock.fresh
                if payload.file in right}
        return replace(verdict, proofs=tuple(
            proof if proof.worker not in sent else proof._replace(
                tensors=locator.differences(
                    proof.worker, proof.kind,
                    self.codec.dense(right[sent[proof.worker].file]),
                    self.codec.dense(sent[proof.worker].values)))
            for proof in verdict.proofs))

    def _used(self):
        """Payloads of which the step is made; audited files are its own."""
        usable = self._stock.usable
        there = files_in(usable, len(self.required))
        return usable + [
            served(BY_SERVER, file, values, self._transfer.copies)
            for file, values in sorted(self._referee.right.items())
            if not there[file]]

    def release(self):
        """Give every buffer back; the values must not be used any more."""
        self._stock.release()
        self._round.release()
