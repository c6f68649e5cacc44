"""Mistakes of the user's code, told with the user's lines and not ours."""

import sysconfig
import traceback
from numbers import Real
from pathlib import Path

import numpy as np

from aspis_mpi.errors import Mistake
from aspis_mpi.words import short_of_memory
import aspis_mpi

#: Our own lines are below this folder.
_OURS = str(Path(aspis_mpi.__file__).parent) + '/'
#: And what is installed below these, or built into Python.
_INSTALLED = '<frozen ', *(
    sysconfig.get_path(kind) + '/'
    for kind in ('stdlib', 'platstdlib', 'purelib', 'platlib'))


def raised(method, error):
    """The `Mistake` of a method that has raised.

    Parameters
    ----------
    method : str
        As a person calls it, `Circle.gradient`.
    error : BaseException

    Returns
    -------
    Mistake
        What our own parts refuse is told in one line.
    """
    if _is_said(error):
        if isinstance(error, NotImplementedError):
            return Mistake(f'{error} is missing; the class must have it')
        return Mistake(f'{method}: {error}')
    if isinstance(error, MemoryError):
        return Mistake(f'{method}: {short_of_memory(error)}')
    hint = ''
    if isinstance(error, ValueError) and 'read-only' in str(error):
        hint = (', as it writes what it is given to read; work on a copy, or '
                'write to out alone')
    said = str(error).strip().partition('\n')[0]
    what = f'{type(error).__name__}{": " * bool(said)}{said}'
    return Mistake(f'{method} raised {what}{hint}', users_trace(error))


def _is_said(error):
    """Tell whether our own part, or the call itself, says what is wrong.

    It was not called at all where the arguments do not fit.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return all(_is_ours(frame) for frame in frames) and (
        len(frames) < 2
        or isinstance(error, ValueError | NotImplementedError))


def users_trace(error):
    """The traceback of an exception, of a user's code only their lines.

    Where none of theirs is among them all are shown.
    """
    told = traceback.TracebackException.from_exception(error)
    one, theirs = told, False
    while one is not None:
        kept = _below_ours(one.stack)
        if any(not _is_installed(frame) for frame in kept):
            one.stack = traceback.StackSummary.from_list(kept)
            theirs = True
        one = one.__cause__ or (
            None if one.__suppress_context__ else one.__context__)
    if not theirs:
        told = traceback.TracebackException.from_exception(error)
    return ''.join(told.format()).rstrip()


def _below_ours(frames):
    """Frames that our lines have called, up to the way back to ours."""
    ours = [_is_ours(frame) for frame in frames]
    first = ours.index(True) if True in ours else 0
    return [frame for frame, is_ours in zip(frames[first:], ours[first:])
            if not is_ours]


def _is_ours(frame):
    return frame.filename.startswith(_OURS)


def _is_installed(frame):
    """Tell whether it is Python's own, or of a library."""
    return frame.filename.startswith(_INSTALLED)


def told(error):
    """The text about an exception that ends a run."""
    if isinstance(error, MemoryError):
        return f'aspis_mpi: {short_of_memory(error)}'
    return str(error) if isinstance(error, Mistake) else users_trace(error)


def number(value):
    """A float of what is one real number, also in an array; None of others.

    >>> number(np.array([0.5])), number((0.5, 1)), number(None)
    (0.5, None, None)
    """
    if callable(getattr(value, 'item', None)):
        try:
            value = value.item()
        except (ValueError, RuntimeError, TypeError):
            return None         # it has more than one
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def plain(value):
    """An array of numpy's, also of a tensor; what is not one stays.

    A tensor may require gradients, be on another device, or of a type that
    numpy has not.
    """
    if callable(getattr(value, 'detach', None)):
        value = value.detach().cpu()
        if str(value.dtype) == 'torch.bfloat16':
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def described(value):
    """The answer of a method, for a person.

    >>> described(None), described((1, 2)), described(np.zeros(3))
    ('None', 'a tuple', 'an array of float64 of shape (3,)')
    """
    if value is None:
        return 'None'
    if isinstance(value, np.ndarray):
        return f'an array of {value.dtype} of shape {value.shape}'
    if isinstance(value, int | float):
        return repr(value)
    kind = type(value).__name__
    return f'{"an" if kind[0] in "aeiouAEIOU" else "a"} {kind}'
