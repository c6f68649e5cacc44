"""Softmax cross-entropy: its gradient in the logits, and the score.

Parameters that diverge give NaN or infinity, silently: the server reports
them.
"""

import numpy as np

from aspis_mpi.learning.problem import Score


def residual(logits, labels):
    """Gradient of the summed cross-entropy with respect to the logits.

    Parameters
    ----------
    logits : ndarray of float32, shape (n, n_classes)
        Overwritten by the result, softmax(logits) - onehot(labels).
    labels : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of float32, shape (n, n_classes)
    """
    logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= np.add.reduce(logits, axis=1, keepdims=True)
    logits[np.arange(len(labels)), labels] -= 1
    return logits


def score(logits, labels):
    """Mean cross-entropy and share of largest logits at the labels.

    Parameters
    ----------
    logits : ndarray of float32, shape (n, n_classes)
    labels : ndarray of int, shape (n,)

    Returns
    -------
    Score
    """
    with np.errstate(over='ignore', invalid='ignore'):
        shifted = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1))
        losses -= shifted[np.arange(len(labels)), labels]
        right = logits.argmax(axis=1) == labels
        return Score(float(losses.mean(dtype=np.float64)),
                     float(right.mean()))
