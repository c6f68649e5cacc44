"""Signatures without hints, which bases have and variants need not repeat."""

import inspect


def plain(function):
    """The signature of a function without its hints: names and defaults."""
    takes = inspect.signature(function)
    return takes.replace(return_annotation=takes.empty, parameters=[
        it.replace(annotation=it.empty) for it in takes.parameters.values()])
