"""A run at a glance, for the end of a run and for `aspis_mpi show`."""

import json
import textwrap
from dataclasses import asdict
from pathlib import Path

from aspis_mpi.runlog import sentences
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.words import printable

#: Columns of a line, and of the label that it begins with.
WIDTH, LABEL = 79, 10
#: Lines of a terminal.
HEIGHT = 24


def print_summary(path, as_json=False):
    """Print the summary of a log, as lines or as JSON.

    Raises
    ------
    RunLogError
        The file is missing or cannot be read as a run log.
    """
    with load_run(path) as run:
        summary = summarize(run)
    print(json.dumps(asdict(summary), indent=2, allow_nan=False) if as_json
          else format_summary(summary))


def format_summary(summary):
    """The summary in lines of at most 79 columns, without a last newline."""
    lines = [_line(*row) for row in sentences.rows(summary)]
    events = [_line('', _tell_event(event))
              for event in summary.last_warnings]
    # Of the warnings as many of the last as fit, at least one.
    while len(events) > 1 and _height(lines + events) > HEIGHT:
        del events[0]
    return '\n'.join(lines + events)


def format_brief(summary):
    """One run of many: its name, and what it came to below."""
    return (f"{Path(summary.path).name}\n"
            f"{_line('', sentences.in_brief(summary))}")


def _height(lines):
    return sum(line.count('\n') + 1 for line in lines)


def _line(label, text):
    return textwrap.fill(
        text, WIDTH, initial_indent=label.ljust(LABEL),
        subsequent_indent=' ' * LABEL, break_on_hyphens=False)


def _tell_event(event):
    """Two lines at most, and nothing that a terminal would obey."""
    return textwrap.shorten(f'{event.time:.1f} s: {printable(event.text)}',
                            2 * (WIDTH - LABEL) - 10)
