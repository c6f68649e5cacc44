"""The table of messages, as the page of the protocol has it."""

from aspis_mpi.protocol import messages

from making.descriptions import table


def rows():
    """From whom, name, content and lane of each message."""
    found, inside = [], 0
    for line in (messages.__doc__ or '').splitlines():
        if line.startswith('===='):
            inside += 1
            continue
        if inside != 2:
            continue
        if not line.startswith(' '):
            found.append(_split(line))
            continue
        found[-1][2] += ' ' + line.strip()
    return found


def _split(line):
    """A line whose content may begin late, behind a long name."""
    sender, name, rest = line.split(maxsplit=2)
    content, _, lane = rest.rpartition('  ')
    return [sender, name, content.strip(), lane.strip()]


def table_of_messages():
    """The table in Markdown."""
    return table(('from', 'message', 'content', 'lane'), [
        (sender, f'`{name}`', content, lane.lower())
        for sender, name, content, lane in rows()])
