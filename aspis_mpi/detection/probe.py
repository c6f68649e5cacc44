"""Whether all machines compute the same gradients, asked before the run."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from aspis_mpi.coding.challenge import compare
from aspis_mpi.coding.sketching import sketch
from aspis_mpi.words import few

#: Files that everybody computes, at most.
FILES = 16
#: Rows of a sketch, and bytes of a digest.
ROWS, DIGEST = 8, 16
#: What is said of one file: sketch and norm, and a digest of the bits.  A
#: sketch is too coarse for the last bit of one number in 10^8.
ANSWER = np.dtype([('sketch', '<f8', ROWS + 1), ('digest', 'u1', DIGEST)])


@dataclass(frozen=True, eq=False)
class Probe:
    """By how much workers and server differ on the same files.

    Attributes
    ----------
    deviations : ndarray of float64, shape (K,)
        Largest relative distance of a worker to the server, over the files.
    differing : ndarray of bool, shape (K,)
        Workers whose bits are not the server's, for some file.
    median, largest : float
        Of the deviations without the q largest, which liars can have made.
    """

    deviations: np.ndarray
    differing: np.ndarray
    median: float
    largest: float

    def __str__(self):
        others = np.flatnonzero(self.differing)
        if not others.size:
            return 'all bits are those of the server'
        return (f'workers {few(others)} compute other bits than the server, '
                f'{self.median:.2g} apart in the median')


def alike(n_workers):
    """The probe of one process, where everybody computes the same."""
    return Probe(np.zeros(n_workers), np.zeros(n_workers, dtype=bool), 0.0,
                 0.0)


def answer(gradients, secret):
    """What one rank says of its gradients.

    Parameters
    ----------
    gradients : iterable of ndarray of float32, shape (d,)
        Of n files; each is read before the next is asked for.
    secret : bytes
        16 bytes that nobody knew before the run.

    Returns
    -------
    ndarray of `ANSWER`, shape (n,)
    """
    said = []
    for gradient in gradients:
        digest = blake2b(gradient, digest_size=DIGEST).digest()
        said.append((sketch([gradient], 1, secret, ROWS)[0, :, 0],
                     np.frombuffer(digest, dtype=np.uint8)))
    return np.array(said, dtype=ANSWER)


def examine(own, answers, q):
    """Compare what the workers answered with the server's own answer.

    Parameters
    ----------
    own : ndarray of `ANSWER`, shape (n,)
    answers : ndarray of `ANSWER`, shape (K, n)
    q : int
        Workers whose answers can be wrong, less than K.

    Returns
    -------
    Probe
    """
    apart = compare(own['sketch'][..., None], answers['sketch'][..., None])
    deviations = apart.max(axis=1, initial=0.0)
    honest = np.sort(deviations)[:len(answers) - q]
    differing = (own['digest'] != answers['digest']).any(axis=(1, 2))
    return Probe(deviations, differing, float(np.median(honest)),
                 float(honest[-1]))


def check(probe, q):
    """Refuse to compare bits where they cannot be equal.

    Parameters
    ----------
    probe : Probe
    q : int
        Workers that may be wrong.

    Raises
    ------
    ValueError
        More than q workers compute other bits than the server.
    """
    workers = np.flatnonzero(probe.differing)
    if len(workers) <= q:
        return
    raise ValueError(
        f'{len(workers)} workers compute other bits than the server, more '
        f'than q = {q}: {", ".join(map(str, workers))}; they differ by '
        f"{probe.median:.2g} in the median; set detection.equality = "
        "'tolerance', or use machines of one kind")
