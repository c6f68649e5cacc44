"""Facts that one step leaves for the run log, no opinions."""

from dataclasses import dataclass
from enum import IntEnum
from math import nan

from aspis_mpi.arrays import Bools, Floats, Ints
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.tensors import TensorDifference
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.words import Named

#: More values of `StepRecord.source` that name no worker (the others are
#: `DROPPED` and `MISSING` of a verdict): the server's own, a coded sum.
BY_SERVER, CODED = -3, -4

#: Steps that are a `CONTRADICTION`, one after the other, that end the run.
MOST_CONTRADICTIONS = 3


class Outcome(IntEnum):
    """The end of a step; of several that apply, the first.

    `CONTRADICTION`: the assumptions do not hold, no update.  `SKIPPED`: no
    usable file, no update.  `INCOMPLETE`: files are missing.  `VOTED`: a
    contested file was decided by plurality.  `RESOLVED`: workers disagreed
    or files were dropped, none was decided by vote.  `CLEAN`: nobody
    disagreed, and no file was dropped.
    """

    CONTRADICTION = 0
    SKIPPED = 1
    INCOMPLETE = 2
    VOTED = 3
    RESOLVED = 4
    CLEAN = 5


@dataclass(frozen=True, eq=False)
class StepRecord:
    """One row of every array of the run log (K workers, f files).

    Seconds are the server's: `seconds_wait` from `Model` sent to collection
    satisfied, `seconds_transfer` from there to the last payload used,
    `seconds_step` from `Model` to the next `Model`.
    """

    step: int
    loss: float                 # training loss, NaN where not evaluated
    lr: float
    gradient_norm: float        # of the aggregated gradient, NaN if none
    residual: float             # coefficient error of approximate steps
    hidden_bias: float          # error that liars may have hidden, a file
    verdict: Outcome
    epochs: int
    audits: int
    files_certified: int
    files_presumed: int
    files_dropped: int
    files_missing: int
    bytes_in: int
    bytes_out: int
    messages: int               # received and sent
    seconds_wait: float
    seconds_transfer: float
    seconds_detect: float
    seconds_aggregate: float
    seconds_update: float
    seconds_step: float
    flagged: Bools              # (K,): by this step's rule
    exposed: Bools              # (K,): by proof, memory included
    excluded: Bools             # (K,): no work this step
    disagreements: Bools        # (K, K), symmetric
    margin: Floats              # (2,): largest supporting distance,
    #                             smallest disagreeing one, NaN if none
    source: Ints                # int16 (f,): a worker or a negative constant
    contributors: Bools         # (f, K): whose value was used
    copies: Ints                # uint16 (f,): workers it came from
    files_done: Ints            # uint16 (K,): at the signal
    first_report: Floats        # (K,): seconds since Model, or NaN
    last_report: Floats         # (K,)
    late: Bools                 # (K,): not waited for any longer
    account: Floats             # (K,): seconds, after this step
    turn: int                   # steps begun before it, undone ones too
    files_checked: int = 0      # computed once more by another worker
    clipped: float = nan        # share of the entries of used files that were
    scale: float = nan          # step of the median block of their grid
    #: Files whose vectors came after the step's first challenge, bool (f,).
    later: Bools | bool = False


@dataclass(frozen=True)
class Evaluation:
    """The model measured on the held-out samples, after `step` steps."""

    step: int
    seconds: float              # since the run began
    loss: float
    accuracy: float             # NaN where the problem has none


@dataclass(frozen=True)
class Event:
    """Something a person should read, in a sentence."""

    time: float                 # seconds since the run began
    level: int                  # of the module logging
    rank: int                   # 0 is the server, worker j is rank j + 1
    text: str
    code: EventCode = EventCode.UNKNOWN


@dataclass(frozen=True)
class ExposureRecord:
    """One row of `/exposures`: a worker that a step has proved wrong.

    It was wrong in one of the turns from `since` to `turn`.  That is `turn`
    itself unless the proof rests on disagreements that were carried over.
    `tensors` are those in which it differed most from a right value of a
    file, where the step had one beside what the worker sent.
    """

    step: int
    since: int
    worker: int
    proof: ProofKind
    text: str
    tensors: tuple[TensorDifference, ...] = ()
    turn: int = 0


class ArrivalKind(IntEnum):
    """Kinds of what the server took note of.

    `MODEL`: a step began (worker -1).  `PROGRESS`, `REPLICA`, `PAYLOAD`: a
    message of a worker was handled.  `SILENT`: a worker was given up.
    `DEADLINE`: the collection's time was over (worker -1).  `MALFORMED`:
    a worker sent what no honest one could.  `SKETCH`: a worker answered a
    challenge.  `LOST`: a worker is gone for good.  `LATE`: a worker was not
    waited for any longer.
    """

    MODEL = 0
    PROGRESS = 1
    REPLICA = 2
    PAYLOAD = 3
    SILENT = 4
    DEADLINE = 5
    MALFORMED = 6
    SKETCH = 7
    LOST = 8
    LATE = 9


@dataclass(frozen=True)
class Arrival:
    """One row of `/arrivals`, written where `log.detail` asks for it."""

    step: int
    worker: int                 # -1: the server's own
    kind: ArrivalKind
    files_done: int             # of this worker in this step, so far
    seconds: float              # since the run began, when it was handled
    nbytes: int
    finished: bytes             # packed bits (l): positions of its order
    turn: int = 0


class DrawKind(Named):
    """Kinds of draws; logs have the numbers: new ones come last."""

    HEADS = 0, 'The coin of a step says that it is checked.'
    TAILS = 1, ('The coin of a step says that it is not checked; in logs of '
                'old it may be all the same, as one of the first, say.')
    CHALLENGE = 2, 'The seed by which files of sums are sketched.'
    CHECK = 3, 'A worker that checks one file of another.'
    MORE = 4, ('One more worker that computes a file, as a check did not '
               'come, or one is not enough.')
    LAYOUT = 5, ('Who lies next to whom, where files are laid out by '
                 'speeds.')
    DUE = 6, ('A step is checked whatever its coin says: one of the first, '
              'before a checkpoint, or after an alarm.')


@dataclass(frozen=True)
class Draw:
    """One row of `/draws`: the server has drawn something by chance."""

    step: int
    turn: int
    epoch: int                  # of sums: 0 those that came unasked
    kind: DrawKind
    seed: tuple[int, int] = (0, 0)      # of a challenge
    worker: int = -1            # who computes, of CHECK and MORE
    checks: int = -1            # which file


@dataclass(frozen=True, eq=False)
class Reordering:
    """From `step` on the workers compute their files in another order."""

    step: int
    order: Ints                 # int32 (K, l), padded with -1


class Cause(Named):
    """Reasons to go back; logs have the numbers: new ones come last."""

    EXPOSURE = 0, 'A worker was exposed: what it sent before may be wrong.'
    HAND = 1, 'Somebody asked for it, by `--from-step`.'
    NORM = 2, 'A step was not finite, or far larger than those before.'


@dataclass(frozen=True)
class Rollback:
    """One row of `/rollbacks`: a run goes back to an earlier step.

    The steps `end` ... `start` - 1 are undone; whatever the server has taken
    note of in them is of a turn before `turn`.
    """

    turn: int                   # the first one after it
    seconds: float              # since the run began
    start: int                  # the first step that was not begun
    end: int                    # the first one that is done again
    cause: Cause = Cause.EXPOSURE
    #: Payloads that were used in these steps and wrong; the server, which
    #: has no truth, leaves 0.
    wrong: int = 0

    @property
    def undone(self) -> int:
        """Steps of which nothing stays."""
        return self.start - self.end
