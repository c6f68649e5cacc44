"""A complete job: its sections, and the parts that they name."""

import re
from dataclasses import dataclass
from typing import Any

import tomli_w

from aspis_mpi import registry
from aspis_mpi.errors import JobError
from aspis_mpi.job.sections import PARTS, SECTIONS
from aspis_mpi.words import short_of_memory

#: Numbers that a part is given, and the key of another section that says
#: each.
GIVEN = {'copies': 'collection.copies', 'number of workers': 'scheme.workers',
         'number of adversaries': 'scheme.adversaries', 'steps': 'run.steps'}


@dataclass(frozen=True)
class Part:
    """A class, or a function, and the options that the job gives it.

    Attributes
    ----------
    cls : type or callable
    options : dict
        What its constructor gets.
    kept : dict
        The same options as the run log has them, those that are None left
        out.
    section, key, word : str
        Where the job names it, and what it says there; the key has a number
        where the job has a list.
    path : str
        Of the job file, for messages.
    """

    cls: Any
    options: dict
    kept: dict
    section: str
    key: str
    word: str
    path: str

    def create(self, *context):
        """Make it; what it refuses becomes a `JobError`."""
        family = PARTS[self.section][self.key.partition('.')[0]]
        misfit = registry.misfit(family, self.cls, context, self.options)
        if misfit:
            raise JobError(f'{self.path}: {self.section}.{self.key} = '
                           f'{self.word!r}: {misfit}')
        try:
            return self.cls(*context, **self.options)
        except MemoryError as error:
            raise JobError(f'{self.path}: {self.section}.{self.key} = '
                           f'{self.word!r}: {short_of_memory(error)}'
                           ) from None
        except ValueError as error:
            raise refusal(self.path, self.section, error,
                          self.options) from error


def refusal(path, section, error, own=()):
    """The refusal of a part, as a `JobError` that names the job's key.

    Parameters
    ----------
    path : str
        Of the job file.
    section : str
        Of the part.
    error : ValueError
    own : container of str
        The part's own options, which stand in its section.
    """
    text = str(error)
    for words, key in GIVEN.items():
        said = re.fullmatch(rf'{words} (\S+) (must .*)', text, re.DOTALL)
        if said and words not in own:
            return JobError(f'{path}: {key} = {said[1]}: {said[2]}')
    return JobError(f'{path}: {section}: {text}')


@dataclass(frozen=True)
class Job:
    """A complete job: every section with every key, and where it came from.

    Attributes
    ----------
    run, problem, optimizer, scheme, assignment, collection, transfer,
    compression, detection, aggregation, adversary, delay, faults, runtime,
    network, log : Section
    parts : dict of (str, str) to Part
        The part that each key of each section names.
    path : str
        Of the job file, for messages.
    """

    path: str
    parts: dict
    run: Any
    problem: Any
    optimizer: Any
    scheme: Any
    assignment: Any
    collection: Any
    transfer: Any
    compression: Any
    detection: Any
    aggregation: Any
    adversary: Any
    delay: Any
    faults: Any
    runtime: Any
    network: Any
    log: Any

    @property
    def n_workers(self):
        """K."""
        return self.scheme.workers

    @property
    def q(self):
        """The number of adversaries that the server assumes."""
        return self.scheme.adversaries

    def part(self, section, key='name'):
        """The part that a key names, None where there is none."""
        return self.parts.get((section, key))

    def series(self, section, key):
        """The parts that a list names, in its order."""
        return tuple(part for (home, place), part in self.parts.items()
                     if home == section
                     and place.rpartition('.')[0] == key)

    def create(self, section, key, *context):
        """Make a part; what it refuses becomes a `JobError`."""
        return self.parts[section, key].create(*context)

    def to_toml(self):
        """The complete job, which `load` reads back."""
        return tomli_w.dumps({
            name: {key: value for key, value in table.items()
                   if value is not None}
            for name, table in self.tables().items()})

    def tables(self):
        """Every key of every section as the run log has it.

        Keys of parts that are None are left out, those of the section not.
        """
        tables = {name: getattr(self, name).model_dump(include=set(
            base.model_fields)) for name, base in SECTIONS.items()}
        for (section, _), part in self.parts.items():
            tables[section] |= part.kept
        return tables
