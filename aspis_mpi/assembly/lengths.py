"""Lengths of the vectors and sketches that workers send."""

from typing import NamedTuple


class Lengths(NamedTuple):
    """Numbers in what a worker sends.

    Attributes
    ----------
    payload : int
        Of 4 bytes, in a vector that is no sum of whole gradients.
    whole : int
        Of 4 bytes, in a sum of whole gradients; 0 without any.
    narrow : int
        The same of a vector of few files; 0 where that is no shorter.
    sketches : int
        Of 8 bytes, in the answer to a challenge; 0 without any.
    vector : int
        Of 4 bytes, in the longest vector that it may be asked for.
    """

    payload: int
    whole: int
    narrow: int
    sketches: int
    vector: int


def lengths(challenge, transfer, compression, width):
    """The lengths where these travel.

    Parameters
    ----------
    challenge : bool
        Whether vectors are challenged: then sums of whole gradients may
        follow on those that were asked for first.
    transfer : Transfer
    compression : Compression
    width : int
        Files of a worker, at most.
    """
    sketches = transfer.sketch_size if challenge else 0
    if transfer.sends_at_once:
        payload, whole, narrow = compression.file_numbers, 0, 0
    else:
        payload, whole, narrow = (
            size(transfer, width) for size in (
                compression.numbers, compression.whole, compression.narrow))
    return Lengths(payload, whole, narrow, sketches,
                   max(payload, whole) if challenge else payload)
