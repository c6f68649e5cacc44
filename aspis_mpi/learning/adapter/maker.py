"""Makers of problems of a caller's own module, one for each rank."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Maker:
    """Makes a problem of a seed, as a class does.

    Attributes
    ----------
    cls : type
        Of the problem.
    func : callable
        Makes the module; the log names the problem after it.
    options : dict
        What the problem's constructor takes besides.
    """

    cls: type
    func: Any
    options: dict

    def __call__(self, seed):
        return self.cls(seed, module=self.func, **self.options)
