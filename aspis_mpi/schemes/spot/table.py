"""The sums of a step, of which some are challenged, checked, made anew.

An *epoch* brings sums: first those of all workers, later those of files that
are not there or not believed, by other workers.  Where an epoch is looked
at, the owners of its sums sketch each of their files by a secret that is
drawn when all sums are in; then, when all sketches are in, others are drawn
that compute some of these files again.  The first epoch is looked at by
chance, and where a norm is far above others; later ones always, and all of
their files are.
"""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.contradiction import ContradictionKind
from aspis_mpi.detection.spot.screens import file_norms
from aspis_mpi.errors import LocalProtocolError
from aspis_mpi.schemes.resolution import Resolution, outcome_of_sum
from aspis_mpi.schemes.spot.case import Case, Finding
from aspis_mpi.schemes.spot.debts import Debts
from aspis_mpi.schemes.spot.docket import Docket
from aspis_mpi.schemes.spot.findings import Findings
from aspis_mpi.schemes.spot.ledger import Ledger
from aspis_mpi.schemes.tables.payloads import add, sketches
from aspis_mpi.schemes.tables.table import InspectedTable
from aspis_mpi.streams import secret


class SpotTable(InspectedTable):
    """The sums of one step.

    Parameters
    ----------
    transfer : Spotted
    equality : Equality
    floor : float
        Norms below it are not told from it.
    """

    def __init__(self, transfer, equality, floor):
        self._transfer = transfer
        self._inspection = transfer.inspection
        self._scrutiny = transfer.scrutiny
        self.lots = self._inspection.lots()
        self._equality = equality.of_sketches(self._scrutiny.thresholds)
        self._floor = floor
        self.sums = Ledger(transfer.assignment)
        # Of those of this epoch, by worker.
        self._sketches = {}
        self._docket = Docket(self.lots)
        self._found = Findings(transfer.assignment.incidence.shape[1])
        self._debts = Debts(transfer, self.sums, self._found)
        self._turn, self._seconds = -1, 0.0
        # Liars among the owners.
        self._q = 0
        self.secret = b''
        # Whether all owners were challenged in this step.
        self._looked = False

    @property
    def exposed(self):
        """Workers that this step's evidence proves wrong, bool (K,)."""
        return self._found.exposed

    # -- sums that come

    @property
    def state(self):
        """None: there is no signal."""

    @property
    def epochs(self):
        """Epochs of sums before this one."""
        return self.sums.epoch

    @property
    def senders(self):
        """Workers whose sum of this epoch is used or awaited, bool (K,)."""
        return self.sums.senders

    @property
    def arrived(self):
        """Workers whose sum of this epoch is here, bool (K,)."""
        return self.sums.arrived

    def ask(self, finished):
        """Nobody: sums come unasked, bool (K,)."""
        return np.zeros(len(self.exposed), dtype=bool)

    def signal(self):
        """Nothing: there is none."""
        raise LocalProtocolError('sums that come unasked have no signal')

    def accept(self, worker, buffer):
        """Take the sum of a worker's files of this epoch."""
        self.sums.take(worker, buffer, self._inspection.norms(buffer.values))

    def lose(self, worker):
        """Do without a worker's sum of this epoch, and without its check."""
        if it := self.sums.fresh_of(worker):
            it.bad = it.owes = True
        self._docket.lose(worker)

    def miss(self, worker):
        """Do without a worker's check: it has answered for its own sum.

        Else who is about to be contradicted could take it back in time.
        """
        self._docket.lose(worker)

    def distrust(self, worker):
        """Let nothing count that a worker has sent, as it is proved wrong.

        Who is no more among those that may be wrong is no supporter either.
        """
        for it in self.sums.sent:
            it.bad |= it.worker == worker
            for case in it.cases.values():
                case.forget(worker)

    # -- who is looked at

    def inspect(self, turn, forced, q):
        """Find out whose sums of this epoch are challenged."""
        inspection, fresh, self._turn = self._inspection, self.sums.fresh, turn
        self.checked, self._q = True, q
        # The coin falls when the last sum is complete, not before.
        if not self.epochs:
            self._looked = self.lots.coin(self.epochs, inspection.rule.rate,
                                          forced)
        if not fresh or self._diverged(fresh, q) or not q:
            return {}
        # Usual is what all have sent: later sums may be one liar's alone.
        known = self.sums.used
        screened = inspection.payloads(
            [it.norms for it in known], [it.files for it in known],
            [it.worker for it in known], turn, q)
        for it, ratios, above in zip(known, screened.ratios,
                                     screened.above.tolist()):
            if it.epoch == self.epochs:
                it.ratios, it.alarm = ratios, above
                it.asked = self._looked or above or self.epochs > 0
        asked = {it.worker: it.files for it in fresh if it.asked}
        if asked:
            self.checked = False
            self.secret = secret(self.lots.seed(self.epochs))
        return asked

    def _diverged(self, fresh, q):
        """True if more sums than liars send are not finite, or far larger."""
        if not self._wild(fresh, q) and not self.epochs and (
                self._inspection.has_grown([it.norms for it in fresh], q)):
            self._found.contradict(
                ContradictionKind.GROWN, 'the sums of half of the workers '
                'are far larger than in all steps before')
        return self._found.contradiction is not None

    def _wild(self, fresh, q):
        """True if more sums than liars send are not finite."""
        wild = sum(not np.isfinite(it.norms).all() for it in fresh)
        if wild <= q:
            return False
        self._found.contradict(
            ContradictionKind.NOT_FINITE, f'{wild} workers sent sums '
            f'that are not finite, more than q = {q}')
        return True

    def check(self, clock):
        """Sketch the sums, while the workers sketch their files."""
        start = clock()
        self._sketches = sketches(
            [it.payload for it in self.sums.fresh if it.asked], 1, self.secret,
            self._transfer.n_sketches, self._scrutiny)
        self.checked = True
        self._seconds += clock() - start

    def answer(self, worker, values):
        """Take sketches of a worker: of its own files, or of one it checks."""
        rows = self._transfer.rows(values)
        if self._docket.show(worker, rows[0].copy()):
            return
        if it := self.sums.fresh_of(worker):
            it.shown = rows[:it.files.size].copy()

    def verify(self, living, clock):
        """Look at what owners have shown, and begin the cases."""
        start = clock()
        for it in self.sums.fresh:
            if it.asked:
                self._convict(it)
        shown = [it for it in self.sums.fresh if it.asked]
        if shown:
            self._open(shown)
        if shown and self._looked and not self.epochs:
            self._draw(shown, living)
        self._seconds += clock() - start

    def _convict(self, it):
        """Do without a sum that is not what its sender shows; expose it."""
        if it.shown is None:
            it.bad = it.owes = True
            return
        rows = self._sketches[it.worker]
        it.fits = it.payload.satisfies(self._scrutiny.passes, rows, it.shown,
                                       all)
        if it.fits:
            return
        # Of what is not finite it proves nothing; its files have to.
        it.alarm = True
        if it.payload.satisfies(self._scrutiny.guilty, rows, it.shown, any):
            it.bad = True
            self._expose(it.worker, ProofKind.SKETCHES, (
                f'worker {it.worker} sent a vector that is not what its own '
                'sketches add up to'))

    def _open(self, shown):
        """Begin the cases of this epoch: what is looked at, how closely."""
        files = np.concatenate([it.files for it in shown])
        owners = np.repeat([it.worker for it in shown],
                           [it.files.size for it in shown])
        norms = file_norms(np.concatenate([it.shown for it in shown]))
        # Of later sums, which are of few owners, all files are checked.
        screened = self._inspection.files(
            norms, files, owners, self._turn, 0 if self.epochs else self._q)
        high = dict(zip(files.tolist(), screened.above.tolist()))
        for it, ratios in zip(shown, np.split(screened.ratios, np.cumsum(
                [it.files.size for it in shown])[:-1])):
            it.of_files = ratios
            for file in it.files.tolist():
                if it.alarm or high[file] or self.epochs:
                    self._begin(it, file, it.alarm or high[file])

    def _begin(self, it, file, strict=False):
        """The case of a file, begun if there is none."""
        if file not in it.cases:
            it.cases[file] = Case(file, it.worker, it.of_file(file), strict,
                                  self._same)
        return it.cases[file]

    def _draw(self, shown, living):
        """Draw who checks which file of whom, when all sketches are in."""
        owners = {it.worker: it for it in shown}
        able = np.flatnonzero(living & ~self.exposed).tolist()
        self._docket.take([
            (one.checker, self._begin(owners[one.owner], one.file))
            for one in self.lots.checks(self.epochs, able, {
                it.worker: it.files.tolist() for it in shown})])

    def _same(self, one, other):
        """Tell whether two sketches are of the same gradient."""
        # Those of honest workers on like machines have the same bits.
        if np.array_equal(one, other):
            return True
        apart = self._equality.distance(
            lambda floor: self._scrutiny.compare(one, other, floor),
            self._floor)
        return bool(apart <= self._equality.tolerance)

    # -- what is found

    @property
    def _cases(self):
        return [case for it in self.sums.fresh if not self.exposed[it.worker]
                for case in it.cases.values()]

    def judge(self, detection, believed, audit, clock):
        """Settle the cases of this epoch, as far as that can be done."""
        start = clock()
        for case in self._cases:
            if self.exposed[case.owner]:
                continue
            self._found.disagree(case)
            left = detection.left(believed & ~self.exposed)
            if case.find(max(left, 0)) is Finding.OPEN and audit and (
                    case.strict or case.disputed):
                self._audit(case, audit, detection.q, believed)
            self._expose_wrong(case)
        self._found.count(believed, detection.q)
        if not audit:
            self._debts.doubt(self.secret, believed)
        self._seconds += clock() - start

    def _audit(self, case, audit, q, believed):
        """Compute a file on the server; its word counts if it is sure."""
        values = audit(case.file).copy()
        self._found.audits += 1
        right = self._transfer.sketch([values], self.secret)[0]
        if not any(self._same(right, shown) for shown in case.shown):
            wrong = ~believed | self.exposed
            wrong[case.workers] = True
            if np.count_nonzero(wrong) > q or not arrays.equal_bits(
                    values, audit(case.file)):
                self._found.remarks.append(
                    f'the audit of file {case.file} settles nothing: no '
                    'worker sent what the server computes')
                case.settled_nothing = True
                return
        case.audit(right)

    def _expose_wrong(self, case):
        for worker in case.wrong:
            if self.exposed[worker]:
                continue
            said = (f'worker {worker} showed of {case.title} what the '
                    'server, computing it, does not find' if case.audited
                    else f'worker {worker} showed of {case.title} what '
                    'more workers deny than can be wrong')
            self._expose(worker, ProofKind.AUDIT if case.audited
                         else ProofKind.DISAGREEMENTS, said)

    def _expose(self, worker, kind, sentence):
        if self._found.expose(worker, kind, sentence):
            self.distrust(worker)

    def orders(self, living, q):
        """Files that are to be computed once more, by worker."""
        free = set(np.flatnonzero(living & ~self.exposed).tolist())
        return self._docket.orders(self.epochs, self._cases, free, q)

    def close_epoch(self, q, until):
        """See which sums of this epoch are to be used."""
        for it in self.sums.fresh:
            found = [case.find(q) for case in it.cases.values()]
            it.bad = bool(self.exposed[it.worker]) or not it.fits or any(
                one is not Finding.RIGHT for one in found)
            for case, one in zip(it.cases.values(), found):
                if one is Finding.OPEN and case.disputed:
                    self._found.leave_out(case)
            if it.asked and not it.bad:
                self._clear(it, until)

    def _clear(self, it, until):
        """Let a worker have more where all that was above a limit is right.

        Not where a larger limit has let it in on one check: else a liar
        would have half as much more from check to check.
        """
        screens = self._inspection.screens
        if it.alarm:
            screens.clear(it.worker, it.ratios, until)
        settled = [case.file for case in it.cases.values() if case.strict]
        if settled:
            screens.clear_files(it.worker, it.of_files[np.searchsorted(
                it.files, settled)].max(), until)

    def confront(self, believed, q, audit, clock):
        """Look at sums whose senders owe an answer, by what others show."""
        start = clock()
        if q:
            for proof in self._debts.settle(self.secret, believed, audit):
                self._expose(*proof)
        self._seconds += clock() - start

    @property
    def missing(self):
        """Files that are in no sum to be used, (n,), ascending."""
        return self.sums.missing

    def replace(self, able):
        """Begin another epoch: others have the files that are missing."""
        return self.sums.replace(able & ~self.exposed, self._inspection.work)

    # -- what becomes of it

    def resolve(self, closing):
        """Add up the sums that are to be used."""
        start, used = closing.clock(), self.sums.used
        divisor = float(sum(closing.samples[it.files].sum() for it in used))
        if divisor > 0 and not self._found.contradiction:
            add([it.payload for it in used], closing.out, divisor)
            if not arrays.is_finite(closing.out):
                self._found.contradict(
                    ContradictionKind.NOT_FINITE,
                    'the sum of the gradients is not finite')
        graph = self._found.graph
        verdict = self._found.verdict(*self.sums.sources())
        return Resolution(
            verdict, outcome_of_sum(verdict, divisor, 0, graph), graph,
            np.full(2, np.nan),
            np.where(verdict.source >= 0, 1, 0).astype(np.uint16),
            self._seconds, closing.clock() - start,
            audits=self._found.audits, checks=self._docket.answered,
            remarks=tuple(self._found.remarks))

    def release(self):
        """Give every buffer back; the values must not be used any more."""
        self.sums.release()
