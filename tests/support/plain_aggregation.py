"""Rules of aggregation as their papers say them, in float64 and slowly.

Each takes the means of n files, float64 (n, d), and f; nothing here is
shared with the package.
"""

from itertools import combinations

import numpy as np


def distance(x, y):
    return float(np.linalg.norm(x - y))


def krum_scores(means, f, neighbours=None):
    n = len(means)
    count = n - f - 2 if neighbours is None else neighbours
    scores = []
    for i in range(n):
        others = sorted(distance(means[i], means[j]) ** 2
                        for j in range(n) if j != i)
        scores.append(sum(others[:max(count, 1)]))
    return scores


def krum(means, f, neighbours=None):
    scores = krum_scores(means, f, neighbours)
    return means[scores.index(min(scores))]


def multi_krum(means, f, neighbours=None, picks=None):
    scores = krum_scores(means, f, neighbours)
    ranking = sorted(range(len(means)), key=lambda i: (scores[i], i))
    best = ranking[:len(means) - f - 2 if picks is None else picks]
    return np.mean([means[i] for i in best], axis=0)


def closest_to_median(column, keep):
    """Mean of the entries closest to the median, the smaller one first."""
    middle = np.median(column)
    ranking = sorted(column, key=lambda x: (abs(x - middle), x))
    return float(np.mean(ranking[:keep]))


def meamed(means, f):
    return np.array([closest_to_median(column, len(means) - f)
                     for column in means.T])


def bulyan(means, f):
    left, picked = list(range(len(means))), []
    while len(picked) < len(means) - 2 * f:
        scores = krum_scores(means[left], f)
        picked.append(left.pop(scores.index(min(scores))))
    return np.array([closest_to_median(column, len(picked) - 2 * f)
                     for column in means[picked].T])


def mda(means, f):
    """Of equal diameters the set that is first by median distances."""
    apart = [np.median([distance(x, y) for y in means]) for x in means]
    means = means[np.argsort(apart, kind='stable')]
    sets = list(combinations(range(len(means)), len(means) - f))
    diameters = [max((distance(means[i], means[j]) for i, j
                      in combinations(some, 2)), default=0) for some in sets]
    return means[list(sets[diameters.index(min(diameters))])].mean(axis=0)


def smea(means, f):
    sets = list(combinations(range(len(means)), len(means) - f))
    norms = [np.linalg.norm(np.cov(means[list(some)].T, ddof=0), 2)
             for some in sets]
    return means[list(sets[norms.index(min(norms))])].mean(axis=0)


def monna(means, f, pivot=0):
    ranking = sorted(range(len(means)), key=lambda i: (
        distance(means[i], means[pivot]), i))
    return means[ranking[:len(means) - f]].mean(axis=0)


def caf(means, f):
    c, smallest, best = np.ones(len(means)), np.inf, means.mean(axis=0)
    while c.sum() > len(means) - 2 * f:
        mean = c @ means / c.sum()
        off = means - mean
        values, vectors = np.linalg.eigh((c[:, None] * off).T @ off / c.sum())
        if values[-1] < smallest:
            smallest, best = values[-1], mean
        tau = np.square(off @ vectors[:, -1])
        # Who has no weight left does not count.
        c = c * np.maximum(1 - tau / tau[c > 0].max(), 0)
    return best


def centered_clipping(means, f, radius, iterations):
    v = np.median(means, axis=0)
    for _ in range(iterations):
        steps = [(x - v) * min(1, radius / max(distance(x, v), 1e-300))
                 for x in means]
        v = v + np.mean(steps, axis=0)
    return v


def sign_majority(means, f):
    return np.sign(np.sign(means).sum(axis=0))


def nnm(means, f):
    mixed = []
    for x in means:
        ranking = sorted(range(len(means)),
                         key=lambda i: distance(means[i], x))
        mixed.append(means[ranking[:len(means) - f]].mean(axis=0))
    return np.array(mixed)


def clipping(means, f, longest):
    return np.array([x * min(1, longest / np.linalg.norm(x)) for x in means])


def arc(means, f):
    n = len(means)
    norms = sorted((np.linalg.norm(x) for x in means), reverse=True)
    return clipping(means, f, norms[int(np.floor(2 * f / n * (n - f)))])
