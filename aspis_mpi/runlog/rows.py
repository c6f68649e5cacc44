"""Rows of the tables of a log: of what the server leaves, and back."""

from collections import defaultdict
from operator import attrgetter

import numpy as np

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.tensors import TensorDifference
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.starts import Started
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import (
    Cause, Event, ExposureRecord, Rollback)

#: Of an arrival, in the order of the columns of `/arrivals`.
_OF_ARRIVAL = attrgetter('step', 'worker', 'kind', 'files_done', 'seconds',
                         'nbytes', 'turn', 'finished')


# --- made of it --------------------------------------------------------

def of_event(event):
    """Row of an `Event`, the text last."""
    return (event.time, event.level, event.rank, event.code,
            storable(event.text))


def of_exposure(exposure):
    """Row of an `ExposureRecord`, the text last."""
    return (exposure.step, exposure.since, exposure.worker, exposure.proof,
            exposure.turn, storable(exposure.text))


def of_tensors(exposure):
    """Rows of the tensors of an `ExposureRecord`, the name last."""
    return [(exposure.step, exposure.worker, exposure.proof, it.distance,
             it.entries, it.size, exposure.turn,
             storable(it.tensor, schema.NAME))
            for it in exposure.tensors]


def of_start(start, n_ranks):
    """Row of a `Started`, host and device of each rank last."""
    places = [tuple(storable(name, schema.NAME) for name in place)
              for place in zip(start.hosts, start.devices)][:n_ranks]
    places += [(b'', b'')] * (n_ranks - len(places))
    return (start.step, start.began, start.events, start.exposures,
            schema.SOURCES.index(start.source), places)


def of_rollback(rollback):
    """Row of a `Rollback`."""
    return (rollback.turn, rollback.seconds, rollback.start, rollback.end,
            rollback.undone, rollback.wrong, rollback.cause)


def of_draw(draw):
    """Row of a `Draw`."""
    return (draw.step, draw.turn, draw.epoch, draw.kind, *draw.seed,
            draw.worker, draw.checks)


def of_arrivals(arrivals, dtype):
    """Rows of arrivals, column by column: there may be very many."""
    rows = np.empty(len(arrivals), dtype)
    *columns, finished = zip(*map(_OF_ARRIVAL, arrivals))
    for name, column in zip(dtype.names, columns):
        rows[name] = column

    # What is shorter than a row of bits is padded by zeros.
    width = rows['finished'].shape[1]
    bits = b''.join(some[:width].ljust(width, b'\0') for some in finished)
    rows['finished'] = np.frombuffer(bits, 'u1').reshape(-1, width)
    return rows


def storable(text, most=schema.TEXT):
    """Bytes of a text that HDF5 can hold: it may come from a hostile worker.

    Of a long one the beginning and the end, where a traceback tells most.
    """
    raw = text.replace('\0', '\ufffd').encode('utf-8', 'replace')
    if len(raw) <= most:
        return raw
    head, gap = most // 4, b' [...] '
    return (_readable(raw[:head]) + gap
            + _readable(raw[head + len(gap) - most:]))


def _readable(raw):
    """Without what is left of a character that was cut in two."""
    return raw.decode(errors='ignore').encode()


# --- and back ----------------------------------------------------------

def event_of(row):
    """The `Event` of a row."""
    seconds, level, rank, code, text = row
    return Event(float(seconds), int(level), int(rank), _text(text),
                 EventCode.numbered(code))


def exposures_of(rows, tensors):
    """The `ExposureRecord`s of rows, and of those of their tensors."""
    found = defaultdict(list)
    for _, worker, proof, distance, entries, size, turn, name in tensors:
        found[turn, worker, proof].append(TensorDifference(
            _text(name), float(distance), int(entries), int(size)))
    return [ExposureRecord(
        int(step), int(since), int(worker), ProofKind.numbered(proof),
        _text(text), tuple(found[turn, worker, proof]), int(turn))
        for step, since, worker, proof, turn, text in rows]


def start_of(row):
    """The `Started` of a row."""
    step, began, events, exposed, source, places = row
    hosts, devices = (tuple(map(_text, names)) for names in zip(*places))
    return Started(int(step), float(began), int(events), int(exposed),
                   schema.SOURCES[source], hosts, devices)


def rollback_of(row):
    """The `Rollback` of a row."""
    turn, seconds, start, end, _, wrong, cause = row
    return Rollback(int(turn), float(seconds), int(start), int(end),
                    Cause.numbered(cause), int(wrong))


def _text(raw):
    return raw.decode(errors='replace')
