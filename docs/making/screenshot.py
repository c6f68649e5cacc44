"""The picture of docs/report.md: a report in a browser, again.

    python docs/making/screenshot.py          # into docs/report.png

A run with liars, slow workers and a dead one is simulated, and Chromium
(`apt-get install chromium`) opens its report.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.report.making import report

PICTURE = Path(__file__).resolve().parents[1] / 'report.png'
WIDTH, HEIGHT = 1280, 1180

JOB = '''
[run]
steps = 60
seed = 5
evaluate_every = 5
[problem]
name = "digits"
model = "mlp"
batch_size = 455
[scheme]
name = "robust-partial"
workers = 13
adversaries = 2
[adversary]
count = 2
files = "random"
value = "reversed"
[delay]
name = "exponential"
mean = 0.5
per = "file"
silent = [4]
silent_from = 30
[faults]
silence = 20.0
'''


def main():
    """Run, report, and have the browser draw it."""
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    if browser is None:
        sys.exit('screenshot: chromium is not installed')
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / 'job.toml'
        job.write_text(JOB, encoding='utf-8')
        _, log = simulate(job, out=Path(folder) / 'RUN.h5')
        page = report([log])
        subprocess.run(
            [browser, '--headless', '--no-sandbox', '--disable-gpu',
             '--hide-scrollbars', f'--screenshot={PICTURE}',
             f'--window-size={WIDTH},{HEIGHT}',
             '--virtual-time-budget=10000', page.as_uri()],
            check=True, timeout=120, stderr=subprocess.DEVNULL)
    print(f'picture: {PICTURE}')


if __name__ == '__main__':
    main()
