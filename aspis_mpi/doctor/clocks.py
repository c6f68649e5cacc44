"""Differences of the hosts' clocks from that of rank 0."""

from dataclasses import dataclass

from aspis_mpi.doctor.finding import Finding, Level, counted

TOPIC = 'clocks'

#: Seconds from which on times of different hosts are not compared.
MOST = 1.0


@dataclass(frozen=True)
class Skew:
    """The clock of one host.

    Attributes
    ----------
    host : str
    ahead : float
        Seconds, negative where it is behind.
    uncertainty : float
        Half of the shortest round trip, in seconds.
    """

    host: str
    ahead: float
    uncertainty: float


def skew(host, trips):
    """The `Skew` of a host.

    Parameters
    ----------
    host : str
    trips : iterable of (float, float, float)
        Sent here, read there, back here: each by the clock of its place.

    Returns
    -------
    Skew
        Of the shortest trip: wherever in it the clock was read, it is off
        by half of the trip at most.
    """
    sent, read, back = min(trips, key=lambda trip: trip[2] - trip[0])
    return Skew(host, read - (sent + back) / 2, (back - sent) / 2)


def findings(skews, n_hosts):
    """One line: the largest difference.

    Parameters
    ----------
    skews : iterable of Skew
        Of the hosts that were asked.
    n_hosts : int
    """
    skews = list(skews)
    if n_hosts < 2 or not skews:
        return
    worst = max(skews, key=lambda skew: abs(skew.ahead) - skew.uncertainty)
    text = (f'The clocks of {counted(n_hosts, "host")} differ by at most '
            f'{_seconds(abs(worst.ahead))} (measured to within '
            f'{_seconds(worst.uncertainty)})')
    if abs(worst.ahead) - worst.uncertainty <= MOST:
        yield Finding(Level.OK, TOPIC, f'{text}.')
        return
    side = 'ahead of' if worst.ahead > 0 else 'behind'
    yield Finding(Level.NOTE, TOPIC, f'{text}; {worst.host} is {side} rank '
                  '0. Runs use the clock of rank 0 alone, but times of files '
                  'and other logs cannot be compared: have the clocks set.')


def _seconds(value):
    """A duration with two digits.

    >>> _seconds(2.31e-5), _seconds(0.0421), _seconds(7.25)
    ('23 us', '42 ms', '7.2 s')
    """
    for unit, factor in (('us', 1e6), ('ms', 1e3)):
        if value * factor < 999.5:
            return f'{value * factor:.2g} {unit}'
    return f'{value:.3g} s' if value >= 99.5 else f'{value:.2g} s'
