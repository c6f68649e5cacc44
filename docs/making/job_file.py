"""The reference of the job file: what `list` says, and what it means.

Parts, options, presets, keys, types, defaults and bounds come from the lines
of `aspis_mpi list`, so that both always say the same.  What an option means
stands in the docstring of its part, what a key means in job_file.toml.
"""

import inspect
import re

from aspis_mpi import registry
from aspis_mpi.job.listing import KEYS, listing

from making.descriptions import read, table

#: Where a family's parts are chosen, and what they are, in a heading.
FAMILIES = {
    'assignment': 'Assignments: `assignment.name`',
    'order': 'Orders: `assignment.order`',
    'collection': 'Collections: `collection.name`',
    'transfer': 'Transfers: `transfer.name`',
    'compression': 'Compressions: `compression.name`',
    'code': 'Codes: `transfer.code`',
    'detection': 'Detection rules: `detection.name`',
    'aggregation': 'Aggregations: `aggregation.name`',
    'pre-aggregation': 'Pre-aggregations: `aggregation.before`',
    'who': 'Who lies: `adversary.who`',
    'files': 'On which files: `adversary.files`',
    'value': 'Values of liars: `adversary.value`',
    'protocol': 'Lies about the rest: `adversary.protocol`',
    'delay': 'Delays: `delay.name`',
    'problem': 'Problems: `problem.name`',
    'model': 'Models: `problem.model`',
    'data': 'Sets of images: `problem.data`, and `prepare`',
    'optimizer': 'Optimizers: `optimizer.name`',
    'schedule': 'Schedules: `optimizer.schedule`'}


def keys():
    """The keys of every section, with type, default, bounds and meaning."""
    told, sections = read(), {}
    for line in listing(KEYS):
        if line.startswith('  '):
            name, _, kind = line.strip().partition(': ')
            section, _, key = name.partition('.')
            sections.setdefault(section, []).append((key, kind))
    return '\n\n'.join(
        f'### `[{section}]`\n\n{told[section]["_"]}\n\n' + table(
            ('key', 'type and default', 'meaning'),
            [(f'`{key}`', f'`{kind}`', told[section][key])
             for key, kind in found])
        for section, found in sections.items())


def parts():
    """Every part of every family, with its options."""
    return '\n\n'.join(_family(family) for family in registry.FAMILIES)


def _family(family):
    rows = []
    for name, summary, options in listed(family):
        part = registry.parts(family)[name]
        needs, exists = (getattr(part, key, '') for key in ('needs', 'exists'))
        rows.append((f'`{name}`', '', _code(summary) + (
            f' Needs {needs}.' if needs else '') + (
            f' Exists for {_code(exists)}.' if exists else '')))
        rows += [('', f'`{key}: {kind}`', meaning(part, key))
                 for key, kind in options]
    return f'### {FAMILIES[family]}\n\n' + table(
        ('name', 'option', 'what it does'), rows)


def listed(family):
    """Name, summary and options of the parts, as `list` prints them."""
    found = []
    for line in list(listing(family))[1:]:
        if not line.startswith('  '):
            break                   # a section of the same name follows
        if line[2] != ' ':
            name, _, summary = line.strip().partition(' ')
            found.append((name, summary.strip(), []))
            continue
        key, _, kind = line.strip().partition(': ')
        if ' ' not in key:          # else what this machine lacks for it
            found[-1][2].append((key, kind))
    return found


def meaning(part, key):
    """What the docstring of a part, or of a class under it, says of an option.

    Returns
    -------
    str
        Empty where none does.
    """
    for cls in inspect.getmro(part):
        found = re.search(
            rf'^(?:\w+, )*{key}(?:, \w+)* : [^\n]*\n((?:    [^\n]*\n|\n)+)',
            (inspect.getdoc(cls) or '') + '\n', re.MULTILINE)
        if found:
            return _code(' '.join(found[1].split()))
    return ''


def _code(text):
    """Docstrings write `code` as pages do; a bare * or < is no Markdown."""
    pieces = text.split('`')
    pieces[::2] = [re.sub(r'([*<_\[\]])', r'\\\1', piece)
                   for piece in pieces[::2]]
    return '`'.join(pieces)


def presets():
    """What each name of `scheme.name` fills in."""
    lines = [line for line in listing('scheme') if line.startswith('  ')
             and not line.strip().startswith('scheme.')]
    return '```text\n' + '\n'.join(line[2:] for line in lines) + '\n```'
