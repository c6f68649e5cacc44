"""The sums of a step, compared bit by bit with those of others who make them.

Whose sum is looked at has a *case* of all its files, and q others send their
sum of the same.  What more than q have sent is right, since one of them is
honest: it is used, and who has sent something else is exposed.  Until then
more workers are asked, 2q + 1 in all at most.
"""

from hashlib import blake2b

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.schemes.spot.case import Case, Finding
from aspis_mpi.schemes.spot.table import SpotTable

#: Stands for the bits that the owner has sent.
AS_SENT = b''
#: Bytes of a digest of other ones.
DIGEST = 16


class ComparedTable(SpotTable):
    """The sums of one step, of which all are looked at or none.

    But one that is not finite is looked at in any step, as nothing could be
    made of it.

    Parameters are those of `SpotTable`.
    """

    def lose(self, worker):
        """Do without what a worker was asked for; its sum is here."""
        self.miss(worker)

    def inspect(self, turn, forced, q):
        """Nobody is asked for sketches; sums may be computed once more."""
        fresh = self.sums.fresh
        if not self.epochs:
            self._looked = self.lots.coin(self.epochs,
                                          self._inspection.rule.rate)
        if not q or self._wild(fresh, q):
            return {}
        for it in fresh:
            if self._looked or not np.isfinite(it.norms).all():
                files = it.files.tolist()
                it.cases[files[0]] = Case(files[0], it.worker, AS_SENT, True,
                                          bytes.__eq__, files)
        return {}

    def answer(self, worker, values):
        """Take the sum of another worker's files, float32 (d,)."""
        case = self._docket.asked(worker)
        if case is None:
            return
        # Not there if its owner has been exposed meanwhile.
        it = self.sums.fresh_of(case.owner)
        alike = it is not None and arrays.equal_bits(values,
                                                     it.payload.values)
        self._docket.show(worker, AS_SENT if alike else blake2b(
            values, digest_size=DIGEST).digest())

    def judge(self, detection, believed, audit, clock):
        """Settle the cases of this epoch; the server computes nothing."""
        super().judge(detection, believed, None, clock)

    def close_epoch(self, q, until):
        """See which sums of this epoch are to be used."""
        for it in self.sums.fresh:
            for case in it.cases.values():
                found = case.find(q)
                it.bad = found is not Finding.RIGHT
                if found is Finding.OPEN and case.disputed:
                    self._found.leave_out(case)

    def confront(self, believed, q, audit, clock):
        """Nothing: who has sent a sum owes nothing for it."""
