"""The table of messages, as the page of the protocol declares them."""

from aspis_mpi.protocol.messages import MESSAGES

from making.descriptions import table


def rows():
    """From whom, name, meaning, lane and content of each message."""
    return [(cls.sender, cls.__name__, ' '.join(cls.__doc__.split()),
             cls.lane.name, '; '.join((*cls.numbers, *(
                 it.meaning for it in cls.parts)))) for cls in MESSAGES]


def table_of_messages():
    """The table in Markdown."""
    return table(('from', 'message', 'meaning', 'lane', 'content'), [
        (sender, f'`{name}`', meaning, lane.lower(), content)
        for sender, name, meaning, lane, content in rows()])
