"""The progress of a run, as a person sees it."""

import logging
import os
import sys
import time
from collections import Counter

import numpy as np
from tqdm import tqdm

from aspis_mpi.words import counted, duration, printable

#: Seconds after which a batch log gets a line even without an evaluation.
QUIET = 30.0
#: So many warnings of a code are shown, then only the one whose number is a
#: power of two; the log has them all.
ALIKE = 16


class Display:
    """A progress line on a terminal, one plain line per interval elsewhere.

    Parameters
    ----------
    steps : int
        Of the whole run.
    batch_size : int
        Samples of a step.
    first : int
        Number of the first step, not 0 where a run goes on.
    stream : file, optional
        Standard error by default.
    """

    def __init__(self, steps, batch_size, first=0, stream=None):
        self._stream = stream or sys.stderr
        self._steps = steps
        self._batch_size = batch_size
        self._first = first
        self._began = self._spoke = time.monotonic()
        self._evaluated = 0
        self._alike = Counter()
        self._bar = tqdm(total=steps, initial=first, file=self._stream,
                         unit='step', dynamic_ncols=True,
                         disable=not self._stream.isatty())

    def step(self, record, evaluation):
        """Show that one step is done; `evaluation` is the latest."""
        done = record.step + 1
        if not self._bar.disable:
            self._bar.set_postfix_str(
                f'{self._rate(done):,.0f} samples/s, '
                f'{_score(record, evaluation)}', refresh=False)
            self._bar.update(1)
            return
        now = time.monotonic()
        fresh = evaluation is not None and evaluation.step > self._evaluated
        if fresh or now - self._spoke > QUIET:
            self._spoke = now
            self._evaluated = evaluation.step if evaluation else 0
            pace = (now - self._began) / (done - self._first)
            left = pace * (self._steps - done)
            self.say(f'step {done:>{len(str(self._steps))}}/{self._steps}  '
                     f'{_score(record, evaluation)}  '
                     f'{self._rate(done):,.0f} samples/s  '
                     f'{duration(left)} left')

    def go_back(self, step, undone):
        """Begin again with a step; so many are undone, which took time."""
        self._first -= undone
        self._evaluated = min(self._evaluated, step)
        self._bar.update(step - self._bar.n)

    def event(self, event):
        """Show what a person should read, as long as it is not the same."""
        if event.level < logging.WARNING:
            return
        level = logging.getLevelName(event.level).lower()
        kind = level, event.code
        self._alike[kind] += 1
        number = self._alike[kind]
        if number <= ALIKE:
            self.say(f'{level}: {event.text}')
        elif not number & (number - 1):
            self.say(f'{level} number {number:,} of its kind (all are in '
                     f'the log): {event.text}')

    def close(self):
        """Leave the terminal as it was: the run is over."""
        self._bar.close()

    def _rate(self, done):
        seconds = max(time.monotonic() - self._began, 1e-9)
        return (done - self._first) * self._batch_size / seconds

    def say(self, text):
        """Write one line, beside the progress bar if there is one.

        It may come from a worker: nothing in it is obeyed by a terminal.
        """
        text = printable(text, keep='\n')
        if not self._bar.disable:
            self._bar.write(text, file=self._stream)
            return
        try:
            print(text, file=self._stream, flush=True)
        except BrokenPipeError:
            # Whoever read it, `head` say, has seen enough; the run goes on.
            self._stream = open(os.devnull, 'w', encoding='utf-8')


def survived(silent):
    """The number of silent workers that a job survives, in a sentence."""
    if not silent:
        return 'Every silent worker costs a file.'
    who = counted(silent, 'worker is', 'workers are')
    return f'Every file is there while at most {who} silent.'


def _score(record, evaluation):
    parts = []
    if evaluation is not None:
        parts.append(f'loss {evaluation.loss:.4g}')
        if not np.isnan(evaluation.accuracy):
            parts.append(f'accuracy {100 * evaluation.accuracy:.1f} %')
    parts.append(f'{np.count_nonzero(record.flagged)} flagged')
    return '  '.join(parts)
