"""Exit codes, and every exception of the package with its own.

Batch scripts rely on the codes.  An exception says in its text what is wrong
and what to do; those without a code never leave the package.
"""

import sys

#: Of the last, `EX_TEMPFAIL`, that the run is to go on later.
DONE, BAD_JOB, FAILED, INTERRUPTED = 0, 2, 3, 75
#: Of a command that was left by Ctrl-C.
LEFT = 130


# --- what a user is told -----------------------------------------------

class JobError(ValueError):
    """A job that cannot be run, in one line that says what to change.

    Attributes
    ----------
    said : bool
        The line is on standard error already.
    trace : str
        Where the user's own lines failed, as Python tells it; or empty.
    """

    exit_code = BAD_JOB
    said = False
    trace = ''

    def tell(self) -> None:
        """Say it on standard error, once."""
        if not self.said:
            print(f'{self.trace}aspis_mpi: {self}', file=sys.stderr,
                  flush=True)
        self.said = True


class UnknownPart(ValueError):
    """A name that no part of the family carries.

    Attributes
    ----------
    trace : str
        Where the user's own lines failed, as Python tells it; or empty.
    """

    exit_code = BAD_JOB
    trace = ''


class RunLogError(ValueError):
    """A file that cannot be read as a run log, and why, in one sentence."""

    exit_code = BAD_JOB


class LedgerError(ValueError):
    """A file that cannot be read as a host ledger, and why, in a sentence."""

    exit_code = BAD_JOB


class DataError(ValueError):
    """Files of a data set that cannot be used, and why, in one sentence."""

    exit_code = BAD_JOB


class ReportError(ValueError):
    """A report that cannot be made, and why, in one sentence."""

    exit_code = BAD_JOB


class ExportError(ValueError):
    """Tables that cannot be written, and why, in one sentence."""

    exit_code = BAD_JOB


class InUse(ValueError):
    """A name under which another process writes, or may write."""

    exit_code = BAD_JOB


class Mistake(Exception):
    """A fault of a part of the user's, told with the lines that have it.

    Parameters
    ----------
    line : str
    trace : str
        Where the user's own lines failed, as Python tells it; or empty.
    """

    exit_code = FAILED

    def __init__(self, line: str, trace: str = ''):
        super().__init__(f'{line}\n{trace}' if trace else line)
        self.line, self.trace = line, trace


class Unwritable(OSError):
    """A file that cannot be written any more: its disk is full, say."""

    exit_code = FAILED


class ReplayError(RuntimeError):
    """Recorded arrivals that are not those of this job."""

    exit_code = FAILED


# --- what stays within -------------------------------------------------

class DamagedCheckpoint(ValueError):
    """A file that is no complete checkpoint, and why, in a sentence."""


class MalformedMessage(Exception):
    """Bytes of a peer that are no message at all: evidence, not a bug.

    Attributes
    ----------
    lane : Lane
    turn : int or None
        The turn that the header names, if it can be read.
    """

    def __init__(self, reason: str, lane: int, turn: int | None = None):
        super().__init__(reason)
        self.lane = lane
        self.turn = turn


class Malformed(Exception):
    """A message of the current step that no honest worker sends."""


class LocalProtocolError(RuntimeError):
    """A protocol broken by the trusted side: a bug, never a worker's lie."""


class Orphaned(Exception):
    """The loss of rank 0: there is nobody to work for."""
