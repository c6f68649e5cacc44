"""Comparison of what all machines compute, before the run."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Bools, Floats
from aspis_mpi.coding.challenge import compare
from aspis_mpi.coding.sketching import sketch
from aspis_mpi.detection.tensors import GROUPS, Tensors
from aspis_mpi.words import few

#: Files that everybody computes, at most, and at least of each size.
FILES, DRAWS = 16, 4
#: Rows of a sketch, and bytes of a digest, of all and of some tensors.
ROWS, DIGEST, SHORT = 8, 16, 4
#: What is said of one file: sketch and norm, and digests of the bits.  A
#: sketch is too coarse for the last bit of one number in 10^8.  Those of
#: groups of tensors decide nothing; they say where to look.
ANSWER = np.dtype([('sketch', '<f8', ROWS + 1), ('digest', 'u1', DIGEST),
                   ('groups', 'u1', (GROUPS, SHORT))])
#: Of gradients whose tensors have no names.
NAMELESS = Tensors({})


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """Differences of workers and server on the same files.

    Attributes
    ----------
    deviations : ndarray of float64, shape (K,)
        Largest relative distance of a worker to the server, over the files.
    differing : ndarray of bool, shape (K,)
        Workers whose bits are not the server's, for some file.
    median : float
        Of all deviations, but at most `largest`.
    largest : float
        Of the deviations without the q largest, which liars can have made.
    answers : ndarray of `ANSWER`, shape (n workers, n files)
        What was compared.
    q : int
        Workers among them that can be wrong.
    where : str
        The first tensor in which they differ; empty without names.
    """

    deviations: Floats
    differing: Bools
    median: float
    largest: float
    answers: npt.NDArray[np.void]
    q: int
    where: str = ''

    def __str__(self):
        others = np.flatnonzero(self.differing)
        if not others.size:
            return 'all bits are those of the server'
        return (f'workers {few(others)} compute other bits than the server, '
                f'{self.apart}')

    @property
    def apart(self):
        """The difference in words."""
        besides = f' (without the {self.q} farthest)' if self.q else ''
        where = f', first in {self.where}' if self.where else ''
        return (f'{self.median:.2g} apart in the median and at most '
                f'{self.largest:.2g}{besides}{where}')


def alike(n_workers):
    """The probe of one process, where everybody computes the same."""
    return ProbeResult(
        np.zeros(n_workers), np.zeros(n_workers, dtype=bool), 0.0, 0.0,
        np.zeros((n_workers, 0), dtype=ANSWER), 0)


def trials(counts, most=FILES):
    """Files with which machines are compared: every size, several draws.

    Parameters
    ----------
    counts : ndarray of int, shape (f,)
        Samples of each file, the same in every step; or another number by
        which files are told apart.
    most : int
        Files in all, at least one for each size.

    Returns
    -------
    list of (int, int)
        Step and file, ascending: as many as there are files, from `DRAWS`
        of each size to `most`, each size as often as the others.

    Notes
    -----
    A file is computed in micro-batches, of which the last has what is left
    of its samples.  Two kernels of one library give equal bits for some
    numbers of samples and not for others, so every size has to be tried,
    and the micro-batches of a size are tried with it.  Samples of other
    files, or of the same file in other steps, are other draws.

    >>> trials(np.array([3, 2, 2]), most=5)
    [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    """
    sizes = np.unique(counts)
    least = min(most, DRAWS * len(sizes))
    shares = np.array_split(
        np.arange(np.clip(len(counts), least, most)), len(sizes))
    chosen = []
    for size, share in zip(sizes, shares):
        files = np.flatnonzero(counts == size).tolist()
        for draw in range(len(share)):
            step, place = divmod(draw, len(files))
            chosen.append((step, files[place]))
    return sorted(chosen)


def answer(gradients, secret, tensors=NAMELESS):
    """The answer of one rank about its gradients.

    Parameters
    ----------
    gradients : iterable of ndarray of float32, shape (d,)
        Of n files; each is read before the next is asked for.
    secret : bytes
        16 bytes that nobody knew before the run.
    tensors : Tensors
        Of a gradient.

    Returns
    -------
    ndarray of `ANSWER`, shape (n,)
    """
    said, cuts = [], tensors.groups
    for gradient in gradients:
        groups = np.zeros((GROUPS, SHORT), dtype=np.uint8)
        for number, cut in enumerate(cuts):
            groups[number] = _digest(gradient[cut], SHORT)
        said.append((sketch([gradient], 1, secret, ROWS)[0, :, 0],
                     _digest(gradient, DIGEST), groups))
    return np.array(said, dtype=ANSWER)


def _digest(numbers, size):
    found = blake2b(numbers, digest_size=size).digest()
    return np.frombuffer(found, dtype=np.uint8)


def examine(own, answers, q, tensors=NAMELESS):
    """Compare what the workers answered with the server's own answer.

    Parameters
    ----------
    own : ndarray of `ANSWER`, shape (n,)
    answers : ndarray of `ANSWER`, shape (K, n)
    q : int
        Workers whose answers can be wrong, less than K.
    tensors : Tensors
        Of a gradient.

    Returns
    -------
    ProbeResult

    Notes
    -----
    The largest is that of an honest worker or below.  So is the median,
    since q liars cannot be half of K > 2q workers; and it is at least the
    (ceil(K/2) - q)-th smallest honest deviation, whatever they answer.
    Without the q largest it would be the server's own answer, 0, as soon as
    liars that repeat it are more than a third of all.
    """
    apart = compare(own['sketch'][..., None], answers['sketch'][..., None])
    deviations = apart.max(axis=1, initial=0.0)
    largest = float(np.sort(deviations)[len(answers) - q - 1])
    differing = (own['digest'] != answers['digest']).any(axis=(1, 2))
    # Where too few answer to outvote q, liars may be the middle.
    median = min(float(np.median(deviations)), largest)
    return ProbeResult(deviations, differing, median, largest, answers, q,
                       _where(own, answers, q, tensors))


def _where(own, answers, q, tensors):
    """Name of the first tensors in which the workers differ from the server.

    The first in which more do than can be wrong; without such tensors, those
    in which the most do.
    """
    others = (own['groups'] != answers['groups']).any(axis=(1, 3))
    counts = others.sum(axis=0)[:len(tensors.groups)]
    if not counts.any():
        return ''
    found = counts > q
    return tensors.group(int(np.argmax(found if found.any() else counts)))


def check(probe, q):
    """Refuse to compare bits where they cannot be equal.

    Parameters
    ----------
    probe : ProbeResult
    q : int
        Workers that may be wrong.

    Raises
    ------
    ValueError
        More than q workers compute other bits than the server.
    """
    others = _too_many(probe, q)
    if others:
        raise ValueError(f"{others}; set detection.equality = 'tolerance', "
                         'or use machines of one kind')


def check_draws(probe, q):
    """Refuse random layers where they need not be equal.

    A tolerance is for roundings: whether two machines have drawn the same
    masks, only equal bits tell.

    Parameters
    ----------
    probe : ProbeResult
    q : int
        Workers that may be wrong.

    Raises
    ------
    ValueError
        More than q workers compute other bits than the server.
    """
    others = _too_many(probe, q)
    if others:
        raise ValueError(
            'gradients have random numbers in them (dropout, say), which are '
            f'known to be equal only where all bits are, and {others}; use '
            'machines of one kind, or layers that draw nothing')


def _too_many(probe, q):
    """Clause on the workers with other bits; empty for at most q."""
    workers = np.flatnonzero(probe.differing)
    if len(workers) <= q:
        return ''
    return (f'{len(workers)} workers compute other bits than the server, '
            f'more than q = {q}: {", ".join(map(str, workers))}; they are '
            f'{probe.apart}')


def check_support(probe, equality):
    """Refuse thresholds with which files would be lost from the beginning.

    Parameters
    ----------
    probe : ProbeResult
    equality : Equality
        With the thresholds that were made of it.

    Raises
    ------
    ValueError
        On some file nobody has so many supporters as a certificate takes,
        q + 1; all honest workers where fewer than 2q + 1 have answered.
    """
    n_workers, n_files = probe.answers.shape
    needed = min(probe.q + 1, n_workers - probe.q)
    for file in range(n_files):
        most = _most_support(probe.answers[:, file], equality, needed)
        if most < needed:
            raise ValueError(
                f'of {n_workers} workers at most {most} support each other '
                f'on a file of the start-up probe, fewer than {needed}, '
                f'and they are {probe.apart}; {equality}: set '
                'detection.tolerance higher, or use machines of one kind')


def _most_support(said, equality, enough):
    """Most workers that support one of them, or `enough` if they are more."""
    most = 0
    sketches = said['sketch'][..., None]
    for one in sketches:
        near = compare(one, sketches) <= equality.tolerance
        most = max(most, np.count_nonzero(near))
        if most >= enough:
            return enough
    return most
