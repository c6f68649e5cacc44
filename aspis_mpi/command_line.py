"""The command line: every command, and the words that may follow it."""

import argparse
from datetime import datetime

from aspis_mpi import __version__, registry


def parser():
    """The parser; what it gives has the name of the command as `command`."""
    top = argparse.ArgumentParser(
        prog='aspis_mpi', description='Distributed training over MPI that '
        'goes on, and stays right, with Byzantine and slow workers.')
    top.add_argument('--version', action='version',
                     version=f'aspis_mpi {__version__}')
    commands = top.add_subparsers(required=True, metavar='COMMAND',
                                  dest='command')
    for add in (_run, _simulate, _plan, _sweep, _prepare, _list, _show,
                _report, _export, _doctor):
        add(commands)
    return top


def _run(commands):
    _trains(commands, 'run',
            'train under mpirun: rank 0 serves, others work')


def _simulate(commands):
    sub = _trains(commands, 'simulate',
                  'the same job in one process, no MPI')
    sub.add_argument(
        '--replay', metavar='RUN.h5', help='handle what came in that '
        "run again, in the same order (log.detail = 'arrivals')")
    sub.add_argument(
        '--separate', action='store_true', help='parts and gradients '
        'of its own for each worker, as under MPI, so that what a '
        'problem keeps from call to call shows; takes the time and '
        'the memory of all ranks together')


def _trains(commands, name, text):
    """A command that trains."""
    sub = _described(commands, name, text)
    sub.add_argument('job', metavar='JOB.toml')
    _settings(sub)
    sub.add_argument('--out', metavar='RUN.h5', help='the run log')
    sub.add_argument('--overwrite', action='store_true',
                     help='replace an existing run log')
    sub.add_argument('--resume', action='store_true',
                     help='go on from the last checkpoint of the log, if '
                     'there is one')
    sub.add_argument('--from-step', type=int, metavar='N',
                     help='with --resume: go back first, to the newest '
                     'checkpoint of N steps or fewer')
    sub.add_argument('--check', action='store_true',
                     help='only check the job')
    return sub


def _plan(commands):
    sub = _described(commands, 'plan',
                     'what a job will cost, before it is submitted')
    sub.add_argument('job', metavar='JOB.toml')
    _settings(sub)
    sub.add_argument('--json', action='store_true')


def _sweep(commands):
    sub = _described(commands, 'sweep',
                     'all runs of a grid of settings that are not done yet')
    sub.add_argument('file', metavar='SWEEP.toml')
    sub.add_argument('--list', action='store_true', help='only say how far '
                     'each run is')
    sub.add_argument('--jobs', type=positive, metavar='N',
                     help='runs at a time (1)')
    sub.add_argument('--index', type=positive, metavar='I', help='do one '
                     'run by its number, under mpirun by all ranks')
    sub.add_argument('--out', metavar='FOLDER', help='of logs and records; '
                     'default: runs/SWEEP')
    sub.add_argument('--fresh', action='append', default=[], metavar='NAME',
                     help='forget that run first, or all that match, as in '
                     "'aspis-*'")


def _prepare(commands):
    sub = _described(commands, 'prepare', 'official files of images into '
                     'one file that all ranks share')
    sub.add_argument('name', metavar='NAME', help='the set, such as mnist; '
                     'list data has all of them')
    sub.add_argument('path', nargs='?', metavar='PATH',
                     help='the folder or the archive that you have '
                     'downloaded; a set that a library ships has none')
    sub.add_argument('-o', '--out', required=True, metavar='FILE',
                     help='the prepared file, which a job names')
    sub.add_argument('--unchecked', action='store_true', help='take anything '
                     'of the right form; logs of runs will say so')
    sub.add_argument('--overwrite', action='store_true',
                     help='replace an existing file')


def _list(commands):
    sub = commands.add_parser('list', help='every part with its options, '
                              'every preset, every key')
    sub.add_argument('topic', nargs='?', type=topic, metavar='TOPIC',
                     help='a family such as aggregation, a section such as '
                     'run, scheme for the presets, keys for all keys, or '
                     'module:Class of your own')


def _show(commands):
    sub = commands.add_parser('show', help='a run at a glance, or all of a '
                              'folder')
    sub.add_argument('runs', nargs='+', metavar='RUN.h5', help='a log or a '
                     'folder of logs; for nodes to leave out several, and '
                     'host ledgers')
    sub.add_argument('--json', action='store_true')
    sub.add_argument('--follow', action='store_true', help='show a running '
                     'job until it is over, also while it waits to be '
                     'started or to go on; elsewhere than on a terminal a '
                     'line whenever there is news')
    sub.add_argument('--interval', type=interval, metavar='SECONDS',
                     help='with --follow: between two looks (2)')
    sub.add_argument('--exclude', action='store_true', help='print nodes to '
                     'leave out, of workers that were exposed, dead or slow, '
                     'as sbatch --exclude takes them')
    sub.add_argument('--why', action='store_true', help='print the evidence, '
                     'host by host; with --exclude on standard error')
    sub.add_argument('--repeat', type=positive, default=1, metavar='N',
                     help='leave out hosts with evidence in N runs or more')
    sub.add_argument('--since', type=moment, metavar='DATE', help='count '
                     'what began on that day or later, as in 2026-11-30')


def _report(commands):
    sub = _described(commands, 'report', 'runs as one page for the browser')
    sub.add_argument('runs', nargs='+', metavar='RUN.h5')
    sub.add_argument('-o', '--out', metavar='REPORT.html',
                     help='default: RUN.report.html, beside the first log')
    sub.add_argument('--step', type=int, metavar='N', help='a step whose '
                     'course is wanted, beside the slowest and a few others')


def _export(commands):
    sub = _described(commands, 'export',
                     'runs as tables for other tools, CSV or Parquet')
    sub.add_argument('runs', nargs='+', metavar='RUN.h5')
    sub.add_argument('-o', '--out', required=True, metavar='FOLDER',
                     help='the folder to be; of several runs each has one '
                     'in it')
    sub.add_argument('--format', choices=('csv', 'mat', 'parquet'),
                     default='csv',
                     help='mat is for Octave and MATLAB; parquet needs the '
                     'extra of that name')
    sub.add_argument('--overwrite', action='store_true',
                     help='replace a folder that an export has made')


def _doctor(commands):
    sub = commands.add_parser('doctor', help='is this machine ready?')
    sub.add_argument('job', nargs='?', metavar='JOB.toml',
                     help='what it needs is looked at, too')
    _settings(sub)
    sub.add_argument('--out', metavar='RUN.h5', help='the run log to be')


def _described(commands, name, text):
    """A command that says of itself what the list of all says of it."""
    return commands.add_parser(name, help=text, description=text)


def _settings(sub):
    sub.add_argument('--set', action='append', default=[],
                     metavar='SECTION.KEY=VALUE', dest='settings',
                     help='override a key of the job')


def topic(word):
    """A topic of `list`, checked."""
    from aspis_mpi.job.listing import TOPICS
    if word not in TOPICS and ':' not in word:
        raise argparse.ArgumentTypeError(
            f"no family and no section is called '{word}'; "
            f'{registry.nearest(word, TOPICS)}')
    return word


def positive(word):
    """A number from 1 on, checked."""
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"'{word}' must be at least 1")
    return int(word)


def interval(word):
    """Seconds between two looks at a log, checked."""
    from aspis_mpi.following.loop import LEAST
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0.0
    if not LEAST <= seconds < float('inf'):
        raise argparse.ArgumentTypeError(
            f"'{word}' must be at least {LEAST} seconds")
    return seconds


def moment(word):
    """A day, or a moment of one, by the clock of this place."""
    try:
        return datetime.fromisoformat(word).astimezone()
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{word}' is no date such as 2026-11-30") from error
