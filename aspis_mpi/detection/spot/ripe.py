"""Checkpoints to go back to: when one is ripe, and which ones stay.

A liar that lies in every turn from its first lie on is exposed within H turns
of it, but for a small risk (`aspis_mpi.detection.spot.odds.horizon`).  So
parameters that were made H turns before an exposure, or earlier, have none of
its lies: their checkpoint is *ripe*.  An exposure takes the run back to the
newest that is.

Age is counted in turns that were executed, those included that were undone
later, and not in numbers of turns, which jump where a run is resumed: what a
killed process did after its last checkpoint is not counted.  Parameters are
as old as they were first made, also when the checkpoint is written again with
what is known of workers by then: so that of a rollback is ripe at once.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Kept(NamedTuple):
    """One checkpoint.

    `made` is the age of the run, in turns executed, when its parameters were
    first made: 0 for those of the beginning.
    """

    step: int
    made: float


def worth(chance: float, usual: float) -> float:
    """Turns of the usual kind as which one turn counts.

    Parameters
    ----------
    chance : float
        Of an exposure in this turn, as `odds.exposed_in_turn` has it for the
        workers and the rate that there are.
    usual : float
        That for which H was computed.

    Returns
    -------
    float
        1 while nothing has changed.  Below 1 after deaths, so that what was
        ripe before one stays ripe and what was not takes longer, as H at the
        fewest workers says; above 1 where every turn is checked.

    Notes
    -----
    (1 - p_1) ... (1 - p_n) <= exp(-(p_1 + ... + p_n)), which is at most
    delta / q once sum p_t >= H p.

    >>> worth(0.25, 0.25), worth(1.0, 0.1)
    (1.0, 10.0)
    """
    return chance / usual


def spacing(ripe: int, every: int) -> int:
    """Steps from one checkpoint that stays to the next, at most.

    Parameters
    ----------
    ripe : int
        H.
    every : int
        Steps after which the job writes one; 0 where it does not say.

    Returns
    -------
    int
        max(every, H / 4), at least 1.

    >>> spacing(571, 100), spacing(571, 200), spacing(19, 0), spacing(0, 0)
    (143, 200, 5, 1)
    """
    return max(every, -(-ripe // 4), 1)


def interval(ripe: int, every: int) -> int:
    """Steps after which a checkpoint is written: `every`, or H / 4 for 0.

    >>> interval(571, 100), interval(571, 0)
    (100, 143)
    """
    return every or spacing(ripe, 0)


def is_ripe(one: Kept, now: float, ripe: int) -> bool:
    """True if H turns were executed since; always for the beginning.

    Parameters
    ----------
    one : Kept
    now : float
        Age of the run, the turn that is being executed included.
    ripe : int
        H.

    Notes
    -----
    With an exposure in turn t the liar has lied first in turn t - H + 1 or
    later; what was made in turn t - H or earlier has none of that.
    """
    return one.step == 0 or now - one.made >= ripe


def target(kept: Iterable[Kept], now: float, ripe: int) -> Kept | None:
    """The checkpoint to which an exposure takes the run back.

    Parameters
    ----------
    kept : iterable of Kept
        All that are whole, in any order.
    now : float
    ripe : int
        As of `is_ripe`.

    Returns
    -------
    Kept or None
        The newest ripe one; None where there is none, which takes the run
        back to its initial parameters.
    """
    return max((one for one in kept if is_ripe(one, now, ripe)), default=None)


def keep(kept: Iterable[Kept], now: float, ripe: int, spacing: int,
         last: int = 1) -> list[Kept]:
    """The checkpoints that stay; the others are not needed any more.

    Parameters
    ----------
    kept : iterable of Kept
        All that there are, distinct in their steps.
    now : float
    ripe : int
        As of `is_ripe`.
    spacing : int
        At least as much as from one of them to the next.
    last : int
        So many of the newest stay in any case, at least 1.

    Returns
    -------
    list of Kept
        By step: the one of step 0, the newest ripe one, of the newer ones as
        few as leave no gap above `spacing`, and the last.

    Notes
    -----
    Whenever an exposure comes, at most H + spacing steps are undone: fewer
    than H were done since the oldest one that is not ripe yet, and from the
    newest ripe one to that it is no further than `spacing`.
    """
    ordered = sorted(kept)
    oldest = target(ordered, now, ripe)
    stay = {one for one in ordered if one.step == 0} | set(
        ordered[-max(last, 1):])
    later = [one for one in ordered if oldest is None or one >= oldest]
    while later:
        one = later[0]
        stay.add(one)
        # The farthest within reach; where there is none, the nearest.
        near = [it for it in later[1:] if it.step <= one.step + spacing]
        later = [it for it in later[1:] if not near or it >= near[-1]]
    return sorted(stay)


def most(ripe: int, spacing: int, last: int = 1) -> int:
    """Checkpoints on disk at once, at most, one being written included.

    Parameters
    ----------
    ripe : int
        H, at the fewest workers.
    spacing, last : int
        As of `keep`.

    Returns
    -------
    int

    Notes
    -----
    Of those that are not ripe any two that are two apart lie more than
    `spacing` apart, and all of them less than H.

    >>> most(571, 143), most(571, 143, last=3), most(0, 1)
    (11, 13, 3)
    """
    unripe = 2 + 2 * ((ripe - 1) // (spacing + 1))
    # The newest ripe one, that of step 0, the last, the one being written.
    return 1 + unripe + 1 + max(last - 1, 0) + 1
