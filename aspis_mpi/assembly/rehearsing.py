"""Trial of what may be the user's, once, before the first step."""

from aspis_mpi.errors import JobError, Mistake
from aspis_mpi.learning.guard.optimizer import try_optimizer
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.learning.guard.rehearsal import try_gradient, try_rest
from aspis_mpi.schemes.events import EventCode, Remark
from aspis_mpi.words import short_of_memory


def rehearse(assembly):
    """Try problem, optimizer and schedule of an assembly.

    Parameters
    ----------
    assembly : Assembly

    Returns
    -------
    tuple of Remark
        What a person should know.

    Raises
    ------
    JobError
        What can only be wrong.
    """
    try:
        return _rehearse(assembly)
    except MemoryError as error:
        raise JobError(f'{assembly.job.path}: problem: '
                       f'{short_of_memory(error)}') from None


def _rehearse(assembly):
    job, problem = assembly.job, assembly.problem
    initial, remarks = assembly.initial(), ()
    try:
        if problem.on_server:
            most = job.problem.micro_batch
            remarks = try_gradient(
                Guard(problem, True), 0, initial,
                assembly.batches.samples(0, 0)[:most], assembly.alike)
        try_rest(assembly.guard, initial)
    except Mistake as mistake:
        raise refused(job, 'problem', mistake) from mistake
    try:
        try_optimizer(assembly.new_optimizer, initial, job.run.steps)
    except Mistake as mistake:
        raise refused(job, 'optimizer', mistake) from mistake
    return tuple(Remark(EventCode.PROBLEM, text) for text in remarks)


def refused(job, section, mistake):
    """The `JobError` for a `Mistake` of the user's, with its trace."""
    error = JobError(f'{job.path}: {section}: {mistake.line}')
    error.trace = mistake.trace and f'{mistake.trace}\n'
    return error
