"""Places to show a run that is followed: a terminal, or a line at a time."""

import os
import select
import time
import unicodedata
from typing import TextIO

from aspis_mpi.following.drawing import ASCII, BLOCKS, Glyphs
from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.following.plainly import told_plainly
from aspis_mpi.following.telling import Line, Mood, Room, told

#: Number of each mood's colour, as terminals count them.
COLOURS = {Mood.HEAD: 1, Mood.CURVE: 36, Mood.WARNING: 33, Mood.WRONG: 31,
           Mood.GOOD: 32}

#: What a terminal obeys: erase the rest of the line, of the screen; erase all
#: and go to the beginning.
REST_OF_LINE, REST, ALL = '\x1b[K', '\x1b[J', '\x1b[2J\x1b[H'


def screen_of(stream: TextIO) -> 'Terminal | Plain':
    """A `Terminal` if the stream is one; only that is sent what one obeys."""
    if stream.isatty() and os.environ.get('TERM', 'dumb') != 'dumb':
        return Terminal(stream, glyphs_of(stream),
                        not os.environ.get('NO_COLOR'))
    return Plain(stream)


def glyphs_of(stream: TextIO) -> Glyphs:
    """Characters that a stream can take."""
    try:
        ''.join(BLOCKS).encode(stream.encoding or 'ascii')
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS


class Terminal:
    """Lines that are drawn again in their place.

    They stay when this ends, and so does what was above them.  No mode of the
    terminal is changed that a kill could leave behind.

    Parameters
    ----------
    stream : file
    glyphs : Glyphs
    colours : bool
    """

    def __init__(self, stream: TextIO, glyphs: Glyphs, colours: bool):
        self._stream, self._glyphs = stream, glyphs
        self._colours = colours
        self._size: os.terminal_size | None = None
        self._drawn = 0

    def show(self, found: Facts | Missing, now: float) -> None:
        """Draw what there is to see at a moment."""
        size = _size(self._stream)
        # After a change nobody knows how the terminal has broken the lines.
        changed = self._size not in (None, size)
        self._size = size
        start = ALL if changed else (
            f'\x1b[{self._drawn}F' if self._drawn else '')
        lines = told(found, now, Room(*size, self._glyphs))
        self._drawn = len(lines)
        self._stream.write(''.join([
            start, *(f'{self._painted(line, size.columns)}{REST_OF_LINE}\n'
                     for line in lines), REST]))
        self._stream.flush()

    def _painted(self, line: Line, columns: int) -> str:
        text, colour = cut(line.text, columns - 1), COLOURS.get(line.mood)
        if colour is None or not self._colours:
            return text
        return f'\x1b[{colour}m{text}\x1b[m'


class Plain:
    """A line whenever there is news, with the time.

    Parameters
    ----------
    stream : file
    """

    def __init__(self, stream: TextIO):
        self._stream, self._last = stream, ''

    def show(self, found: Facts | Missing, now: float) -> None:
        """Print a line, if it is another one than the last."""
        line = told_plainly(found, now)
        if line == self._last:
            return
        self._last = line
        moment = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))
        self._stream.write(f'{moment}  {line}\n')
        self._stream.flush()


def cut(text: str, columns: int) -> str:
    """As much of a text as so many columns hold.

    >>> cut('abcdef', 4), cut('日本語', 5)
    ('abcd', '日本')
    """
    used = 0
    for place, character in enumerate(text):
        used += 1 + (unicodedata.east_asian_width(character) in 'WF')
        if used > columns:
            return text[:place]
    return text


def pause(stream: TextIO, seconds: float) -> None:
    """Sleep, but not when nobody reads any more.

    Raises
    ------
    BrokenPipeError
        Who read the stream, `head` say, has gone.
    """
    try:
        number = stream.fileno()
    except OSError:
        # It is none of the system's, so there is no other end.
        time.sleep(seconds)
        return
    gone = select.poll()
    # Asked for nothing it tells of errors and of the other end alone.
    gone.register(number, 0)
    if gone.poll(1000 * seconds):
        raise BrokenPipeError


def _size(stream: TextIO) -> os.terminal_size:
    """Columns and lines of a terminal, at this moment."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except OSError:
        size = os.terminal_size((0, 0))
    # A terminal that does not know its size says that it has none.
    return size if all(size) else os.terminal_size((80, 24))
