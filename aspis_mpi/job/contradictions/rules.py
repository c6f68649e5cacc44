"""Rules of belief that do not go together with the rest of a job.

See `aspis_mpi.job.contradictions`.
"""

from aspis_mpi.errors import JobError
from aspis_mpi.job.job import refusal
from aspis_mpi.job.sections import chosen


def check_adversaries(job):
    """Refuse to assume that half of the workers or more are wrong."""
    k = job.n_workers
    if 2 * job.q >= k:
        raise JobError(
            f'{job.path}: scheme.adversaries = {job.q}: must be less '
            f'than half of the {k} workers, at most {(k - 1) // 2}')
    if job.adversary.count > k:
        raise JobError(
            f'{job.path}: adversary.count = {job.adversary.count}: must be '
            f'at most the number of workers, {k}')


def check_spot(job, assignment, detector):
    """Refuse spot checks without what makes them find and undo lies."""
    if not detector.spot_checks:
        return
    section, q = job.detection, job.q
    rule = f"detection.name = '{section.name}'"
    if assignment.replication > 1:
        raise JobError(
            f"{job.path}: assignment.name = '{job.assignment.name}': with "
            f"{rule} each file has one worker; set 'uncoded'")
    for key, value, wanted, why in (
            ('transfer.name', job.transfer.name, 'sums',
             'sums are what is checked'),
            ('collection.name', job.collection.name, 'all',
             'everybody owes its sum'),
            ('detection.equality', section.equality, 'bits',
             'what lies between two thresholds would never be found'),
            ('detection.memory', section.memory or detector.default_memory,
             'forever', 'whoever was exposed stays so'),
            ('detection.budget', section.budget, 'fixed',
             'the liars of a run are the same in all steps')):
        if value != wanted:
            raise JobError(f"{job.path}: {key} = '{value}': with "
                           f"{rule} {why}; set '{wanted}'")
    _check_challenged(job, rule, not detector.recomputes)
    if job.n_workers < 3 or not q:
        raise JobError(
            f'{job.path}: {rule}: needs at least 3 workers '
            f'and scheme.adversaries of at least 1, not {job.n_workers} and '
            f'{q}')
    if not detector.rate:
        raise JobError(f'{job.path}: detection.rate = 0: must be above 0; '
                       "without any check use detection.name = 'none'")
    if job.faults.tolerate < q:
        raise JobError(
            f'{job.path}: faults.tolerate = {job.faults.tolerate}: must be '
            f'at least scheme.adversaries = {q}, as liars can die, too')
    undone = detector.rollback or detector.recomputes
    if not undone and 4 * q >= job.n_workers:
        raise JobError(
            f'{job.path}: detection.rollback = false: with '
            f'scheme.adversaries = {q} of {job.n_workers} workers liars just '
            'below the screens turn the update round until they are exposed; '
            'set detection.rollback = true, or fewer adversaries than a '
            'quarter of the workers')


def _check_challenged(job, rule, wanted):
    """Refuse sketches where nobody looks at them, and none where they do."""
    found = job.transfer.challenge
    if found == wanted:
        return
    why = ('sums are challenged in some steps; set true' if wanted else
           'whole sums are compared, and no sketches; set false')
    raise JobError(f'{job.path}: transfer.challenge = {str(found).lower()}: '
                   f'with {rule} {why}')


def check_scheme(job, scheme, code):
    """Refuse a collection, a transfer and an aggregation that do not fit."""
    collection = scheme.collection
    sends_at_once = scheme.transfer.sends_at_once
    if job.transfer.challenge and not collection.counts_copies:
        raise JobError(
            f"{job.path}: collection.name = '{job.collection.name}': counts "
            'workers, not the copies of a file that a challenge needs; use '
            "'coverage', 'deadline', 'adaptive' or 'all'")
    if not (sends_at_once or scheme.aggregator.is_plain_mean):
        before = job.aggregation.before
        raise JobError(
            f'{job.path}: aggregation.'
            + (f'before = {before!r}: ' if before
               else f"name = '{job.aggregation.name}': ") +
            f"transfer '{job.transfer.name}' brings sums of many files, "
            "which allow the 'mean' alone")
    if code is not None and code.needs_whole_workers and (
            not collection.asks_whole_workers):
        raise JobError(
            f"{job.path}: transfer.code = '{job.transfer.code}': needs "
            'workers that finished all their files; use '
            "collection.name = 'full-workers'")
    if scheme.skip_covered and (
            sends_at_once or not collection.allows_skipping):
        raise JobError(
            f'{job.path}: collection.skip_covered = true: needs a '
            "collection that waits for copies, such as 'coverage', and "
            "a transfer that sends on request, such as 'coded'")


def check_aggregation(job, aggregator):
    """Refuse an aggregation that promises nothing for so many files."""
    try:
        aggregator.check()
    except ValueError as error:
        raise refusal(job.path, 'aggregation', error) from error


def check_evidence(job, scheme, problem):
    """Refuse thresholds that are not used, and checks that lack their data."""
    section, transfer = job.detection, scheme.transfer
    if section.equality == 'bits' and (section.tolerance
                                       or section.disagreement):
        raise JobError(
            f"{job.path}: detection.tolerance and detection.disagreement "
            "need detection.equality = 'tolerance'")
    if section.equality == 'tolerance' and not (
            transfer.comparable and problem.on_server
            and scheme.detector.compares_replicas):
        raise JobError(
            f"{job.path}: detection.equality = 'tolerance': the thresholds "
            'need a rule that compares, values to compare, and a rank 0 that '
            "can compute gradients itself; use 'bits'")
    audits = section.audits == 'contested' or section.random_audits
    if audits and not transfer.comparable:
        raise JobError(
            f"{job.path}: detection.audits and detection.random_audits "
            f"need values to check: transfer '{job.transfer.name}' "
            'brings none; set transfer.challenge = true')
    if audits and not problem.on_server:
        raise JobError(
            f"{job.path}: detection.audits: rank 0 has no data of problem "
            f"'{job.problem.name}'; set detection.audits = 'none' and "
            'detection.random_audits = 0')
    if section.audits == 'contested' and (
            not scheme.detector.finds_contested):
        raise JobError(
            f"{job.path}: detection.audits = 'contested': rule "
            f"'{section.name}' gives no certificates, without which no file "
            "counts as contested; use detection.name = 'certified', or leave "
            'detection.audits out')


def check_memory(job, scheme):
    """Refuse choices about a memory that remembers nothing.

    Exposures are, under every rule: of malformed messages and by audits.
    """
    section = job.detection
    memory = section.memory or scheme.detector.default_memory
    if section.budget == 'fixed' and memory == 'step':
        raise JobError(
            f"{job.path}: detection.budget = 'fixed': detection.memory = "
            "'step' carries nothing to the next step; set detection.memory "
            "= 'window' or 'forever', or use budget = 'step'")
    if memory != 'window' and chosen(section, 'window'):
        raise JobError(
            f'{job.path}: detection.window = {section.window}: '
            f"detection.memory = '{memory}' has no window; set "
            "detection.memory = 'window', or leave detection.window out")
