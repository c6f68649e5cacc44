"""Tests, by sketches, of payloads and of gradients that nobody compared whole.

When the payloads y_j have arrived, the server draws a secret V and gets from
each worker j the sketches s_i = V g_i and the norms n_i of its files
(`aspis_mpi.coding.sketching`).  c_i are the coefficients in y_j.  Two
questions, and only both answers together make a payload usable: is y_j the
combination of what its own sender claims to hold (`passes`), and does the
sender hold what the others hold (`compare`)?

*What can pass.*  An error e was chosen before V.  A row of V e / |e| has
variance 1 and, would V be uniform on an interval, nowhere a density above
1/sqrt(6): the section of a cube with the hyperplane V e = t is never larger
than sqrt(2) (Ball, "Cube slicing in R^n", 1986), as for two equal entries.
With entries of 16 bits, |V e| <= |e| / a holds in one row with probability
at most 0.82 (1/a + 2^-14), in k rows with the k-th power of that: (0.82/a)^k
for what matters.  For an error spread over many entries it is (0.80/a)^k.

*What nobody must know.*  All of it fails for whoever knows V before the
payload is complete, or answers for a V of another payload: with V e = 0 any
error passes.  And sketches and norms that arrive after V was drawn can be
made to fit any payload; then they do not fit those of the other holders.
"""

import numpy as np

#: Allowed error of a payload, relative to sum |c_i| n_i.  That of rounding
#: to float32 is 6e-8 at most.
PAYLOAD = 1e-5
#: Allowed error of a number in a payload at least: some products and
#: roundings to numbers below the least normal float32 lose all their bits.
UNDERFLOW = 8 * float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max)
#: A file that some worker would send with a larger coefficient is not
#: covered: what can hide in a payload grows with its coefficients.
LARGEST_COEFFICIENT = 100.0
#: Errors that pass a challenge more seldom are not taken to be in a step: who
#: tries is exposed all other times.
CHANCE = 1e-6


def passes(payload, own, weights, size, tolerance=PAYLOAD):
    """True where a payload is the combination of its own sender's sketches.

    |V y - sum_i c_i s_i| <= tolerance * sum_i |c_i| n_i in every row, and
    |y| <= (1 + tolerance) * sum_i |c_i| n_i.

    Parameters
    ----------
    payload : ndarray of float64, shape (..., k + 1)
        The server's sketch of y, and its norm.
    own : ndarray of float64, shape (..., n, k + 1, copies)
        The sender's sketches and norms of the parts of n files.
    weights : ndarray of float64, shape (..., n, copies)
        c; files with weight 0 do not matter.
    size : int
        Numbers in the payload.
    tolerance : float

    Returns
    -------
    ndarray of bool, shape (...,)
        False where anything that matters is NaN, negative for a norm, or
        where the right side is infinite.

    Notes
    -----
    A right combination passes: it is off by 2^-24 sum |c| n from rounding,
    170 times less than allowed.  An error of a * tolerance * sum |c| n that
    was chosen before V passes with probability at most
    (0.82 (1/a + 2^-14))^k if the sender's sketches and norms are right.  If
    they are not, it may always pass: `compare` them.
    """
    expected, scale = _combination(own, weights)
    allowed = tolerance * scale + UNDERFLOW * np.sqrt(size)
    with np.errstate(over='ignore', invalid='ignore'):
        error = np.abs(payload[..., :-1] - expected)
        longest = scale + allowed
    fits = (error <= allowed[..., None]).all(axis=-1)
    return fits & (payload[..., -1] <= longest) & np.isfinite(allowed)


def guilty(payload, own, weights, size, tolerance=PAYLOAD):
    """True where a payload that does not pass proves that its sender is wrong.

    Parameters and result are those of `passes`.

    Notes
    -----
    Not where a sketch or norm of the sender that matters is not finite, nor
    where sum |c| n is beyond float32: a payload of a right worker is not
    finite there either, or may be.  Such sketches are compared with those of
    other holders like any others.
    """
    weights = np.asarray(weights)
    used = weights[..., None, :] != 0
    finite = (np.isfinite(own) | ~used).all(axis=(-3, -2, -1))
    _, scale = _combination(own, weights)
    conclusive = finite & ~(scale > LARGEST)
    return conclusive & ~passes(payload, own, weights, size, tolerance)


def compare(a, b, floor=0.0):
    """Estimated distance of two gradients over the smaller of their norms.

    Parameters
    ----------
    a, b : ndarray of float64, shape (..., k + 1, copies)
        Sketches and norms by two workers, with the same secret.
    floor : float
        Smaller norms count as this one.

    Returns
    -------
    ndarray of float64, shape (...,)
        The larger of two estimates of |a - b|, over the smaller norm: the
        root mean square of V a - V b over the rows, and the difference of
        the norms.  0 for two zero vectors or two that are not finite;
        infinite for a finite and a non-finite one, and for a zero vector
        and another one unless there is a floor.  Numbers that no gradient
        has, such as a negative norm, count as not finite.

    Notes
    -----
    The first estimate is right on average (its square is), and above 2.5
    times the distance once in 10^8 for 8 rows; the second is never above
    it.  A distance of a times a tolerance that was chosen before V is found
    to be within the tolerance with probability at most (1.4/a)^8 for 8 rows
    (density of `aspis_mpi.coding.challenge` times volume of a ball).  What
    a worker claims after V was drawn is compared as it is.
    """
    finite_a, finite_b = _is_finite(a), _is_finite(b)
    k = a.shape[-2] - 1
    with np.errstate(over='ignore', invalid='ignore', divide='ignore'):
        squares = np.square(a - b).sum(axis=-1)
        square = np.maximum(squares[..., :k].mean(axis=-1), squares[..., k])
        smaller = np.fmax(np.fmin(_norm(a), _norm(b)), floor)
        distance = np.where(square > 0, np.sqrt(square) / smaller, 0.0)
    # Squares of what no gradient can be may overflow.
    distance = np.where(np.isnan(square + distance), np.inf, distance)
    either = np.where(finite_a | finite_b, np.inf, 0.0)
    return np.where(finite_a & finite_b, distance, either)


def norms(sketches):
    """Norms of whole gradients that their sketches do not belie.

    A liar that says a small norm has to say what its payload is made of,
    too.  For 8 rows the root mean square of an honest sketch is above 2.5
    times the norm once in 10^8.

    Parameters
    ----------
    sketches : ndarray of float64, shape (..., k + 1, copies)

    Returns
    -------
    ndarray of float64, shape (...,)
    """
    with np.errstate(over='ignore', invalid='ignore'):
        squares = np.square(sketches).sum(axis=-1)
        seen = np.sqrt(squares[..., :-1].mean(axis=-1)) / 2.5
        return np.fmax(np.sqrt(squares[..., -1]), seen)


def bounded(weights):
    """Files whose coefficients are small enough to be checked.

    Parameters
    ----------
    weights : ndarray of float64, shape (n, ...)
        All coefficients with which parts of n files are sent.

    Returns
    -------
    ndarray of bool, shape (n,)
        False for a file with a coefficient above `LARGEST_COEFFICIENT` or
        not finite.
    """
    weights = np.asarray(weights)
    small = np.abs(weights) <= LARGEST_COEFFICIENT
    return small.reshape(len(weights), -1).all(axis=1)


def reach(k):
    """Tolerances that an error passes with a chance of `CHANCE`, at most.

    Parameters
    ----------
    k : int
        Rows of V.

    Returns
    -------
    float
        The a with (0.82 (1/a + 2^-14))^k = `CHANCE`, 4.6 for 8 rows;
        infinite where any error passes more often.
    """
    rest = CHANCE ** (1 / k) / 0.82 - 2.0 ** -14
    return 1 / rest if rest > 0 else np.inf


def hidden(scale, off, size, k, tolerance=PAYLOAD):
    """Largest error of a payload that is used, but for a chance of `CHANCE`.

    Parameters
    ----------
    scale : ndarray of float64, shape (...,)
        sum_i |c_i| n_i, the norms as its sender says them.
    off : ndarray of float64, shape (...,)
        A = sum_i |c_i| d_i, d_i the largest distance of what is accepted of
        file i from what a right worker has of it, as their sketches say.
    size : int
        Numbers in the payload.
    k : int
        Rows of V.
    tolerance : float
        As of `passes`.

    Returns
    -------
    ndarray of float64, shape (...,)

    Notes
    -----
    The sender's sketches, which come after V, are off by at most sqrt(k) A
    in a row.  So a payload passes only if V sees no more of its error than
    tolerance * sum |c| n + sqrt(k) A in each row; one of `reach` times that
    passes with a chance of `CHANCE`.  And the error is never above
    (2 + tolerance) sum |c| n + A, since no payload is longer than what it is
    made of.
    """
    allowed = tolerance * scale + UNDERFLOW * np.sqrt(size)
    return np.minimum(reach(k) * (allowed + np.sqrt(k) * off),
                      2 * scale + allowed + off)


def hidden_bias(errors, n_adversaries, n_files):
    """The most that q liars can have hidden in the gradient of one step.

    Parameters
    ----------
    errors : ndarray of float64, shape (K,)
        Largest error that each worker can have brought into the sum.
    n_adversaries : int
        q, or those of them that are not exposed.
    n_files : float
        Files in the sum.

    Returns
    -------
    float
        The q largest errors over the number of files: no larger error is in
        the mean gradient of a file, as far as more workers than can be wrong
        stand for what is used.  (A file that liars alone hold may be
        anything.)
    """
    largest = np.sort(errors)[::-1][:max(n_adversaries, 0)]
    return float(largest.sum() / n_files) if n_files else 0.0


def _combination(own, weights):
    """sum_i c_i s_i by row, (..., k), and sum_i |c_i| n_i, (...,)."""
    c = np.asarray(weights)[..., None, :]
    with np.errstate(over='ignore', invalid='ignore'):
        terms = np.where(c != 0, c * own, 0.0)
        sums = terms[..., :-1, :].sum(axis=(-3, -1))
        # A norm below zero is none.
        norms, c = own[..., -1, :], c[..., 0, :]
        sizes = np.where(norms >= 0, np.abs(c) * norms, np.nan)
        scale = np.where(c != 0, sizes, 0.0).sum(axis=(-2, -1))
    return sums, scale


def _is_finite(a):
    return np.isfinite(a).all(axis=(-2, -1)) & (a[..., -1, :] >= 0).all(-1)


def _norm(a):
    """Norm of the whole gradient from those of its parts."""
    return np.sqrt(np.square(a[..., -1, :]).sum(axis=-1))
