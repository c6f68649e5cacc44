"""All pictures of these pages but those of sweeps, and the benchmarks' page.

    python docs/making/everything.py                  # some 45 minutes
    python docs/making/everything.py --list           # what there is
    python docs/making/everything.py --only pictures  # or benchmarks
    python docs/making/everything.py --only trust.png step.py

A picture is called by its file in docs/, a bench by its script in tests/bench.
What fails is told at the end, and does not hinder the rest.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
if __name__ == '__main__':
    sys.path[:0] = [str(DOCS), str(ROOT)]

from making import benches, pictures, runs, screenshot  # noqa: E402

GROUPS = PICTURES, BENCHMARKS = 'pictures', 'benchmarks'
#: Drawn of sweeps that take hours, as experiments/schemes/table.py says.
SWEPT = frozenset({Path('schemes.png')})


@dataclass(frozen=True)
class Part:
    """Something that is made by itself.

    Attributes
    ----------
    group, name : str
        What it is called in `--only`.
    file : Path
        What comes out, seen from docs/.
    command : tuple of str
        A script of this folder, and its arguments.
    """

    group: str
    name: str
    file: Path
    command: tuple


def parts():
    """Everything that there is, in the order in which it is made."""
    for picture in pictures.PICTURES:
        name = picture.__name__
        file = Path(pictures.FIGURES.name, f'{name}.svg')
        yield _picture(file, 'pictures.py', '--only', name)
    for it in runs.PICTURES:
        yield _picture(Path(it.file), 'runs.py', '--only', it.script)
    yield _picture(Path(screenshot.PICTURE.name), 'screenshot.py')
    for bench in benches.BENCHES:
        yield Part(BENCHMARKS, bench.name, Path('benchmarks.json'),
                   ('benchmarks.py', '--only', bench.name))
    yield Part(BENCHMARKS, 'benchmarks.md', Path('benchmarks.md'),
               ('benchmarks.py', '--page'))


def _picture(file, *command):
    return Part(PICTURES, file.name, file, command)


def chosen(names):
    """The parts that are named, or whose group is."""
    return [part for part in parts()
            if not names or {part.group, part.name} & set(names)]


def make(part):
    """Start a part's script; True if it ends well."""
    start = time.monotonic()
    script, *arguments = part.command
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / script, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {'PYTHONPATH': str(ROOT)})
    seconds = time.monotonic() - start
    print(f'{part.name}: {seconds:.0f} s' if not done.returncode else
          f'{part.name}: failed\n{done.stdout}', flush=True)
    return not done.returncode


def main():
    """Make what is asked for; 1 if something failed."""
    names = [*GROUPS, *(part.name for part in parts())]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--only', nargs='+', choices=names, metavar='NAME')
    arguments = parser.parse_args()
    found = chosen(arguments.only)
    if arguments.list:
        for part in found:
            print(f'{part.group:11} {part.name:16} docs/{part.file}')
        return 0
    failed = [part.name for part in found if not make(part)]
    if failed:
        print('failed:', ', '.join(failed))
    return int(bool(failed))


if __name__ == '__main__':
    sys.exit(main())
