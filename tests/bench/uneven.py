"""Completion of uneven files, whole and split, over that of equal ones.

    python tests/bench/uneven.py [BATCH_SIZE [MICRO_BATCH]]

Fifteen files by Zipf's law on 15 workers, simulated, 50 ms for a file of mean
size.  One line for each thing that a step may wait for: seconds with equal
files, and over that the time of whole and of split files; the number of nodes;
samples of the worker with the most, over the mean.
Then, for each kind of aggregation, whether the parameters of a model of digits
are the same with split and with whole files, bit by bit, and that a flat sum
has others.  Exit code 1 where split files take more than 1.15 times as long as
equal ones, or bits differ.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from aspis_mpi import load_run, simulate

MOST = 1.15

JOB = '''
[run]
steps = 10
seed = 7
evaluate_every = 0
[problem]
name = "{problem}"
file_sizes = "zipf"
batch_size = {batch_size}
micro_batch = {micro_batch}
[scheme]
workers = 15
adversaries = 2
[assignment]
name = "cyclic"
load = 5
[aggregation]
name = "mean"
[delay]
name = "constant"
mean = 0.05
'''
EQUAL = ('problem.file_sizes=equal',)
TREE = ('problem.summation=tree',)
SPLIT = (*TREE, 'assignment.split=true')
WAITS = {
    'every replica, five a file': (),
    'three copies of each, challenged sums': (
        'transfer.name=sums', 'transfer.challenge=true',
        'collection.name=coverage'),
    'one copy of each': ('collection.name=coverage', 'scheme.adversaries=0')}
RULES = {rule: (f'aggregation.name={rule}',)
         for rule in ('mean', 'median', 'geometric-median', 'multi-krum')}


class Bench:
    """Simulated runs of one job.

    Parameters
    ----------
    folder : Path
    sizes : dict
        Of the batch and of a micro-batch.
    """

    def __init__(self, folder, **sizes):
        self._folder = folder
        self._sizes = sizes

    def run(self, problem, *settings):
        """The log of a run, and the bytes of its parameters."""
        job, out = self._folder / 'job.toml', self._folder / 'run.h5'
        job.write_text(JOB.format(problem=problem, **self._sizes))
        simulate(job, settings=settings, out=out, overwrite=True)
        with np.load(out.with_suffix('.npz')) as saved:
            return load_run(out), b''.join(
                saved[name].tobytes() for name in sorted(saved))

    def completion(self, *settings):
        """Mean seconds until enough is there, and shares of the samples."""
        log, _ = self.run('quadratic', *settings)
        with log:
            work = log.samples @ log.incidence
            return (log.steps['seconds_wait'].mean(), log.n_files,
                    work.max() / work.mean())


def times(bench):
    """One line for each thing that is waited for; whether all is right."""
    right = True
    for name, waits in WAITS.items():
        equal, *_ = bench.completion(*EQUAL, *waits)
        whole, _, load = bench.completion(*waits)
        split, nodes, even = bench.completion(*SPLIT, *waits)
        print(json.dumps({
            'waits_for': name, 'equal_seconds': round(equal, 4),
            'whole': round(whole / equal, 3),
            'split': round(split / equal, 3), 'nodes': nodes,
            'largest_load_whole': round(load, 3),
            'largest_load_split': round(even, 3)}), flush=True)
        right &= bool(split <= MOST * equal)
    return right


def bits(bench):
    """One line for each rule; whether split files have the bits of whole."""
    right = True
    for name, rule in RULES.items():
        found = []
        for settings in (), TREE, SPLIT:
            log, vector = bench.run('digits', *settings, *rule)
            log.close()
            found.append(vector)
        flat, whole, split = found
        print(json.dumps({
            'aggregation': name, 'split_has_the_bits_of_whole':
            whole == split, 'flat_has_others': flat != whole}), flush=True)
        right &= whole == split
    return right


def main():
    given = [int(word) for word in sys.argv[1:]]
    sizes = given + [6000, 8][len(given):]
    with tempfile.TemporaryDirectory() as folder:
        right = times(Bench(Path(folder), batch_size=sizes[0],
                            micro_batch=sizes[1]))
        # Of the digits 1,437 are trained on.
        right &= bits(Bench(Path(folder), batch_size=min(sizes[0], 1200),
                            micro_batch=sizes[1]))
    return not right


if __name__ == '__main__':
    sys.exit(main())
