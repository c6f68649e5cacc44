"""Random regular expanders: any two workers share few files."""

import numpy as np

from aspis_mpi.assignment import graphs
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.streams import generator

#: Attempted exchanges for each pair of worker and file; the chain forgets
#: where it began after a few.
EXCHANGES = 10
#: Draws of a design before it is given up.  At worst (6 workers, load 3)
#: one in seven does not hang together.
DRAWS = 100


class RandomRegular(Assignment):
    """As many files as workers, on a seeded random regular expander.

    Every worker holds `load` files and every file has `load` workers; which
    ones is drawn from the seed, again until the graph of workers and files
    hangs together.

    Parameters
    ----------
    n_workers : int
        K, which is also the number of files.
    load : int
        At least 2: with one file each nothing is shared.
    seed : int
        Of the design alone; every rank draws the same one.

    Notes
    -----
    Where K * load is even and 3 <= load < K, the incidence matrix is the
    adjacency matrix of a random `load`-regular graph on K vertices, as in
    the published experiment (K = 200, load = 8): it is symmetric, and no
    worker holds the file of its own number.  Otherwise no such graph
    exists, or (load 2, K even) none that hangs together.  Then a cyclic
    design with workers and files renamed at random is changed by random
    exchanges: workers a and b with files i and j swap them where neither
    holds both.  Load 2 needs no exchanges: what hangs together is a single
    cycle, and renaming draws all of them alike.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, arXiv 2405.19509; Steger,
    Wormald, "Generating random regular graphs quickly", 1999; Kannan,
    Tetali, Vempala, "Simple Markov-chain algorithms for generating
    bipartite graphs and tournaments", 1999 (exchanges).
    """

    name = 'random-regular'
    replicated_by = 'load'
    default_order = 'matching'

    def __init__(self, n_workers, *, load: int = 3, seed: int = 0):
        if n_workers < 2:
            raise ValueError(
                f'number of workers {n_workers} must be at least 2')
        if not 2 <= load <= n_workers:
            raise ValueError(f'load {load} must be between 2 and the number '
                             f'of workers, {n_workers}; set '
                             'assignment.load')
        rng = generator(seed, 'random-regular', n_workers, load)
        super().__init__(_connected(n_workers, load, rng))


def _connected(n, degree, rng):
    """The first incidence drawn whose graph hangs together."""
    symmetric = n * degree % 2 == 0 and 3 <= degree < n
    draw = _adjacency if symmetric else _biregular
    for _ in range(DRAWS):
        incidence = draw(n, degree, rng)
        if _is_connected(incidence):
            return incidence
    raise ValueError(
        f'none of {DRAWS} random designs of load {degree} for {n} workers '
        'hangs together: take another assignment.seed or load')


def _adjacency(n, degree, rng):
    """Matrix of a random graph; of a dense one by way of its complement."""
    import networkx as nx
    if degree <= n // 2:
        graph = nx.random_regular_graph(degree, n, seed=rng)
        return nx.to_numpy_array(graph, nodelist=range(n), dtype=bool)
    graph = nx.random_regular_graph(n - 1 - degree, n, seed=rng)
    others = nx.to_numpy_array(graph, nodelist=range(n), dtype=bool)
    return ~(others | np.eye(n, dtype=bool))


def _biregular(n, degree, rng):
    """A random n x n matrix with `degree` entries in each row and column."""
    workers = np.repeat(np.arange(n), degree)
    files = (workers + np.tile(np.arange(degree), n)) % n
    files = rng.permutation(n)[files]
    if 2 < degree < n:
        files = _exchanged(workers, files, rng)
    incidence = np.zeros((n, n), dtype=bool)
    incidence[files, rng.permutation(n)[workers]] = True
    return incidence


def _exchanged(workers, files, rng):
    """The files of pairs (worker, file) after random exchanges."""
    workers, files = workers.tolist(), files.tolist()
    pairs = set(zip(workers, files))
    chosen = rng.integers(len(files), size=(EXCHANGES * len(files), 2))
    for x, y in chosen.tolist():
        new = (workers[x], files[y]), (workers[y], files[x])
        if new[0] in pairs or new[1] in pairs:
            continue
        pairs -= {(workers[x], files[x]), (workers[y], files[y])}
        pairs.update(new)
        files[x], files[y] = files[y], files[x]
    return np.array(files)


def _is_connected(incidence):
    """True if files and workers are one component."""
    from scipy.sparse import csr_array
    n_files, n_workers = incidence.shape
    files, workers = np.nonzero(incidence)
    graph = csr_array((np.ones(files.size, dtype=np.int8),
                       (files, n_files + workers)),
                      shape=(n_files + n_workers,) * 2)
    return graphs.is_connected(graph)
