"""The pictures of these pages that scripts of analysis/ draw.

    python docs/making/runs.py                 # all, into docs/
    python docs/making/runs.py --only trust    # some of them

Most are of runs: the jobs, which stand in this repository, are simulated, so
that the pictures are the same on every machine.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent


@dataclass(frozen=True)
class Picture:
    """What a script of analysis/ draws, as PICTURE.png beside the pages.

    Attributes
    ----------
    script : str
        Name of the script and of the picture.
    job : Path, optional
        A job file, or a page whose first job it is.
    runs : tuple of tuple of str
        Settings of each run, `section.key=value`.
    words : tuple of str
        What the script is told besides the logs.
    """

    script: str
    job: Path | None = None
    runs: tuple = ((),)
    words: tuple = ()

    @property
    def file(self):
        """Its name in docs/."""
        return f'{self.script}.png'


#: With the mean the job's own lies, -100 times a gradient, end a run for
#: want of larger numbers before there is a curve to be drawn.
LIES = 'adversary.value=constant',
UNCODED = *LIES, 'scheme.name=uncoded', 'scheme.adversaries=0'

PICTURES = (
    Picture('accuracy', ROOT / 'jobs' / 'quickstart.toml', (
        ('adversary.count=0',), LIES,
        (*UNCODED, 'aggregation.name=median'),
        (*UNCODED, 'aggregation.name=mean'))),
    # A message takes a while, else its arrow would have no length.
    Picture('timeline', DOCS / 'slow-workers.md', (
        ('run.steps=6', 'network.latency=0.004'),)),
    Picture('trust', ROOT / 'experiments' / 'robust' / 'robust.toml'),
    # Theory: of no run.
    Picture('distortion', runs=(), words=(
        'baseline', 'detox', 'aspis', 'framing', 'certified', 'mols',
        'bibd')))


def draw(picture):
    """Simulate the runs of a picture and have its script draw them."""
    from aspis_mpi import simulate
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder, 'job.toml')
        if picture.job is not None:
            job.write_text(job_of(picture.job), encoding='utf-8')
        logs = [Path(folder, f'{i}.h5') for i in range(len(picture.runs))]
        for settings, log in zip(picture.runs, logs):
            code, _ = simulate(job, settings=settings, out=log)
            if code:
                sys.exit(f'runs: a run of {picture.file} ended with {code}')
        subprocess.run(
            [sys.executable, ROOT / 'analysis' / f'{picture.script}.py',
             *picture.words, *logs, '-o', DOCS / picture.file],
            check=True, env=os.environ | {'PYTHONPATH': str(ROOT)})


def job_of(path):
    """The text of a job file, or of the first job of a page."""
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.toml':
        return text
    return re.search(r'^```toml\n(.*?)^```$', text,
                     re.DOTALL | re.MULTILINE)[1]


def main():
    """Draw all of them, or some."""
    known = {picture.script: picture for picture in PICTURES}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', choices=known, default=known,
                        metavar='NAME')
    for name in parser.parse_args().only:
        draw(known[name])


if __name__ == '__main__':
    main()
