"""Is this machine ready?  One line a finding, with what to do.

It runs alone or, better, under the launcher that the job will use: then
every rank looks around and rank 0 speaks.  Nothing that goes wrong while a
rank looks around, not even that it hangs, keeps the others from being heard.
"""

import faulthandler
import os
import platform
import sys
from contextlib import contextmanager

from aspis_mpi.backends import libraries
from aspis_mpi.backends.launcher import launch
from aspis_mpi.doctor import (
    bits, clocks, cores, devices, kernels, launcher, memory, mpi, software,
    storage)
from aspis_mpi.doctor.case import open_case
from aspis_mpi.doctor.finding import Finding, Level, as_text, by_host, who
from aspis_mpi.doctor.rank import from_bytes, line, look, to_bytes
from aspis_mpi.errors import BAD_JOB, FAILED

#: Seconds in which a rank has to look around, and after which it ends.
LIMIT, GRACE = 120.0, 10.0


def examine(job=None, settings=(), out=None):
    """Print the findings on rank 0; called by every rank.

    Parameters
    ----------
    job : str or Path, optional
        A job file, whose needs and first gradients are looked at, too.
    settings : iterable of str
        `section.key=value`, as on the command line.
    out : str or Path, optional
        The run log to be.

    Returns
    -------
    int
        0 when nothing is wrong, 3 otherwise; on all ranks the same.

    Raises
    ------
    JobError
        On rank 0: the job cannot be run.  The others return 2.
    """
    here = launch()
    # Before MPI starts: some networks do not like a process to fork later.
    mpirun = launcher.mpirun_on_path() if here.size == 1 else ('', '')
    try:
        from aspis_mpi.backends.mpi import doctor
        from aspis_mpi.backends.mpi.ranks import world
    except (ImportError, RuntimeError) as error:
        return _without_mpi(here, error)
    comm = world()
    if comm.size == 1 and (here.rank or here.slurm_rank):
        return 0            # the first of many singletons speaks for all
    hosts = doctor.hosts(comm, platform.node())
    with _alarm():
        case = open_case(here, comm.size, hosts.count(hosts[comm.rank]), job,
                         settings, out)
        own = to_bytes(look(comm.rank, case))
    if comm.rank:
        return doctor.tell(comm, own)
    return _speak(doctor, comm, case, hosts, own, mpirun)


def _speak(doctor, comm, case, hosts, own, mpirun):
    """Rank 0: hear the others, print, send them home."""
    told = doctor.gather(comm, own, LIMIT)
    missing = [rank for rank, raw in enumerate(told) if raw is None]
    code = FAILED
    try:
        if case.is_refused:
            code = BAD_JOB
            _refuse(case)
        ranks = [from_bytes(raw, rank, host) for rank, (raw, host)
                 in enumerate(zip(told, hosts))]
        findings = _findings(doctor, comm, case, ranks, mpirun, missing)
        print(as_text(findings), flush=True)
        if all(finding.level < Level.PROBLEM for finding in findings):
            code = 0
    finally:
        doctor.dismiss(comm, code, missing)
    return code


@contextmanager
def _alarm():
    """End this rank if it hangs, and say where, once rank 0 has spoken."""
    faulthandler.dump_traceback_later(LIMIT + GRACE, exit=True,
                                      file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _without_mpi(here, error):
    """Say that MPI is missing; the exit code."""
    if not (here.rank or here.slurm_rank):
        print(as_text([Finding(
            Level.PROBLEM, mpi.TOPIC, f'{libraries.missing(error)}.')]),
            flush=True)
    return FAILED


def _refuse(case):
    """Say what is wrong with the job before the others go."""
    case.trouble.tell()
    raise case.trouble


def _findings(doctor, comm, case, ranks, mpirun, missing):
    """Everything that rank 0 has to say, topic by topic."""
    job = case.job
    name = doctor.library()
    topics = {
        launcher.TOPIC: lambda: launcher.findings(
            case.here, comm.size, name, slurm_tasks(os.environ), mpirun,
            case.command, libraries.advice()),
        mpi.TOPIC: lambda: mpi.findings(
            name, doctor.thread_level(), doctor.tolerance(), job),
        'job': lambda: [*_troubles(ranks), *_workers(case)],
        software.TOPIC: lambda: software.findings(ranks),
        cores.TOPIC: lambda: cores.findings(ranks),
        devices.TOPIC: lambda: devices.findings(ranks),
        memory.TOPIC: lambda: memory.findings(ranks, case.plan),
        bits.TOPIC: lambda: bits.findings(ranks, job),
        kernels.TOPIC: lambda: kernels.findings(ranks),
        clocks.TOPIC: lambda: clocks.findings(
            _skews(doctor, comm, ranks, missing), len(by_host(ranks))),
        storage.TOPIC: lambda: storage.findings(case)}
    return [finding for topic, find in topics.items()
            for finding in _tried(topic, find)]


def _tried(topic, find):
    """The findings of a topic, or why there are none."""
    try:
        return list(find())
    except Exception as error:
        return [Finding(Level.PROBLEM, topic,
                        f'This could not be looked at: {line(error)}.')]


def _troubles(ranks):
    """Findings on what ranks could not look at, one for each trouble."""
    for trouble in dict.fromkeys(trouble for rank in ranks
                                 for trouble in rank.troubles):
        topic, text = trouble
        group = [rank for rank in ranks if trouble in rank.troubles]
        yield Finding(Level.PROBLEM, topic,
                      f'{who(group)}: {text}.')


def _workers(case):
    """A finding if there are not as many ranks for workers as the job has."""
    if case.job is None or case.size == 1:
        return
    wanted = case.job.n_workers
    if wanted != case.size - 1:
        yield Finding(
            Level.PROBLEM, 'job', f'scheme.workers = {wanted}, but '
            f'{case.size} ranks are {case.size - 1} workers and the server: '
            f'start it with mpirun -n {wanted + 1}.')


def _skews(doctor, comm, ranks, missing):
    """The clock of each host that has a rank to ask."""
    asked = {}
    for rank in ranks[1:]:
        if rank.number not in missing:
            asked.setdefault(rank.host, rank.number)
    trips = {host: doctor.trips(comm, number)
             for host, number in asked.items()}
    return [clocks.skew(host, found) for host, found in trips.items()
            if found]


def slurm_tasks(environment):
    """Tasks of the SLURM allocation that this process is in, 1 outside."""
    text = environment.get('SLURM_NTASKS', '')
    return int(text) if text.isdigit() else 1
