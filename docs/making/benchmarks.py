"""The page docs/benchmarks.md, and the figures that it is made of.

    python docs/making/benchmarks.py                      # measure all again
    python docs/making/benchmarks.py --only step.py ...   # some of them
    python docs/making/benchmarks.py --page               # the page alone
    python docs/making/benchmarks.py --only aggregators.py --printed FILE ...

The last takes from files what the bench's command printed, in pieces.

What was measured lies in docs/benchmarks.json, with the day, the machine and
its versions: a bench that is measured again replaces only its own figures.
"""

import argparse
import json
import os
import shlex
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS, ROOT = HERE.parent, HERE.parents[1]
if __name__ == '__main__':
    sys.path[:0] = [str(DOCS), str(ROOT)]

from making import machine  # noqa: E402
from making.benches import BENCHES  # noqa: E402
from making.descriptions import table  # noqa: E402

STORED, PAGE = DOCS / 'benchmarks.json', DOCS / 'benchmarks.md'

#: Columns of a paragraph.
WIDTH = 79
#: Cores that others may use before it is said.
UNNOTICED = 0.05

HEAD = '''\
# Benchmarks

Ratios where they can be, as these say the same on many machines. Every command
can be given by itself, in the root of a checkout; `python
docs/making/everything.py --only benchmarks` gives all of them and writes this
page from what they print, which lies in `docs/benchmarks.json`. What else has
been measured stands in [Results](results.md#what-it-costs).
'''


# -- Measuring

def measure(bench):
    """Run the commands of a bench, keep what they print, write the page.

    Raises
    ------
    subprocess.CalledProcessError
        One of them failed; what was stored stays.
    """
    ended = [machine.run(words(command), cwd=ROOT, env=environment())
             for command in bench.commands]
    seconds = sum(it.seconds for it in ended)
    others = sum(it.others * it.seconds for it in ended) / seconds
    keep(bench, [it.printed for it in ended],
         {'seconds': round(seconds), 'others': round(others, 2)})


def keep(bench, printed, spent):
    """Store what the commands of a bench printed, and write the page.

    Parameters
    ----------
    bench : Bench
    printed : list of str
    spent : dict of str to float
        Its `seconds`, and the cores that `others` used; empty where it was
        measured in pieces.
    """
    stored = read()
    stored[bench.name] = {
        'day': datetime.now(UTC).date().isoformat(), **spent,
        'machine': machine.facts(),
        'lines': [json.loads(line) for text in printed
                  for line in text.splitlines()]}
    STORED.write_text(json.dumps(
        {it.name: stored[it.name] for it in BENCHES if it.name in stored},
        indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    write()


def words(command):
    """A command with the programs of this Python's environment."""
    first = Path(sys.prefix, 'bin')
    programs = {'python': sys.executable, 'mpirun': str(first / 'mpirun')}
    return [programs.get(word, word) for word in shlex.split(command)]


def environment():
    """Variables under which benches run: one thread a rank, as root or not."""
    return os.environ | {
        'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1',
        'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}


def read():
    """What is stored, by the name of its bench."""
    if not STORED.exists():
        return {}
    return json.loads(STORED.read_text(encoding='utf-8'))


# -- The page

def write():
    """Write the page from what is stored."""
    PAGE.write_text(page(read()), encoding='utf-8')


def page(stored):
    """The whole page, from what was measured of each bench."""
    machines = []
    for found in stored.values():
        if found['machine'] not in machines:
            machines.append(found['machine'])
    sections = [_section(bench, stored.get(bench.name), machines)
                for bench in BENCHES]
    return '\n'.join([HEAD, _machines(machines), *sections])


def _machines(machines):
    """What is known of the machines, a column for each."""
    names = list(dict.fromkeys(name for it in machines for name in it))
    head = ('', *(_letter(i) for i in range(len(machines))))
    rows = [(name, *(it.get(name) or '–' for it in machines))
            for name in names]
    return f'## Machine\n\n{table(head, rows)}\n'


def _letter(number):
    return f'machine {chr(ord("A") + number)}'


def _section(bench, found, machines):
    commands = '\n'.join(bench.commands)
    return (f'## {bench.title}\n\n{_filled(bench.about)}\n\n'
            f'```sh\n{commands}\n```\n\n{_found(bench, found, machines)}\n')


def _found(bench, found, machines):
    """What was measured, and when, where and beside what."""
    if found is None:
        return 'Not measured yet.'
    head, rows = ('', 'measured'), [
        (it.told, f'{it.value(found["lines"]):.4g}') for it in bench.figures]
    if bench.compared:
        head, rows = bench.compared(found['lines'])
    when = (f"{found['day']}, {_letter(machines.index(found['machine']))}, "
            f'{_beside(found)}')
    return f'{table(head, rows)}\n\n{_filled(when)}.'


def _filled(text):
    """The text in lines, broken at blanks alone."""
    return textwrap.fill(text, WIDTH, break_on_hyphens=False,
                         break_long_words=False)


def _beside(found):
    """How long it took, and what else the machine did, as a clause."""
    if 'seconds' not in found:
        return 'in pieces, while other programs may have run'
    cores, spent = found['machine']['cores'], f"{found['seconds']} s; "
    if found['others'] <= UNNOTICED:
        return spent + 'nothing else ran'
    return (f"{spent}other programs kept {found['others']:.2g} of its "
            f'{cores} cores busy')


def main():
    """Measure all or some, or write the page."""
    known = {bench.name: bench for bench in BENCHES}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', choices=known, default=known,
                        metavar='NAME')
    parser.add_argument('--page', action='store_true')
    parser.add_argument('--printed', nargs='+', type=Path, metavar='FILE')
    arguments = parser.parse_args()
    if arguments.page:
        write()
        return
    if arguments.printed:
        name, = arguments.only
        keep(known[name], [path.read_text(encoding='utf-8')
                           for path in arguments.printed], {})
        return
    for name in arguments.only:
        measure(known[name])


if __name__ == '__main__':
    main()
