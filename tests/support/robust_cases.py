"""Files for rules of aggregation, and what a rule makes of them."""

import numpy as np

from aspis_mpi import registry
from aspis_mpi.aggregation.preaggregation import ChainMaker
from aspis_mpi.aggregation.rows import Rows

RULES = registry.parts('aggregation')
BEFORE = registry.parts('pre-aggregation')


def drawn(n, d, seed=0):
    """Sums over uneven files, and the files' samples."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(1, 9, n)
    means = rng.standard_normal((n, d)) + 3 * rng.standard_normal(d)
    return list((means * samples[:, None]).astype(np.float32)), samples


def means_of(rows, samples):
    return np.asarray(rows, dtype=float) / np.asarray(samples)[:, None]


def applied(aggregator, rows, samples=None, threads=1):
    samples = np.ones(len(rows), dtype=int) if samples is None else samples
    rows = [np.asarray(row, dtype=np.float32) for row in rows]
    out = np.full(rows[0].shape, np.nan, dtype=np.float32)
    aggregator.aggregate(rows, samples, out, threads)
    return out


def chained(names, rule, n, wrong, q=1, **options):
    """A rule behind pre-aggregations, some options to the first of them."""
    first, *others = names
    makers = [lambda *sizes: BEFORE[first](*sizes, **options),
              *(BEFORE[name] for name in others)]
    return ChainMaker(tuple(makers), RULES[rule])(n, q, wrong)


def mixed(name, rows, wrong, samples=None, **options):
    """What a pre-aggregation makes of rows, float64 (m, d)."""
    rows = [np.asarray(row, dtype=np.float32) for row in rows]
    samples = np.ones(len(rows), dtype=int) if samples is None else samples
    part = BEFORE[name](len(rows), 1, wrong, **options)
    changed = part.changed(Rows(rows, np.asarray(samples), 1))
    found = np.empty((changed.n, rows[0].size))

    def look(block, pieces, scratch):
        for row, piece, count in zip(found, pieces, changed.samples):
            row[block] = piece / count

    changed.walk(look, 0)
    return found
