"""Labels of runs in pictures: what tells one from the others."""

from collections import Counter
from pathlib import Path

from aspis_mpi.runlog.log_parts import beside
from aspis_mpi.words import counted


def collected(run):
    """Collection, transfer and code of a run, as a label."""
    collection = run.option('collection', 'name')
    copies = run.option('collection', 'copies') or 1
    transfer = run.option('transfer', 'name')
    parts = [f'{collection} × {copies}' if copies > 1 else collection,
             transfer, run.option('transfer', 'code')]
    return ' / '.join(filter(None, parts)) or 'unknown scheme'


def told_parts(run):
    """The sizes of a run of several parts, as a label; else empty."""
    if len(run.parts) == 1:
        return ''
    *before, last = (part.n_workers for part in run.parts)
    return ', then '.join([*map(str, before), counted(last, 'worker')])


def distinct(labels, paths):
    """Add the file's name to labels that more than one run has."""
    count, names = Counter(labels), [beside(path, '').name for path in paths]
    return [label if count[label] == 1 else f'{label} ({name})'
            for label, name in zip(labels, names)]


def names(paths):
    """Names of files, with as many folders as tell each from the others.

    >>> names([Path('a/run.h5'), Path('b/run.h5'), Path('b/other.h5')])
    ['a/run.h5', 'b/run.h5', 'other.h5']
    """
    found = []
    for path in paths:
        others = [it for it in paths if it != path]
        n = 1
        while n < len(path.parts) and any(
                it.parts[-n:] == path.parts[-n:] for it in others):
            n += 1
        found.append(Path(*path.parts[-n:]).as_posix())
    return found
