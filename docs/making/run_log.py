"""The reference of the run log: its schema, and what it means."""

from dataclasses import replace

import h5py
import numpy as np

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.datasets import DataSet
from aspis_mpi.runlog.meanings import read
from aspis_mpi.runlog.plain_tables import TABLES
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Cause, DrawKind

from making.descriptions import table


#: Numbers that say themselves what they mean.
TOLD = {'code': EventCode, 'proof': ProofKind, 'cause': Cause,
        'kind of /draws': DrawKind}


def tables():
    """The tables of a log as pairs of data sets, and one that is alone."""
    return (schema.EVENTS, schema.EXPOSURES, schema.TENSORS,
            _starts(), schema.arrivals('l'), schema.changes('K', 'l'))


def _starts():
    """The table of starts, with the number of ranks as a letter."""
    pair = schema.starts(0)
    return replace(pair, beside=replace(pair.beside, row=('K + 1', 2)))


def data_sets():
    """Every data set by its path: type, row, and whether it is packed."""
    grow = [*schema.ROWS.values(), schema.EVALUATION, schema.ROLLBACKS]
    for pair in tables():
        grow += [pair.rows, pair.beside]
    grow.append(schema.DRAWS)
    found = {item.path: item for item in grow}
    for path, dtype, row in ((schema.INCIDENCE, 'u1', ('f', 'K')),
                             (schema.ORDER, 'i4', ('K', 'l')),
                             (schema.SAMPLES, 'i8', ('f',)),
                             (schema.WHOLES, 'i4', ('f',))):
        found[path] = DataSet(path, np.dtype(dtype), row)
    return found


def names():
    """The numbers with names: of a verdict, of a code, of a proof ...

    A column that has other numbers than one of the same name is called by
    its table, too.
    """
    found = {}
    for item in data_sets().values():
        for column, text in item.names:
            words = text.split()
            if found.setdefault(column, words) != words:
                found[f'{column} of {item.path}'] = words
    return found


def overview():
    """A row for each data set."""
    told = read()
    return table(
        ('data set', 'type', 'shape of a row', 'what it holds'),
        [(f'`{path}`', _type(item), _row(item), told[path]['_'])
         for path, item in data_sets().items()])


def columns():
    """A table of columns for each data set that has some."""
    told = read()
    return '\n\n'.join(
        f'### Columns of `{path}`\n\n' + table(
            ('column', 'type', 'what it holds'),
            [(f'`{name}`', f'`{item.dtype[name]}`', told[path][name])
             for name in item.dtype.names])
        for path, item in data_sets().items() if item.dtype.names)


def numbers():
    """Meanings of the numbers of columns with names."""
    return '\n\n'.join(f'### Numbers of `{column}`\n\n{meanings(column)}'
                       for column in names())


def codes():
    """Meanings of the codes of events."""
    return meanings('code')


def proofs():
    """Meanings of the kinds of proof."""
    return meanings('proof')


def meanings(column):
    """A row for each number of a column with names."""
    found = {member.word: member.meaning for member in TOLD.get(column, ())}
    found = found or read()[column]
    return table(('number', 'name', 'meaning'),
                 [(str(number), f'`{name}`', found[name])
                  for number, name in enumerate(names()[column])])


def plain_tables():
    """The tables of data frames and exports: rows and columns of each."""
    return table(
        ('table', 'a row is', 'columns'),
        [(f'`{it.name}`', it.row, ', '.join(
            f'**{column.name}**' if column.name in it.index else column.name
            for column in it.own)) for it in TABLES.values()])


def attributes():
    """The attributes of the root."""
    told = read()['attributes']
    return f'{told["_"]}\n\n' + table(
        ('attribute', 'what it holds'),
        [(f'`{name}`', text) for name, text in told.items() if name != '_'])


def _type(item):
    if item.dtype.names:
        return 'table'
    if h5py.check_string_dtype(item.dtype):
        return 'text'
    return 'bits, packed' if item.packed else f'`{item.dtype}`'


def _row(item):
    return ' × '.join(map(str, item.row)) if item.row else '–'
