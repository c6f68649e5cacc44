"""The forecast of spot checks: their cost, and how soon they find liars."""

from dataclasses import dataclass, replace

from aspis_mpi.detection.spot import odds, ripe
from aspis_mpi.words import counted, every, size

#: Shares of a liar of which the forecast tells.
SHARES = ((1.0, 'everything is wrong'), (0.1, 'a tenth is'),
          (0.01, 'a hundredth is'))


@dataclass(frozen=True)
class Spot:
    """Numbers of a job with spot checks."""

    workers: int                # K
    adversaries: int            # q, at least 1
    load: int                   # c, files of a payload
    vector: int                 # bytes of a gradient
    rate: float
    first: int                  # steps that are checked in any case
    steps: int
    rollback: bool
    risk: float                 # delta
    every: int                  # checkpoint_every, 0 where not said
    keep: int
    checkpoint: int             # bytes of one
    server_memory: int          # of the server, beyond its process
    worker_memory: int          # of a worker, but for its gradients, whole or
    #                             added up
    keeps: bool                 # gradients until the step ends
    tolerates: int = 0          # workers that may die
    seconds: float | None = None        # of a file, where it is known
    largest: int = 0            # payload where files follow speeds; 0: load

    @property
    def most(self) -> int:
        """Files of a payload, at most."""
        return max(self.load, self.largest)


@dataclass(frozen=True)
class Forecast:
    """All that follows from them."""

    checked_share: float        # of the steps
    checked_extra: int          # gradients more in a checked step
    extra: float                # gradients more of the run, over its own
    chance: float               # of an exposure by one wrong payload
    wrong_payloads: float       # that a liar gets in on average, at most
    turns: tuple[float, ...]    # until a liar is exposed, of each of SHARES
    ripe: int                   # H
    spacing: int                # steps between checkpoints that stay
    one_exposure: int           # turns that are lost at most
    all_exposures: int
    checkpoints: int            # on disk at once, at most
    checkpoint_bytes: int       # of all of them
    server_memory: int
    kept_memory: int            # of a worker that keeps its gradients
    again_memory: int           # of one that computes them again
    single_memory: int          # with one file a worker


def expected(spot: Spot) -> Forecast:
    """The cost of spot checks in a job, and the liars that they find.

    Parameters
    ----------
    spot : Spot

    Returns
    -------
    Forecast
        Chances are those of all K workers, q of them liars; turns that are
        lost are no more than the steps of the run.

    Raises
    ------
    ValueError
        See `aspis_mpi.detection.spot.odds`.

    Notes
    -----
    A worker has its payload, their sum in float64 where c > 1, and the c
    gradients of its files where it keeps them, else one at a time.
    """
    it = spot
    kappa = odds.honest_checkers(it.workers, it.adversaries)
    chance = odds.exposed_in_turn(it.rate, kappa, it.most)
    turns = odds.horizon(it.rate, kappa, it.most, it.adversaries, it.risk)
    spacing = ripe.spacing(turns, it.every)
    checked = odds.checked_share(it.rate, it.steps, _forced(it, turns))
    lost = min(odds.turns_lost(turns, spacing), it.steps)
    checkpoints = ripe.most(turns, spacing, it.keep)
    again = 0 if it.keeps or it.load == 1 else it.workers * it.load
    return Forecast(
        checked_share=checked, checked_extra=it.workers + again,
        extra=odds.extra_gradients(checked, it.load, it.keeps),
        chance=chance,
        wrong_payloads=odds.mean_turns(it.rate, kappa, it.most),
        turns=tuple(odds.turns_to_find(share, it.rate, kappa)
                    for share, _ in SHARES),
        ripe=turns, spacing=spacing, one_exposure=lost,
        all_exposures=it.adversaries * lost, checkpoints=checkpoints,
        checkpoint_bytes=checkpoints * it.checkpoint,
        server_memory=it.server_memory,
        kept_memory=it.worker_memory + (
            it.most + 1 + 2 * (it.load > 1)) * it.vector,
        again_memory=it.worker_memory + (
            4 if it.load > 1 else 2) * it.vector,
        single_memory=it.worker_memory + 2 * it.vector)


def _forced(spot: Spot, turns: int) -> int:
    """Steps that are checked without a coin."""
    last = 1
    if not spot.rollback:
        return spot.first + last
    # Checkpoints are written at multiples of this, and those that stay are
    # as far apart as the spacing allows.
    between = ripe.interval(turns, spot.every)
    apart = ripe.spacing(turns, spot.every) // between * between
    return spot.first + spot.steps // apart + last


def described(spot: Spot) -> list[str]:
    """Sentences of `plan` on a job with spot checks, for a person.

    Parameters and errors are those of `expected`.
    """
    found = expected(spot)
    return [*_costs(spot, found), *_finds(spot, found),
            *_goes_back(spot, found), _memory(spot, found)]


def _costs(spot: Spot, found: Forecast) -> list[str]:
    """Sentences on checked steps."""
    staying = ', those before a checkpoint that stays' if spot.rollback else ''
    files = spot.workers * spot.load
    each = spot.workers * (1 if found.checked_extra == spot.workers
                           else 1 + spot.load)
    again = '' if each == spot.workers else (
        ', since gradients are not kept but computed again')
    lasts = '' if spot.seconds is None else (
        f' It lasts {_lasting(each / spot.workers * spot.seconds)} longer at '
        'least.')
    return [
        f'A step is checked with probability {spot.rate:g}; the first '
        f'{spot.first}{staying} and the last one always are. These are '
        f'{_percent(found.checked_share)} of '
        f"{counted(spot.steps, 'step')}.",
        f"A checked step needs {counted(each, 'gradient')} besides the "
        f'{files} of its files{again}: {_percent(found.extra)} more '
        f'computing in all.{lasts}']


def _finds(spot: Spot, found: Forecast) -> list[str]:
    """Sentences on liars."""
    turns = ', '.join(f'after {_rounded(mean)} turns if {what}'
                      for mean, (_, what) in zip(found.turns, SHARES))
    return [
        f'A wrong payload is exposed with probability {found.chance:.2g} at '
        'least, so that a liar gets '
        f'{_rounded(found.wrong_payloads)} of them in on average, at most.',
        f'A liar is exposed {turns}, on average.']


def _goes_back(spot: Spot, found: Forecast) -> list[str]:
    """Sentences on exposures and checkpoints."""
    if not spot.rollback:
        return ['An exposure does not undo steps (detection.rollback = '
                'false): what a liar has got in stays.']
    apart = ripe.interval(found.ripe, spot.every)
    liars = counted(spot.adversaries, 'exposure')
    return [
        f'A liar that lies in every turn is exposed within {found.ripe} '
        f'turns with probability {1 - spot.risk:g}. An exposure takes the '
        'run back by at most '
        f'{_turns(found.one_exposure, spot)}, {liars} by at most '
        f'{_turns(found.all_exposures, spot)} in all.',
        *_too_short(spot, found), *_after_deaths(spot, found),
        f"A checkpoint of {size(spot.checkpoint)} {every(apart, 'step')}; at "
        f'most {found.checkpoints} are on disk at once, '
        f'{size(found.checkpoint_bytes)}.']


def _too_short(spot: Spot, found: Forecast) -> list[str]:
    """A sentence where nothing of the run ever becomes ripe."""
    if found.ripe < spot.steps:
        return []
    steps = counted(spot.steps, 'step')
    return [f'The whole run has only {steps}: an exposure takes it back to '
            'its beginning, and a liar that lies in every turn may not be '
            'exposed before it ends. A higher detection.rate or a smaller '
            'assignment.load makes these turns fewer.']


def _after_deaths(spot: Spot, found: Forecast) -> list[str]:
    """A sentence on what is longer where workers have died."""
    left = spot.workers - spot.tolerates
    if not spot.tolerates or left <= spot.adversaries or left < 2:
        return []
    fewer = expected(replace(spot, workers=left))
    if fewer.ripe == found.ripe:
        return []
    died = counted(spot.tolerates, 'worker has', 'workers have')
    return [f'Where {died} died these are {fewer.ripe} turns, and at most '
            f'{_turns(fewer.one_exposure, spot)} for an exposure.']


def _memory(spot: Spot, found: Forecast) -> str:
    """A sentence on memory."""
    forms = [(found.kept_memory, 'that keeps its gradients'),
             (found.again_memory, 'with detection.keep_gradients = false'),
             (found.single_memory, 'with assignment.load = 1')]
    told = forms[2:] if spot.load == 1 else forms
    workers = ', '.join(f'{size(memory)} {what}' for memory, what in told)
    return (f'Memory beyond the process: server {size(found.server_memory)}; '
            f'a worker {workers}.')


def _turns(turns: int, spot: Spot) -> str:
    """Turns, and how long their gradients take where that is known."""
    said = counted(turns, 'turn')
    if spot.seconds is None:
        return said
    return f'{said} ({_lasting(turns * spot.load * spot.seconds)})'


def _lasting(seconds: float) -> str:
    """A time with three digits.

    >>> _lasting(0.005), _lasting(59), _lasting(90), _lasting(1e5)
    ('0.005 s', '59 s', '1.5 min', '27.8 h')
    """
    if seconds < 60:
        return f'{seconds:.3g} s'
    if seconds < 3600:
        return f'{seconds / 60:.3g} min'
    return f'{seconds / 3600:,.3g} h'


def _percent(share: float) -> str:
    """A share with three digits, in per cent.

    >>> _percent(0.1198), _percent(0.00599)
    ('12 %', '0.599 %')
    """
    return f'{100 * share:.3g} %'


def _rounded(number: float) -> str:
    """A number of turns, whole from 10 on.

    >>> _rounded(4.0), _rounded(107.7), _rounded(1.25), _rounded(10770.0)
    ('4', '108', '1.2', '10,770')
    """
    return f'{number:,.0f}' if number >= 10 else f'{number:.2g}'
