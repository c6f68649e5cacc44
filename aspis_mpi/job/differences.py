"""Differences of a job from the one that a run log has, key by key."""

from aspis_mpi.job.checking import checked
from aspis_mpi.job.sections import SECTIONS

#: Keys that the run log has, also where the job left them open.
FILLED = {'problem.batch_size', 'scheme.workers'}


def difference(job, recorded, free):
    """The first key in which a job differs from one of a run log.

    What `FILLED` the job may leave open; that is no difference.

    Parameters
    ----------
    job, recorded : Job
    free : set of str
        Sections and `section.key`s that may differ.

    Returns
    -------
    (str, Any, Any) or None
        `section.key`, and both values.
    """
    return next((
        (name, value, other) for name, value, other in _changes(job, recorded)
        if not free & {name.partition('.')[0], name}
        and not (value is None and name in FILLED)), None)


def changed(job, recorded, section):
    """Changes of one section of a job, as clauses."""
    return [f'{name} was {other!r} and is {value!r}'
            for name, value, other in _changes(job, recorded)
            if name.partition('.')[0] == section]


def _changes(job, recorded):
    """Each key with another value, `section.key`, and both values."""
    ours, theirs = values(job), values(recorded)
    for name in ours | theirs:
        value, other = ours.get(name), theirs.get(name)
        # NaN is what it was, too.
        if value != other and repr(value) != repr(other):
            yield name, value, other


def values(job):
    """Every key of a job, as section.key, and its value."""
    return {f'{section}.{key}': value
            for section, table in job.tables().items()
            for key, value in table.items()}


def recorded(tables, path, job):
    """The job of a run log, to compare `job` with.

    Where `job` is run with a problem that its caller brings, the recorded
    one is not looked up: it may be a class of a script or of a function.

    Parameters
    ----------
    tables : dict of str to dict
        What the run log has.
    path : str
        For messages.
    job : Job

    Returns
    -------
    Job
    """
    if job.part('problem') is not None:
        return checked(tables, path)
    problem = tables['problem']
    shared = {key: value for key, value in problem.items()
              if key in SECTIONS['problem'].model_fields}
    return checked(tables | {'problem': shared}, path,
                    brought=problem['name'])
