"""Records of the amounts of a run log, in Python's own types."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PartFigures:
    """A log of its own within a run; a run of one log has one.

    The steps from `first_step` on; those that a later part did again are
    not counted.
    """

    path: str
    n_workers: int
    n_files: int
    first_step: int
    steps: int


@dataclass(frozen=True)
class JobFigures:
    """Task of a run; None where the job does not say.

    The sizes are those of the last part.
    """

    scheme: str | None
    problem: str | None
    model: str | None
    detection: str | None
    aggregation: str | None
    attack: str                 # empty without adversaries
    n_workers: int
    n_files: int
    replication: int
    load: int
    steps: int | None
    batch_size: int | None
    #: Of which the files are nodes; None where they are not split.
    whole_files: int | None = None


@dataclass(frozen=True)
class Layouts:
    """Files that followed speeds, of the last part."""

    changes: int                # of who has which file, for whatever reason
    last_step: int              # from which on the last one holds
    fewest: int                 # files of a worker then
    most: int


@dataclass(frozen=True)
class PaceFigures:
    """Steps done and their cost: means a step, None before the first.

    Seconds are those of `clock`; `step` is the whole, which also holds what
    none of the phases is.
    """

    steps: int
    clock: str
    steps_per_second: float | None
    samples_per_second: float | None
    bytes_in: float | None
    bytes_out: float | None
    seconds: dict[str, float | None]


@dataclass(frozen=True)
class TransferFigures:
    """Traffic and its exactness; None where nothing says it.

    `residual` is the mean over the steps in which it is not 0, `waiting`
    the share of the run's seconds in which enough was not yet there.
    """

    name: str | None
    code: str | None            # of coded transfer
    collection: str | None
    copies: int | None          # of each file that are waited for
    approximate_steps: int      # with a residual
    residual: float | None
    incomplete_steps: int
    waiting: float | None
    steps_of_several_epochs: int


@dataclass(frozen=True)
class Quality:
    """The model on the held-out samples; None where it was not measured."""

    step: int | None
    loss: float | None
    accuracy: float | None
    best_step: int | None
    best_accuracy: float | None


@dataclass(frozen=True)
class Truth:
    """Counts of wrong files and of flags by the log's truth."""

    wrong_files: int
    wrong_files_mean: float | None
    wrong_files_most: int
    steps_with_wrong_files: int
    flagged_right: int
    flagged_wrong: int
    flagged_missed: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Trust:
    """Beliefs of the server and their grounds; files are means of steps."""

    certified: float
    presumed: float
    lost: float                 # dropped or missing
    audits: int
    exposed: list[int]          # workers, in any step of any part
    excluded: int               # workers without work in the last step


@dataclass(frozen=True)
class Found:
    """Probability with which a liar would have been exposed by now.

    `share` is the mean share of its files that it lies on.
    """

    share: float
    probability: float


@dataclass(frozen=True)
class Checks:
    """Spot checks of a run."""

    files: int                  # that another worker computed once more
    steps: int                  # in which there were any
    turns: int                  # in which all workers' sums were looked at,
    undone: int                 # and those of them that were undone
    found: tuple[Found, ...]    # of some shares
    exposed: list[int]          # workers, in any step of any part


@dataclass(frozen=True)
class Differing:
    """A tensor in which a worker was wrong: see `/tensors` of the log."""

    name: str
    distance: float | None      # over its right norm; None if infinite
    entries: int                # with other bits
    size: int


@dataclass(frozen=True)
class Proved:
    """A worker that was proved wrong: see `/exposures` of the log."""

    step: int
    since: int
    worker: int
    proof: str                  # name of the kind
    text: str
    tensors: tuple[Differing, ...] = ()


@dataclass(frozen=True)
class Warned:
    """An event of the level of a warning, or above."""

    time: float
    level: int
    rank: int
    text: str
    code: str                   # its name


@dataclass(frozen=True)
class Undone:
    """Times that a run went back: see `/rollbacks` of the log."""

    times: int
    steps: int                  # that were undone
    most: int                   # of them in one go
    wrong: int                  # payloads that were used in those
    by_hand: int                # times
    exposed: list[int]          # workers, in those steps


@dataclass(frozen=True)
class Waited:
    """A worker that the run has waited for."""

    worker: int
    seconds: float              # beyond the pace, and what others did for it
    late: int                   # steps


@dataclass(frozen=True)
class Summary:
    """Amounts of a run log, in Python's own types."""

    path: str
    package: str
    created: str
    n_ranks: int
    parts: tuple[PartFigures, ...]
    continues: str | None       # of a later part alone: name of the first
    job: JobFigures
    images: tuple[str, ...]     # sets of images, and how each was checked
    pace: PaceFigures
    transfer: TransferFigures
    quality: Quality
    verdicts: dict[str, int]
    truth: Truth
    trust: Trust | None         # None under rules without certificates
    checks: Checks | None       # None under rules without spot checks
    exposures: tuple[Proved, ...]
    undone: Undone
    waited: tuple[Waited, ...]  # those that cost the most, by seconds
    layouts: Layouts | None     # None where files do not follow speeds
    n_warnings: int
    last_warnings: tuple[Warned, ...]
