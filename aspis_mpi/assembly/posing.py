"""The problem of a job: the one that it names, or that a caller brings."""

from aspis_mpi import registry
from aspis_mpi.errors import JobError
from aspis_mpi.job.contradictions import work
from aspis_mpi.learning.brought import makes, title
from aspis_mpi.learning.statements import check_counts


def named(job):
    """The problem that a job names, with its model.

    Raises
    ------
    JobError
    """
    if job.part('problem', 'model') is None:
        return job.create('problem', 'name', job.run.seed)
    return job.create('problem', 'name', job.run.seed, job.create(
        'problem', 'model', *work.model_inputs(job)))


def brought(job, problem):
    """The problem that a caller brings, made where it is not one yet.

    Parameters
    ----------
    job : Job
    problem : Problem or callable
        Itself, or what makes it of the seed.

    Raises
    ------
    JobError
    """
    if not makes(problem):
        return problem
    if not callable(problem):
        raise JobError(f'{job.path}: problem = {problem!r}: must be a '
                       'Problem, or a class or function that makes one')
    misfit = registry.misfit('problem', problem, (job.run.seed,), {})
    if misfit:
        raise JobError(f'{job.path}: problem = {title(problem)}: {misfit}')
    try:
        return problem(job.run.seed)
    except ValueError as error:
        raise JobError(f'{job.path}: problem: {error}') from error


def n_samples(job, problem):
    """Number of training samples, where both sizes make sense.

    Raises
    ------
    JobError
    """
    try:
        check_counts(problem)
        return problem.n_samples
    except ValueError as error:
        raise JobError(f'{job.path}: problem: {error}') from error
