"""Step ÷ minimal loop here and at an earlier commit, by turns in one run.

    python tests/bench/turns.py COMMIT [TURNS [D ...]]

Each turn runs `step.py` of both trees once for each number of parameters D,
the one that begins changes from turn to turn.  Printed are the medians over
all pairs of stack and minimal loop, and their quotient: how much more a step
costs now, whatever else the machine does meanwhile.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
MPIRUN = Path(sys.prefix) / 'bin' / 'mpirun'
RANKS, REPEATS = 16, 3
#: Parameters: of a softmax of digits, LeNet, a larger network.
SIZES = 650, 61_706, 431_080


def unpacked(commit, folder):
    """The tree of a commit in a folder."""
    archive = subprocess.run(['git', '-C', str(ROOT), 'archive', commit],
                             check=True, capture_output=True)
    subprocess.run(['tar', '-x', '-C', str(folder)], input=archive.stdout,
                   check=True)
    return Path(folder)


def ratios(tree, d):
    """Stack over minimal loop of each pair of one job."""
    environment = os.environ | {
        'PYTHONPATH': str(tree), 'OMP_NUM_THREADS': '1',
        'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}
    done = subprocess.run(
        [str(MPIRUN), '--oversubscribe', '-n', str(RANKS), sys.executable,
         str(tree / 'tests' / 'bench' / 'step.py'), str(d), str(REPEATS)],
        env=environment, cwd=tree, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)['ratios']


def main(commit, turns=4, *sizes):
    """Compare this tree with that of a commit."""
    sizes = tuple(map(int, sizes)) or SIZES
    with tempfile.TemporaryDirectory() as folder:
        trees = {'before': unpacked(commit, folder), 'now': ROOT}
        found = {(name, d): [] for name in trees for d in sizes}
        for turn in range(int(turns)):
            order = list(trees) if turn % 2 else list(trees)[::-1]
            for d in sizes:
                for name in order:
                    found[name, d] += ratios(trees[name], d)
    for d in sizes:
        before, now = (float(np.median(found[name, d])) for name in trees)
        print(json.dumps({
            'd': d, 'before': round(before, 3), 'now': round(now, 3),
            'now ÷ before': round(now / before, 3),
            'pairs': len(found['now', d])}, ensure_ascii=False), flush=True)


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
