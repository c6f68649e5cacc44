"""What a job will cost: sizes, bytes and memory, before it is submitted."""

from dataclasses import dataclass

from aspis_mpi import config
from aspis_mpi.aggregation.base import SCRATCH
from aspis_mpi.assembly import AHEAD, Assembly
from aspis_mpi.protocol.buffers import HEADER_BYTES
from aspis_mpi.runlog.summary import size


@dataclass(frozen=True)
class Plan:
    """The forecast of a job; bytes are a step's, memory is a rank's.

    Memory is what a rank needs above the size of its process before the
    first step.
    """

    job: str
    scheme: str
    workers: int                # K
    assumed_adversaries: int    # q
    files: int                  # f
    replication: int            # r
    load: int                   # l
    parameters: int             # d
    batch_size: int
    gradients_per_step: int     # files computed, replicas included
    bytes_up: int               # workers to server
    bytes_down: int
    server_memory: int
    worker_memory: int
    worst_case_wrong_files: int
    buckets: int | None         # of median-of-means


def forecast(job, settings=()):
    """The plan of a job file; neither data nor vectors are made.

    Parameters
    ----------
    job : str or Path
    settings : iterable of str
        `section.key=value`, as on the command line.

    Returns
    -------
    Plan
    """
    job = config.load(job, settings)
    assembly = Assembly(job)
    assignment = assembly.assignment
    replicas = int(assignment.loads.sum())
    vector = HEADER_BYTES + 4 * assembly.d
    announcement = HEADER_BYTES + (job.n_workers + 7) // 8
    # Every replica of a step; parameters old and new, gradient, momentum.
    server = (replicas * vector + 4 * vector + job.runtime.threads * SCRATCH
              + assembly.problem.data_bytes)
    # Parameters now and next, gradients on their way, the one computed.
    worker = (2 + AHEAD) * vector + assembly.problem.data_bytes
    return Plan(
        job=job.path, scheme=job.scheme.name or 'own', workers=job.n_workers,
        assumed_adversaries=job.q, files=assignment.n_files,
        replication=assignment.replication, load=assignment.load,
        parameters=assembly.d, batch_size=int(assembly.batches.counts.sum()),
        gradients_per_step=replicas, bytes_up=replicas * vector,
        bytes_down=job.n_workers * (vector + announcement),
        server_memory=server, worker_memory=worker,
        worst_case_wrong_files=assembly.worst_case,
        buckets=getattr(assembly.scheme.aggregator, 'buckets', None))


def describe(plan):
    """The plan in sentences, for a person."""
    p = plan
    lines = [
        f'{p.job}: scheme {p.scheme}, {p.workers} workers and the parameter '
        f'server, so mpirun -n {p.workers + 1}.',
        f'{p.files} files a step, {p.replication} workers a file, at most '
        f'{p.load} files a worker; {p.batch_size} samples a step.',
        f'{p.parameters:,} parameters; {p.gradients_per_step} gradients are '
        f'computed and sent a step.',
        f'Bytes a step: {size(p.bytes_up)} up, {size(p.bytes_down)} down.',
        f'Memory beyond the process: server {size(p.server_memory)}, worker '
        f'{size(p.worker_memory)}.',
        f'At most {p.worst_case_wrong_files} of {p.files} files can be wrong '
        f'in a step if at most {p.assumed_adversaries} workers are.',
    ]
    if p.buckets is not None:
        lines.append(f'median-of-means has {p.buckets} buckets.')
        if p.buckets <= 2 * p.worst_case_wrong_files:
            lines.append('That is no majority of right buckets in the worst '
                         'case.')
    return '\n'.join(lines)
