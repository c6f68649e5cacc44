"""Command lines under one mpirun, and what comes of each of them."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.mpirun import Ended

#: A problem that does something unheard-of; {body} overrides its methods.
MODULE = '''
import os, sys, time
from aspis_mpi.learning.problems.quadratic import Quadratic

RANK = int(os.environ.get('OMPI_COMM_WORLD_RANK',
                          os.environ.get('PMI_RANK', 0)))

def note(word):
    with open('noted', 'a') as file:
        file.write(f'{{time.time()}} {{word}} {{RANK}}\\n')

class Problem(Quadratic):
    calls = 0

{body}
'''


@dataclass(frozen=True)
class Command:
    """A command line, and what lies where ranks enter it.

    Attributes
    ----------
    keys : dict
        Of the job in job.toml, besides those of `job`.
    body : str
        Of the `Problem` in a module `mine`, if there is to be one.
    words : tuple of str
        Behind `python -m aspis_mpi`; job.toml and run.h5 are where it is
        entered.
    first : str
        In Python, for every `rank` to begin with; see `one_start`.
    files : dict of str to str
        Texts of other files, by name.
    after : hashable
        The name of an earlier command line, whose folder is entered again.
    copy : Path, optional
        A folder all of which lies there, too.
    """

    keys: dict = field(default_factory=dict)
    body: str = ''
    words: tuple = ('run', 'job.toml', '--out', 'run.h5')
    first: str = ''
    files: dict = field(default_factory=dict)
    after: object = None
    copy: Path | None = None


@dataclass(frozen=True)
class Answer(Ended):
    """What came of one of several command lines under one mpirun.

    Its code is the one that mpirun would have answered, its time that of the
    last rank.  Shared memory is that of all of them.

    Attributes
    ----------
    folder : Path
        Where the ranks entered it.
    """

    folder: Path

    @property
    def log(self):
        """The run log that a command line names unless told otherwise."""
        return self.folder / 'run.h5'


def lay(place, command, job):
    """Write the files of a command line into a folder of its own."""
    place.mkdir(exist_ok=command.after is not None)
    if command.copy:
        shutil.copytree(command.copy, place, dirs_exist_ok=True)
    files = dict(command.files)
    if command.body:
        files['mine.py'] = MODULE.format(body=command.body)
    if 'job.toml' in command.words:
        files['job.toml'] = job
    for name, text in files.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)


def placed(words, place):
    """The same words, from wherever a rank goes."""
    return [str(place / word if word in ('job.toml', 'run.h5') else word)
            for word in words]


def answer(stem, place, ranks, ended):
    """The `Answer` of all ranks to a command line."""
    def said(ending):
        return ''.join(Path(f'{stem}.{rank}.{ending}').read_text()
                       for rank in range(ranks))
    try:
        codes, times = zip(*(
            json.loads(Path(f'{stem}.{rank}.json').read_text())
            for rank in range(ranks)))
    except FileNotFoundError as error:
        pytest.fail(f'no end of {stem}: {error}; mpirun: {ended.err}')
    code, = set(filter(None, codes)) or {0}
    return Answer(code, said('out'), said('err'), max(times), ended.mapped,
                  ended.left, place)
