"""The host ledger: what runs have found against which hosts, line by line.

A line is a JSON object.  The first one says what the file is; the others are
a start of a run with its hosts, or a piece of evidence.  Runs only append,
whole lines in one write, under a lock where the file system has one.  Then
they look whether all of it is there, which tells of a write that another one
has overwritten where there is no lock, and append what is missing: what is
there already is never written twice.  A line that was cut off says nothing.
"""

import fcntl
import json
import math
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from aspis_mpi.errors import LedgerError
from aspis_mpi.runlog.evidence import Evidence, Findings, Kind, Presence

FORMAT, VERSION = 'aspis-mpi-ledger', 1
HEADER = json.dumps({'format': FORMAT, 'version': VERSION}).encode() + b'\n'

#: Bytes of a file in which its first line would end, if it were one.
FIRST = 4096

#: What a line is that holds hosts of a run; others hold evidence.
RUN = 'run'

#: Raised for lines that say nothing: some are no JSON, nested without end, or
#: have numbers that no run writes.
SENSELESS = (ValueError, KeyError, TypeError, AttributeError, OverflowError,
             RecursionError)

#: What is no file, though it may be written to.
OTHERS = ((stat.S_ISFIFO, 'pipe'), (stat.S_ISSOCK, 'socket'),
          (stat.S_ISCHR, 'device'), (stat.S_ISBLK, 'device'))

#: Seconds until a lock is given up, and between two attempts.
PATIENCE, PAUSE = 10.0, 0.02
#: How often lines are written that are not there afterwards.
ATTEMPTS = 5


class Ledger(NamedTuple):
    """Contents of a ledger, and how many of its lines say nothing."""

    findings: Findings
    unreadable: int


def is_ledger(path: str | Path) -> bool:
    """True if a file says that it is a ledger, of any version."""
    with open(path, 'rb') as file:
        return _version(file.readline(FIRST)) is not None


def raw_of(path: str | Path) -> bytes | None:
    """The bytes of a ledger, or of one hardly begun; None of another file."""
    with open(path, 'rb') as file:
        first = file.readline(FIRST)
        if _version(first) is None and not is_begun(first):
            return None
        return first + file.read()


def is_begun(raw: bytes) -> bool:
    """True if there is nothing yet, or not all of a ledger's first line."""
    return HEADER.startswith(raw) and len(raw) < len(HEADER)


def read(path: str | Path) -> Ledger:
    """The contents of a ledger, also while runs append to it.

    Raises
    ------
    LedgerError
        It is none, or one of another version.
    OSError
    """
    return parsed(Path(path).read_bytes(), path)


def parsed(raw: bytes, path: str | Path) -> Ledger:
    """The contents of a ledger of which these are the bytes; see `read`."""
    first, _, rest = raw.partition(b'\n')
    version = _version(first)
    if version is None:
        raise LedgerError(f'{path} is no host ledger of aspis_mpi: its first '
                          f'line is not {HEADER.decode().strip()}')
    if version != VERSION:
        raise LedgerError(f'{path} has version {version} of the host ledger; '
                          f'this aspis_mpi reads version {VERSION}')
    findings, unreadable = Findings([], []), 0
    for line in rest.splitlines():
        # Two runs may have begun the file where there are no locks.
        if not line.strip() or _version(line) is not None:
            continue
        try:
            _take(json.loads(line), findings)
        except SENSELESS:
            unreadable += 1
    return Ledger(findings, unreadable)


def check(path: str | Path) -> None:
    """Make sure that runs can append to a ledger that is there.

    Raises
    ------
    LedgerError
        There is a file that is none, or one of another version.
    OSError
        It cannot be written.
    """
    _append(path, Findings([], []))


def append(path: str | Path, findings: Findings) -> None:
    """Append what is not there yet, of hosts with a name.

    Parameters
    ----------
    path : str or Path
    findings : Findings
        Of one run.

    Raises
    ------
    LedgerError
    OSError
    """
    told = Findings(
        [replace(it, hosts=tuple(dict.fromkeys(it.hosts)))
         for it in findings.presences if any(it.hosts)],
        [it for it in findings.evidence if it.host])
    for _ in range(ATTEMPTS):
        if not _append(path, told):
            return
    raise OSError(f'{path}: what is written to it does not stay')


def _append(path: str | Path, findings: Findings) -> int:
    """Write what is missing, and say how many lines that were."""
    _refuse_other(path)
    with open(path, 'ab+') as file:
        _lock(file)
        file.seek(0)
        raw = file.read()
        begun = is_begun(raw)
        known = Findings([], []) if begun else parsed(raw, path).findings
        lines = [*_new(findings, known)]
        # What a kill has left of a line gets an end.
        start = HEADER[len(raw):] if begun else (
            b'' if raw.endswith(b'\n') else b'\n' * bool(lines))
        if text := start + b''.join(lines):
            _write(file, text)
        return len(lines)


def _refuse_other(path: str | Path) -> None:
    """Refuse what keeps nothing that is written to it."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    kind = next((word for is_of, word in OTHERS if is_of(mode)), '')
    if kind:
        raise LedgerError(f'{path} is a {kind}, not a file')


def _write(file: BinaryIO, text: bytes) -> None:
    """Write all in one go, and wait until it is on the disk."""
    left = memoryview(text)
    while left:
        left = left[os.write(file.fileno(), left):]
    os.fsync(file.fileno())


def _lock(file: BinaryIO) -> None:
    """Keep others out for as long as the file is open, if that can be."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        except OSError:
            # The file system has no locks.
            return None
    return None


def _new(findings: Findings, known: Findings) -> Iterator[bytes]:
    """Lines of what is not known yet."""
    begun = {it.key for it in known.presences}
    for presence in findings.presences:
        if presence.key not in begun:
            yield _line({'kind': RUN} | asdict(presence))
    there = {it.key for it in known.evidence}
    for evidence in findings.evidence:
        if evidence.key not in there:
            yield _line({'kind': evidence.kind.word} | {
                name: value for name, value in asdict(evidence).items()
                if name != 'kind'})


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b'\n'


def _take(fields: dict[str, Any], findings: Findings) -> None:
    """Add what a line holds; raises if that is nothing."""
    kind = fields['kind']
    run, began, log = (str(fields['run']), float(fields['began']),
                       str(fields['log']))
    if not math.isfinite(began):
        raise ValueError(f'a run cannot have begun at {began}')
    if kind == RUN:
        findings.presences.append(Presence(
            run, began, log, str(fields['source']),
            tuple(map(str, fields['hosts'])), bool(fields['staged'])))
        return
    step = fields['step']
    findings.evidence.append(Evidence(
        run, began, log, Kind[kind.upper()], int(fields['worker']),
        int(fields['rank']), str(fields['host']), str(fields['device']),
        fields['vouched'] is True, None if step is None else int(step),
        str(fields['text'])))


def _version(line: bytes) -> Any:
    """Version that a first line names; None where it is no such line."""
    try:
        fields = json.loads(line)
    except SENSELESS:
        return None
    if isinstance(fields, dict) and fields.get('format') == FORMAT:
        return fields.get('version', 0)
    return None
