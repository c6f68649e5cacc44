"""The files of a job: their sizes, and what workers have of them."""

from typing import NamedTuple

from aspis_mpi.arrays import Ints
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.splitting import Node, Units, split
from aspis_mpi.errors import JobError
from aspis_mpi.job.contradictions import work
from aspis_mpi.learning import sizes
from aspis_mpi.learning.batches import Batches
from aspis_mpi.runlog.schema import check_sizes


class Filing(NamedTuple):
    """The files of every step, and their workers.

    Attributes
    ----------
    assignment : Assignment
    batches : Batches
    nodes : list of Node, or None
        What each file is of the tree of a file that was split.
    units : ndarray of int, shape (f,), or None
        The file of the design in which each of them is.
    """

    assignment: Assignment
    batches: Batches
    nodes: list[Node] | None = None
    units: Ints | None = None


def filing(job, design, n_samples):
    """Make the files of a job.

    Parameters
    ----------
    job : Job
    design : Assignment
        Of the job, whose files are units of what is split.
    n_samples : int
        That are trained on.

    Returns
    -------
    Filing

    Raises
    ------
    JobError
    """
    work.check_files(job, design, n_samples)
    work.check_split(job)
    section, f = job.problem, design.n_files
    total, n_files, counts = _sizes(job, f, n_samples)
    usual = None if section.file_sizes == sizes.EQUAL else total / f
    try:
        whole = Batches(job.run.seed, n_samples, total, n_files, counts,
                        usual)
        if not job.assignment.split:
            return Filing(design, whole)
        cut = split(whole.counts, section.micro_batch, f)
        check_sizes(len(cut.nodes), design.n_workers)
        return Filing(
            Units(design, cut.units),
            Batches(job.run.seed, n_samples, total, len(cut.nodes),
                    cut.samples, total / f), cut.nodes, cut.units)
    except ValueError as error:
        raise JobError(f'{job.path}: problem: {error}') from error


def _sizes(job, f, n_samples):
    """Samples of all files, number of files, and how many each of them has.

    These are given, int (F,), or a rule by which they follow.
    """
    section = job.problem
    if section.file_sizes in sizes.RULES:
        size = section.batch_size or sizes.default_batch_size(f, n_samples)
        return size, f, sizes.RULES[section.file_sizes]
    try:
        counts = sizes.read(section.file_sizes, None if job.assignment.split
                            else f, n_samples)
    except ValueError as error:
        raise JobError(f"{job.path}: problem.file_sizes = "
                       f"'{section.file_sizes}': {error}") from error
    total = int(counts.sum())
    work.check_sum(job, total, n_samples)
    return total, len(counts), counts
