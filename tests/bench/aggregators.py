"""Seconds of rules of aggregation, beside a read of the files and the peers.

    python tests/bench/aggregators.py [D] [THREADS] [--peers]

For 25 files of D float32 numbers, 5 of which may be wrong, the best of some
repeats, in processor time of one thread or in wall time of several: of each
rule and pre-aggregation, over one sum of all
files (`reads`), over the same in plain numpy where that is short (`numpy`),
and the most memory over that of the files (`memory`).

With `--peers` an environment is made for ByzFL and ByzPy, which takes what
they need from this one, and the fastest of them is named, with its seconds
over ours (`faster`).  Each library runs in processes of its own, one after
the other, with as many threads.  Their SMEA and MDA try all sets of files
one by one, for minutes, and are left out.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import tracemalloc
import types
import venv
from pathlib import Path

N, WRONG, REPEATS = 25, 5, 5
PEERS = ('byzfl==0.0.11', 'byzpy==0.1.4')
ROOT = Path(__file__).parents[2]


def files(d):
    """The same for all."""
    import numpy as np
    rng = np.random.default_rng(0)
    return [rng.standard_normal(d, np.float32) for _ in range(N)]


def best(work, threads):
    """Least seconds of some repeats, of one where it takes long."""
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds = []
    while len(seconds) < REPEATS and sum(seconds) < 2:
        start = clock()
        work()
        seconds.append(clock() - start)
    return min(seconds)


# --- ours ------------------------------------------------------------------

def ours(d, threads):
    """Seconds and memory of every part, and seconds of one read."""
    import numpy as np

    from aspis_mpi import registry
    from aspis_mpi.aggregation.preaggregation import ChainMaker
    rows, out = files(d), np.empty(d, np.float32)
    parts = dict(registry.parts('aggregation'))
    for name, part in registry.parts('pre-aggregation').items():
        parts[f'{name} + mean'] = ChainMaker((part,), parts['mean'])
    yield 'read', {'seconds': best(lambda: [row.sum() for row in rows],
                                   threads)}
    for name, part in parts.items():
        rule = part(N, WRONG, WRONG)

        def work(rule=rule):
            rule.aggregate(rows, [1] * N, out, threads)

        tracemalloc.start()
        work()
        memory = 1 + tracemalloc.get_traced_memory()[1] / (4 * N * d)
        tracemalloc.stop()
        yield name, {'seconds': best(work, threads),
                     'memory': round(memory, 3)}


# --- plain numpy -----------------------------------------------------------

def plain(d, threads):
    """The shortest way in numpy, on all files at once."""
    import numpy as np
    rows = np.array(files(d))

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

    ways = {'mean': lambda: rows.mean(axis=0),
            'median': lambda: np.median(rows, axis=0),
            'trimmed-mean': lambda: np.sort(rows, axis=0)[
                WRONG:-WRONG].mean(axis=0),
            'sign-majority': lambda: np.sign(np.sign(rows).sum(axis=0)),
            'krum': lambda: krum(1),
            'multi-krum': lambda: krum(N - WRONG - 2),
            'nnm + mean': nnm, 'meamed': meamed}
    for name, work in ways.items():
        yield name, {'seconds': best(work, threads)}


# --- peers -----------------------------------------------------------------

def byzfl(d, threads):
    """ByzFL on arrays of numpy, and on tensors of torch."""
    import torch
    torch.set_num_threads(threads)
    # It imports torchvision, which nothing here needs.
    sys.modules['byzfl.benchmark'] = types.ModuleType('byzfl.benchmark')
    import byzfl
    rows = files(d)
    tensors = [torch.from_numpy(row) for row in rows]

    def parts():
        # Anew for each kind: one remembers what it gave last.
        return {
            'median': byzfl.Median(), 'trimmed-mean': byzfl.TrMean(WRONG),
            'krum': byzfl.Krum(WRONG), 'multi-krum': byzfl.MultiKrum(WRONG),
            'meamed': byzfl.Meamed(WRONG), 'monna': byzfl.MoNNA(WRONG),
            'caf': byzfl.CAF(WRONG),
            'geometric-median': byzfl.GeometricMedian(T=8),
            'centered-clipping': byzfl.CenteredClipping(L=3),
            'arc + mean': byzfl.ARC(WRONG),
            'clipping + mean': byzfl.Clipping(1.0),
            'bucketing + mean': byzfl.Bucketing(2),
            'nnm + mean': byzfl.NNM(WRONG)}

    numpys, torches = parts(), parts()
    for name in numpys:
        yield name, {'seconds': min(
            best(lambda: numpys[name](rows), threads),
            best(lambda: torches[name](tensors), threads))}


def byzpy(d, threads):
    """ByzPy on arrays of numpy."""
    from byzpy import aggregators, pre_aggregators
    rows = files(d)
    coordinate, geometric, norm = (
        aggregators.coordinate_wise, aggregators.geometric_wise,
        aggregators.norm_wise)
    rules = {'median': coordinate.CoordinateWiseMedian(),
             'trimmed-mean': coordinate.CoordinateWiseTrimmedMean(WRONG),
             'krum': geometric.Krum(WRONG),
             'multi-krum': geometric.MultiKrum(WRONG, N - WRONG - 2),
             'monna': geometric.MoNNA(WRONG),
             'geometric-median': geometric.GeometricMedian(max_iter=8),
             'caf': norm.CAF(WRONG),
             'centered-clipping': norm.CenteredClipping(c_tau=100.0, M=3)}
    before = {'arc + mean': pre_aggregators.ARC(WRONG),
              'clipping + mean': pre_aggregators.Clipping(1.0),
              'bucketing + mean': pre_aggregators.Bucketing(2),
              'nnm + mean': pre_aggregators.NearestNeighborMixing(WRONG)}
    for name, part in rules.items():
        yield name, {'seconds': best(lambda: part.aggregate(rows),
                                     threads)}
    for name, part in before.items():
        yield name, {'seconds': best(lambda: part.pre_aggregate(rows),
                                     threads)}


LIBRARIES = {it.__name__: it for it in (ours, plain, byzfl, byzpy)}


def environment(folder):
    """A Python with the peers, and with what this one has."""
    venv.create(folder, with_pip=True)
    python = folder / 'bin' / 'python'
    home = subprocess.run(
        [python, '-c', 'import sysconfig; '
         'print(sysconfig.get_paths()["purelib"])'],
        check=True, capture_output=True, text=True).stdout.strip()
    Path(home, 'here.pth').write_text(sysconfig.get_paths()['purelib'])
    # What they want beside numpy and torch, these rules do not use.
    subprocess.run([python, '-m', 'pip', 'install', '-q', '--no-deps',
                    *PEERS], check=True, stdout=sys.stderr)
    return python


def measured(python, library, d, threads):
    """The figures of a library, by rule."""
    # Our threads are not those of the library of matrices.
    own = 1 if library == 'ours' else threads
    done = subprocess.run(
        [python, __file__, '--of', library, str(d), str(threads)],
        check=True, stdout=subprocess.PIPE, text=True,
        env=os.environ | {'OMP_NUM_THREADS': str(own),
                          'OPENBLAS_NUM_THREADS': str(own),
                          'PYTHONPATH': str(ROOT)})
    return dict(json.loads(line) for line in done.stdout.splitlines())


def main(d, threads, peers):
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder)) if peers else sys.executable
        others = ['byzfl', 'byzpy'] if peers else []
        found = {library: measured(python, library, d, threads)
                 for library in ('ours', 'plain', *others)}
    read = found['ours'].pop('read')['seconds']
    for name, figures in found['ours'].items():
        seconds = figures['seconds']
        line = {'rule': name, 'd': d, 'threads': threads,
                'seconds': round(seconds, 4),
                'reads': round(seconds / read, 2),
                'memory': figures['memory']}
        if name in found['plain']:
            line['numpy'] = round(
                seconds / found['plain'][name]['seconds'], 2)
        theirs = {library: found[library][name]['seconds']
                  for library in others if name in found[library]}
        if theirs:
            line['peer'] = min(theirs, key=theirs.get)
            line['faster'] = round(min(theirs.values()) / seconds, 2)
        print(json.dumps(line))


if __name__ == '__main__':
    if '--of' in sys.argv:
        library, d, threads = sys.argv[2:]
        for line in LIBRARIES[library](int(d), int(threads)):
            print(json.dumps(line))
    else:
        numbers = [int(it) for it in sys.argv[1:] if it.isdigit()]
        d, threads = (numbers + [1_000_000, 1][len(numbers):])[:2]
        main(d, threads, '--peers' in sys.argv)
