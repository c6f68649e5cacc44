"""The decision table of docs/choosing.md, from the figures of `plan`.

    python docs/making/choices.py          # prints it
    python docs/making/choices.py --write  # and puts it into the page
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == '__main__':
    sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from aspis_mpi.job.presets import PRESETS  # noqa: E402
from aspis_mpi.plan import forecast  # noqa: E402
from aspis_mpi.words import size  # noqa: E402

from making.descriptions import table  # noqa: E402

PAGE = HERE.parent / 'choosing.md'
BEGIN, END = '<!-- choices -->', '<!-- /choices -->'

#: The job that all of them are compared on: 431,080 parameters, K = 15.
JOB = """
[run]
steps = 100
[problem]
name = "quadratic"
parameters = 431080
batch_size = 910
[scheme]
workers = 15
"""
#: Schemes that are prepared for wrong workers are compared with q = 2.
WRONG = 2
CAREFUL = (None, 'aspis', 'aspis-plus', 'byzshield', 'detox', 'draco',
           'draco-cyclic', 'reactive', 'reactive-random', 'spot',
           'robust-partial')

CERTIFIED = {None: '–', 'none': 'none', 'unattacked': 'all, unattacked',
             'attacked': 'all'}


def choices():
    """A row for each preset, and for a job without."""
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder, 'job.toml')
        job.write_text(JOB)
        rows = [_row(name, job) for name in (None, *PRESETS)]
    return table(('`scheme.name`', 'q', 'gradients', 'up', 'server',
                  'wrong files', 'certified', 'silent'), rows)


def _row(name, job):
    q = WRONG if name in CAREFUL else 0
    settings = [f'scheme.adversaries={q}']
    if name:
        settings.append(f'scheme.name={name}')
    plan = forecast(job, settings)
    wrong = f'{plan.worst_case_wrong_files} of {plan.files}' if q else '–'
    return (f'`{name}`' if name else '(none)', str(q),
            f'{plan.gradients_per_step / plan.files:g} ×',
            size(plan.bytes_up), size(plan.server_memory), wrong,
            CERTIFIED[plan.certifies], str(plan.silent_survived))


def write():
    """Put the table between the two marks of the page."""
    text = PAGE.read_text(encoding='utf-8')
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f'{before}{BEGIN}\n{choices()}\n{END}{after}',
                    encoding='utf-8')


if __name__ == '__main__':
    print(choices())
    if '--write' in sys.argv[1:]:
        write()
