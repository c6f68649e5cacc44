"""The judgement on hosts that the log of a run allows.

*Exposed* is a worker of which there is a proof.  *Dead* is one that was lost
for good, or was given up as silent and is not heard of in any step that began
later; if more than half of the workers are, rank 0 or the network may be what
failed, and the silence is *unclear*.  *Slow* is one that took more than
`SLOWER` times as long for a file as the middle worker, and `MARGIN` seconds
longer, in `SHARE` of at least `STEPS` steps of a start, or that got no work
for a while as it had cost the run more than `faults.patience` allows.
*Silent* is one that was given up and came back.

Only what the server has seen counts, by its own clock: a liar can make itself
exposed, dead or slow, and no other.
"""

import textwrap
from collections.abc import Iterator

import numpy as np

from aspis_mpi.arrays import Array, Floats
from aspis_mpi.runlog.evidence import Evidence, Findings, Kind, Presence
from aspis_mpi.runlog.joined import JoinedRun
from aspis_mpi.runlog.periods import CODES, Period, periods
from aspis_mpi.runlog.reader import Run
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import ExposureRecord
from aspis_mpi.words import counted, printable

#: Slow is who takes so many times as long as the middle worker, and so many
#: seconds longer, in such a share of at least so many steps.
SLOWER, MARGIN, SHARE, STEPS = 2, 0.01, 0.75, 20

#: Characters of a proof that are told.
SENTENCE = 400


def findings(run: Run | JoinedRun) -> Findings:
    """The hosts of a run and the evidence against them.

    Parameters
    ----------
    run : Run or JoinedRun
    """
    attrs = run.parts[0].attrs
    identity = str(attrs.get('continues_identity')
                   or attrs.get('identity') or attrs['created'])
    found = [period for part in run.parts
             for period in periods(part, identity)]
    return Findings(
        [Presence(it.run, it.start.began, it.log, it.start.source,
                  it.start.hosts, _is_staged(run)) for it in found],
        [each for it in found for each in (
            *_proved(it), *_silent(it), *_slow(it))])


def _is_staged(run: Run | JoinedRun) -> bool:
    """True if the job itself makes workers lie, slow or silent."""
    return bool(run.option('adversary', 'count') or run.option(
        'delay', 'silent') or run.option('delay', 'name', 'none') != 'none')


def _proved(it: Period) -> Iterator[Evidence]:
    """Workers with a proof against them, by the first."""
    told: dict[int, ExposureRecord] = {}
    for proof in it.exposures:
        if proof.step >= 0:
            told.setdefault(proof.worker, proof)
    for worker, proof in sorted(told.items()):
        said = textwrap.shorten(printable(proof.text), SENTENCE)
        yield it.evidence(Kind.EXPOSED, worker, proof.step,
                          f'was proved wrong ({said})')
    if it.part.attrs['version'] >= CODES:
        return
    counted_so: dict[int, int] = {}
    for steps, exposed in it.windows('exposed'):
        for worker in np.flatnonzero(exposed.any(axis=0)).tolist():
            counted_so.setdefault(worker, int(
                steps[exposed[:, worker].argmax()]))
    for worker, step in sorted(counted_so.items()):
        yield it.evidence(Kind.EXPOSED, worker, step, 'counted as proved '
                          f'wrong from step {step} on')


def _silent(it: Period) -> Iterator[Evidence]:
    """Workers that are dead, or were silent."""
    lost, silent = it.about(EventCode.LOST), it.about(EventCode.SILENT)
    gone = _gone(it)
    unclear = 2 * len(gone) > it.part.n_workers
    for rank in sorted(lost):
        yield it.evidence(Kind.DEAD, rank - 1, None, 'is gone for good since '
                          f'{lost[rank][0]:.1f} s of the run')
    for rank in sorted(silent.keys() - lost.keys()):
        times = silent[rank]
        told = (f"was given up as silent {counted(len(times), 'time')}, at "
                f'last after {times[-1]:.1f} s of the run, and ')
        if rank not in gone:
            yield it.evidence(Kind.SILENT, rank - 1, None,
                              told + 'came back')
            continue
        told += 'was not heard of in any step that began later'
        yield it.evidence(
            Kind.UNCLEAR if unclear else Kind.DEAD, rank - 1, None, told + (
                ', as more than half of the workers were not: rank 0 or the '
                'network may be what failed' if unclear else ''))


def _gone(it: Period) -> set[int]:
    """Ranks that were lost, or fell silent for good."""
    silent = it.about(EventCode.SILENT)
    return {*it.about(EventCode.LOST), *(
        rank for rank, times in silent.items()
        if it.heard[rank - 1] <= times[-1])}


def _slow(it: Period) -> Iterator[Evidence]:
    """Workers that were slow, but for those that are gone."""
    rested = it.about(EventCode.RESTING)
    gone, n_workers = _gone(it), it.part.n_workers
    count, of, first = np.zeros((3, n_workers), dtype=int)
    total = np.zeros(n_workers)
    for steps, *rows in it.windows('files_done', 'last_report', 'excluded'):
        times, slow, judged = times_of_a_file(*rows)
        begins = slow.any(axis=0) & (count == 0)
        first[begins] = steps[slow[:, begins].argmax(axis=0)]
        count += slow.sum(axis=0)
        of += judged.sum(axis=0)
        total += np.where(slow, times, 0).sum(axis=0)
    for worker in range(n_workers):
        said, step = [], None
        if of[worker] >= STEPS and count[worker] >= SHARE * of[worker]:
            step = int(first[worker])
            said.append(
                f'took {total[worker] / count[worker]:.3g} times as long for '
                f'a file as the middle worker on average, in {count[worker]} '
                f'of {of[worker]} steps')
        if worker + 1 in rested:
            said.append('got no work for a while, as it had cost the run '
                        'more time than faults.patience allows')
        if said and worker + 1 not in gone:
            yield it.evidence(Kind.SLOW, worker, step, ', and '.join(said))


def times_of_a_file(done: Array, reported: Floats, idle: Array
                    ) -> tuple[Floats, Array, Array]:
    """Times of a file, in those of the middle worker, (T, K).

    Besides, where that is slow, and where there is something to judge.

    Parameters
    ----------
    done, reported, idle : ndarray, shape (T, K)
        `files_done`, `last_report` and `excluded` of a log.
    """
    # Who has finished no file needs longer for one than the step lasted.
    elapsed = np.fmax.reduce(reported, axis=1, initial=np.nan)[:, None]
    files = np.maximum(done, 1).astype(float)
    own = np.where(done > 0, reported, elapsed) / files
    own[idle] = np.nan
    judged = ~np.isnan(own)
    middle = np.full((len(own), 1), np.nan)
    some = judged.any(axis=1)
    middle[some, 0] = np.nanmedian(own[some], axis=1)
    with np.errstate(invalid='ignore', divide='ignore'):
        slow = (own > SLOWER * middle) & ((own - middle) * files > MARGIN)
        return own / middle, slow, judged
