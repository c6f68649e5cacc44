"""Problem, samples, files and device that do not go together.

See `aspis_mpi.job.contradictions`.
"""

from aspis_mpi.errors import JobError
from aspis_mpi.job.job import refusal
from aspis_mpi.parts import extras


def check_steps(job):
    """Refuse more steps than the run log can count."""
    if job.run.steps >= 2 ** 63:
        raise JobError(f'{job.path}: run.steps = {job.run.steps}: must be '
                       f'less than {2 ** 63}, as the run log counts steps by '
                       '64 bits')


def check_files(job, assignment, n_samples):
    """Refuse more files than samples, however an assignment makes so many."""
    f = assignment.n_files
    if f > n_samples:
        raise JobError(
            f"{job.path}: assignment '{job.assignment.name}' makes {f} files "
            f'of {job.n_workers} workers, more than the {n_samples} training '
            f"samples; {assignment.way_out}, or use assignment.name = "
            "'cyclic', which makes as many files as there are workers")


def check_sum(job, total, n_samples):
    """Refuse sizes of files that are no batch, or another than is asked for.

    Parameters
    ----------
    job : Job
    total : int
        Samples of all files.
    n_samples : int
        That are trained on.
    """
    section = job.problem
    where = f"{job.path}: problem.file_sizes = '{section.file_sizes}'"
    if section.batch_size not in (None, total):
        raise JobError(
            f'{where}: the sizes add up to {total} samples, and '
            f'problem.batch_size = {section.batch_size}; leave batch_size '
            'out')
    if total > n_samples:
        raise JobError(
            f'{where}: the sizes add up to {total} samples; they must be at '
            f'most the {n_samples} that are trained on: make files smaller')


def check_split(job):
    """Refuse to split files whose parts would not add up to the same."""
    if not job.assignment.split:
        return
    where = f'{job.path}: assignment.split = true'
    if job.problem.summation != 'tree':
        raise JobError(f"{where}: needs problem.summation = 'tree', along "
                       'which parts of a file add up to the bits of the '
                       'whole')
    if job.transfer.code is not None or job.transfer.name == 'correcting':
        raise JobError(f"{where}: transfer '{job.transfer.name}' has a code "
                       "made for these files; use transfer.name = "
                       "'replicas' or 'sums'")


def check_labels(job, value, problem):
    """Refuse to flip labels where there are none."""
    if not (job.adversary.count and getattr(value, 'flips', False)):
        return
    flipped = getattr(problem, 'flipped', None)
    try:
        twin = flipped and flipped()
    except ValueError as error:
        raise refusal(job.path, 'problem', error) from error
    if twin is None:
        name = getattr(problem, 'name', type(problem).__name__)
        raise JobError(
            f"{job.path}: adversary.value = '{job.adversary.value}': problem "
            f"'{name}' has no labels of classes that could be "
            "flipped; use a problem that has, such as 'digits', or another "
            "lie, such as 'reversed'")


def check_libraries(job):
    """Refuse parts that compute with what is not installed."""
    for (section, key), part in job.parts.items():
        for library in extras.missing(part.cls):
            raise JobError(f'{job.path}: {section}.{key} = {part.word!r}: '
                           f'needs {extras.advice(library)}')
    # Ranks ask torch which device is theirs, whatever computes there.
    device = job.runtime.device
    if device != 'cpu' and not extras.is_here('torch'):
        raise JobError(f"{job.path}: runtime.device = '{device}': needs "
                       f"{extras.advice('torch')}")


def model_inputs(job):
    """The inputs of models that a class names, before there is a problem."""
    inputs = getattr(job.part('problem').cls, 'model_inputs', None)
    if inputs is None:
        raise JobError(
            f"{job.path}: problem.model = '{job.problem.model}': "
            f"'{job.problem.name}' does not say what a model is made for; "
            'give it an attribute model_inputs')
    return inputs


def check_device(job):
    """Refuse a device that nothing computes on."""
    device = job.runtime.device
    words = [job.problem.name, *filter(None, [job.problem.model])]
    # One of the user's own may choose its device without being told.
    own = any(':' in word for word in words)
    if device != 'cpu' and not own and not any(
            'device' in part.options for part in job.parts.values()):
        raise JobError(
            f"{job.path}: runtime.device = '{device}': problem "
            f"{' with model '.join(map(repr, words))} computes on the "
            "processor alone; use 'cpu', or a model of torch such as "
            "'convnet'")
