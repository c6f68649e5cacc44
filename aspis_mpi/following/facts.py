"""Facts of a run that is followed, as its lines tell them."""

from dataclasses import dataclass

from aspis_mpi.following.course import Course
from aspis_mpi.following.crew import Gone, Slow
from aspis_mpi.runlog.amounts import JobFigures
from aspis_mpi.schemes.record import Event, ExposureRecord


@dataclass(frozen=True)
class Courses:
    """Courses of the loss and the accuracy, and of the seconds of steps."""

    loss: Course
    accuracy: Course
    seconds: Course


@dataclass(frozen=True)
class Facts:
    """All that is told of a run at one moment.

    Attributes
    ----------
    path : str
    job : JobFigures
    n_parts : int
    steps : int
        That are done; of the job's `job.steps`.
    clock : str
        'wall' or 'virtual': what the seconds are.
    pace : float or None
        Steps a second, lately.
    left : float or None
        Seconds until the end, if it goes on like that.
    evaluated, best : int or None
        Steps after which the last evaluation was, and the best accuracy.
    courses : Courses
    verdicts : dict of str to int
        Steps of each verdict, the cleanest first.
    waiting : float or None
        Share of the time in which one worker alone, slower than the middle
        one, was at work.
    slow : tuple of Slow
        The worst first.
    gone : tuple of Gone
    exposed : tuple of int
        Workers that count as proved wrong now.
    proofs : tuple of ExposureRecord
        The first against each worker of this part of the run.
    flagged : dict of int to int
        Workers that a rule suspects, and in how many steps; the most first.
    rollbacks, undone : int
        Times that the run went back, and steps of which nothing stays.
    warnings : int
    last_warning : Event or None
    news : float
        Seconds since 1970 when the log had something new.
    patience : float
        Seconds without news of which nothing has to be said.
    asked : bool
        The run was asked to end, and may go on later.
    over : bool
        All steps are done, or it has failed.
    """

    path: str
    job: JobFigures
    n_parts: int
    steps: int
    clock: str
    pace: float | None
    left: float | None
    evaluated: int | None
    best: int | None
    courses: Courses
    verdicts: dict[str, int]
    waiting: float | None
    slow: tuple[Slow, ...]
    gone: tuple[Gone, ...]
    exposed: tuple[int, ...]
    proofs: tuple[ExposureRecord, ...]
    flagged: dict[int, int]
    rollbacks: int
    undone: int
    warnings: int
    last_warning: Event | None
    news: float
    patience: float
    asked: bool
    over: bool


@dataclass(frozen=True)
class Missing:
    """A log that is not there, since `since`; `before` it was."""

    path: str
    since: float
    before: bool
