"""Checks of single options that parts of several families share."""

import math
from collections.abc import Sequence

#: What moves a float32 no more by then has long been found.
MOST_ROUNDS = 10_000


def check_finite(name: str, value: float, least: float = -math.inf) -> None:
    """Raise a ValueError unless an option is finite and at least `least`."""
    if not math.isfinite(value):
        raise ValueError(f'{name} {value} must be finite')
    if value < least:
        raise ValueError(f'{name} {value} must be at least {least}')


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError unless an option is finite and above 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f'{name} {value} must be finite and above 0')


def check_share(name: str, value: float) -> None:
    """Raise a ValueError unless an option lies between 0 and 1."""
    if not 0 <= value <= 1:
        raise ValueError(f'{name} {value} must be between 0 and 1')


def check_rounds(name: str, value: int) -> None:
    """Raise a ValueError unless a search ends after so many rounds."""
    if value < 1:
        raise ValueError(f'{name} {value} must be at least 1')
    if value > MOST_ROUNDS:
        raise ValueError(f'{name} {value} must be at most {MOST_ROUNDS}')


def check_workers(name: str, workers: Sequence[int],
                  n_workers: int) -> None:
    """Raise a ValueError unless a list names distinct workers."""
    for worker in workers:
        if not 0 <= worker < n_workers:
            raise ValueError(f'worker {worker} in {name} must be between 0 '
                             f'and {n_workers - 1}')
    if len(set(workers)) < len(workers):
        raise ValueError(f'{name} {workers} must be distinct')
