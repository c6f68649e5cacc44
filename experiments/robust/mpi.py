"""Liars of all kinds, slow and dead workers: what does a step take?

    source jobs/environment.sh
    python -m experiments.robust.mpi

Runs `robust.toml` between real ranks: without liars, with `partial` instead
of `robust-partial`, and with liars on gradients, reports, payloads and
sketches.  The table goes to MPI.md beside this module, run logs go to
runs/robust/.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aspis_mpi import load_run
from experiments import running
from experiments.pages import markdown_rows

HERE = Path(__file__).resolve().parent
RUNS = running.RUNS / 'robust'
JOB = HERE / 'robust.toml'
LIARS = [0, 7]

#: No lie on gradients, where an attack on the protocol is looked at.
TRUE = 'adversary.files=random', 'adversary.rate=0.0'
NOBODY = 'adversary.count=0', 'adversary.workers=[]'
CASES = {
    'partial, no liars': ('scheme.name=partial', 'assignment.load=5',
                          'detection.budget=step', *NOBODY),
    'no liars': NOBODY,
    'all gradients reversed': (),
    'one gradient in twenty': ('adversary.files=random',
                               'adversary.rate=0.05'),
    'reports': ('adversary.protocol=counts', *TRUE),
    'payloads': ('adversary.protocol=payloads', *TRUE),
    'payloads with sketches to fit': ('adversary.protocol=consistent', *TRUE),
    'sketches': ('adversary.protocol=sketches', *TRUE),
    'norms': ('adversary.protocol=norms', *TRUE),
}
#: Nobody is to be exposed there.
CALM = 'partial, no liars', 'no liars'
#: Largest loss of accuracy, and the most that a step may take beside
#: `partial` without liars once the liars are exposed.
LOSS, LONGER = 0.01, 1.3
#: First steps that do not count: ranks load data and code in them.
WARM = 3
#: Seconds after which a run is given up.
LONGEST = 300


@dataclass(frozen=True, eq=False)
class Run:
    """What is read of one run log; `known`: from which step on both liars
    are exposed, the number of steps if never."""

    accuracy: float
    seconds: np.ndarray
    epochs: np.ndarray
    bytes_in: np.ndarray
    known: int
    wrong: int
    honest_exposed: int
    missing: int


def main():
    """Run everything, write the table; exit code 1 if a condition fails."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    runs = {name: run(name, settings) for name, settings in CASES.items()}
    text, fine = table(runs)
    (HERE / 'MPI.md').write_text(text)
    print(text)
    sys.exit(0 if fine else 1)


def run(name, settings):
    """One run between 16 ranks, and what its log says."""
    log = RUNS / f'{name.replace(" ", "-").replace(",", "")}.h5'
    print(name, flush=True)
    running.run_mpi(JOB, log, settings, timeout=LONGEST)
    return read(log)


def read(log):
    """What the table needs of a log."""
    with load_run(log) as it:
        exposed = it.exposed
        both = exposed[:, LIARS].all(axis=1)
        honest = np.delete(exposed, LIARS, axis=1)
        return Run(float(it.evaluation['accuracy'][-1]),
                   it.steps['seconds_step'], it.steps['epochs'],
                   it.steps['bytes_in'],
                   int(both.argmax()) if both.any() else it.n_steps,
                   int(it.wrong_files.sum()), int(honest.any(axis=0).sum()),
                   int(it.steps['files_missing'].sum()
                       + it.steps['files_dropped'].sum()))


def table(runs):
    """The page, and whether every condition holds."""
    floor = np.median(runs['partial, no liars'].seconds[WARM:])
    free = runs['no liars'].accuracy
    rows, fine = [], True
    for name, it in runs.items():
        after = it.seconds[max(it.known + 1, WARM):]
        before = it.seconds[WARM:max(it.known + 1, WARM)]
        ratio = np.median(after) / floor if after.size else np.nan
        holds = (it.accuracy >= free - LOSS and not it.wrong
                 and not it.honest_exposed and not it.missing
                 and (ratio <= LONGER or name in CALM))
        fine &= bool(holds)
        known = it.known if it.known < len(it.seconds) else '–'
        rows.append((
            name, f'{100 * it.accuracy:.1f}', known, _ratio(before, floor),
            _ratio(after, floor), int(it.epochs.max()),
            f'{it.bytes_in.mean() / 1e3:.0f}', it.wrong, it.missing,
            it.honest_exposed, 'PASS' if holds else 'FAIL'))
    return HEAD + markdown_rows(rows) + '\n', fine


def _ratio(seconds, floor):
    return f'{np.median(seconds) / floor:.2f}' if seconds.size else '–'


HEAD = f"""# Wrong, slow and dead workers at once

`python -m experiments.robust.mpi`: 16 ranks, digits, 15 workers, five of them
a file, q = 2.  Workers 0 and 7 lie, 3 and 10 are ten times slower, 5 is dead
from step 50 on.  *Known* is the step in which both liars are exposed; before
and after are median step times over that of `partial` without liars.  A run
passes with an accuracy within one point of that without liars, no wrong, lost
or missing file, no honest worker exposed, and at most {LONGER} after.

| liars on | accuracy | known | before | after | epochs | kB in a step | \
wrong | lost | honest exposed | |
|---|---|---|---|---|---|---|---|---|---|---|
"""


if __name__ == '__main__':
    main()
