"""A file, or a sum of files, that is looked at: what was shown of it."""

from collections.abc import Callable, Sequence
from enum import Enum, auto

from aspis_mpi.arrays import Floats
from aspis_mpi.words import few

#: What a worker shows: a sketch (k + 1, 1), or a digest of its sum.
Shown = Floats | bytes
#: Tell whether two of these are of the same gradient, or sum.
Same = Callable[[Shown, Shown], bool]
#: Stands for what is right among the numbers of workers.
RIGHT = -1


class Finding(Enum):
    """State of a case."""

    RIGHT = auto()      # what its owner has shown
    WRONG = auto()      # something else is
    OPEN = auto()       # more workers have to compute it


class Case:
    """One file of a payload, or all, as its owner and others have shown it.

    All sketches are of one secret.  Two workers that show the same bear each
    other out; more than q of them cannot all be wrong.

    Parameters
    ----------
    file, owner : int
    shown : ndarray of float64, shape (k + 1, 1), or bytes
        By its owner.
    strict : bool
        Whether one checker is not enough: what is far above the norms of
        others is not used on the word of two that may collude.
    same : Same
    files : sequence of int, optional
        All of them, where it is a sum; `file` is the first.

    Attributes
    ----------
    right : ndarray of float64, bytes or None
        Its sketch or digest, once an audit or enough workers say it.
    audited : bool
    settled_nothing : bool
        An audit found neither what one worker has shown, nor proof.
    """

    def __init__(self, file: int, owner: int, shown: Shown, strict: bool,
                 same: Same, files: Sequence[int] = ()):
        self.file = file
        self.files = list(files) or [file]
        self.owner = owner
        self.strict = strict
        self.right: Shown | None = None
        self.audited = self.settled_nothing = False
        self._shown = {owner: shown}
        self._same = same
        # Of two workers, or of `RIGHT` and one, whether they show the same.
        self._known: dict[tuple[int, int], bool] = {}
        #: Workers that were asked for it and have not come up with it.
        self.failed: set[int] = set()

    @property
    def title(self) -> str:
        """Its files, in a sentence."""
        many = 's' * (len(self.files) > 1)
        return f'file{many} {few(self.files)}'

    @property
    def workers(self) -> list[int]:
        """Those that have shown it, the owner among them."""
        return list(self._shown)

    @property
    def shown(self) -> list[Shown]:
        """All that they have shown."""
        return list(self._shown.values())

    @property
    def by_owner(self) -> Shown:
        """Gradient or sum that its owner has shown."""
        return self._shown[self.owner]

    @property
    def against(self) -> list[int]:
        """Workers that have shown something else than the owner."""
        return [worker for worker in self._shown
                if not self._alike(self.owner, worker)]

    @property
    def disputed(self) -> bool:
        """True if somebody has shown something else than the owner."""
        return bool(self.against)

    def show(self, worker: int, shown: Shown) -> None:
        """Take what one more worker has computed."""
        self._shown[worker] = shown

    def audit(self, right: Shown) -> None:
        """Take what the server has computed."""
        self.right, self.audited = right, True

    def forget(self, worker: int) -> None:
        """Let a worker's word count no more, as it was proved wrong."""
        if worker != self.owner:
            self._shown.pop(worker, None)

    def find(self, q: int) -> Finding:
        """The state of the case where q of the workers may be wrong."""
        if self.right is None:
            self.right = self._outvoting(q)
        if self.right is not None:
            return (Finding.RIGHT if self._alike(RIGHT, self.owner)
                    else Finding.WRONG)
        if self.strict or self.disputed or len(self._shown) < 2:
            return Finding.OPEN
        return Finding.RIGHT

    def _outvoting(self, q: int) -> Shown | None:
        """Gradient or sum that more than q have shown alike, or None."""
        for worker, shown in self._shown.items():
            if self._supporters(worker) > max(q, 1):
                return shown
        return None

    def _supporters(self, worker: int) -> int:
        """Workers that have shown what one has, itself among them."""
        return sum(self._alike(worker, other) for other in self._shown)

    def _alike(self, one: int, other: int) -> bool:
        """True if two workers have shown the same; each pair is compared
        once."""
        pair = min(one, other), max(one, other)
        if pair not in self._known:
            self._known[pair] = one == other or self._same(
                self._sketch(one), self._sketch(other))
        return self._known[pair]

    def _sketch(self, worker: int) -> Shown:
        if worker == RIGHT and self.right is not None:
            return self.right
        return self._shown[worker]

    @property
    def wrong(self) -> list[int]:
        """Workers that have shown something else than what is right."""
        if self.right is None:
            return []
        return sorted(worker for worker in self._shown
                      if not self._alike(RIGHT, worker))

    def wanted(self, q: int) -> int:
        """More workers that it takes at least to settle it."""
        most = max(map(self._supporters, self._shown))
        if self.strict or self.disputed:
            return max(q + 1 - most, 1)
        return 1
