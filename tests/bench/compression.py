"""Price and worth of integer files, and of a share of the coordinates.

    python tests/bench/compression.py [PART ...]

One line of JSON for each part that is named, or for all:

bytes     into the server a step beside float32, d = 431,080, and the steps
bit       changes of the last bit of one entry of a payload that are caught
equal     digests of the parameters, whoever sends what in which order
time      seconds of making a file, of sketches and of sums, beside float32
MODEL     accuracy on digits, paired by seed: integers beside float32, and a
          tenth of the coordinates in 1.5 times the steps
"""

import json
import os
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
from scipy import stats  # noqa: E402

from aspis_mpi import load_run  # noqa: E402
from aspis_mpi.assembly.simulate import simulate  # noqa: E402
from aspis_mpi.coding import exact, sketching  # noqa: E402
from aspis_mpi.coding.combine import encode  # noqa: E402
from aspis_mpi.compression.kinds.integer import Integer  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.schemes.transfer.sums import Sums  # noqa: E402
from aspis_mpi.assignment.designs.cyclic import Cyclic  # noqa: E402

D, LOAD, K = 431_080, 5, 15
SEEDS = range(20)
#: Steps, and the learning rate of a tenth of the coordinates: the variance of
#: their mean is ten times that of all, which bear 0.1.
TRAINING = {'mlp': (100, 0.05), 'convnet': (200, 0.02)}
REPLICAS = {'transfer': {'name': 'replicas'}}
SUMS = {'transfer': {'name': 'sums', 'challenge': True},
        'collection': {'name': 'coverage'}}
INTEGER = {'compression': {'name': 'integer'}}
TENTH = {'compression': {'keep': 0.1}}


def run(problem, *tables, steps=2, seed=7, name='certified', workers=K):
    """The log of a simulated run, and the parameters at its end."""
    sections = {
        'run': {'steps': steps, 'seed': seed, 'evaluate_every': steps,
                'checkpoint_every': 0},
        'problem': problem,
        'scheme': {'workers': workers, 'adversaries': 2},
        'assignment': {'name': 'cyclic', 'load': LOAD},
        'detection': {'name': name}, 'aggregation': {'name': 'mean'}}
    for table in tables:
        for section, keys in table.items():
            sections[section] = sections.get(section, {}) | keys
    with tempfile.TemporaryDirectory() as folder:
        sections['run']['model_out'] = f'{folder}/model.npz'
        _, path = simulate(loading.from_tables(sections, 'job.toml'),
                           out=Path(folder) / 'run.h5')
        with np.load(f'{folder}/model.npz') as arrays:
            digest = blake2b(digest_size=8)
            for key in sorted(arrays.files):
                digest.update(np.ascontiguousarray(arrays[key]))
        log = load_run(path)
        return log.steps, log.evaluation, digest.hexdigest()


def count_bytes():
    """Bytes into the server a step, beside those of float32."""
    problem = {'name': 'quadratic', 'parameters': D, 'batch_size': 2 * K}
    found = {}
    for way, tables in ('replicas', REPLICAS), ('sums', SUMS):
        floats = run(problem, tables)[0]['bytes_in'].mean()
        for name, table in ('integer', INTEGER), ('keep 0.1', TENTH), (
                'integer, keep 0.1', {'compression': {
                    'name': 'integer', 'keep': 0.1}}):
            steps = run(problem, tables, table)[0]
            found[f'{way}, {name}'] = round(
                float(steps['bytes_in'].mean() / floats), 4)
            assert (steps['hidden_bias'] == 0).all() or name == 'keep 0.1'
    return {'d': D, 'into the server': found}


def flip_bits(trials=10_000, d=50_000, files=5):
    """Sums of which one entry has another last bit, and who is caught."""
    compression, rng = Integer(d, 7), np.random.default_rng(1)
    transfer = Sums(Cyclic(K, load=files))
    codec = compression.at(0, bytes([0] * compression.grid_bytes))
    made = [codec.encoded(file, rng.normal(0, 16, d).astype(np.float32))
            for file in range(files)]
    numbers = np.empty(compression.numbers(transfer, files), np.float32)
    ones = np.ones((files, 1))
    codec.combine(transfer, [file.view(np.float32) for file in made], ones,
                  numbers)
    total, caught, right = codec.vector(numbers, files), 0, 0
    block = 500
    for first in range(0, trials, block):
        # Within a block of trials one secret, and one product for all.
        secret = rng.bytes(16)
        own = compression.scrutiny.sketch(made, 1, secret, 8)
        sums = np.repeat(total[None], block, axis=0)
        sums[np.arange(block), rng.integers(0, total.size, block)] ^= 1
        for payload in compression.scrutiny.sketch(list(sums), 1, secret, 8):
            caught += bool(compression.scrutiny.guilty(
                payload[:, 0], own, ones, d))
        payload, = compression.scrutiny.sketch([total], 1, secret, 8)
        right += bool(compression.scrutiny.passes(payload[:, 0], own, ones,
                                                  d))
    return {'caught': caught, 'of': trials, 'right ones that pass': right,
            'of secrets': trials // block}


def compare_ways():
    """Digests of the parameters after some steps, by what was done."""
    problem = {'name': 'digits', 'model': 'mlp', 'batch_size': 300}
    ways = {
        'replicas': (REPLICAS,), 'sums': (SUMS,),
        'other owners': (SUMS, {'delay': {'name': 'exponential',
                                          'mean': 0.1}}),
        'other order': (SUMS, {'assignment': {'order': 'random'}}),
        'liars': (SUMS, {'adversary': {'count': 2}})}
    found = {name: run(problem, *tables, INTEGER, steps=30)[2]
             for name, tables in ways.items()}
    return {'digests': found, 'equal': len(set(found.values())) == 1}


def seconds(call, repeats=7):
    """Least of some."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def measure(files=30):
    """Milliseconds at d = 431,080, with the same of float32 behind them.

    Sketches with a secret that is new each time, as challenges have it.
    """
    rng = np.random.default_rng(0)
    gradients = [rng.standard_normal(D).astype(np.float32)
                 for _ in range(files)]
    compression = Integer(D, 7)
    transfer = Sums(Cyclic(K, load=LOAD))
    codec = compression.at(0, bytes([251] * compression.grid_bytes))
    made = [codec.encoded(i, gradient)
            for i, gradient in enumerate(gradients)]
    numbers = np.empty(compression.numbers(transfer, LOAD), np.float32)
    out, ones = np.empty(D, np.float32), np.ones((LOAD, 1))
    views = [file.view(np.float32) for file in made[:LOAD]]
    pairs = {
        'a file of its gradient': (
            lambda: codec.encoded(0, gradients[0]), None),
        f'sketches of {files} files': (
            lambda: exact.sketch(made, rng.bytes(16), 8),
            lambda: sketching.sketch(gradients, 1, rng.bytes(16), 8)),
        f'a sum of {LOAD} files': (
            lambda: codec.combine(transfer, views, ones, numbers),
            lambda: encode(gradients[:LOAD], ones, out))}
    return {name: [None if call is None else round(1e3 * seconds(call), 3)
                   for call in both] for name, both in pairs.items()}


def accuracy(model):
    """Accuracy of integers less that of float32, in points, by seed."""
    problem = {'name': 'digits', 'model': model, 'batch_size': 300}
    plain = {'assignment': {'name': 'uncoded', 'load': 1},
             'transfer': {'name': 'sums'}, 'detection': {'name': 'none'}}
    points, clipped = {'float32': [], 'integer': [], 'keep 0.1': []}, 0.0
    steps, lr = TRAINING[model]
    ways = (('float32', {}, steps), ('integer', INTEGER, steps),
            ('keep 0.1', TENTH | {'optimizer': {'lr': lr}}, steps * 3 // 2))
    for seed in SEEDS:
        for name, table, n in ways:
            log, told, _ = run(problem, plain, table, steps=n, seed=seed,
                               name='none', workers=5)
            points[name].append(100 * float(told['accuracy'][-1]))
            if name == 'integer':
                clipped += float(log['clipped'].mean()) / len(SEEDS)
    found = {'model': model, 'seeds': len(SEEDS), 'steps': steps,
             'share clipped': clipped, 'float32': np.mean(points['float32'])}
    for name in 'integer', 'keep 0.1':
        apart = np.subtract(points[name], points['float32'])
        half = stats.t.ppf(0.975, len(apart) - 1) * stats.sem(apart)
        found[name] = {'points apart': round(float(apart.mean()), 3),
                       '95 %': [round(float(apart.mean() + sign * half), 3)
                                for sign in (-1, 1)]}
    return found


WORK = {'bytes': count_bytes, 'bit': flip_bits, 'equal': compare_ways,
        'time': measure, 'mlp': lambda: accuracy('mlp'),
        'convnet': lambda: accuracy('convnet')}


def main():
    """Print what is asked for."""
    for name in sys.argv[1:] or WORK:
        print(json.dumps(WORK[name]()), flush=True)


if __name__ == '__main__':
    main()
