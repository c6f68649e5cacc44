"""Text files of the user's own, as UTF-8 or as their byte-order mark says."""

import codecs
import gzip
import zlib
from pathlib import Path

#: Marks and what they name; that of UTF-32 begins like that of UTF-16.
MARKS = {codecs.BOM_UTF8: 'utf-8-sig',
         codecs.BOM_UTF32_LE: 'utf-32', codecs.BOM_UTF32_BE: 'utf-32',
         codecs.BOM_UTF16_LE: 'utf-16', codecs.BOM_UTF16_BE: 'utf-16'}

#: What helps in every case.
ADVICE = 'save it as UTF-8'


def read(path):
    """The text of a file, unpacked where its name ends in .gz.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str
        Without the mark; ends of lines as they are.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        What it holds is no text; the line where it ceases to be one.
    """
    raw = Path(path).read_bytes()
    return decoded(_unpacked(raw) if Path(path).suffix == '.gz' else raw)


def _unpacked(raw):
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f'is no whole gzip file: {error}') from error


def decoded(raw):
    """The text of some bytes.

    Raises
    ------
    ValueError

    >>> decoded(codecs.BOM_UTF8 + b'a'), decoded('a'.encode('utf-16'))
    ('a', 'a')
    """
    codec = next((codec for mark, codec in MARKS.items()
                  if raw.startswith(mark)), 'utf-8')
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError as error:
        line = raw[:error.start].decode(codec, 'replace').count('\n') + 1
        kind = codec.removesuffix('-sig').upper()
        raise ValueError(f'line {line} is no text in {kind} (byte '
                         f'0x{raw[error.start]:02x}); {ADVICE}') from error
    if '\0' in text:
        raise ValueError('has zero bytes: it is no text, or UTF-16 without a '
                         f'byte-order mark; {ADVICE}')
    return text
