"""Vectors that came, what they should be made of, and their sum."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.arrays import Floats, Ints, Vector
from aspis_mpi.coding import combine
from aspis_mpi.coding.scrutiny import TOLERANT
from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.schemes.tables.table import Lent


@dataclass(frozen=True, eq=False)
class Payload:
    """One vector of a worker, or one that the server has computed itself.

    Parameters
    ----------
    worker : int
        Or `BY_SERVER`.
    files : ndarray of int, shape (n,)
    weights : ndarray of float64, shape (n, copies)
        Coefficients of the files, or of their parts, in it.
    cover : ndarray of float64, shape (n,)
        How much of each file is in the sum when all payloads are there.
    shares : ndarray of float64, shape (copies,)
        Coefficients of the payload in the parts of the sum.
    undivided : bool
        It has all d numbers, whose parts are checked one by one.
    values : ndarray
        As the codec has it; float32 where it is plain.
    buffer : Lent, optional
        Where the numbers are, unless they are the server's own.
    """

    worker: int
    files: Ints
    weights: Floats
    cover: Floats
    shares: Floats
    undivided: bool
    values: Vector
    buffer: Lent | None = None

    def satisfies(self, test, rows, own, several):
        """Apply a test of `coding.challenge` to it; see `satisfied`."""
        return bool(satisfied([self], test, rows[np.newaxis],
                              own[np.newaxis], several)[0])

    @property
    def file(self):
        """The file whose gradient it is, or None."""
        whole = self.undivided or self.weights.shape[1] == 1
        if whole and self.files.size == 1 and (self.weights == 1).all():
            return int(self.files[0])
        return None

    @property
    def gain(self):
        """Norm of its error in the sum, over that in itself."""
        if self.undivided:
            return 1.0
        if self.shares.size == 1:
            return abs(float(self.shares[0]))
        return float(np.linalg.norm(self.shares))

    def release(self):
        """Give the vector back: it is not needed any more."""
        if self.buffer is not None:
            self.buffer.release()


def served(worker, file, values, copies):
    """A file that the server has computed itself, float32 (d,)."""
    return Payload(worker, np.array([file]), np.ones((1, 1)), np.ones(1),
                   np.ones(copies), copies > 1, values)


def sketches(payloads, copies, secret, k, scrutiny=TOLERANT):
    """The sketch (k + 1, parts) of each payload, by worker."""
    found = {}
    for undivided in False, True:
        some = [payload for payload in payloads
                if payload.undivided is undivided]
        rows = scrutiny.sketch([payload.values for payload in some],
                               copies if undivided else 1, secret, k)
        found |= {payload.worker: row for payload, row in zip(some, rows)}
    return found


def alike(payloads):
    """Lists of payloads whose tests are of arrays of the same shapes."""
    found = {}
    for payload in payloads:
        found.setdefault((payload.undivided, payload.weights.shape,
                          payload.values.size), []).append(payload)
    return found.values()


def satisfied(payloads, test, rows, own, several):
    """Apply a test of `coding.challenge` to m payloads that are `alike`.

    Parameters
    ----------
    payloads : list of Payload
    test : callable
        `passes` or `guilty`.
    rows : ndarray of float64, shape (m, k + 1, parts)
        Their sketches; of all parts if they are undivided, of one else.
    own : ndarray of float64, shape (m, n, k + 1, copies)
        What their senders have shown of their files.
    several : callable
        `all` or `any`, of the parts.

    Returns
    -------
    ndarray of bool, shape (m,)
    """
    weights = np.array([payload.weights for payload in payloads])
    size, parts = payloads[0].values.size, rows.shape[-1]
    if not payloads[0].undivided:
        return test(rows[..., 0], own, weights, size)
    size = combine.payload_size(size, parts)
    by_part = [test(rows[..., part], own[..., part:part + 1], weights, size)
               for part in range(parts)]
    return np.array([several(it) for it in zip(*by_part)])


def files_in(payloads, n_files):
    """Files in some payloads, bool (f,)."""
    found = np.zeros(n_files, dtype=bool)
    for payload in payloads:
        found[payload.files] = True
    return found


def unbroken(payloads, sent):
    """Payloads all of whose files are complete: the others are of no use.

    Parameters
    ----------
    payloads : list of Payload
        Of one epoch.
    sent : ndarray of bool, shape (f, K)
        Whose payloads a file is in.
    """
    while True:
        there = np.zeros(sent.shape[1], dtype=bool)
        there[[payload.worker for payload in payloads]] = True
        broken = (sent & ~there).any(axis=1)
        if not broken.any():
            return payloads
        left = [payload for payload in payloads
                if not broken[payload.files].any()]
        if len(left) == len(payloads):
            return payloads
        payloads = left


def add(payloads, out, divisor, codec=PLAIN, files=0):
    """Make the mean gradient of payloads, in the order of their workers.

    Returns
    -------
    Accepted or None
        What the codec says of the `files` in them.
    """
    into, accepted = out, None
    for undivided in False, True:
        some = sorted((payload for payload in payloads
                       if payload.undivided is undivided),
                      key=lambda payload: payload.worker)
        if not some:
            continue
        weights = (np.ones((1, len(some))) if undivided else
                   np.array([payload.shares for payload in some]).T)
        accepted = codec.decode([payload.values for payload in some],
                                weights, into, divisor, files)
        if into is not out:
            np.add(out, into, out=out)
        into = np.empty_like(out)
    return accepted
