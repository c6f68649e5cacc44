"""Workers whose copies do not count for the rest of a step.

Between the two thresholds of `Equality` a value is neither support nor
evidence.  Liars that stay there are never exposed, and where a file needs
their copies they would choose, file by file, what is lost.  Excluding is
always allowed: a worker is *odd* where it is beyond tolerance of what an
audit finds, or of each member of the class of a certified file.  If it also
has a copy of a file that is contested, none of its copies counts in this
step, so that what is lost with it is not for it to choose.  It is not
exposed, and q is not lowered.

Liars alone make nobody odd: of a certified class one member at least is
honest, and the server is.  An honest worker is odd only where it is itself
beyond tolerance of that one; then its copies are lost for a step.  At most q
workers are odd or exposed at once, those first that were found so on the
most files: were it more, an honest one would be among them.
"""

import numpy as np


def oddities(evidence, beyond, verdict):
    """On how many certified files each worker is near what is right.

    Parameters
    ----------
    evidence : Evidence
    beyond : ndarray of bool, shape (f, r, r), or None
        Pairs that are beyond tolerance; None where bits are compared.
    verdict : Verdict
        Of this evidence.

    Returns
    -------
    ndarray of int, shape (K,)
        Files on which it is beyond tolerance of each that supports the
        certified value, and does not disagree with all of them.
    """
    files = np.flatnonzero(verdict.certified)
    if beyond is None or not files.size:
        return np.zeros(evidence.n_workers, dtype=int)
    holders, here = evidence.holders[files], evidence.present[files]
    inside = here & verdict.contributors[files[:, None], holders]
    off = (beyond[files] | ~inside[:, None]).all(axis=2)
    near = (evidence.close[files] & inside[:, None]).any(axis=2)
    return np.bincount(holders[here & off & near],
                       minlength=evidence.n_workers)
