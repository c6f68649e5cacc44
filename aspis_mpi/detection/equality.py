"""The thresholds by which replicas of a file are equal or different."""

from dataclasses import dataclass, replace

import numpy as np

#: Where bits are equal, share of the last step's typical norm of a file below
#: which sketches are not told from it.
FLOOR = 1e-6
#: Range of the tolerance.
SMALLEST, LARGEST = 1e-6, 1e-4
#: The least distance that is a disagreement, unless a job sets another: an
#: error as large as the gradient.  A rectifier that one machine opens and the
#: other does not moves the gradient of a file of few samples by 0.3 as a rule
#: and up to 0.7 of its norm (digits, `mlp`, 1 to 8 samples).
APART = 1.0
#: Thresholds above what the machines themselves differ by.
MARGIN = 10
#: Tolerances of a typical file that are never a disagreement.
FAR = 100
#: Factors by which a tolerance may rise and fall in one step.
RISE, FALL = 2.0, 0.99


@dataclass(frozen=True)
class Equality:
    """Two thresholds for the distance of two replicas of one file.

    Two replicas *support* each other up to `tolerance` and *disagree* beyond
    `disagreement`; in between they do neither.

    Parameters
    ----------
    exact : bool
        Replicas support each other if their bits are equal and disagree if
        not; the thresholds are not used.
    tolerance, disagreement : float
        Relative distances.
    follows : bool
        Whether the tolerance goes along with what machines differ by.

    Notes
    -----
    A distance is relative to the smaller norm or, where that is larger, to
    the typical norm of a file in the last step: machines that add in another
    order differ by some 1e-7 of the terms of a gradient, which cancel when
    samples are fitted, so of the file's own norm it may be any share.  An
    error is then of so many tolerances of what counts in the mean.  For a
    disagreement it is relative to the file itself, down to `share` of the
    typical norm: `FAR` tolerances of that never are one.

    What is in between proves nothing: one flipped rectifier moves an honest
    gradient of many samples by up to 5e-4, of two by 4e-2 once in 400,000
    files.  A liar that stays in between is therefore never
    exposed, and rules that vote may use its value; a rule that asks for
    certificates does not.
    """

    exact: bool
    tolerance: float = 0.0
    disagreement: float = 0.0
    follows: bool = False

    def __post_init__(self):
        if not 0 <= self.tolerance <= self.disagreement < np.inf:
            raise ValueError(
                f'tolerance {self.tolerance:g} must be between 0 and '
                f'disagreement {self.disagreement:g}, which must be finite')

    def __str__(self):
        if self.exact:
            return 'replicas have to have equal bits'
        return (f'replicas support each other up to {self.tolerance:.3g} and '
                f'disagree beyond {self.disagreement:.3g}')

    @property
    def share(self):
        """Part of the typical norm that a disagreement is relative to."""
        if self.exact or not self.disagreement:
            return 1.0
        return min(1.0, FAR * self.tolerance / self.disagreement)

    def floor(self, norms, most):
        """Norm below which none is told from it, in the next step.

        Parameters
        ----------
        norms : array_like of float, shape (n,)
            Of the files that were used, finite.
        most : int
            Files that liars can have made wrong.

        Returns
        -------
        float
            The typical norm: the mean without so many of the largest, so
            that none that is in it is larger than a right one; a small
            share of the median where bits are equal.  NaN for no files.
        """
        if not len(norms):
            return np.nan
        if self.exact:
            return FLOOR * float(np.median(norms))
        return float(np.mean(np.sort(norms)[:max(len(norms) - most, 1)]))

    def distance(self, measure, floor):
        """Distances of replicas by which they support or disagree.

        Parameters
        ----------
        measure : callable
            Given a floor of the norms, the relative distances.
        floor : float

        Returns
        -------
        float or ndarray of float64
        """
        near = measure(floor)
        beyond = np.logical_not(near <= self.tolerance)
        if self.share == 1 or not np.any(beyond):
            return near
        return np.where(beyond, measure(floor * self.share), near)

    def after(self, spread):
        """The thresholds after a step in which machines differed by so much.

        Parameters
        ----------
        spread : float
            See `detection.spread`; NaN changes nothing.

        Returns
        -------
        Equality

        Notes
        -----
        The tolerance goes to ten times the spread, up by a factor of 2 a
        step at most and down by a hundredth, within 1e-6 and the smaller of
        1e-4 and a hundredth of the disagreement.  So no liar can make it
        larger than ten times what honest workers differ by, nor larger than
        that bound, nor make it fall by more than half in 69 steps.
        """
        if not self.follows or np.isnan(spread):
            return self
        low, high = FALL * self.tolerance, RISE * self.tolerance
        most = max(min(LARGEST, self.disagreement / FAR), SMALLEST)
        tolerance = float(np.clip(np.clip(MARGIN * spread, low, high),
                                  SMALLEST, most))
        return replace(self, tolerance=tolerance)

    def of_sketches(self, thresholds):
        """The same for sketches, whose bits are not equal on all machines.

        Parameters
        ----------
        thresholds : (float, float)
            Least tolerance and disagreement of such sketches.

        Returns
        -------
        Equality
        """
        if self.exact:
            return Equality(False, *thresholds)
        low, high = thresholds
        if low <= self.tolerance and high <= self.disagreement:
            return self
        return replace(self, tolerance=max(low, self.tolerance),
                       disagreement=max(high, self.disagreement))


#: Every machine computes the same bits.
BITS = Equality(True)


def from_probe(probe, tolerance=None, disagreement=None):
    """Thresholds for machines that compute different bits.

    Parameters
    ----------
    probe : Probe
        By how much they differ at the start.
    tolerance : float, optional
        Default: ten times the median deviation, from 1e-6 to 1e-4, and from
        then on as `Equality.after` has it.
    disagreement : float, optional
        Default: ten times the largest deviation, at least 1.

    Returns
    -------
    Equality

    Raises
    ------
    ValueError
        A threshold below what honest workers differ by, or a tolerance above
        1e-4.
    """
    if probe.median > LARGEST:
        raise ValueError(
            f'the workers differ from the server by {probe.median:.2g} in '
            f'the median, more than {LARGEST:g}, the largest '
            'detection.tolerance; use machines that compute alike')
    follows = tolerance is None
    if follows:
        tolerance = float(np.clip(MARGIN * probe.median, SMALLEST, LARGEST))
    if disagreement is None:
        disagreement = max(APART, MARGIN * probe.largest)
    if tolerance > LARGEST:
        raise ValueError(
            f'detection.tolerance = {tolerance:g} must be at most '
            f'{LARGEST:g}; leave it out, or set it lower')
    if tolerance < probe.median:
        raise ValueError(
            f'detection.tolerance = {tolerance:g} must be at least '
            f'{probe.median:.2g}, by which the machines differ; leave it out, '
            'or set it higher')
    # Two that support a third one may be twice the tolerance apart.
    least = max(probe.largest, 2 * tolerance)
    if disagreement < least:
        raise ValueError(
            f'detection.disagreement = {disagreement:g} must be at least '
            f'{least:.2g}, twice the tolerance and what the machines differ '
            'by; leave it out, or set it higher')
    return Equality(False, tolerance, disagreement, follows)
