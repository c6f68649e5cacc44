"""Reports of five runs, written, and opened in a headless Chromium.

    python tests/bench/report.py
    python tests/bench/report.py --only long --keep FOLDER

clean   A run without adversaries.
hard    Liars, slow workers, and one that dies.
parts   A run that is stopped twice, and goes on with other workers.
back    A run under spot checks, which two liars take back.
long    A made-up one of 10,000 steps and 100 workers.

For each a line of JSON: seconds until `aspis_mpi report` had written it, bytes
of page and log, seconds from opening it until all was drawn, on a window of
1280 and one of 400 pixels, and until a curve of it was switched off by a key,
and what the console said.  Exit code 1 if that is anything, or more than is
promised.  `--keep` leaves logs and pages there, and what they look like: in
both windows, in the dark, and on paper; then all of them side by side.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

from tests.support import shown_runs  # noqa: E402
from tests.support.browser import Browser  # noqa: E402

RUNS = ('clean', 'hard', 'parts', 'back', 'long')
WIDE, NARROW, HEIGHT = 1280, 400, 900
#: Seconds of writing and of opening, and bytes of a page.
WRITING, OPENING, BYTES = 15.0, 5.0, 10_000_000

#: Focuses the first key of a picture; whether its curve is drawn.
FOCUS = 'document.querySelector("button.key").focus()'
PRESSED = 'document.activeElement.getAttribute("aria-pressed")'


def written(logs, page):
    """Seconds until the command has written a page."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, '-m', 'aspis_mpi', 'report', *map(str, logs),
         '-o', str(page)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def looked_at(window, page):
    """Seconds of opening a page, and of using it; pictures beside it."""
    wide = window.open(page, WIDE, HEIGHT)
    window.picture(page.with_suffix('.wide.png'))
    window.picture(page.with_suffix('.whole.png'), whole=True)
    start = time.perf_counter()
    window.run(FOCUS)
    window.press('Enter')
    window.wait(f'{PRESSED} === "false"')
    used = time.perf_counter() - start
    narrow = window.open(page, NARROW, HEIGHT)
    window.picture(page.with_suffix('.narrow.png'))
    over = window.run('document.documentElement.scrollWidth') - NARROW
    window.open(page, WIDE, HEIGHT, dark=True)
    window.picture(page.with_suffix('.dark.png'), whole=True)
    window.paper(page.with_suffix('.pdf'))
    return {'wide': round(wide, 2), 'narrow': round(narrow, 2),
            'used': round(used, 2), 'too_wide': over}


def tell(name, window, logs, page):
    """Print the line of a page; True if it is as promised."""
    seconds, heard = written(logs, page), len(window.complaints)
    found = looked_at(window, page)
    complaints = window.complaints[heard:]
    print(json.dumps({
        'run': name, 'writing': round(seconds, 2),
        'page_bytes': page.stat().st_size,
        'log_bytes': sum(
            part.stat().st_size for log in logs
            for part in log.parent.glob('*.h5')), **found,
        'complaints': complaints}), flush=True)
    return (not complaints and not found['too_wide'] and seconds <= WRITING
            and max(found['wide'], found['narrow']) <= OPENING
            and page.stat().st_size < BYTES)


def main():
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', choices=RUNS, default=RUNS)
    parser.add_argument('--keep', type=Path, metavar='FOLDER')
    arguments = parser.parse_args()
    right = []
    with tempfile.TemporaryDirectory() as folder, Browser() as window:
        place, logs = arguments.keep or Path(folder), []
        for name in arguments.only:
            (place / name).mkdir(parents=True)
            logs.append(getattr(shown_runs, name)(place / name))
            right.append(tell(name, window, logs[-1:],
                              place / name / 'report.html'))
        if len(logs) > 1:
            short = [log for log in logs if log.parent.name != 'long']
            right.append(tell('side by side', window, short,
                              place / 'report.html'))
    return 0 if all(right) else 1


if __name__ == '__main__':
    sys.exit(main())
