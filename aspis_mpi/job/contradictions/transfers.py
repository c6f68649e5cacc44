"""Things that travel which do not go together.

See `aspis_mpi.job.contradictions`.
"""

from aspis_mpi.errors import JobError
from aspis_mpi.job import presets
from aspis_mpi.job.contradictions.places import copies
from aspis_mpi.job.sections import chosen


def check_code(job, transfer):
    """Refuse a code where what a function made turns out to have none."""
    if (job.transfer.code is not None
            and getattr(transfer, 'default_code', None) is None):
        raise JobError(
            f"{job.path}: transfer.code = '{job.transfer.code}': transfer "
            f"'{job.transfer.name}' has no code to choose")


def check_compression(job, compression, transfer, detector, problem):
    """Refuse to compress what cannot be, or compared as it would have to."""
    section = job.compression
    where = f"{job.path}: compression.name = '{section.name}'"
    if section.keep < 1:
        where = f'{job.path}: compression.keep = {section.keep}'
    if compression.verbatim:
        return
    if detector.spot_checks:
        why = ('compares whole sums' if detector.recomputes else
               'screens norms of whole gradients')
        raise JobError(
            f"{where}: detection.name = '{job.detection.name}' {why}; use "
            "compression.name = 'none' with keep = 1, or detection.name = "
            "'certified'")
    if job.assignment.split:
        raise JobError(
            f'{where}: with assignment.split = true gradients of nodes are '
            'added up to those of whole files, which what is made of them is '
            "not; set it to false, or compression.name = 'none' with "
            'keep = 1')
    if transfer.corrects:
        raise JobError(
            f"{where}: transfer '{job.transfer.name}' has complex "
            "coefficients; use transfer.name = 'replicas' or 'sums'")
    if not compression.exact:
        return
    if job.detection.equality == 'tolerance':
        raise JobError(
            f"{where}: integers are compared without a tolerance, and a "
            'gradient that is off by a rounding may be another integer; set '
            "detection.equality = 'bits', or compression.name = 'none'")
    if job.transfer.sketch_type != 'float64':
        raise JobError(
            f"{job.path}: transfer.sketch_type = "
            f"'{job.transfer.sketch_type}': sketches of integers are exact "
            "and made otherwise; leave it out, or set compression.name = "
            "'none'")
    if not problem.on_server:
        raise JobError(
            f'{where}: rank 0 makes the first grid of gradients, and has no '
            f"data of problem '{job.problem.name}'; use compression.name = "
            "'none'")


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
            f'{job.path}: {copies(job, assignment)} must be at least 2q + 1 '
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
            f'{job.path}: {copies(job, assignment)} must be odd where a '
            'majority of replicas decides')
    needed, least = detector.least_replicas, assignment.least_copies
    if least < needed:
        raise JobError(
            f'{job.path}: {copies(job, assignment)} must be at least 2q + 1 '
            f"= {needed} with detection.name = '{job.detection.name}' and "
            f'scheme.adversaries = {job.q}; set that, or scheme.adversaries '
            f'= {(least - 1) // 2}')


def check_effect(job, scheme, protocol):
    """Refuse choices for what this job does not do."""
    section, adversary = job.transfer, job.adversary
    for key in ('sketches', 'sketch_type', 'max_epochs'):
        if chosen(section, key) and not section.challenge:
            raise JobError(
                f'{job.path}: transfer.{key} = {getattr(section, key)!r}: is '
                'for payloads that are challenged; set transfer.challenge = '
                f'true, or leave transfer.{key} out')
    if adversary.count and scheme.transfer.sends_at_once and (
            protocol.lies and not protocol.timing):
        raise JobError(
            f"{job.path}: adversary.protocol = '{adversary.protocol}': "
            f"transfer '{section.name}' has no reports, payloads or sketches "
            "to lie about; use 'none', or transfer.name = 'sums' or 'coded'")
    looks = scheme.transfer.looks_by_chance
    if adversary.count and protocol.challenged and not (
            section.challenge or looks and (
                protocol.frames or protocol.refuses)):
        raise JobError(
            f"{job.path}: adversary.protocol = '{adversary.protocol}': "
            'nobody is asked for sketches to lie about; set '
            "transfer.challenge = true, or use 'none'")
    if adversary.count and protocol.frames and not looks:
        raise JobError(
            f"{job.path}: adversary.protocol = '{adversary.protocol}': "
            'nobody is asked to check files of others; set '
            "detection.name = 'spot', or use 'none'")
