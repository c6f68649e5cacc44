"""Rules of one library in a process of their own, called one at a time.

    python -m tests.bench.served LIBRARY D THREADS

reads lines with what is asked for, the number of a way to call a rule, and
the rule's name, and answers each with a line of JSON.  So libraries take
turns, each with its own threads and nothing of the others in its memory.
"""

import ctypes
import json
import math
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

N, WRONG = 25, 5
ROOT = Path(__file__).parents[2]
OURS, NUMPY = 'aspis_mpi', 'numpy'
#: A pass over all files that does no more than read them.
READ = 'read'
#: Where Linux is told to forget the most memory that a process had.
PEAK = Path('/proc/self/clear_refs')


class Served:
    """A library's process, as who calls its rules sees it.

    Parameters
    ----------
    python : Path
        What has the library.
    library : str
        `OURS`, `NUMPY` or one of the peers.
    d, threads : int

    Attributes
    ----------
    library, d
        As they were given.
    rules : dict of str to int
        Its rules, and the number of ways to call each.
    """

    def __init__(self, python, library, d, threads):
        self.library, self.d = library, d
        # Our threads are not those of the library of matrices.
        own = str(1 if library == OURS else threads)
        self._process = subprocess.Popen(
            [python, '-m', 'tests.bench.served', library, str(d),
             str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {
                'OMP_NUM_THREADS': own, 'OPENBLAS_NUM_THREADS': own,
                'PYTHONPATH': str(ROOT)})
        self.rules = self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def seconds(self, rule, way=0):
        """Seconds of a call, infinite where memory did not suffice."""
        return self._ask(called, way, rule)

    def bytes(self, rule, way=0):
        """The most bytes that it needs beside its files."""
        return self._ask(grown, way, rule)

    def _ask(self, what, way, rule):
        self._process.stdin.write(f'{what.__name__} {way} {rule}\n')
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f'{self.library} ended with exit code '
                               f'{self._process.wait(60)}; see above')
        return json.loads(line)


def files(d):
    """The same for all."""
    import numpy as np
    rng = np.random.default_rng(0)
    return [rng.standard_normal(d, np.float32) for _ in range(N)]


def ways(library, d, threads):
    """For each rule the ways to call it."""
    rows = files(d)
    if library == OURS:
        return ours(rows, threads)
    if library == NUMPY:
        return plain(rows)
    from tests.bench import peers
    return peers.ways(library, rows, WRONG, threads)


def ours(rows, threads):
    """All parts, and one read of all files by as many threads."""
    import numpy as np

    from aspis_mpi import registry
    from aspis_mpi.aggregation.preaggregation import ChainMaker
    from aspis_mpi.arrays import blocks
    # Written, so that it is no memory that the first rule takes.
    out = np.full(rows[0].size, 1, np.float32)
    parts = dict(registry.parts('aggregation'))
    for name, part in registry.parts('pre-aggregation').items():
        parts[f'{name} + mean'] = ChainMaker((part,), parts['mean'])
    width = -(-rows[0].size // threads)
    shares = [[row[part] for row in rows]
              for part in blocks(rows[0].size, width)]

    def read():
        # The largest: no arithmetic that would take longer than reading.
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda share: [row.max() for row in share], shares))

    calls = {READ: [read]}
    for name, part in parts.items():
        rule = part(N, WRONG, WRONG)
        calls[name] = [lambda rule=rule: rule.aggregate(
            rows, [1] * N, out, threads)]
    return calls


def plain(rows):
    """The shortest way in numpy, on a matrix of all files."""
    import numpy as np
    rows = np.array(rows)

    def apart():
        inner = rows @ rows.T
        lengths = np.diagonal(inner)
        return lengths[:, None] + lengths - 2 * inner

    def krum(picks):
        near = np.sort(apart(), axis=1)[:, 1:N - WRONG - 1].sum(axis=1)
        return rows[np.argsort(near)[:picks]].mean(axis=0)

    def nnm():
        near = np.argsort(apart(), axis=1)[:, :N - WRONG]
        mixed = np.zeros((N, N), np.float32)
        np.put_along_axis(mixed, near, 1 / np.float32(N - WRONG), axis=1)
        return (mixed @ rows).mean(axis=0)

    def meamed():
        order = np.abs(rows - np.median(rows, axis=0)).argsort(axis=0)
        return np.take_along_axis(rows, order[:N - WRONG], 0).mean(axis=0)

    calls = {'mean': lambda: rows.mean(axis=0),
             'median': lambda: np.median(rows, axis=0),
             'trimmed-mean': lambda: np.sort(rows, axis=0)[
                 WRONG:-WRONG].mean(axis=0),
             'sign-majority': lambda: np.sign(np.sign(rows).sum(axis=0)),
             'krum': lambda: krum(1),
             'multi-krum': lambda: krum(N - WRONG - 2),
             'nnm + mean': nnm, 'meamed': meamed}
    return {name: [call] for name, call in calls.items()}


def called(call):
    """Seconds of a call, infinite if it asks for more memory than it may."""
    start = time.perf_counter()
    try:
        call()
    except (MemoryError, RuntimeError) as error:
        # Torch has no exception of its own for it.
        if isinstance(error, RuntimeError) and 'memory' not in str(error):
            raise
        return math.inf
    return time.perf_counter() - start


def bound():
    """Let this process have no more than half of the machine's memory.

    So that a rule that wants all of it fails, and the others go on.
    """
    most = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def grown(call):
    """Bytes that this process needs for a call."""
    # Those that earlier calls left to later ones count again.
    ctypes.CDLL(None).malloc_trim(0)
    PEAK.write_text('5')
    before = _memory('VmRSS')
    call()
    return _memory('VmHWM') - before


def _memory(what):
    """Bytes of this process, as Linux counts them."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(what):
            return 1024 * int(line.split()[1])
    raise LookupError(f'/proc/self/status has no {what}')


ASKED = {it.__name__: it for it in (called, grown)}


def main(library, d, threads):
    """Answer until there are no more lines."""
    bound()
    calls = ways(library, int(d), int(threads))
    # The answers go where nothing else is printed.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    said = {name: len(some) for name, some in calls.items()}
    while True:
        print(json.dumps(said), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        what, way, rule = line.rstrip('\n').split(' ', 2)
        said = ASKED[what](calls[rule][int(way)])


if __name__ == '__main__':
    main(*sys.argv[1:])
