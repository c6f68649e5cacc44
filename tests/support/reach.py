"""Everything that an object holds, however it holds it."""

import gc
from collections import deque
from types import FunctionType, ModuleType
from weakref import ref

import numpy as np


def reached(start):
    """What can be reached from an object, each with the way to it.

    Classes are reached, but nothing from them on; modules and the globals of
    functions are not.

    Returns
    -------
    list of (tuple, object)
        The way is the types of what holds what, from the start on.
    """
    found, seen, todo = [], {id(start)}, deque([((), start)])
    while todo:
        way, thing = todo.popleft()
        found.append((way, thing))
        way += type(thing).__qualname__,
        for other in _held(thing):
            if id(other) not in seen:
                seen.add(id(other))
                todo.append((way, other))
    return found


def _held(thing):
    """What an object holds itself."""
    if isinstance(thing, type | ModuleType):
        return []
    if isinstance(thing, FunctionType):
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__,
                vars(thing)]
    if isinstance(thing, ref):
        return [thing()]
    if isinstance(thing, np.ndarray):
        # Arrays do not tell the garbage collector what they hold.
        return [thing.base, *(thing.flat if thing.dtype.hasobject else ())]
    # Attributes, slots, cached properties, closures, the objects of bound
    # methods, arguments of partials, entries of containers, frames.
    return [other for other in gc.get_referents(thing)
            if not isinstance(other, ModuleType)]
