"""Error of the decoded sum in float32, code by code.

    python tests/bench/decode_error.py [TRIALS]

Each line: the relative Euclidean error of the sum of random float32
gradients against their float64 sum, encoded and decoded by the project's
kernels, over random states.  For `least-squares` half of the states have
exactly `copies` finishers of each file, in the others workers have got
differently far; for the other codes as many random workers as the code
allows are missing, and in the last column that many neighbours.
"""

import os
import sys

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi import registry  # noqa: E402
from aspis_mpi.assignment.designs.cyclic import Cyclic  # noqa: E402
from aspis_mpi.assignment.designs.random_regular import (  # noqa: E402
    RandomRegular)
from aspis_mpi.coding import combine  # noqa: E402

CODES = registry.parts('code')

#: Code, copies, options.
SUBJECTS = (
    ('least-squares', 1, {}),
    ('least-squares', 2, {}),
    ('least-squares', 2, {'matrix': 'gaussian'}),
    ('least-squares', 3, {}),
    ('least-squares', 3, {'matrix': 'gaussian'}),
    ('tandon', 1, {}),
    ('raviv', 1, {}),
    ('raviv', 1, {'root': 1}),
    ('ye-abbe', 1, {}),
    ('ye-abbe', 2, {}),
    ('ye-abbe', 2, {'nodes': 'equispaced'}),
    ('ye-abbe', 2, {'nodes': 'gaussian'}),
)


def least_state(assignment, copies, rng):
    """Exactly `copies` random finishers of each file."""
    chance = np.where(assignment.incidence,
                      rng.random(assignment.incidence.shape), 2)
    picked = np.argsort(chance, axis=1)[:, :copies]
    state = np.zeros_like(assignment.incidence)
    np.put_along_axis(state, picked, True, axis=1)
    return state


def progress_state(assignment, copies, rng):
    """Workers of random speeds, stopped when each file has its copies."""
    positions = np.full(assignment.incidence.T.shape, np.inf)
    for worker in range(assignment.n_workers):
        files = assignment.files(worker)
        positions[worker, files] = 1 + np.arange(files.size)
    times = (positions * rng.exponential(size=(len(positions), 1))).T
    return times <= np.sort(times, axis=1)[:, copies - 1].max()


def full_state(code, missing):
    """Everybody finished everything, but for the missing workers."""
    full = np.ones(code.assignment.n_workers, dtype=bool)
    full[missing] = False
    return code.assignment.incidence & full


def states(code, trials, rng):
    """Random states from which the code can decode."""
    for trial in range(trials):
        if code.needs_whole_workers:
            missing = rng.permutation(code.assignment.n_workers)
            yield full_state(code, missing[:code.stragglers])
            continue
        draw = least_state if trial % 2 else progress_state
        yield draw(code.assignment, code.copies, rng)


def error(code, state, gradients):
    """Relative error of the decoded sum, encoded by every worker."""
    workers = np.flatnonzero(state.any(axis=0))
    d = gradients.shape[1]
    payloads = []
    for worker in workers:
        files, weights = code.encoding(worker, state)
        payload = np.empty(combine.payload_size(d, code.copies), np.float32)
        combine.encode(list(gradients[files]), weights, payload)
        payloads.append(payload)
    out = np.empty(d, dtype=np.float32)
    weights = code.decoding(state).weights[:, workers]
    combine.decode(payloads, weights, out, 1.0)
    exact = gradients.sum(axis=0, dtype=np.float64)
    return np.linalg.norm(out - exact) / np.linalg.norm(exact)


def errors(code, trials, d=1000, seed=0):
    """Relative errors over random states, float64 (trials,)."""
    rng = np.random.default_rng(seed)
    shape = code.assignment.n_files, d
    return np.array([error(code, state, rng.standard_normal(shape,
                                                            np.float32))
                     for state in states(code, trials, rng)])


def neighbours_error(code, d=1000, seed=0):
    """The error when the missing workers are neighbours, else NaN."""
    if not code.needs_whole_workers:
        return np.nan
    rng = np.random.default_rng(seed)
    shape = code.assignment.n_files, d
    state = full_state(code, np.arange(code.stragglers))
    return error(code, state, rng.standard_normal(shape, np.float32))


def report(assignment, trials):
    """Print the lines of one assignment."""
    for name, copies, options in SUBJECTS:
        chosen = ' '.join(map(str, options.values()))
        print(f'{assignment.name:14} {assignment.n_workers:4} '
              f'{assignment.load:4} {name + " " + chosen:24} {copies:6}',
              end=' ', flush=True)
        try:
            code = CODES[name](assignment, copies, **options)
        except ValueError:
            print('needs another assignment')
            continue
        found = errors(code, trials)
        print(f'{np.median(found):8.1e} {found.max():8.1e} '
              f'{neighbours_error(code):10.1e}')


def main():
    trials = int((sys.argv[1:] or [40])[0])
    print('assignment        K load code                     copies   '
          'median    worst neighbours')
    for assignment in (Cyclic(15, load=5), Cyclic(24, load=8),
                       Cyclic(200, load=8), RandomRegular(200, load=8)):
        report(assignment, trials)


if __name__ == '__main__':
    main()
