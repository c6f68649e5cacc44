"""The composition root without MPI: runs a job in this process."""

from collections.abc import Iterable
from pathlib import Path

from aspis_mpi.assembly import placing
from aspis_mpi.assembly.crew import Crew
from aspis_mpi.assembly.ends import (
    AnyJob, AnyProblem, Remarks, close, enter, open_log, read, save_again)
from aspis_mpi.assembly.rehearsing import rehearse
from aspis_mpi.assembly.replay import Recorded
from aspis_mpi.assembly.start import Start, begin
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends import simulated
from aspis_mpi.backends.signals import Signals
from aspis_mpi.errors import FAILED, JobError, Mistake


def simulate(job: AnyJob, problem: AnyProblem = None, *,
             settings: Iterable[str] = (), out: str | Path | None = None,
             overwrite: bool = False, resume: bool = False,
             check: bool = False, replay: str | Path | None = None,
             separate: bool = False,
             from_step: int | None = None) -> tuple[int, Path]:
    """Run a job in this process, on a virtual clock and without MPI.

    Parameters and exceptions are those of `aspis_mpi.run`, and

    Parameters
    ----------
    replay : str or Path, optional
        A log of the same job with `log.detail = 'arrivals'`: what the
        server handled then it handles again, in the same order, and the
        parameters have the same bits, also where they depend on time.
    separate : bool
        Whether every worker has parts of its own, as under MPI, and computes
        each of its files itself: slower, with the memory of all ranks, and
        what a part keeps from call to call shows.  Without it rank 0 has a
        problem, and the workers have one that they share.

    Returns
    -------
    code : int
    path : Path
        Of the log.
    """
    recorded = None if replay is None else Recorded(replay)
    job = read(job, settings, problem,
               None if recorded is None else recorded.n_workers)
    if recorded is not None:
        job = recorded.job(job)
    if recorded is not None and resume:
        raise JobError('--resume and --replay: only one of them')
    assembly = Assembly(job, problem)
    crew, remarks, without = Crew(job, problem, separate), (), ()
    if recorded is not None:
        remarks, without = recorded.changes(assembly), recorded.without
        recorded.place(assembly, crew)
    else:
        remarks = placing.told(assembly)
    with begin(assembly, out, overwrite, resume,
               from_step=from_step) as start, Signals() as signals:
        if check:
            return 0, start.first
        if start.over:
            return 0, save_again(assembly, start)
        remarks = *crew.remarks, *remarks, *rehearse(assembly)
        return _drive(assembly, crew, start, recorded, signals, remarks,
                      without), start.first


def _drive(assembly: Assembly, crew: Crew, start: Start,
           recorded: Recorded | None, signals: Signals,
           remarks: Remarks, without: Iterable[int]) -> int:
    """Run in this process, as recorded if at all; the exit code."""
    job, clock = assembly.job, simulated.VirtualClock()
    if start.checkpoint is not None:
        clock.now = start.load().seconds
    with open_log(assembly, start, 'virtual', without=without,
                  hosts=placing.names(assembly.hosts)) as run_log:
        kept = assembly.checkpoints(start.first)
        server = assembly.server(clock, True, past=kept)
        enter(server, start, remarks, assembly.assignment.placement)
        keeper = assembly.keeper(server, run_log, kept)
        workers = crew.workers(clock)
        try:
            if recorded is not None:
                recorded.play(assembly, server, workers, keeper, clock)
                run_log.flush()
                recorded.compare(run_log.path, server.notes)
            else:
                network = simulated.Network(job.network.latency,
                                            job.network.bandwidth)
                simulated.simulate(server, workers, keeper, clock, network,
                                   signals)
        except Mistake as mistake:
            server.fail(str(mistake))
        try:
            close(assembly, server, keeper, run_log, start.first)
        except Mistake:
            return FAILED       # the log says it
    return server.exit_code
