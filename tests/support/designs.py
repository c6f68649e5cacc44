"""Designs and stories that tests of detection share."""

import os
import re
from itertools import combinations, combinations_with_replacement, product

import numpy as np

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.evidence import Evidence

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))

#: What a replica says instead of the truth, 0, or of a lie, 1, 2, ...
SILENT = -1


def shared(assignment):
    """Number of files that each pair of workers shares, (K, K)."""
    counts = assignment.incidence.astype(int)
    return counts.T @ counts


def made(part, n_workers):
    """A part for so many workers, or for the nearest number that it names."""
    try:
        return part(n_workers)
    except ValueError as error:
        # A part that exists for some numbers alone says for which.
        told = re.search(r'nearest number that has one is (\d+)', str(error))
        assert told and part.exists, error
        return part(int(told[1]))


def bose(n_workers):
    """Steiner triple system for n_workers = 3 mod 6: each pair in a file.

    Bose (1939): points are Z_m x Z_3; x and y of one layer meet (x + y)/2
    of the next.
    """
    m = n_workers // 3
    blocks = [(x, x + m, x + 2 * m) for x in range(m)]
    for layer in range(3):
        above = (layer + 1) % 3 * m
        blocks += [(x + layer * m, y + layer * m,
                    (x + y) * (m + 1) // 2 % m + above)
                   for x in range(m) for y in range(x)]
    incidence = np.zeros((len(blocks), n_workers), dtype=bool)
    np.put_along_axis(incidence, np.array(blocks), True, axis=1)
    return Assignment(incidence)


def evidence_of(assignment, story, finite=None):
    """Evidence of what each worker says about each file, int (f, K)."""
    holders = assignment.holders
    says = np.take_along_axis(story, holders, axis=1)
    same = says[:, :, None] == says[:, None]
    labels = np.where(says == SILENT, -1, same.argmax(axis=2))
    finite = np.ones(says.shape, dtype=bool) if finite is None else finite
    return Evidence(holders, labels.astype(np.int16), finite,
                    assignment.n_workers)


def pairs_of(assignment, q):
    """A story whose disagreements are q disjoint pairs of workers.

    In a design with two of a pair in one file, the third does not reply.
    """
    story = np.zeros(assignment.incidence.shape, dtype=int)
    for file, (a, b, c) in enumerate(assignment.holders.tolist()):
        for one, other, third in ((a, b, c), (b, c, a), (a, c, b)):
            if one // 2 == other // 2 and max(one, other) < 2 * q:
                story[file, [one, third]] = 1, SILENT
    return story


def strategy(assignment, q, random):
    """A story of q liars and some silent honest workers, as chance has it."""
    shape = assignment.incidence.shape
    adversaries = np.zeros(shape[1], dtype=bool)
    adversaries[random.permutation(shape[1])[:q]] = True
    lies = random.random(shape) < random.random(shape[1]) ** 3
    which = random.integers(1, random.integers(2, 4), shape)
    victims = ~adversaries & (random.random(shape[1]) < random.random())
    inside = ~(assignment.incidence & ~adversaries & ~victims).any(1)
    if random.random() < 0.7:
        lies &= inside[:, None]
    story = np.where(lies, which, 0)
    story[random.random(shape) < random.random() ** 4] = SILENT
    story = np.where(adversaries, story, 0)
    if random.random() < 0.3:
        story[:, ~adversaries & (random.random(shape[1]) < 0.2)] = SILENT
    return adversaries, np.where(assignment.incidence, story, 0)


def triples_told(random=None):
    """Stories of liars 0 and 1 of five: silent, lies alike and different.

    All of them up to the names of the honest workers, or some.
    """
    assignment = Subset(5, replication=3)
    single = [(file, liar) for file in range(10) for liar in (0, 1)
              if assignment.incidence[file, liar]
              and not assignment.incidence[file, 1 - liar]]
    both = np.flatnonzero(assignment.incidence[:, :2].all(axis=1))
    # Two lies on one file are alike or different, whatever their names.
    two = [(one, other) for one in (SILENT, 0, 1)
           for other in (SILENT, 0, 1, 2) if other < 2 or one == 1]
    stories = ((ones, twos) for twos in product(two, repeat=3)
               if list(twos) == sorted(twos)
               for ones in product((SILENT, 0, 1), repeat=6))
    for ones, twos in stories:
        if random is not None and random.random() > 0.01:
            continue
        story = np.zeros((10, 5), dtype=int)
        for (file, liar), said in zip(single, ones):
            story[file, liar] = said
        story[both, :2] = twos
        yield assignment, story


def families(n_workers, q):
    """Stories for every choice of honest workers a liar disagrees with.

    Liars are workers 0 ... q-1; liar i lies on every file whose honest
    holders all lie in its set D_i, which is the most it can lie.  All of
    them up to the names of the liars, or all where there is time for it.
    """
    assignment = Subset(n_workers, replication=3)
    honest = range(q, n_workers)
    choices = [np.isin(range(n_workers), chosen)
               for size in range(len(honest) + 1)
               for chosen in combinations(honest, size)]
    is_honest = np.arange(n_workers) >= q
    for sets in (product(choices, repeat=q) if THOROUGH
                 else combinations_with_replacement(choices, q)):
        story = np.zeros(assignment.incidence.shape, dtype=int)
        for liar, disliked in enumerate(sets):
            inside = ~(assignment.incidence & is_honest & ~disliked).any(1)
            story[:, liar] = assignment.incidence[:, liar] & inside
        yield assignment, story
