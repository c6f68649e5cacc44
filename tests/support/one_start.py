"""Command lines one after the other, from one start of the ranks.

Run under mpirun with a file that lists what to do in turn: each time the
beginning of the names of files for what each rank says, its exit code and the
time; a folder to be in; a text in Python for every rank to begin with in
there; and the words behind `python -m aspis_mpi`.

The text knows the `rank`, may change its `words`, and may `patch(thing, name,
value)`.  That and what else a rank has changed of its surroundings is undone
before the next command line.
"""

import importlib
import json
import os
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aspis_mpi import __main__
from aspis_mpi.backends.launcher import launch

#: Endings of the files with what a rank says, by the streams.
STREAMS = {1: 'out', 2: 'err'}


def main(path):
    """Enter all command lines; the exit code of the last one."""
    rank, code = launch().rank, 0
    for stem, folder, first, words in json.loads(Path(path).read_text()):
        with _heard(f'{stem}.{rank}'), _surroundings(folder) as patch:
            exec(first, {'rank': rank, 'words': words, 'patch': patch})
            code = __main__.main(words)
        Path(f'{stem}.{rank}.json').write_text(
            json.dumps([code, time.time()]))
    return code


@contextmanager
def _heard(stem):
    """Have what is said here in files."""
    before = {stream: os.dup(stream) for stream in STREAMS}
    for stream, ending in STREAMS.items():
        with open(f'{stem}.{ending}', 'w') as file:
            os.dup2(file.fileno(), stream)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, kept in before.items():
            os.dup2(kept, stream)
            os.close(kept)


@contextmanager
def _surroundings(folder):
    """Folder, path, environment and modules of one command line."""
    home, environment, path = os.getcwd(), dict(os.environ), list(sys.path)
    with ExitStack() as held:
        def patch(thing, name, value):
            held.callback(setattr, thing, name, getattr(thing, name))
            setattr(thing, name, value)

        os.chdir(folder)
        sys.path.insert(0, os.getcwd())
        importlib.invalidate_caches()
        yield patch
    os.chdir(home)
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
    _forget(home)


def _forget(home):
    """Let modules that lie below a folder be imported anew."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, '__file__', None)).startswith(f'{home}/'):
            del sys.modules[name]


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
