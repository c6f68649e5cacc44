"""The tables of a job file against its sections and parts, key by key.

A section has keys of its own and the options of the parts that it names:
`[detection] name = 'clique'` takes what the constructor of `Clique` takes.
pydantic checks types and tells the path of a wrong field.
"""

import inspect

from pydantic import ValidationError, create_model

from aspis_mpi import registry
from aspis_mpi.errors import JobError
from aspis_mpi.job import options, presets
from aspis_mpi.job.job import Job, Part
from aspis_mpi.job.sections import ELSEWHERE, PARTS, SECTIONS

#: What helps where a constructor has a default that no job could say.
DEFAULT = ('; let the default be what a job file can say, or None, and make '
           'the rest in the constructor')


def checked(tables, path, n_workers=None, brought=None):
    """The job of some tables, with presets and defaults filled in.

    Parameters
    ----------
    tables : dict of str to dict
        By section.
    path : str
        Of the job file, for messages.
    n_workers : int, optional
        Default of `scheme.workers`.
    brought : str, optional
        The name of a problem that the caller brings.

    Returns
    -------
    Job

    Raises
    ------
    JobError
    """
    for name, table in tables.items():
        if name not in SECTIONS:
            raise JobError(f"{path}: unknown section '{name}'; "
                           f'{registry.nearest(name, SECTIONS)}')
        if not isinstance(table, dict):
            raise JobError(f'{path}: {name} = {table!r}: must be a section, '
                           f'[{name}]')
    preset = _preset(tables, path)
    sections, parts = {}, {}
    for name, base in SECTIONS.items():
        own = dict(tables.get(name, {}))
        table = _filled(own, preset.get(name, {}))
        if name == 'scheme':
            table.setdefault('workers', n_workers)
        if name == 'problem' and brought is not None:
            # The caller's own: named for the log, not looked up.
            table['name'], chosen = brought, {}
        else:
            chosen = _parts(name, base, table, path)
        _refuse_shared(name, base, table, chosen, path)
        known = {*base.model_fields, *_option_names(chosen)}
        # An option of a part that the user did not choose goes with it.
        table = {key: value for key, value in table.items()
                 if key in known or key in own}
        section = _section(name, base, table, chosen, path)
        for key in base.model_fields:
            if table.get(key) is not None:
                _form(f'{path}: {name}.{key}', table[key])
        sections[name] = section
        for key, cls in chosen.items():
            values = {option: getattr(section, options.field_name(option))
                      for option in _options(cls)}
            parts[name, key] = Part(cls, values, _kept(name, table, cls, path),
                                    name, key, word(vars(section), base, key),
                                    path)
    job = Job(path, parts, **sections)
    _place_device(job)
    return job


def _preset(tables, path):
    """The sections of the preset that the job names."""
    name = tables.get('scheme', {}).get('name')
    if name is not None and str(name) not in presets.PRESETS:
        homes = [f'{section}.{key} = {name!r}'
                 for section, keys in PARTS.items()
                 for key, family in keys.items()
                 if str(name) in registry.parts(family)]
        hint = (f"'{name}' is a part: {' or '.join(homes)}" if homes
                else registry.nearest(str(name), presets.PRESETS))
        raise JobError(f"{path}: scheme.name = {name!r}: no scheme is called "
                       f"'{name}'; {hint}")
    q = tables.get('scheme', {}).get('adversaries', 0)
    # What is no number is refused where the section is checked.
    return presets.sections(name, q if isinstance(q, int) else 0)


def _filled(own, preset):
    """A section with the preset's choices, unless it is another part."""
    if own.get('name', preset.get('name')) != preset.get('name'):
        return own
    return preset | own


def _parts(name, base, table, path):
    """The classes that a section names."""
    chosen = {}
    for key, family in PARTS.get(name, {}).items():
        default = base.model_fields[key].default
        if isinstance(default, list):
            chosen |= _several(name, key, family, table, path)
            continue
        said = table.get(key, default if isinstance(default, str) else None)
        if default is None and 'name' in chosen:
            said = _nested(name, key, chosen['name'], said, table, path)
        if said is not None:
            chosen[key] = _found(family, said, f'{path}: {name}.{key}')
    return chosen


def _several(name, key, family, table, path):
    """The classes that a list names, by its key and their numbers in it."""
    said = table.get(key, [])
    # What is no list of texts is refused where the section is checked.
    if not (isinstance(said, list)
            and all(isinstance(it, str) for it in said)):
        return {}
    for number, it in enumerate(said):
        if it in said[:number]:
            raise JobError(f"{path}: {name}.{key} = {said!r}: '{it}' stands "
                           'there twice')
    return {f'{key}.{number}': _found(family, it,
                                      f'{path}: {name}.{key}.{number}')
            for number, it in enumerate(said)}


def _found(family, said, place):
    """The class of a family, for a place in the job file."""
    try:
        cls = registry.find(family, str(said))
        registry.options(cls)
    except registry.UnknownPart as error:
        refused = JobError(f'{place} = {said!r}: {error}')
        refused.trace = error.trace
        raise refused from error
    return cls


def word(table, base, place):
    """The name of a part, as a section has it.

    Parameters
    ----------
    table : dict
        Of the section; a default may be missing.
    base : type
        The section.
    place : str
        A key, or a key and a number where it has a list.
    """
    key, _, number = place.partition('.')
    said = table.get(key, base.model_fields[key].default)
    return said[int(number)] if number else said


def _refuse_shared(name, base, table, chosen, path):
    """Refuse a key of a job file that would mean two things."""
    homes = dict.fromkeys(base.model_fields, f'every [{name}]')
    for place, cls in chosen.items():
        part = repr(word(table, base, place))
        for key in _options(cls):
            if key in homes:
                raise JobError(
                    f'{path}: {name}.{key} belongs to {homes[key]}; give the '
                    f'option of {part} another name')
            homes[key] = part


def _nested(section, key, part, word, table, path):
    """The part within a part: a problem's model, a transfer's code."""
    default = getattr(part, f'default_{key}', None)
    # What a function makes is not known yet: the job says what is in it.
    if word is not None and default is None and inspect.isclass(part):
        raise JobError(f"{path}: {section}.{key} = {word!r}: {section} "
                       f"'{table['name']}' has no {key} to choose")
    if default is not None:
        table[key] = word or default
    return table.get(key)


def _option_names(chosen):
    return [key for cls in chosen.values() for key in _options(cls)]


def _options(cls):
    return {key: parameter for key, parameter in registry.options(cls).items()
            if key not in ELSEWHERE}


def _section(name, base, table, chosen, path):
    """The frozen section, its own keys and those of its parts."""
    try:
        model = _model(name, base, *chosen.values())
    except ValueError as error:
        raise JobError(f'{path}: {error}') from error
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise JobError(_explain(name, model, error, path, table,
                                chosen)) from None


@registry.remembered
def _model(name, base, *parts):
    """The class of a section, made once: that takes most of the loading."""
    fields = {}
    for part in parts:
        for key, option in _options(part).items():
            try:
                fields[options.field_name(key)] = options.field(key, option)
            except ValueError as error:
                raise ValueError(f'{name}.{key}: {error}') from error
    if not fields:
        return base
    return create_model(f'{name.capitalize()}Section', __base__=base,
                        **fields)


def _kept(name, table, cls, path):
    """The options of a part as the run log has them."""
    return {key: _form(f'{path}: {name}.{key}',
                       table.get(key, option.default),
                       '' if key in table else DEFAULT)
            for key, option in _options(cls).items()
            if table.get(key, option.default) is not None}


def _form(place, value, hint=''):
    """The form of a value in the run log."""
    try:
        return options.kept(value)
    except ValueError as error:
        raise JobError(f'{place} = {options.told(value)}: the run log cannot '
                       f'keep this: {error}{hint}') from error


def _explain(name, model, error, path, table, chosen):
    """The first thing that is wrong with a section, in one line."""
    first = error.errors()[0]
    # Behind the key come an index, or the kinds of a key that takes several.
    key, *places = first['loc']
    key = '.'.join([key, *(str(place) for place in places
                           if isinstance(place, int))])
    if first['type'] == 'extra_forbidden':
        known = {*model.model_fields, *_option_names(chosen)}
        hint = (_misplaced(key, SECTIONS[name], table, chosen)
                or _elsewhere(name, key, model, table)
                or registry.nearest(key, known))
        return f"{path}: unknown key '{name}.{key}'; {hint}"
    if first['type'] == 'missing':
        return f"{path}: {name}.{key} is missing and has no default"
    return (f"{path}: {name}.{key} = {options.told(first['input'])}: "
            f"{options.message(error, first['loc'][0])}")


def _misplaced(key, base, table, chosen):
    """A guess at what an own part's author has meant by a key, or ''."""
    for place, cls in chosen.items():
        said = str(word(table, base, place))
        hint = ':' in said and registry.misplaced(cls, key)
        if hint:
            return f'{said!r}: {hint}'
    return ''


def _elsewhere(section, key, model, table):
    """The parts that have an option that the chosen one has not, or ''."""
    for place, family in PARTS.get(section, {}).items():
        names = [name for name, cls in registry.parts(family).items()
                 if key in _options(cls)]
        if names:
            chosen = table.get(place, model.model_fields[place].default)
            return (f"'{key}' is an option of {family} "
                    f'{", ".join(map(repr, names))}; {section}.{place} is '
                    + ('not set' if chosen is None else repr(chosen)))
    return ''


def _place_device(job):
    """Give `runtime.device` to the parts that take a device."""
    for part in job.parts.values():
        if 'device' in registry.options(part.cls):
            part.options['device'] = job.runtime.device
