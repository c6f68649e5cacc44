"""Codes of events: one for each thing that a person should read about."""

from typing import NamedTuple

from aspis_mpi.words import Named


class EventCode(Named):
    """Subject of an event; logs have the numbers: new ones come last."""

    UNKNOWN = 0, 'Of a log of version 1 or 2, or of a later program.'
    PROBE = 1, 'What the start-up probe found.'
    TOLERANCE = 2, 'Workers differ otherwise than before; thresholds follow.'
    EXPOSED = 3, 'A worker was proved wrong; `/exposures` has the proof.'
    MALFORMED = 4, 'A worker sent what is no message, or none of its turn.'
    AUDIT = 5, 'An audit settled nothing.'
    CONTRADICTION = 6, 'The assumptions failed in a step: no update.'
    SKIPPED = 7, 'Workers agree about no file of a step: no update.'
    SILENT = 8, 'A worker was given up for a step.'
    LOST = 9, 'A worker is gone for good.'
    RESTING = 10, 'A worker gets no work for a while: it cost too much time.'
    RETURNED = 11, 'A worker that rested gets work again.'
    BARRED = 12, 'A worker gets no work in this run: it has another job.'
    INTERRUPT = 13, 'The run was asked to end.'
    FAILED = 14, 'The run cannot go on, and ends.'
    ZERO = 15, 'The gradient of a step is exactly zero.'
    OVERFLOW = 16, 'Parameters leave the range of float32.'
    PROBLEM = 17, 'What was found when the problem was tried at the start.'
    SHARED = 18, 'Simulated workers share one object of the problem.'
    MODEL = 19, 'The model is saved as plain parameters.'
    CHECKPOINT = 20, 'A checkpoint could not be written, or not be used.'
    RESUMED = 21, 'The run goes on from a checkpoint.'
    RESTARTED = 22, 'The run begins anew: there was no checkpoint yet.'
    REPEATED = 23, 'Steps after the checkpoint are done again.'
    SCHEDULE = 24, 'The schedule is another one from here on.'
    CHANGED = 25, 'What the job names has changed since, or may have.'
    CONTINUED = 26, 'The log goes on in another file: the workers are others.'
    ROLLBACK = 27, 'The run goes back to an earlier step.'
    LAYOUT = 28, 'Files were given to workers by their hosts or speeds.'
    STOOD_STILL = 29, 'Rank 0 did not run: its clock leaves that out.'
    PATIENCE = 30, 'What the run puts up with is another from here on.'
    REPLAYED = 31, 'Whether a replay has found the gradients of its record.'

    @classmethod
    def _missing_(cls, _number: object) -> 'EventCode':
        """A code of a later program."""
        return cls.UNKNOWN


class Remark(NamedTuple):
    """Event to be, as soon as there is a server."""

    code: EventCode
    text: str
