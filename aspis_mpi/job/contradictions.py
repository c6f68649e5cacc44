"""Parts of a job that do not go together, and what to set instead.

Each function raises a `JobError` that names the key, its value and a way out.
"""

from aspis_mpi.errors import JobError
from aspis_mpi.job import presets
from aspis_mpi.job.job import refusal
from aspis_mpi.parts import extras


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


def check_files(job, assignment, n_samples):
    """Refuse more files than samples, however an assignment makes so many."""
    f = assignment.n_files
    if f > n_samples:
        raise JobError(
            f"{job.path}: assignment '{job.assignment.name}' makes {f} files "
            f'of {job.n_workers} workers, more than the {n_samples} training '
            f"samples; {assignment.way_out}, or use assignment.name = "
            "'cyclic', which makes as many files as there are workers")


def check_order(job, assignment):
    """Refuse to guess the order of what a function made; a class says it."""
    if job.assignment.order is None:
        raise JobError(
            f"{job.path}: assignment.order is missing, and the function "
            f"'{job.assignment.name}' has no default_order; use "
            f"'{assignment.default_order}'")


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


def check_code(job, transfer):
    """Refuse a code where what a function made turns out to have none."""
    if (job.transfer.code is not None
            and getattr(transfer, 'default_code', None) is None):
        raise JobError(
            f"{job.path}: transfer.code = '{job.transfer.code}': transfer "
            f"'{job.transfer.name}' has no code to choose")


def check_challenge(job, transfer, code):
    """Refuse to challenge payloads that cannot be replaced one by one."""
    if not job.transfer.challenge:
        return
    if transfer.sends_at_once:
        raise JobError(
            f"{job.path}: transfer.challenge = true: transfer "
            f"'{job.transfer.name}' brings replicas, which are compared "
            "as they are; use transfer.name = 'sums' or 'coded'")
    if job.collection.thinning and code is None:
        raise JobError(
            f'{job.path}: collection.thinning = true: with '
            'transfer.challenge = true owners are drawn at random; use false')
    if code is not None and code.needs_whole_workers:
        raise JobError(
            f"{job.path}: transfer.challenge = true: needs transfer.code "
            f"= 'least-squares', not '{job.transfer.code}', whose "
            'payloads cannot be replaced one by one')
    if code is not None and code.uncheckable:
        raise JobError(f'{job.path}: transfer.{code.uncheckable}')


def check_replicas(job, assignment, transfer, detector):
    """Refuse to compare, or to vote, where there is nothing to do it with."""
    r = assignment.replication
    if transfer.corrects and transfer.corrects < job.q:
        raise JobError(
            f'{job.path}: {_copies(job, assignment)} must be at least 2q + 1 '
            f"= {2 * job.q + 1} with transfer.name = '{job.transfer.name}' "
            f'and scheme.adversaries = {job.q}; set that, or '
            f'scheme.adversaries = {transfer.corrects}')
    if not transfer.comparable:
        if detector.compares_replicas:
            raise JobError(
                f"{job.path}: detection.name = '{job.detection.name}': "
                f"transfer '{job.transfer.name}' brings no replicas to "
                "compare; use 'none', or transfer.challenge = true")
        return
    if r == 1 and detector.compares_replicas:
        if not job.q and presets.counts_on(job.scheme.name):
            raise JobError(
                f"{job.path}: scheme.adversaries = 0: scheme "
                f"'{job.scheme.name}' then has one replica of each file, so "
                'there is nothing to compare; set at least 1')
        raise JobError(
            f"{job.path}: detection.name = '{job.detection.name}': "
            f"assignment '{job.assignment.name}' has one replica of each "
            "file, so there is nothing to compare; use 'none'")
    if r > 1 and not r % 2 and detector.decides_by_majority:
        raise JobError(
            f'{job.path}: {_copies(job, assignment)} must be odd where a '
            'majority of replicas decides')
    needed, least = detector.least_replicas, assignment.least_copies
    if least < needed:
        raise JobError(
            f'{job.path}: {_copies(job, assignment)} must be at least 2q + 1 '
            f"= {needed} with detection.name = '{job.detection.name}' and "
            f'scheme.adversaries = {job.q}; set that, or scheme.adversaries '
            f'= {(least - 1) // 2}')


def _copies(job, assignment):
    """The choice that gives each file its workers, as a sentence begins."""
    key = assignment.replicated_by
    if key is None:
        return (f"assignment.name = '{job.assignment.name}': its "
                f'{assignment.replication} workers a file')
    return f'assignment.{key} = {getattr(job.assignment, key)}:'


def check_spot(job, assignment, detector):
    """Refuse spot checks without what makes them find and undo lies."""
    if not detector.spot_checks:
        return
    section, q = job.detection, job.q
    if assignment.replication > 1:
        raise JobError(
            f"{job.path}: assignment.name = '{job.assignment.name}': with "
            "detection.name = 'spot' each file has one worker; set "
            "'uncoded'")
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
                           f"detection.name = 'spot' {why}; set '{wanted}'")
    if not job.transfer.challenge:
        raise JobError(f'{job.path}: transfer.challenge = false: with '
                       "detection.name = 'spot' sums are challenged in some "
                       'steps; set true')
    if job.n_workers < 3 or not q:
        raise JobError(
            f"{job.path}: detection.name = 'spot': needs at least 3 workers "
            f'and scheme.adversaries of at least 1, not {job.n_workers} and '
            f'{q}')
    if not detector.rate:
        raise JobError(f'{job.path}: detection.rate = 0: must be above 0; '
                       "without any check use detection.name = 'none'")
    if job.faults.tolerate < q:
        raise JobError(
            f'{job.path}: faults.tolerate = {job.faults.tolerate}: must be '
            f'at least scheme.adversaries = {q}, as liars can die, too')
    if not detector.rollback and 4 * q >= job.n_workers:
        raise JobError(
            f'{job.path}: detection.rollback = false: with '
            f'scheme.adversaries = {q} of {job.n_workers} workers liars just '
            'below the screens turn the update round until they are exposed; '
            'set detection.rollback = true, or fewer adversaries than a '
            'quarter of the workers')


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
    if memory != 'window' and _chosen(section, 'window'):
        raise JobError(
            f'{job.path}: detection.window = {section.window}: '
            f"detection.memory = '{memory}' has no window; set "
            "detection.memory = 'window', or leave detection.window out")


def check_effect(job, scheme, protocol):
    """Refuse choices for what this job does not do."""
    section, adversary = job.transfer, job.adversary
    for key in ('sketches', 'max_epochs'):
        if _chosen(section, key) and not section.challenge:
            raise JobError(
                f'{job.path}: transfer.{key} = {getattr(section, key)}: is '
                'for payloads that are challenged; set transfer.challenge = '
                f'true, or leave transfer.{key} out')
    if adversary.count and scheme.transfer.sends_at_once and (
            protocol.lies and not protocol.timing):
        raise JobError(
            f"{job.path}: adversary.protocol = '{adversary.protocol}': "
            f"transfer '{section.name}' has no reports, payloads or sketches "
            "to lie about; use 'none', or transfer.name = 'sums' or 'coded'")
    if adversary.count and protocol.challenged and not section.challenge:
        raise JobError(
            f"{job.path}: adversary.protocol = '{adversary.protocol}': "
            'nobody is asked for sketches to lie about; set '
            "transfer.challenge = true, or use 'none'")
    if adversary.count and protocol.frames and (
            not scheme.transfer.looks_by_chance):
        raise JobError(
            f"{job.path}: adversary.protocol = '{adversary.protocol}': "
            'nobody is asked to check files of others; set '
            "detection.name = 'spot', or use 'none'")


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


def _chosen(section, key):
    """True if a key is not what it is where nobody names it."""
    return getattr(section, key) != type(section).model_fields[key].default
