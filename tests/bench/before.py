"""Equal runs before and after a change: parameters and log rows, bit by bit.

    python tests/bench/before.py COMMIT

Simulates the same jobs with the package of COMMIT and with this one: each
preset and rule, honest, attacked, slow and silent workers, on problems whose
gradients are the same on any machine.  Everything in the logs is compared but
attributes, `/starts`, which has the time, `/events`, whose sentences may be
bettered, and the margins of challenged runs, which depend on a secret that no
seed fixes; what only one of the two logs has is named.  The exit code says
whether all that both have is equal.
"""

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from turns import unpacked

from aspis_mpi.schemes.record import ArrivalKind

ROOT = Path(__file__).parents[2]

#: Simulates jobs, one JSON line each, with the package on PYTHONPATH.
RUNNER = """
import json, logging, sys
import aspis_mpi
from aspis_mpi import simulate
print(aspis_mpi.__file__)
logging.getLogger('aspis_mpi').setLevel(logging.CRITICAL)
for line in sys.stdin:
    out, settings = json.loads(line)
    try:
        simulate(sys.argv[1], settings=settings, out=out, overwrite=True)
    except Exception as error:
        print(f'{out}: {type(error).__name__}: {error}')
"""

JOB = """
[run]
steps = 12
seed = 7
evaluate_every = 4
checkpoint_every = 5
[problem]
name = "quadratic"
parameters = 40
batch_size = 261
micro_batch = 2
[scheme]
workers = 9
adversaries = 2
[faults]
silence = 50
[log]
detail = "arrivals"
"""

DELAY = 'delay.name=exponential', 'delay.mean=1.0', 'delay.per=file'
ATTACK = 'adversary.count=2', 'adversary.workers=[1, 6]'
CYCLIC = 'assignment.name=cyclic', 'assignment.load=5'
NOBODY = ('scheme.adversaries=0',)
SUMS = (*CYCLIC, 'transfer.name=sums', 'aggregation.name=mean',
        'collection.name=coverage')

#: What the server does, as settings after `JOB`.
SCHEMES = {
    'uncoded': ('scheme.name=uncoded', *NOBODY),
    'aspis': ('scheme.name=aspis',),
    'aspis of five': ('scheme.name=aspis', 'assignment.replication=5'),
    'core': ('scheme.name=aspis', 'detection.name=core'),
    'votes': ('scheme.name=aspis', 'detection.name=none'),
    'window': ('scheme.name=aspis', 'detection.memory=window',
               'detection.window=4'),
    'tolerance': ('scheme.name=aspis', 'detection.name=certified',
                  'detection.equality=tolerance',
                  'detection.tolerance=1e-6'),
    'certified': (*CYCLIC, 'detection.name=certified'),
    'forever': (*CYCLIC, 'detection.memory=forever'),
    'exact order': ('scheme.name=partial', 'assignment.order=search', *NOBODY),
    'partial': ('scheme.name=partial', *NOBODY),
    'thinned': ('scheme.name=partial', 'collection.thinning=true', *NOBODY),
    'skipped': ('scheme.name=partial', 'collection.skip_covered=true',
                *NOBODY),
    'two copies': ('scheme.name=partial', 'collection.copies=2', *NOBODY),
    'deadline': ('scheme.name=partial', 'collection.name=deadline',
                 'collection.deadline=2.5', 'transfer.name=sums', *NOBODY),
    'gradient code': ('scheme.name=gradient-code', *NOBODY),
    'ye-abbe': ('scheme.name=ye-abbe', *NOBODY),
    'cyclic MDS': ('scheme.name=cyclic-mds', *NOBODY),
    'sums': (*SUMS, 'detection.name=none', 'assignment.load=3', *NOBODY),
    'robust-partial': ('scheme.name=robust-partial',),
    'audits': ('scheme.name=robust-partial', 'detection.audits=contested'),
    'median': ('scheme.name=aspis', 'aggregation.name=median'),
    'geometric': ('scheme.name=aspis', 'aggregation.name=geometric-median'),
    'regression': ('scheme.name=aspis', 'problem.name=linear-regression'),
}

#: What the workers do.
WORKERS = {
    'honest': DELAY,
    'constant': (*DELAY, *ATTACK, 'adversary.value=constant'),
    'alie': (*DELAY, *ATTACK, 'adversary.value=alie',
             'adversary.files=fixed-disagreement'),
    'reversed': (*DELAY, *ATTACK, 'adversary.value=reversed',
                 'adversary.files=random'),
    'slow': ('delay.name=slow', 'delay.mean=0.5', 'delay.workers=[4]',
             'delay.factor=10'),
    'silent': (*DELAY, 'delay.silent=[3]', 'delay.silent_from=2'),
}


def jobs(folder):
    """Log and settings of each job."""
    for (scheme, server), (who, workers) in itertools.product(
            SCHEMES.items(), WORKERS.items()):
        log = folder / f'{scheme} {who}.h5'.replace(' ', '-')
        yield str(log), [*server, *workers]


def simulate(package, folder):
    """Run all jobs with one package; what it had to say of them."""
    job = folder / 'job.toml'
    job.write_text(JOB, encoding='utf-8')
    lines = '\n'.join(json.dumps(it) for it in jobs(folder))
    # Elsewhere, since with -c the package of the working folder comes first.
    done = subprocess.run([sys.executable, '-c', RUNNER, str(job)],
                          input=lines, text=True, capture_output=True,
                          cwd=folder, env={'PYTHONPATH': str(package)},
                          check=True)
    used, _, said = done.stdout.partition('\n')
    if not Path(used).is_relative_to(package):
        raise RuntimeError(f'{used} was run, not the package in {package}')
    return said.replace(f'{folder}/', '')


def columns(log):
    """All arrays of a log, tables by their columns; the parameters."""
    found = {}
    with h5py.File(log, 'r') as file:
        def keep(name, item):
            if not isinstance(item, h5py.Dataset):
                return
            if item.dtype.names is None:
                found[name] = item[()]
                return
            rows = item[()]
            found.update((f'{name}.{column}', rows[column])
                         for column in item.dtype.names)
        file.visititems(keep)
    for path in sorted(log.parent.glob(f'{log.stem}*/*.npz')):
        with np.load(path, allow_pickle=False) as arrays:
            found.update((f'{path.name}.{name}', arrays[name])
                         for name in arrays.files if name != 'facts')
            # Text, to which each version of the format adds.
            facts = json.loads(arrays['facts'].tobytes())
        found.update((f'{path.name}.{name}', np.array(json.dumps(facts[name])))
                     for name in facts.keys() - {'version'})
    return found


def equal(a, b):
    """True if two arrays have the same bits, in the same order."""
    if a.dtype.hasobject or b.dtype.hasobject:
        return a.shape == b.shape and (a == b).all()
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def compare(before, after):
    """Names that are other, that only one has, and of all arrays."""
    a, b = columns(before), columns(after)
    both = {name for name in a.keys() & b.keys()
            if not name.startswith(('events', 'starts'))}
    if (a['arrivals.kind'] == ArrivalKind.SKETCH).any():
        both.remove('detection/margin')
    other = {name for name in both if not equal(a[name], b[name])}
    return other, a.keys() ^ b.keys(), both


def main(commit):
    """Compare this package with the one of a commit."""
    with tempfile.TemporaryDirectory() as temporary:
        places = [Path(temporary, name) for name in
                  ('package', 'before', 'after')]
        for place in places:
            place.mkdir()
        package, before, after = places
        said = (simulate(unpacked(commit, package), before),
                simulate(ROOT, after))
        print(said[1], end='')
        wrong = said[0] != said[1]
        if wrong:
            print(f'before it was said:\n{said[0]}')

        arrays, alone, runs = 0, set(), 0
        for log in sorted(before.glob('*.h5')):
            other, unlike, both = compare(log, after / log.name)
            arrays, alone, runs = arrays + len(both), alone | unlike, runs + 1
            if other:
                wrong = True
                print(f'{log.name}: other: {", ".join(sorted(other))}')
    print(json.dumps({'runs': runs, 'arrays': arrays, 'equal': not wrong,
                      'only in one': sorted(alone)}))
    return wrong


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
