"""The words of a job file: parts with their options, presets, keys."""

import inspect
import textwrap
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin

from aspis_mpi import registry
from aspis_mpi.job import capabilities, presets
from aspis_mpi.job.sections import PARTS, SECTIONS
from aspis_mpi.parts import extras, own

#: The topic of every key of every section.
KEYS = 'keys'
#: All that can be asked for by name.
TOPICS = sorted({*registry.FAMILIES, *SECTIONS, KEYS})

#: Bounds of a key, as pydantic calls them, in words.
BOUNDS = {'gt': 'above', 'ge': 'at least', 'lt': 'below', 'le': 'at most'}

#: Columns of a terminal.
WIDTH = 79

#: Adversaries for which a preset is shown that depends on their number.
SHOWN = 2


def listing(topic=None):
    """The lines about a topic, or about all.

    Parameters
    ----------
    topic : str, optional
        One of `TOPICS`: a family has parts, a section keys, and some names
        are both; the section `scheme` has the presets.  Or the
        `module:Class` of a part of the user's own.  The lines of a family
        end with a table: which part can what.

    Returns
    -------
    iterator of str

    Raises
    ------
    UnknownPart
        There is no such part.
    """
    if topic is not None and ':' in topic:
        yield from _part(topic, own.load(topic))
    for family in registry.FAMILIES:
        if topic in (None, family):
            yield from _parts(family)
    if topic in (None, 'scheme'):
        yield from _presets()
    for section in SECTIONS:
        if topic in (None, KEYS, section):
            yield from _keys(section)
    if topic in registry.FAMILIES:
        yield from _capabilities(topic)


def _parts(family):
    yield f'{family}:'
    for name, part in registry.parts(family).items():
        yield from _part(name, part)


def _part(name, part):
    """A part with its options."""
    yield f'  {name:<20} {registry.summary(part)}'
    for library in extras.missing(part):
        yield f'  {"":<20}   needs {extras.advice(library)}'
    for key, option in registry.options(part).items():
        told = ('required' if option.default is inspect.Parameter.empty
                else '')
        yield f'  {"":<20}   ' + _option(key, option, told)
    yield from _existence(part)


def _existence(part):
    """Lines on the sizes for which a part exists, if not for all."""
    return textwrap.wrap(getattr(part, 'exists', ''), WIDTH,
                         initial_indent=f'  {"":<20}   exists for ',
                         subsequent_indent=f'  {"":<20}     ')


def _capabilities(family):
    """The table of what each part can, if the family has flags."""
    lines = capabilities.table(family)
    if lines:
        yield f'{family}, which can what:'
        yield from lines


def _presets():
    """The keys that each name of `scheme.name` fills in."""
    yield 'scheme.name:'
    for name in (None, *presets.PRESETS):
        head = name or '(none)'
        if callable(presets.PRESETS.get(name)):
            yield f'  {head:<22} where scheme.adversaries = {SHOWN}:'
            head = ''
        for section, keys in presets.sections(name, SHOWN).items():
            yield from _keys_of(f'  {head:<22} [{section}] ', keys)
            head = ''


def _keys_of(head, keys):
    """Lines of keys and their values, none of which is torn."""
    filled = ', '.join(f'{key}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}'
                       f'{_toml(value)}' for key, value in keys.items())
    for line in textwrap.wrap(filled, WIDTH, initial_indent=head,
                              subsequent_indent=f'  {"":<22}   '):
        yield line.replace('\N{NO-BREAK SPACE}', ' ')


def _toml(value):
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _keys(section):
    """The keys of a section that hold for every part."""
    yield f'[{section}]:'
    topics = {'name': section} if section == 'scheme' else PARTS.get(
        section, {})
    for key, field in SECTIONS[section].model_fields.items():
        told = ''
        if field.is_required():
            told = ('from scheme.name' if section in presets.DEFAULT
                    else 'required')
        bounds = [f'{word} {getattr(bound, name)}'
                  for bound in field.metadata
                  for name, word in BOUNDS.items() if hasattr(bound, name)]
        family = topics.get(key)
        see = [f'see list {family}'] if family else []
        line = _option(f'{section}.{key}', field, told)
        yield '  ' + ', '.join([line, *bounds, *see])


def _option(key, option, told):
    """A key with its type, and its default or what is `told` instead."""
    kind = f'{key}: {_kind(option.annotation)}'
    return f'{kind}, {told}' if told else f'{kind} = {option.default!r}'


def _kind(annotation):
    """A type as a reader of TOML knows it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ' | '.join(map(repr, inner))
    if origin in (Union, UnionType):
        return ' | '.join(map(_kind, inner))
    if annotation is NoneType:
        return 'None'
    if annotation is inspect.Parameter.empty:
        return 'any'
    return str(annotation) if inner else annotation.__name__
