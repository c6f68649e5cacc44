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
    if not exposed:
        return detector.decide(evidence)
    if exposed > detector.q:
        return detector.refuse(evidence, f'{exposed} workers are exposed, '
                               f'more than q = {detector.q}')
    # Who is exposed is one of the q, so fewer liars are left to be found.
    lowered = copy(detector)
    lowered.q = detector.q - exposed
    return lowered.decide(evidence)
