"""Ways of giving files to workers that do not go together with others.

See `aspis_mpi.job.contradictions`.
"""

from aspis_mpi.errors import JobError
from aspis_mpi.words import counted


def check_order(job, assignment):
    """Refuse to guess the order of what a function made; a class says it."""
    if job.assignment.order is None:
        raise JobError(
            f"{job.path}: assignment.order is missing, and the function "
            f"'{job.assignment.name}' has no default_order; use "
            f"'{assignment.default_order}'")


def check_placement(job):
    """Refuse places for workers that have other names, or a code of theirs."""
    if job.assignment.placement == 'ranks':
        return
    if job.assignment.rename:
        raise JobError(
            f"{job.path}: assignment.placement = 'hosts': with "
            'assignment.rename = true workers have other files in each step; '
            "set 'ranks', or rename = false")
    code = job.part('transfer', 'code')
    if code is not None and getattr(code.cls, 'needs_whole_workers', False):
        raise JobError(
            f"{job.path}: assignment.placement = 'hosts': transfer.code = "
            f"'{job.transfer.code}' is made for workers in the order of the "
            "design; set 'ranks', or transfer.code = 'least-squares'")


def check_adapt(job, assignment, transfer, detector, most):
    """Refuse to lay out files by speeds where that is not safe.

    `most` units of files a worker may have then.
    """
    section, q, units = job.assignment, job.q, assignment.by_units.n_files
    if not section.adapt:
        return
    said = f'{job.path}: assignment.adapt = {section.adapt}: '
    if section.reorder or section.rename:
        key = 'rename = true' if section.rename else (
            f'reorder = {section.reorder}')
        raise JobError(f'{said}with assignment.{key} workers have another '
                       'order of their own; leave one of them out')
    if not (transfer.sends_at_once or transfer.reassignable):
        raise JobError(
            f"{said}transfer '{job.transfer.name}' has a code made for these "
            "workers; set transfer.name = 'sums' or 'replicas', or adapt = 0")
    least = assignment.least_copies
    if detector.spot_checks:
        undone = detector.rollback or detector.recomputes
        if not undone and 4 * q * most >= units:
            raise JobError(
                f'{said}{counted(q, "worker")} may have '
                f'{min(q * most, units)} of {units} files, a quarter or '
                'more, and '
                'detection.rollback = false lets them turn the update round; '
                'set detection.rollback = true')
    elif q and least < 2 * q + 1:
        raise JobError(
            f'{said}{copies(job, assignment)} must be at least 2q + 1 = '
            f'{2 * q + 1}, as liars may choose how fast they are; set that, '
            f'or scheme.adversaries = {(least - 1) // 2}')
    files = job.part('adversary', 'files').cls
    if job.adversary.count and files.needs_holders:
        raise JobError(
            f"{said}adversary.files = '{job.adversary.files}' rests on who "
            "else has a file, which nobody knows before the step; set 'all' "
            "or 'random'")
    who = job.part('adversary', 'who').cls
    if job.adversary.count and who.needs_holders:
        raise JobError(
            f"{said}adversary.who = '{job.adversary.who}' rests on who has "
            "which file, which nobody knows before the step; set 'fixed' or "
            "'random'")


def check_rename(job, transfer, detector):
    """Refuse other names for workers whose files are more than a list."""
    section = job.assignment
    if not section.rename:
        return
    if section.reorder:
        raise JobError(
            f'{job.path}: assignment.reorder = {section.reorder}: with '
            'assignment.rename = true workers have other files in each step; '
            'leave one of them out')
    if detector.spot_checks:
        raise JobError(
            f"{job.path}: assignment.rename = true: detection.name = 'spot' "
            'draws who checks whom itself; set false')
    if not (transfer.sends_at_once or transfer.reassignable):
        raise JobError(
            f"{job.path}: assignment.rename = true: transfer "
            f"'{job.transfer.name}' has a code made for these workers; use "
            "transfer.name = 'replicas' or 'sums'")


def copies(job, assignment):
    """The choice that gives each file its workers, as a sentence begins."""
    key = assignment.replicated_by
    if key is None:
        return (f"assignment.name = '{job.assignment.name}': its "
                f'{assignment.replication} workers a file')
    return f'assignment.{key} = {getattr(job.assignment, key)}:'
