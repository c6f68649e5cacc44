"""The numbers of a forecast, for people and for `--json`."""

from dataclasses import dataclass

from aspis_mpi.detection.spot.copies import Copies
from aspis_mpi.detection.spot.forecast import Forecast, Spot


@dataclass(frozen=True)
class Uneven:
    """Samples of files and of workers in a step.

    Attributes
    ----------
    least, most : int
        Of a file.
    worker_least, worker_most : int
        Of all files of a worker.
    whole : int or None
        Files that are split into those of the design, if they are.
    unit_least, unit_most : int or None
        Of all files of a unit then.
    """

    least: int
    most: int
    worker_least: int
    worker_most: int
    whole: int | None = None
    unit_least: int | None = None
    unit_most: int | None = None


@dataclass(frozen=True)
class Plan:
    """The forecast of a job; bytes are a step's, memory is a rank's.

    Memory is what a rank needs above the size of its process before the
    first step.
    """

    job: str
    scheme: str
    workers: int                # K
    assumed_adversaries: int    # q
    files: int                  # f
    replication: int            # r
    load: int                   # l
    parameters: int             # d
    batch_size: int
    copies: int                 # of a file that the collection waits for
    gradients_per_step: int     # files computed at most, replicas included
    vectors_up: int             # gradients or combinations sent in a step
    bytes_up: int               # workers to server, at most
    bytes_down: int             # at most
    server_memory: int
    worker_memory: int
    worst_case_wrong_files: int
    worst_case_share: float     # of the files
    worst_case_bounds_silence: bool     # or only while everybody answers
    silent_survived: int        # any so many workers may be silent
    q_max: int | None           # files that may be finished before all are
    q_max_bound: int | None     # covered, and the least for any order
    before: list[str]           # pre-aggregations,
    rows: int                   # and the rows that they leave of the files
    buckets: int | None         # of median-of-means
    certifies: str | None       # none, unattacked or attacked: when every
    #                             file can be certified
    reassigns: bool | None      # whether exposed workers' files go to others
    checkpoint_bytes: int       # of one
    checkpoint_every: int       # steps; 0 only where the run ends
    checkpoints: int            # that are kept
    tolerates: int              # workers that may die
    waits_for_all: bool         # whether every worker has to finish all
    presses: bool               # whether late workers are not waited for
    silence: float              # seconds
    most_cost: float            # share of the run that a worker may cost
    warnings: list              # sentences
    placement: str              # of workers: by 'ranks' or 'hosts'
    most_on_a_host: int | None  # workers of a file, where hosts are known
    adapts_every: int           # steps; files follow speeds, unless it is 0
    most_files: int             # of a worker, then
    #: Numbers of spot checks, and what follows from them; None without any.
    spot: Spot | None = None
    spot_forecast: Forecast | None = None
    #: Numbers of reactive redundancy; None without any.
    reactive: Copies | None = None
    #: Where files have other sizes than nearly equal ones.
    uneven: Uneven | None = None
    #: Vectors of a worker, beside its files, for sums along a tree.
    tree_vectors: int = 0
