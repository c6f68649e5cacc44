"""Trials of a problem before the first step, on a few samples."""

import warnings

import numpy as np

from aspis_mpi import arrays, streams
from aspis_mpi.errors import Mistake

#: Samples on which a gradient is tried, at most.
FEW = 8
#: How far apart sums of gradients may be, by the order of adding and by
#: numbers of few digits.
ROUNDING = 1e-2
#: Parameters at which a gradient of zero is tried again are so many standard
#: deviations away, as one that goes by rounded numbers does not move sooner.
FAR = 0, 1, 30, 1000


def try_gradient(guard, step, parameters, samples, alike):
    """Compute a few gradients in ways that must come to the same.

    Parameters
    ----------
    guard : Guard
    step : int
        Of which the samples are.
    parameters : ndarray of float32, shape (d,)
    samples : ndarray of int
    alike : float or None
        Relative distance of two computations from which on replicas
        disagree, 0 for bits; None where nothing is compared.

    Returns
    -------
    tuple of str
        What a person should know, in sentences.

    Raises
    ------
    Mistake
        What can only be wrong.
    """
    # Of an even number, which has two equal halves.
    few = samples[:max(1, min(FEW, len(samples)) & ~1)].copy()
    first = _computed(guard, step, parameters, few)
    if (few != samples[:len(few)]).any():
        raise Mistake(f'{guard.name}.gradient writes samples; it must '
                      'compute with a copy')
    few.flags.writeable = False
    if not first.any():
        _check_any(guard, step, parameters, samples)
    again = _computed(guard, step, parameters, few)
    if not _same(guard, first, again, alike):
        # Of what is drawn anew nothing else can be said.
        return ()
    del again
    _check_adding(guard, step, parameters, few, first)
    return _check_sum(guard, step, parameters, few, first)


def _computed(guard, step, parameters, samples):
    out = np.zeros_like(parameters)
    guard.gradient(step, parameters, samples, out)
    return out


def _check_any(guard, step, parameters, samples):
    """Refuse a gradient that adds nothing to `out`, at any parameters."""
    drawn = streams.generator(0, 'trial').standard_normal(
        parameters.size, np.float32)
    with warnings.catch_warnings(), np.errstate(all='ignore'):
        warnings.simplefilter('ignore')
        if any(_computed(guard, step, parameters + np.float32(far) * drawn,
                         samples).any() for far in FAR):
            return
    raise Mistake(f'{guard.name}.gradient adds nothing to out; it must write '
                  'into it (out += ...), which out = ... does not, not even '
                  'out = out + ...')


def _same(guard, first, again, alike):
    """Tell whether the same came twice, as it must where replicas count."""
    if arrays.equal_bits(first, again):
        return True
    apart = arrays.relative_distance(first, again)
    if alike is None or 0 < alike and apart <= alike:
        return False
    tensors = guard.tensors.differing(first, again)
    where = f', first in {tensors[0]}' if tensors else ''
    raise Mistake(
        f'{guard.name}.gradient gives other numbers when it is called twice '
        f'with the same parameters and samples ({apart:.2g} of their norm '
        f'apart{where}), so that workers would seem to be wrong; it must be a '
        'function of both alone: no random numbers but from the seed and '
        'the samples, no dropout from a global generator, nothing kept from '
        'call to call')


def _check_adding(guard, step, parameters, samples, gradient):
    """Refuse a gradient that is not added to what `out` holds."""
    with np.errstate(all='ignore'):
        scale = np.float32(np.abs(gradient).max()) or np.float32(1)
        if not np.isfinite(scale) or not np.isfinite(2 * scale):
            return
        out = np.full_like(parameters, scale)
    guard.gradient(step, parameters, samples, out)
    out -= scale
    out -= gradient
    wrong = np.count_nonzero(~(np.abs(out) <= ROUNDING * scale))
    if wrong:
        raise Mistake(
            f'{guard.name}.gradient does not add to what out holds, in '
            f'{wrong} of its {out.size} entries; it must (out += ..., not '
            'out[:] = ...), since it is called several times for one file')


def _check_sum(guard, step, parameters, samples, gradient):
    """A sentence if samples together are not the sum of two halves."""
    half = len(samples) // 2
    if not half or not arrays.is_finite(gradient):
        return ()
    try:
        parts = _computed(guard, step, parameters, samples[:half])
        guard.gradient(step, parameters, samples[half:], parts)
    except Mistake:
        # The run need not do that: so few samples may be none of its.
        return ()
    with np.errstate(all='ignore'):
        apart = arrays.norm(parts - gradient)
        largest = max(arrays.norm(parts), arrays.norm(gradient))
        mean = arrays.norm(parts / 2 - gradient) <= ROUNDING * largest
    # What `begin` draws for halves need not be what it draws for both.
    if apart <= ROUNDING * largest or guard.prepares and not mean:
        return ()
    return (f'{guard.name}.gradient of {len(samples)} samples is not the sum '
            'of the gradients of two halves of them '
            f'({apart / largest:.2g} of its norm apart): it must be a sum '
            'over the samples' + (', and seems to be their mean' if mean else
                                  ', which batch statistics, for one, make '
                                  'it not'),)


def try_rest(guard, parameters):
    """Name the tensors, evaluate and export the initial parameters.

    Raises
    ------
    Mistake
    """
    guard.tensors.differing(parameters, parameters)
    guard.loss(parameters)
    guard.know(parameters, guard.evaluate(parameters))
    guard.export(parameters)
