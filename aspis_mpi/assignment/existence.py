"""Numbers of workers for which a design exists, and the nearest of them."""

from collections.abc import Callable

#: Numbers of workers are tried up to this far from the one that is asked for.
FARTHEST = 100


def is_prime(n: int) -> bool:
    """True if n has no divisor but 1 and itself.

    >>> [n for n in range(20) if is_prime(n)]
    [2, 3, 5, 7, 11, 13, 17, 19]
    """
    if n < 2:
        return False
    divisor = 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            return False
        divisor += 1
    return True


def nearest(n: int, exists: Callable[[int], bool],
            farthest: int = FARTHEST) -> int | None:
    """The number nearest to n for which something exists.

    Parameters
    ----------
    n : int
    exists : callable
        Of a number of at least 1.
    farthest : int
        The largest distance that is tried.

    Returns
    -------
    int or None
        The larger of two that are equally near, None if there is none.

    >>> nearest(14, is_prime), nearest(8, is_prime), nearest(24, is_prime, 0)
    (13, 7, None)
    """
    for distance in range(farthest + 1):
        for candidate in (n + distance, n - distance):
            if candidate >= 1 and exists(candidate):
                return candidate
    return None


def advice(n: int, exists: Callable[[int], bool],
           farthest: int = FARTHEST) -> str:
    """The nearest number of workers that has a design, as half a sentence.

    >>> advice(14, is_prime), advice(7, lambda n: False)
    ('the nearest number that has one is 13', 'no number near it has one')
    """
    found = nearest(n, exists, farthest)
    if found is None:
        return 'no number near it has one'
    return f'the nearest number that has one is {found}'


def dividing(replication: int, n_workers: int) -> str:
    """The nearest numbers where groups of r do not make up all K workers.

    >>> dividing(3, 16)
    '2 and 4 do, and so does 3 with 15 or 18 workers'
    """
    whole = [n for n in range(1, n_workers + 1) if not n_workers % n]
    below = max(n for n in whole if n < replication)
    above = min(n for n in whole if n > replication)
    fewer = n_workers // replication * replication
    return (f'{below} and {above} do, and so does {replication} with {fewer} '
            f'or {fewer + replication} workers')
