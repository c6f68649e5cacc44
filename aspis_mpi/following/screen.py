"""Where a followed run is shown: a terminal, or a line at a time elsewhere."""

import os
import select
import time
from typing import TextIO

from aspis_mpi.following.drawing import ASCII, BLOCKS, Glyphs
from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.following.telling import (
    Line, Mood, Room, told, told_plainly)

#: Number of each mood's colour, as terminals count them.
COLOURS = {Mood.HEAD: 1, Mood.CURVE: 36, Mood.WARNING: 33, Mood.WRONG: 31,
           Mood.GOOD: 32}

#: What a terminal obeys: begin a long line no new one, or again; erase the
#: rest of the line, of the screen; erase all and go to the beginning.
CUT, WRAP = '\x1b[?7l', '\x1b[?7h'
REST_OF_LINE, REST, ALL = '\x1b[K', '\x1b[J', '\x1b[2J\x1b[H'


def screen_of(stream: TextIO) -> 'Terminal | Plain':
    """What suits a stream: no terminal is sent anything that one obeys."""
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

    They stay when this ends, and so does what was above them.  What is sent
    leaves the terminal as it was: a kill at any time breaks nothing.

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
            start, CUT, *(f'{self._painted(line)}{REST_OF_LINE}\n'
                          for line in lines), REST, WRAP]))
        self._stream.flush()

    def _painted(self, line: Line) -> str:
        colour = COLOURS.get(line.mood)
        if colour is None or not self._colours:
            return line.text
        return f'\x1b[{colour}m{line.text}\x1b[m'


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


def pause(stream: TextIO, seconds: float) -> None:
    """Sleep, but not when nobody reads any more.

    Raises
    ------
    BrokenPipeError
        Who read the stream, `head` say, has gone.
    """
    gone = select.poll()
    # Asked for nothing it tells of errors and of the other end alone.
    gone.register(stream.fileno(), 0)
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
