"""Seconds of rules of aggregation, beside a read of the files and the peers.

    python tests/bench/aggregators.py
    python tests/bench/aggregators.py --d 11000000 --threads 2 \\
        --rules krum median --peers FOLDER --table text

25 files of D float32 numbers, 5 of which may be wrong.  Libraries take turns,
each in a process of its own with as many threads.  What is compared is the
median of wall time over some calls; the first of each, and those of its ways
that are slower, do not count.  Of each rule and pre-aggregation a line of
JSON, or of a table:

    seconds   of ours
    reads     the same over those of one read of all files
    memory    files, result and all that is made, over the files
    numpy     seconds of plain numpy, on one matrix, over ours
    peer      the library that is fastest, where one has the rule
    faster    its seconds over ours
    holds     whether `memory` is at most 1.3, and beside peers `faster` at
              least 2, or 5 for krum, multi-krum and nnm, or else `reads` at
              most 1.3

With `--peers` an environment for ByzFL, ByzPy and krum is made in a folder,
if it is not there yet: see `tests/bench/peers.py`.  No process may have more
than half of the machine's memory; who asks for more is no peer of that rule.
Exits 1 where something does not hold.
"""

import argparse
import csv
import json
import math
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
if __name__ == '__main__':
    sys.path.insert(0, str(ROOT))

from tests.bench import peers  # noqa: E402
from tests.bench.served import N, NUMPY, OURS, READ, Served  # noqa: E402

#: Each is called so many times, or for so many seconds.
MOST, SECONDS = 15, 2.0
#: By how much faster than a peer, and some rules; reads; memory.
FASTER, MUCH_FASTER, READS, MEMORY = 2.0, 5.0, 1.3, 1.3
MUCH = ('krum', 'multi-krum', 'nnm + mean')
COLUMNS = ('rule', 'd', 'threads', 'seconds', 'reads', 'memory', 'numpy',
           'peer', 'faster', 'holds')


class Turns:
    """Calls of one rule by all libraries that have it, by turns.

    Parameters
    ----------
    served : sequence of Served
        Ours is the first.
    rule : str

    Attributes
    ----------
    medians : dict of str to float
        Seconds of each library, and those of a read under `READ`.
    memory : float
        Of ours.
    """

    def __init__(self, served, rule):
        ours = served[0]
        calls = {it.library: (it, rule) for it in served if rule in it.rules}
        calls[READ] = ours, READ
        # With the result, which they make and ours is given.
        self.memory = 1 + 1 / N + ours.bytes(rule) / (4 * N * ours.d)
        first = {name: _fastest(*call) for name, call in calls.items()}
        # Whose memory does not suffice has no time to compare with.
        first = {name: found for name, found in first.items()
                 if found[0] < math.inf}
        calls = {name: calls[name] for name in first}
        # What takes long is as slow in its first call as in later ones.
        found = {name: [seconds] if seconds > SECONDS else []
                 for name, (seconds, _) in first.items()}
        for _ in range(MOST):
            for name, (library, called) in calls.items():
                if sum(found[name]) < SECONDS:
                    found[name].append(library.seconds(called,
                                                       first[name][1]))
        self.medians = {name: median(some) for name, some in found.items()}


def _fastest(library, rule):
    """The least seconds of its ways to call a rule, and which that is."""
    return min((library.seconds(rule, way), way)
               for way in range(library.rules[rule]))


def compared(turns, rule, d, threads):
    """The line of a rule."""
    ours = turns.medians[OURS]
    line = {'rule': rule, 'd': d, 'threads': threads,
            'seconds': round(ours, 5),
            'reads': round(ours / turns.medians[READ], 2),
            'memory': round(turns.memory, 3)}
    others = {name: seconds / ours for name, seconds in turns.medians.items()
              if name in peers.VERSIONS}
    if NUMPY in turns.medians:
        line['numpy'] = round(turns.medians[NUMPY] / ours, 2)
    if others:
        line['peer'] = min(others, key=others.get)
        line['faster'] = round(others[line['peer']], 2)
    return line | {'holds': holds(line)}


def holds(line):
    """True if a rule is as fast, and takes as little, as it should."""
    if line['memory'] > MEMORY:
        return False
    if 'peer' not in line:
        return True
    if line['rule'] in MUCH:
        return line['faster'] >= MUCH_FASTER
    return line['faster'] >= FASTER or line['reads'] <= READS


def measured(python, d, threads, rules):
    """The lines of some rules, or of all where none is named."""
    libraries = [(sys.executable, OURS), (sys.executable, NUMPY)]
    if python:
        libraries += [(python, name) for name in peers.VERSIONS]
    with ExitStack() as stack:
        served = [stack.enter_context(Served(path, name, d, threads))
                  for path, name in libraries]
        for rule in rules or served[0].rules:
            if rule not in served[0].rules:
                raise SystemExit(f'there is no rule {rule}; there are '
                                 f'{", ".join(served[0].rules)}')
            if rule != READ:
                yield compared(Turns(served, rule), rule, d, threads)


# --- as people read it -----------------------------------------------------

def text(lines):
    """Columns of equal width."""
    print('{:18} {:>9} {:>2} {:>8} {:>6} {:>6} {:>6} {:>6} {:>6}  {}'.format(
        *COLUMNS))
    for line in lines:
        print('{:18} {:9} {:2} {:8.4f} {:6.2f} {:6.3f} {:>6} {:>6} {:>6}  {}'
              .format(*_cells(line)), flush=True)
        yield line


def markdown(lines):
    """A table of a page."""
    for row in (COLUMNS, ('---',) * len(COLUMNS)):
        print('|', ' | '.join(row), '|')
    for line in lines:
        print('|', ' | '.join(map(str, _cells(line))), '|', flush=True)
        yield line


def commas(lines):
    """A line for a spreadsheet."""
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(_cells(line))
        sys.stdout.flush()
        yield line


def objects(lines):
    """A line of JSON each."""
    for line in lines:
        print(json.dumps(line), flush=True)
        yield line


def _cells(line):
    return [line.get(name, '') for name in COLUMNS]


TABLES = {'json': objects, 'text': text, 'markdown': markdown, 'csv': commas}


def main():
    """Measure what is asked for; 1 if something does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--d', nargs='+', type=int, default=[1_000_000])
    parser.add_argument('--threads', nargs='+', type=int, default=[1])
    parser.add_argument('--rules', nargs='+', default=[])
    parser.add_argument('--peers', type=Path, metavar='FOLDER')
    parser.add_argument('--table', choices=TABLES, default='json')
    asked = parser.parse_args()
    python = asked.peers and peers.environment(asked.peers.absolute())
    lines = (line for d in asked.d for threads in asked.threads
             for line in measured(python, d, threads, asked.rules))
    missed = [line for line in TABLES[asked.table](lines)
              if not line['holds']]
    return int(bool(missed))


if __name__ == '__main__':
    sys.exit(main())
