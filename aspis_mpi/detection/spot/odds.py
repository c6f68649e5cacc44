"""Odds of spot checks: how soon a liar is exposed, and what that costs.

A turn is *checked* with probability `rate`.  Then each of K workers computes
one file, of the c files of a payload, again for one other worker, by a
uniform derangement (`aspis_mpi.detection.spot.draws`): the coin, the checker
and the file are drawn after the payload and its sketches are in.  A wrong
payload is wrong in the sketches of w >= 1 of its files.  So

    p = rate * kappa * w / c,    kappa = (K - q) / (K - 1),

is the probability that it is exposed: kappa that of a checker that does not
collude, where q of the K workers may be liars.  K are those that take part,
without whom is exposed; q are those of the liars that are not.

A *share* phi of a liar is the mean of w / c over turns: lies on all files in
one turn of ten, or on one file of ten in every turn, both are 0.1.  Whoever
loads the error of all files onto the sketch of one has w = 1.
"""

import math

import numpy as np

from aspis_mpi.arrays import Floats
from aspis_mpi.checks import check_finite, check_share

#: The root mean square of a sketch has to be so many times the norm that is
#: stated to count for more (`aspis_mpi.coding.challenge.norms`).
BELIED = 2.5


def honest_checkers(workers: int, liars: int) -> float:
    """Probability kappa that a liar is checked by a worker that is none.

    Parameters
    ----------
    workers : int
        K >= 2 workers that take part.
    liars : int
        q < K of them that may be wrong; where there is none or one, kappa
        is 1.

    Returns
    -------
    float
        (K - q) / (K - 1).

    Raises
    ------
    ValueError
        Fewer than 2 workers, or no honest one.

    Notes
    -----
    It falls with honest workers that leave, and rises with exposures.

    >>> honest_checkers(15, 2) == 13 / 14, honest_checkers(7, 1)
    (True, 1.0)
    """
    if workers < 2:
        raise ValueError(f'workers {workers} must be at least 2: nobody '
                         'checks itself')
    if not 0 <= liars < workers:
        raise ValueError(f'liars {liars} must be between 0 and '
                         f'{workers - 1}')
    return (workers - max(liars, 1)) / (workers - 1)


def exposed_in_turn(rate: float, kappa: float, load: int,
                    wrong: int = 1) -> float:
    """Probability that a wrong payload is exposed in its turn.

    Parameters
    ----------
    rate : float
        Probability of a check, above 0 and at most 1.
    kappa : float
        See `honest_checkers`.
    load : int
        c, the files of the payload.
    wrong : int
        w, those of them whose sketches are wrong, 1 to c.

    Returns
    -------
    float
        rate * kappa * w / c.

    Raises
    ------
    ValueError

    Notes
    -----
    Turns are independent of each other, and of all that the liar knew when
    it sent its payload and its sketches.  It is a lower bound where a sum
    that contradicts its own sketches is exposed in any checked turn.

    >>> exposed_in_turn(0.5, 1.0, 2), exposed_in_turn(0.5, 1.0, 2, wrong=2)
    (0.25, 0.5)
    """
    if not 0 < rate <= 1:
        raise ValueError(f'rate {rate} must be above 0 and at most 1')
    if not 0 < kappa <= 1:
        raise ValueError(f'kappa {kappa} must be above 0 and at most 1')
    if not 1 <= wrong <= load:
        raise ValueError(f'wrong {wrong} must be between 1 and the load '
                         f'{load}')
    return rate * kappa * wrong / load


def mean_turns(rate: float, kappa: float, load: int, wrong: int = 1) -> float:
    """Mean number of wrong payloads up to the one that exposes.

    Parameters and errors are those of `exposed_in_turn`.

    Returns
    -------
    float
        c / (w * rate * kappa), the mean of a geometric distribution.  With
        w = 1 it bounds the wrong payloads that a liar gets in on average,
        over the whole run and however it spaces them.

    >>> mean_turns(0.5, 1.0, 2)
    4.0
    """
    return 1 / exposed_in_turn(rate, kappa, load, wrong)


def horizon(rate: float, kappa: float, load: int, liars: int,
            risk: float) -> int:
    """Turns H after which a liar that lies in each of them is exposed.

    Parameters
    ----------
    rate, kappa, load
        As of `exposed_in_turn`, kappa at the fewest workers of those turns.
    liars : int
        q, at least 0.
    risk : float
        delta, above 0 and below 1: probability that one of the q liars is
        not exposed by then, at most.

    Returns
    -------
    int
        ceil(ln(q / delta) * c / (rate * kappa)); 0 without liars.

    Raises
    ------
    ValueError

    Notes
    -----
    One liar survives H turns with probability (1 - p)^H <= exp(-p H) <=
    delta / q, also where w is always 1.

    >>> horizon(0.1, honest_checkers(15, 2), 10, liars=2, risk=0.01)
    571
    >>> horizon(0.5, honest_checkers(7, 1), 2, liars=1, risk=0.01)
    19
    """
    if not 0 < risk < 1:
        raise ValueError(f'risk {risk} must be above 0 and below 1')
    if liars < 0:
        raise ValueError(f'liars {liars} must be at least 0')
    mean = mean_turns(rate, kappa, load)
    return math.ceil(math.log(liars / risk) * mean) if liars else 0


def turns_lost(ripe: int, spacing: int, exposures: int = 1) -> int:
    """Turns that exposures cost at most, where each takes the run back.

    Parameters
    ----------
    ripe : int
        H, see `horizon`.
    spacing : int
        Turns from one kept checkpoint to the next, at most
        (`aspis_mpi.detection.spot.ripe.spacing`).
    exposures : int
        1, or q for a whole run.

    Returns
    -------
    int

    >>> turns_lost(571, 143), turns_lost(571, 143, exposures=2)
    (714, 1428)
    """
    return exposures * (ripe + spacing)


def found(share: float, turns: float, rate: float, kappa: float,
          checked: float = 0) -> float:
    """Probability that a liar would have been exposed by now.

    Parameters
    ----------
    share : float
        phi of the liar, between 0 and 1.
    turns : float
        Turns with a coin.
    rate, kappa : float
        As of `exposed_in_turn`.
    checked : float
        Turns that were checked without a coin, besides.

    Returns
    -------
    float
        1 - (1 - rate * kappa * phi)^turns * (1 - kappa * phi)^checked.

    Raises
    ------
    ValueError

    Notes
    -----
    At least that, however a liar divides phi among the turns without
    knowing the coins: prod(1 - rate * kappa * w_t / c) is largest where all
    w_t are equal.  Whoever knows how many turns were checked, n, has
    `turns` n and `rate` 1.

    >>> found(1.0, 20, 0.1, 1.0) == 1 - 0.9 ** 20
    True
    >>> found(0.1, 0, 0.1, 1.0, checked=10) == 1 - 0.9 ** 10
    True
    """
    check_share('share', share)
    check_finite('turns', turns, 0)
    check_finite('checked', checked, 0)
    once = exposed_in_turn(rate, kappa, 1) * share
    survives = _power(1 - once, turns) * _power(1 - kappa * share, checked)
    return 1 - survives


def _power(base: float, times: float) -> float:
    """`base` ** `times` for a base that rounding may have put below 0."""
    return max(base, 0.0) ** times


def turns_to_find(share: float, rate: float, kappa: float) -> float:
    """Mean turns until a liar is exposed that lies with a share phi.

    Parameters and errors are those of `found`.

    Returns
    -------
    float
        1 / (rate * kappa * phi), infinite for a share of 0.  Exact where
        every turn has the same chance; with another spacing of the lies it
        is the mean sum of w / c that gets in, over rate * kappa.

    >>> turns_to_find(0.1, 0.5, 1.0)
    20.0
    """
    check_share('share', share)
    once = exposed_in_turn(rate, kappa, 1) * share
    return 1 / once if once else math.inf


def checked_share(rate: float, steps: int, forced: int) -> float:
    """Expected share of checked steps, those without a coin included.

    Parameters
    ----------
    rate : float
    steps : int
        At least 1.
    forced : int
        Steps that are checked whatever the coin says: the first ones, the
        last one, those before a checkpoint that stays.

    Returns
    -------
    float

    Raises
    ------
    ValueError

    >>> round(checked_share(0.1, 500, 11), 4)
    0.1198
    """
    check_share('rate', rate)
    if steps < 1 or forced < 0:
        raise ValueError(f'steps {steps} must be at least 1 and forced '
                         f'{forced} at least 0')
    forced = min(forced, steps)
    return (forced + rate * (steps - forced)) / steps


def extra_gradients(share: float, load: int, kept: bool = True) -> float:
    """Gradients that checks need, over those of the same run without.

    Parameters
    ----------
    share : float
        Of checked steps, see `checked_share`.
    load : int
        c.
    kept : bool
        Workers keep their gradients until the step ends.  Otherwise a worker
        computes its c files again when it is asked for their sketches;
        where c = 1 the payload is the gradient.

    Returns
    -------
    float
        share / c, or share * (1 + 1 / c).

    Raises
    ------
    ValueError

    >>> extra_gradients(0.5, 2), extra_gradients(0.5, 2, kept=False)
    (0.25, 0.75)
    """
    check_share('share', share)
    if load < 1:
        raise ValueError(f'load {load} must be at least 1')
    again = 0 if kept or load == 1 else 1
    return share * (again + 1 / load)


def largest_error(norms: Floats, limit: float, wrong: int | None = None,
                  belied: float = 1.0) -> float:
    """Largest error of a payload that the screen of files lets in.

    Parameters
    ----------
    norms : ndarray of float64, shape (c,)
        |g_i|, norms of the right gradients of the payload's files.
    limit : float
        Largest norm of a file that is let in: `outlier` times the median.
    wrong : int, optional
        w, the files that carry the error: those with the largest norms; all
        of them by default.
    belied : float
        So many times the norm that the server takes a file's for may be its
        true norm: 1 for norms that are right, see `belief` for a liar's.

    Returns
    -------
    float
        sum over w files of |g_i| + belied * limit: |E| is at most the sum of
        |e_i|, e_i the difference of what is claimed for file i and g_i.

    Raises
    ------
    ValueError

    Notes
    -----
    The screen of payloads bounds |E| as well, by |sum g_i| and the largest
    norm of a payload that is let in: whichever is smaller holds.

    >>> largest_error(np.array([1.0, 3.0, 2.0]), 6.0, wrong=2)
    17.0
    """
    count = len(norms) if wrong is None else wrong
    if not 0 <= count <= len(norms):
        raise ValueError(f'wrong {wrong} must be between 0 and {len(norms)}')
    largest = np.sort(np.asarray(norms, dtype=np.float64))[::-1][:count]
    return float(largest.sum() + count * belied * limit)


def belief(rows: int, chance: float) -> float:
    """Largest norm of a file over what the server takes it for.

    Parameters
    ----------
    rows : int
        k, rows of a sketch.
    chance : float
        Probability with which it may be longer still, above 0.

    Returns
    -------
    float
        At least 2.5: the server takes a file for the larger of the norm that
        is stated, which a liar states too small, and of the root mean square
        of its sketch over 2.5.  2.5 a / chance^(1 / k): what was sent before
        V was drawn seems a / chance^(1 / k) times too short with that
        probability, at most.

    Raises
    ------
    ValueError

    Notes
    -----
    a = (v_k / 6^(k / 2))^(1 / k) sqrt(k), v_k the volume of the unit ball:
    the density of k rows of V x / |x| is nowhere above 6^(-k / 2)
    (`aspis_mpi.coding.challenge`).  a is 1.4 for 8 rows.

    >>> round(belief(8, 0.01), 1), round(belief(8, 1e-6), 1)
    (6.1, 19.3)
    """
    if rows < 1:
        raise ValueError(f'rows {rows} must be at least 1')
    if not 0 < chance <= 1:
        raise ValueError(f'chance {chance} must be above 0 and at most 1')
    volume = rows / 2 * math.log(math.pi / 6) - math.lgamma(rows / 2 + 1)
    seen = math.exp((volume - math.log(chance)) / rows) * math.sqrt(rows)
    return BELIED * max(1.0, seen)
