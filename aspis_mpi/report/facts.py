"""Facts of a run that its report tells and draws, read once."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.report.courses import courses_of
from aspis_mpi.report.parts import files_a_step
from aspis_mpi.report.trust import Replicas, replicas_of, states_of
from aspis_mpi.report.truth import Liar, kinds_of, liars_of
from aspis_mpi.report.turns import Turns, turns_of
from aspis_mpi.runlog.amounts import Summary
from aspis_mpi.runlog.totals import summarize


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts of a run of T steps, K workers at most."""

    name: str                   # of its file, unlike those of the others
    label: str
    summary: Summary
    job: str                    # the complete job, as TOML
    steps: np.ndarray           # structured (T,)
    evaluation: np.ndarray      # structured
    n_files: np.ndarray         # int (T,)
    finished: int               # files by workers, when there was enough
    wrong_files: np.ndarray     # int (T,)
    kinds: np.ndarray           # int8 (K, T): of `truth.KINDS`
    states: np.ndarray          # int8 (K, T): of `trust.STATES`
    liars: list[Liar]
    replicas: Replicas
    exposures: list             # of ExposureRecord
    undone_exposures: list      # those of them of undone steps
    events: list                # of Event
    rollbacks: list             # of Rollback
    turns: Turns
    draws: np.ndarray           # structured
    courses: list               # of steps: see `courses`


def facts_of(run, name, label, step=None):
    """Read what a report needs.

    Parameters
    ----------
    run : Run or JoinedRun
    name, label : str
        The run's file, and what it is called on the page.
    step : int, optional
        Number of a step whose course is wanted.

    Returns
    -------
    Facts

    Raises
    ------
    ReportError
        The run has no such step.
    """
    return Facts(
        name=name, label=label, summary=summarize(run),
        job=run.attrs.get('config', ''), steps=run.steps,
        evaluation=run.evaluation, n_files=files_a_step(run),
        finished=int(run.files_done.sum(dtype=int)),
        wrong_files=run.wrong_files, kinds=kinds_of(run),
        states=states_of(run), liars=liars_of(run),
        replicas=replicas_of(run), exposures=run.exposures,
        undone_exposures=run.undone_exposures, events=run.events,
        rollbacks=run.rollbacks, turns=turns_of(run), draws=run.draws,
        courses=courses_of(run, step))
