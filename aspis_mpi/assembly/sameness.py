"""The comparison of all ranks' jobs with that of rank 0, before they compute.

A rank with another job, or with other data or code behind the same words,
computes other values.  Where nobody is assumed to be wrong, or more than q
ranks differ, the run does not begin.  Else those that differ get no work in
it: one that lies must not be able to keep the others from beginning.
"""

from aspis_mpi.errors import JobError
from aspis_mpi.job.differences import values
from aspis_mpi.words import counted, few

#: What rank 0 alone looks at.
OWN = {'run.out', 'run.model_out', 'run.ledger'}


def facts(assembly):
    """Facts that have to be the same on all ranks, texts by name.

    Parameters
    ----------
    assembly : Assembly

    Returns
    -------
    dict of str to str
        Keys of the job first, then the files that it names, the problem's
        sizes, and what the problem says itself.
    """
    problem = assembly.problem
    return {
        **{key: repr(value) for key, value in values(assembly.job).items()
           if key not in OWN},
        **{f'{it.key}: {name}': it.digest
           for name, it in assembly.inputs.items()},
        'problem.n_parameters': str(problem.n_parameters),
        'problem.n_samples': str(problem.n_samples)}


def agree(comm, job, said):
    """Begin with all ranks, or without those that have another job.

    Called by every rank.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    job : Job
    said : dict of str to str
        The `facts` of this rank.

    Returns
    -------
    without : dict of int to str
        On rank 0, workers that get no work, and why.
    idle : bool
        Whether this rank gets none.

    Raises
    ------
    JobError
        On every rank: too many differ.
    """
    from aspis_mpi.backends.mpi.facts import compare, decide
    differing = compare(comm, said)
    refused = '' if len(differing) <= job.q else _refusal(job, differing)
    refused, idle = decide(comm, refused, differing)
    if refused:
        raise JobError(refused)
    return {rank - 1: f'rank {rank} (worker {rank - 1}) gets no work in this '
            f'run: {it}' for rank, it in differing.items()}, idle


def _refusal(job, differing):
    """The first rank that differs, in what, and how many there are."""
    rank, least = min(differing), f'scheme.adversaries = {job.q}'
    count = counted(len(differing), 'rank differs', 'ranks differ')
    return (f'{job.path}: {differing[rank].key}: rank {rank} has '
            f'{differing[rank].theirs}, rank 0 has {differing[rank].ours}; '
            f'{count} from rank 0 ({few(sorted(differing))}), more than '
            f'{least}: give all ranks the same job, data and modules')
