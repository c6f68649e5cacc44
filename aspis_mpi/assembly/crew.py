"""The simulated workers, and what they have in common.

Under MPI every rank makes the parts of the job for itself.  In one process
that would compute each gradient once for every worker of its file, so by
default all workers are made of the same parts, and rank 0 of others: what a
problem keeps from call to call does not pass between them.
"""

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import JobError
from aspis_mpi.learning.brought import copied, makes, title
from aspis_mpi.schemes.events import EventCode, Remark


class Crew:
    """The parts that the workers of a simulation are made of.

    Parameters
    ----------
    job : Job
    problem : Problem, callable or None
        As `Assembly` takes it; an object is rank 0's, workers get copies.
    separate : bool
        Whether each worker has parts and gradients of its own.

    Attributes
    ----------
    remarks : tuple of Remark
        What a person should know.

    Raises
    ------
    JobError
        Workers are to be separate, but have to share the caller's problem.
    """

    def __init__(self, job, problem, separate):
        self.remarks = ()
        self._job = job
        self._separate = separate
        self._assemblies = [
            Assembly(job, self._another(problem), False)
            for _ in range(job.n_workers if separate else 1)]

    def _another(self, problem):
        if problem is None or makes(problem):
            return problem
        try:
            return copied(problem)
        except ValueError as error:
            way_out = 'give its class, or a function that makes one'
            if self._separate:
                raise JobError(f'{self._job.path}: separate: {error}; '
                               f'{way_out}') from error
            self.remarks = Remark(
                EventCode.SHARED, f'{error}: rank 0 and all workers use the '
                f'same object of {title(problem)}, so that what one of them '
                'leaves in it others find, as under MPI they would not; '
                f'{way_out}'),
            return problem

    def place(self, placement):
        """Make each worker j the worker `placement[j]` of the design."""
        for assembly in self._assemblies:
            assembly.place(placement)

    def workers(self, clock):
        """The workers, who read this clock."""
        if self._separate:
            return [it.worker(number, clock, it.pools(bounded=False))
                    for number, it in enumerate(self._assemblies)]
        it, = self._assemblies
        pools = it.pools(shared=True)
        return [it.worker(number, clock, pools)
                for number in range(self._job.n_workers)]
