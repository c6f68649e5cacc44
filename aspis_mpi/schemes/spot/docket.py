"""Files that are to be computed once more, and who was asked to."""

from collections import Counter
from collections.abc import Iterable

from aspis_mpi.schemes.spot.case import Case, Finding, Shown
from aspis_mpi.schemes.spot.lots import Lots


class Docket:
    """The checks of a step that are drawn or under way.

    Parameters
    ----------
    lots : Lots

    Attributes
    ----------
    answered : int
        Files that others have computed again.
    """

    def __init__(self, lots: Lots):
        self.answered = 0
        self._lots = lots
        # Who is to check what, drawn; and who has been asked to.
        self._drawn: list[tuple[int, Case]] = []
        self._asked: dict[int, Case] = {}

    def take(self, drawn: list[tuple[int, Case]]) -> None:
        """Take checkers that were drawn, and what each is to check."""
        self._drawn = drawn

    def asked(self, worker: int) -> Case | None:
        """The case that a worker was asked to compute; None if none."""
        return self._asked.get(worker)

    def show(self, worker: int, shown: Shown) -> bool:
        """Take what a worker has computed that was asked to, if it was."""
        if worker not in self._asked:
            return False
        case = self._asked.pop(worker)
        case.show(worker, shown)
        self.answered += len(case.files)
        return True

    def lose(self, worker: int) -> None:
        """Do without a worker's check."""
        if worker in self._asked:
            self._asked.pop(worker).failed.add(worker)

    def orders(self, epoch: int, cases: Iterable[Case], able: set[int],
               q: int) -> dict[int, list[int]]:
        """Files that are to be computed now, by worker.

        Parameters
        ----------
        epoch : int
        cases : iterable of Case
        able : set of int
            Workers that can be asked; changed.
        q : int
            Liars that may be among those who are believed.
        """
        for checker, case in self._drawn:
            if checker in able:
                self._asked[checker] = case
            else:
                case.failed.add(checker)
        self._drawn = []
        able -= set(self._asked)
        under_way = Counter(map(id, self._asked.values()))
        for case in cases:
            if case.find(q) is Finding.OPEN:
                self._ask_more(epoch, case, able,
                               case.wanted(q) - under_way[id(case)])
        return {worker: case.files for worker, case in self._asked.items()}

    def _ask_more(self, epoch: int, case: Case, able: set[int],
                  n: int) -> None:
        """Draw so many workers for a case, of those that are free."""
        for _ in range(n):
            left = sorted(able - case.failed - set(case.workers))
            if not left:
                return
            worker = self._lots.another(epoch, left, case.file)
            able.discard(worker)
            self._asked[worker] = case
