"""The flags of parts, as a table: which part of a family can what.

A capability is a public class attribute that is true or false.  Its comment
in the base class of the family says what the project does with it.
"""

from aspis_mpi import registry

#: The words of the table; what depends is a property of the class.
WORDS = {True: 'yes', False: '-'}
DEPENDS = 'depends'
#: Columns of a terminal, but for the last.
WIDTH = 79


def capabilities(family):
    """The capabilities of a family's parts.

    Parameters
    ----------
    family : str
        A key of `registry.FAMILIES`.

    Returns
    -------
    dict of str to dict of str to str
        By capability and by name of the part: `yes`, `-`, or `depends` where
        the options of a job decide.
    """
    parts = registry.parts(family)
    names = dict.fromkeys(name for part in parts.values()
                          for name in _flags(part))
    return {name: {key: _word(part, name) for key, part in parts.items()}
            for name in names}


def table(family):
    """The lines of that table, none where the parts differ in no flag.

    Capabilities stand in rows or in columns, whichever is narrower.
    """
    found = capabilities(family)
    if not found:
        return []
    rows = [['', *registry.parts(family)],
            *([name, *words.values()] for name, words in found.items())]
    turned = [list(row) for row in zip(*rows)]
    return min((_laid(it, gap) for gap in ('  ', ' ')
                for it in (rows, turned)), key=_beyond)


def _beyond(lines):
    """Columns beyond those of a terminal, or none."""
    return max(0, max(map(len, lines)) - WIDTH)


def _flags(part):
    """Names of a class's flags, those of the base first."""
    return [name for cls in reversed(part.__mro__)
            for name, value in vars(cls).items()
            if isinstance(value, bool) and not name.startswith('_')]


def _word(part, name):
    return WORDS.get(getattr(part, name, False), DEPENDS)


def _laid(rows, gap):
    """Rows of words as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  ' + gap.join(map(str.ljust, row, widths)).rstrip()
            for row in rows]
