"""What the detector makes of the evidence of those who are believed."""

from copy import copy

import numpy as np


def decide(detector, evidence, believed):
    """The detector's verdict, if not too many are exposed already.

    Parameters
    ----------
    detector : Detector
    evidence : Evidence
        Of all workers.
    believed : ndarray of bool, shape (K,)
        Workers that no proof stands against.

    Returns
    -------
    Verdict
    """
    evidence = detector.leave_out(evidence, ~believed)
    exposed = int(np.count_nonzero(~believed))
    if exposed > detector.q:
        return detector.refuse(evidence, f'{exposed} workers are exposed, '
                               f'more than q = {detector.q}')
    return lowered(detector, believed).decide(evidence)


def lowered(detector, believed):
    """The detector for those who are believed.

    Who is exposed is one of the q, so fewer liars are left to be found.
    """
    other = copy(detector)
    other.q = detector.q - int(np.count_nonzero(~believed))
    return other
