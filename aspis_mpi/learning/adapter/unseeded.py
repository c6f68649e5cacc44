"""Generators that no seed of the job decides: Python's and numpy's own."""

from aspis_mpi import streams


def asked(ask, what, seeds):
    """Answer of a call which draws nothing but what a seed decides.

    Parameters
    ----------
    ask : callable
        Called again where such a generator has moved.
    what : str
        What is asked, for messages.
    seeds : str
        Those of torch's generators meanwhile, for messages.

    Raises
    ------
    ValueError
        It has drawn from a generator that all code of the process shares.

    Notes
    -----
    States are compared, not answers: a draw that seldom matters is found,
    too.  Who seeds such a generator itself leaves the same state wherever it
    began, and is let alone.
    """
    before = streams.shared()
    answer = ask()
    after = streams.shared()
    if after == before:
        return answer
    streams.advance_shared()
    ask()
    again = streams.shared()
    for name, state in after.items():
        if state not in (before[name], again[name]):
            raise ValueError(
                f'{what} draws from {name}, which no seed of the job '
                'decides, so that replicas would differ; let it draw from '
                f"torch's generators, which are seeded from {seeds} "
                '(torch.rand, torch.randint)')
    return answer
