"""Scripts and modules as Python runs them, where imports have been done.

A Python that has imported what takes long forks for every command: what it
runs has a process, an output and an end of its own, as if it were started.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.support.limits import HANGS

ROOT = Path(__file__).parents[2]


class WarmPython:
    """Runs commands one after the other; ends with its `with` block.

    Parameters
    ----------
    *modules : str
        What is imported before.
    """

    def __init__(self, *modules):
        self._server = subprocess.Popen(
            [sys.executable, '-m', __name__, *modules], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {
                'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._server.communicate(timeout=HANGS)

    def __call__(self, *words, cwd='.'):
        """What comes of `python WORDS`, a script or `-m` and a module.

        Returns
        -------
        subprocess.CompletedProcess
        """
        words = [str(word) for word in words]
        with tempfile.TemporaryDirectory() as folder:
            said = [Path(folder, name) for name in ('out', 'err')]
            print(json.dumps([words, str(Path(cwd).resolve()),
                              *map(str, said)]),
                  file=self._server.stdin, flush=True)
            code = int(self._server.stdout.readline())
            return subprocess.CompletedProcess(
                words, code, *(path.read_text() for path in said))


def serve():
    """Fork for every line that is read, and say how the child has ended."""
    for line in sys.stdin:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            return become(*json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(words, folder, *said):
    """Be the process of a command, up to its end, which is Python's."""
    for number, path in enumerate([os.devnull, *said]):
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    if words[0] == '-m':
        sys.path[0], sys.argv = folder, words[1:]
        runpy.run_module(words[1], run_name='__main__', alter_sys=True)
    else:
        sys.path[0], sys.argv = str(Path(words[0]).parent), words
        runpy.run_path(words[0], run_name='__main__')


if __name__ == '__main__':
    for module in sys.argv[1:]:
        import_module(module)
    serve()
