"""Workers that may be without work at once, where their files can move."""

from dataclasses import dataclass

from aspis_mpi.job.job import Job


@dataclass(frozen=True)
class Absences:
    """Numbers of workers that may be absent, by the job.

    Parameters
    ----------
    job : Job
    moves : bool
        Whether files of absent workers go to others.
    remembers : bool
        Whether exposures count beyond their step.
    """

    job: Job
    moves: bool
    remembers: bool

    @property
    def excluded(self):
        """Workers that may be excluded at once.

        Where files can go to others up to 2 q, if 2 q + 1 are left then.
        """
        job, q = self.job, self.job.q
        if job.detection.budget == 'fixed' or not self.moves:
            return q
        return max(q, min(2 * q, job.n_workers - 2 * q - 1))

    @property
    def most(self):
        """Workers whose files go to others, at most."""
        job = self.job
        if not self.moves:
            return 0
        exposed = self.excluded if self.remembers else 0
        return min(exposed + job.faults.tolerate, job.n_workers - 1)

    @property
    def left(self):
        """Workers that are left when all are away whose files can move."""
        return self.job.n_workers - self.most
