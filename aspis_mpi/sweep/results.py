"""Results of a sweep: measures of its runs, means of its cells."""

import math
from dataclasses import astuple, dataclass, fields
from statistics import fmean, stdev

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.sweep import states
from aspis_mpi.sweep.grid import Setting
from aspis_mpi.sweep.states import look


@dataclass(frozen=True)
class Measures:
    """Measures of a run; NaN where there is none.

    Attributes
    ----------
    accuracy, loss : float
        At the last evaluation, of held-out samples.
    gradients : float
        Computed of a file, by whomever: by workers until the server had
        enough, by audits and by checks.
    bytes : float
        To and from the server, a step.
    seconds : float
        Of a step, on the clock of the log.
    """

    accuracy: float
    loss: float
    gradients: float
    bytes: float
    seconds: float


#: Names of the measures, in their order.
MEASURES = tuple(field.name for field in fields(Measures))


@dataclass(frozen=True)
class Amount:
    """Mean and sample standard deviation; NaN where there are too few."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Cell:
    """The runs of a sweep that are told apart by their seed alone.

    Attributes
    ----------
    settings : tuple of Setting
        Of the axes that are not averaged over.
    runs : int
        Those that should be there.
    measured : int
        Those that have ended.
    failed : tuple of str
        Names of those that ended before their last step; they count with
        their last evaluation.
    amounts : dict of str to Amount
        By the name of the measure.
    """

    settings: tuple[Setting, ...]
    runs: int
    measured: int
    failed: tuple[str, ...]
    amounts: dict[str, Amount]


@dataclass(frozen=True)
class Results:
    """Results of a sweep.

    Attributes
    ----------
    cells : tuple of Cell
        In the order of the runs.
    clocks : tuple of str
        Those that seconds are counted by: 'virtual', 'wall'.
    reasons : dict of str to str
        Why some runs failed, by their names.
    left_out : dict of str to str
        Why others do not count though there is something of them.
    """

    cells: tuple[Cell, ...]
    clocks: tuple[str, ...]
    reasons: dict[str, str]
    left_out: dict[str, str]


def collect(sweep):
    """Read the results of all runs that have ended.

    Parameters
    ----------
    sweep : Sweep

    Returns
    -------
    Results

    Raises
    ------
    JobError
        A job is wrong.
    RunLogError
        No run has ended.
    """
    repeating = set(sweep.grid.repeating)
    cells, clocks, reasons, left_out = {}, set(), {}, {}
    for run in sweep.runs:
        rest = tuple(setting for i, setting in enumerate(run.settings)
                     if i not in repeating)
        names = tuple(setting.name for setting in rest)
        _, states_of, measured = cells.setdefault(names, (rest, [], []))
        state = look(run)
        states_of.append((run.name, state))
        if state.word in (states.DONE, states.FAILED):
            with load_run(run.log) as log:
                measured.append(measure(log))
                clocks.add(log.attrs['clock'])
        elif state.reason:
            left_out[run.name] = str(state)
        if state.word == states.FAILED:
            reasons[run.name] = state.reason
    if not clocks:
        why = next((f'; {name} is {state}'
                    for name, state in left_out.items()), '')
        raise RunLogError(f'{sweep.folder} holds no run of {sweep.path} that '
                          f'has ended{why}')
    return Results(tuple(_cell(*it) for it in cells.values()),
                   tuple(sorted(clocks)), reasons, left_out)


def measure(log):
    """The Measures of a run.

    Parameters
    ----------
    log : Run or JoinedRun
    """
    steps, evaluation = log.steps, log.evaluation
    last = evaluation[-1] if len(evaluation) else {
        'accuracy': math.nan, 'loss': math.nan}
    if not len(steps):
        return Measures(last['accuracy'], last['loss'], *[math.nan] * 3)
    computed = (log.files_done.sum(axis=1, dtype=float) + steps['audits']
                + steps['files_checked'])
    traffic = steps['bytes_in'].astype(float) + steps['bytes_out']
    return Measures(float(last['accuracy']), float(last['loss']),
                    float(computed.mean()) / log.n_files,
                    float(traffic.mean()), float(steps['seconds_step'].mean()))


def _cell(settings, found, measured):
    columns = zip(*map(astuple, measured)) if measured else [()] * len(
        MEASURES)
    return Cell(settings, len(found), len(measured), tuple(
        name for name, state in found if state.word == states.FAILED),
        {name: amount(values) for name, values in zip(MEASURES, columns)})


def amount(values):
    """The Amount of some numbers.

    >>> amount([1.0, 3.0]).mean, round(amount([1.0, 3.0]).deviation, 3)
    (2.0, 1.414)
    >>> amount([5.0]), amount([])
    (Amount(mean=5.0, deviation=nan), Amount(mean=nan, deviation=nan))
    """
    if not values:
        return Amount(math.nan, math.nan)
    if not all(map(math.isfinite, values)):
        return Amount(sum(values) / len(values), math.nan)
    return Amount(fmean(values), stdev(values) if len(values) > 1
                  else math.nan)
