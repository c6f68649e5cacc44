"""Options of parts: their types, and the form in which a run log has them.

The complete job goes into the run log as TOML, which has numbers, texts,
booleans, times, lists and tables.  A value that a job gives has such a form
already.  What Python has beyond that, a path or a member of an enumeration,
is made of it as the annotation says; a default has a form if one is honest.
"""

import json
import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, is_dataclass
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any

import numpy as np
import tomli_w
from pydantic import (
    BaseModel, ConfigDict, Field, ValidationError, WrapValidator,
    create_model)

#: How a job file is read: no number from a text, no text from a number.
STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True,
                    protected_namespaces=())

#: What JSON calls lists and tables.
WORDS = {'valid array': 'valid list', 'valid tuple': 'valid list',
         'valid set': 'valid list', 'valid frozenset': 'valid list',
         'valid dictionary': 'valid table', 'an object': 'a table'}


def field_name(key):
    """The field of a section that holds an option.

    Its key, unless pydantic has use for that name itself.

    >>> field_name('load'), field_name('copy'), field_name('_depth')
    ('load', 'option_copy', 'option__depth')
    """
    taken = key.startswith('_') or hasattr(BaseModel, key)
    return f'option_{key}' if taken else key


def field(key, option):
    """Annotation and default of a section's field.

    Parameters
    ----------
    key : str
    option : inspect.Parameter
        With its annotation resolved.

    Returns
    -------
    annotation, pydantic.fields.FieldInfo

    Raises
    ------
    ValueError
        Nothing can be read as of this type.
    """
    kind = Any if option.annotation is option.empty else option.annotation
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error', UserWarning)
            model = create_model('Option', __config__=STRICT,
                                 value=(kind, Field(alias='value')))
    except Exception as error:
        reason = str(error).partition('\n')[0].partition('. ')[0]
        raise ValueError(f'no value of a job file can be of its type, {kind}: '
                         f'{reason}') from error
    default = option.default

    # Closures: pydantic shows what it is given, and a default may be large.
    def read(value, handler):
        return _read(model, default, value, handler)

    # A default is the constructor's own affair: a path that is a text, a
    # number that is None.
    made = Field(alias=key) if default is option.empty else Field(
        alias=key, default_factory=lambda: deepcopy(default))
    return Annotated[kind, WrapValidator(read)], made


def _read(model, default, value, handler):
    """The value of an option from what stands in a job file."""
    if same(value, default):
        return deepcopy(default)
    try:
        return handler(value)
    except ValidationError as error:
        refused = error
    # As of JSON: a path is a text there, a set a list.
    text = json.dumps({'value': kept(value)}, default=str)
    try:
        return model.model_validate_json(text).value
    except ValidationError as error:
        python_only = any(entry['type'] == 'needs_python_object'
                          for entry in error.errors())
        raise refused if python_only else error from None


def same(value, default):
    """True if a value of a job file is the form of a default."""
    try:
        # 1, 1.0 and true are not the same; NaN is.
        return repr(value) == repr(kept(default))
    except ValueError:
        return False


def kept(value):
    """The form that a value has in a run log.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool, int, float, str, date, time, list or dict

    Raises
    ------
    ValueError
        It has none that would be honest.

    >>> from pathlib import Path
    >>> kept({'sizes': (3, 3), 'file': Path('a.csv'), 'seen': {2, 1}})
    {'sizes': [3, 3], 'file': 'a.csv', 'seen': [1, 2]}
    """
    if isinstance(value, Enum):
        return kept(value.value)
    if isinstance(value, bool | date | time):
        return _tried(value)
    for kind in (int, float, str):
        if isinstance(value, kind):
            return _tried(kind(value))
    if isinstance(value, PurePath):
        return _tried(str(value))
    if isinstance(value, list | tuple):
        return [kept(entry) for entry in value]
    if isinstance(value, set | frozenset):
        # Every rank and every run writes the same.
        return sorted((kept(entry) for entry in value), key=repr)
    if isinstance(value, np.ndarray | np.generic) and (
            value.dtype.kind in 'biufU'):
        return kept(value.tolist())
    if is_dataclass(value) and not isinstance(value, type):
        return kept(asdict(value))
    if isinstance(value, Mapping) and all(
            isinstance(key, str) for key in value):
        return {_tried(key): kept(entry) for key, entry in value.items()}
    raise ValueError(f'{type(value).__name__} is no number, text, boolean, '
                     'time, list or table')


def _tried(value):
    """A value of TOML's, if it can be written."""
    try:
        tomli_w.dumps({'value': value}).encode()
    except UnicodeEncodeError:
        raise ValueError('a text has bytes that are not UTF-8') from None
    except ValueError as error:
        # The name of a setting of Python's would follow.
        raise ValueError(str(error).partition(';')[0]) from None
    return value


def told(value, most=100):
    """A value in a message: one line, cut where it is long.

    >>> told('a' * 200, 20)
    "'aaaaaaaaaaaaaaaa..."
    """
    try:
        text = ' '.join(repr(value).split())
    except Exception as error:
        text = f'<{type(value).__name__}, whose repr raises {error!r}>'
    return text if len(text) <= most else f'{text[:most - 3]}...'


def message(error, key):
    """The words of pydantic about a key, in those of a job file."""
    said = [entry['msg'].removeprefix('Input ').removeprefix('Value error, ')
            for entry in error.errors() if entry['loc'][0] == key]
    text = ' or '.join(dict.fromkeys(said))
    for theirs, ours in WORDS.items():
        text = text.replace(theirs, ours)
    return text + (', such as [0, 1]' if text.endswith('valid list') else '')
