"""Logs of earlier versions of the format: read, and gone on with.

`version1/run.h5.gz` was written by the last program of version 1: eight
steps of robust-partial with five workers of whom one lies, arrivals and
changes of the order; then, as a kill leaves it, rows that never reached the
disk.  `version1/read.json.gz` is what the reader of that program gave.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi.runlog.reader import load_run

HERE = Path(__file__).parent / 'version1'
#: Data sets of version 1 with a row a step.
ROWS = ('steps', 'flagged', 'exposed', 'excluded', 'disagreements', 'margin',
        'source', 'contributors', 'copies', 'files_done', 'first_report',
        'last_report', 'adversaries', 'lies', 'payload_lies')


def columns(table):
    """A table as JSON can hold it, column by column."""
    return {name: [table[name].dtype.str, table[name].tolist()]
            for name in table.dtype.names}


def plain(array):
    return columns(array) if array.dtype.names else [
        array.dtype.str, array.shape, array.tolist()]


def told(run):
    """All that a reader gives of a run of one part, as JSON can hold it."""
    arrivals, steps = run.arrivals, range(run.first_step, run.n_steps + 2)
    said = {name: getattr(run, name) for name in (
        'attrs', 'config', 'first_step', 'n_steps', 'n_files', 'n_workers',
        'attack')}
    said |= {name: plain(getattr(run, name)) for name in (
        *ROWS, 'incidence', 'order', 'evaluation', 'wrong_files', 'lied')}
    return json.loads(json.dumps(said | {
        'window': [plain(run.read(name, slice(1, 7, 2))) for name in ROWS],
        'events': [[event.time, event.level, event.rank, event.text]
                   for event in run.events],
        'arrivals': columns(arrivals), 'finished': plain(
            run.finished(arrivals)),
        'arrivals_of': [columns(run.arrivals_of(step)) for step in steps],
        'order_at': [plain(run.order_at(step)) for step in steps],
        'flagging': [run.flagging.right, run.flagging.wrong,
                     run.flagging.missed],
        'parts': [part is run for part in (*run.parts, run.part_of(3))]}))
