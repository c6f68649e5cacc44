"""A terminal that obeys the few things that the display sends."""

import io
import os
import re

#: What is sent: text, a new line, or something to obey.
WORDS = re.compile(r'\x1b\[(\d*)([A-Za-z])|(\n)|([^\x1b\n]+)')


class TinyTerminal(io.StringIO):
    """A stream that looks like a terminal, and what it shows.

    Parameters
    ----------
    columns, lines : int
    monkeypatch : MonkeyPatch
        For the size, which a program asks the system for.
    """

    encoding = 'utf-8'

    def __init__(self, columns, lines, monkeypatch):
        super().__init__()
        self.size = os.terminal_size((columns, lines))
        monkeypatch.setattr(os, 'get_terminal_size', lambda _: self.size)
        monkeypatch.setenv('TERM', 'xterm')

    def isatty(self):
        return True

    def fileno(self):
        return 1

    def shown(self, before=()):
        """Lines on the screen, with what was there before; no blank ends."""
        rows, row, column = [*before, ''], len(before), 0
        for number, letter, newline, text in WORDS.findall(self.getvalue()):
            if newline:
                row, column = row + 1, 0
                if row == len(rows):
                    rows.append('')
            elif text:
                rows[row] = rows[row][:column].ljust(column) + text + (
                    rows[row][column + len(text):])
                column += len(text)
                assert column < self.size.columns
            elif letter == 'F':
                row, column = row - int(number), 0
                # No further up than it shows.
                assert row >= max(0, len(rows) - self.size.lines)
            elif letter == 'K':
                rows[row] = rows[row][:column]
            elif (number, letter) == ('2', 'J'):
                rows = rows[:-self.size.lines] + ['']
            elif letter == 'H':
                row, column = max(0, len(rows) - 1), 0
            elif letter == 'J':
                rows[row] = rows[row][:column]
                del rows[row + 1:]
            else:
                assert letter == 'm'
        while rows and not rows[-1]:
            rows.pop()
        return rows
