"""Commands: run, simulate, sweep, plan, prepare, list, show and others."""

import os

# Before numpy loads its BLAS: one thread a rank.  Several ranks share a
# node, and the number of threads decides the bits of a sum.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import argparse  # noqa: E402
import atexit  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from dataclasses import asdict  # noqa: E402
from datetime import datetime  # noqa: E402
from functools import partial  # noqa: E402

from aspis_mpi import __version__, registry  # noqa: E402
from aspis_mpi.backends.launcher import launch  # noqa: E402
from aspis_mpi.backends.signals import Signals  # noqa: E402
from aspis_mpi.errors import (  # noqa: E402
    BAD_JOB, FAILED, INTERRUPTED, LEFT, JobError, RunLogError)

#: Seconds in which MPI has to end.
FINALIZE = 60


def main(argv=None):
    """Parse the command line and run the command.

    Returns
    -------
    int
        The exit code: 0 done, 2 bad job, 3 the run failed, 75 it was stopped
        after a checkpoint, 130 it was followed and left.
    """
    logging.basicConfig(level=logging.ERROR,
                        format='aspis_mpi: %(message)s')
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except BrokenPipeError:
        _close_output()
        return 0
    except Exception as error:
        return _refuse(error)


def _close_output():
    """Leave nothing to flush: the reader, `head` say, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(error):
    """Say what is wrong with the job; one rank speaks for all."""
    from aspis_mpi.learning.guard.mistake import told
    code = getattr(error, 'exit_code', None)
    if code != BAD_JOB:
        said = told(error) if code is None else f'aspis_mpi: {error}'
        print(said, file=sys.stderr, flush=True)
        return FAILED
    here = launch()
    if here.rank or here.is_singleton_of_many and here.slurm_rank:
        # The others end quietly: a second exit code could make the launcher
        # kill rank 0 before it has spoken.
        return 0
    if isinstance(error, JobError):
        error.tell()
    else:
        print(f'aspis_mpi: {error}', file=sys.stderr, flush=True)
    return BAD_JOB


def _parser():
    parser = argparse.ArgumentParser(
        prog='aspis_mpi', description='Distributed training over MPI that '
        'goes on, and stays right, with Byzantine and slow workers.')
    parser.add_argument('--version', action='version',
                        version=f'aspis_mpi {__version__}')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, command, text in (
            ('run', _run, 'train under mpirun: rank 0 serves, others work'),
            ('simulate', _simulate, 'the same job in one process, no MPI'),
            ('plan', _plan, 'what a job will cost, before it is submitted')):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        sub.add_argument('job', metavar='JOB.toml')
        sub.add_argument('--set', action='append', default=[],
                         metavar='SECTION.KEY=VALUE', dest='settings',
                         help='override a key of the job')
        if name == 'plan':
            sub.add_argument('--json', action='store_true')
            continue
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
        if name == 'simulate':
            sub.add_argument(
                '--replay', metavar='RUN.h5', help='handle what came in that '
                "run again, in the same order (log.detail = 'arrivals')")
            sub.add_argument(
                '--separate', action='store_true', help='parts and gradients '
                'of its own for each worker, as under MPI, so that what a '
                'problem keeps from call to call shows; takes the time and '
                'the memory of all ranks together')

    text = 'all runs of a grid of settings that are not done yet'
    sub = commands.add_parser('sweep', help=text, description=text)
    sub.set_defaults(command=_sweep)
    sub.add_argument('file', metavar='SWEEP.toml')
    sub.add_argument('--list', action='store_true', help='only say how far '
                     'each run is')
    sub.add_argument('--jobs', type=_positive, metavar='N',
                     help='runs at a time (1)')
    sub.add_argument('--index', type=_positive, metavar='I', help='do one '
                     'run by its number, under mpirun by all ranks')
    sub.add_argument('--out', metavar='FOLDER', help='of logs and records; '
                     'default: runs/SWEEP')
    sub.add_argument('--fresh', action='append', default=[], metavar='NAME',
                     help='forget that run first, or all that match, as in '
                     "'aspis-*'")
    text = 'official files of images into one file that all ranks share'
    sub = commands.add_parser('prepare', help=text, description=text)
    sub.set_defaults(command=_prepare)
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
    sub = commands.add_parser('list', help='every part with its options, '
                              'every preset, every key')
    sub.set_defaults(command=_list)
    sub.add_argument('topic', nargs='?', type=_topic, metavar='TOPIC',
                     help='a family such as aggregation, a section such as '
                     'run, scheme for the presets, keys for all keys, or '
                     'module:Class of your own')
    sub = commands.add_parser('show', help='a run at a glance, or all of a '
                              'folder')
    sub.set_defaults(command=_show)
    sub.add_argument('runs', nargs='+', metavar='RUN.h5', help='a log or a '
                     'folder of logs; for nodes to leave out several, and '
                     'host ledgers')
    sub.add_argument('--json', action='store_true')
    sub.add_argument('--follow', action='store_true', help='show a running '
                     'job until it is over, also while it waits to be '
                     'started or to go on; elsewhere than on a terminal a '
                     'line whenever there is news')
    sub.add_argument('--interval', type=_interval, metavar='SECONDS',
                     help='with --follow: between two looks (2)')
    sub.add_argument('--exclude', action='store_true', help='print nodes to '
                     'leave out, of workers that were exposed, dead or slow, '
                     'as sbatch --exclude takes them')
    sub.add_argument('--why', action='store_true', help='print the evidence, '
                     'host by host; with --exclude on standard error')
    sub.add_argument('--repeat', type=_positive, default=1, metavar='N',
                     help='leave out hosts with evidence in N runs or more')
    sub.add_argument('--since', type=_moment, metavar='DATE', help='count '
                     'what began on that day or later, as in 2026-11-30')
    text = 'runs as one page for the browser'
    sub = commands.add_parser('report', help=text, description=text)
    sub.set_defaults(command=_report)
    sub.add_argument('runs', nargs='+', metavar='RUN.h5')
    sub.add_argument('-o', '--out', metavar='REPORT.html',
                     help='default: RUN.report.html, beside the first log')
    sub.add_argument('--step', type=int, metavar='N', help='a step whose '
                     'course is wanted, beside the slowest and a few others')
    text = 'runs as tables for other tools, CSV or Parquet'
    sub = commands.add_parser('export', help=text, description=text)
    sub.set_defaults(command=_export)
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
    sub = commands.add_parser('doctor', help='is this machine ready?')
    sub.set_defaults(command=_doctor)
    sub.add_argument('job', nargs='?', metavar='JOB.toml',
                     help='what it needs is looked at, too')
    sub.add_argument('--set', action='append', default=[],
                     metavar='SECTION.KEY=VALUE', dest='settings',
                     help='override a key of the job')
    sub.add_argument('--out', metavar='RUN.h5', help='the run log to be')
    return parser


def _run(arguments):
    # From now on: to import and set up everything takes seconds.
    with Signals(last=True):
        from aspis_mpi.assembly.run import run
        # What is left at exit is MPI's finalization, where a frozen rank
        # must not keep the others.
        atexit.register(signal.alarm, FINALIZE)
        return _train(run, arguments)


def _simulate(arguments):
    with Signals(last=True):
        from aspis_mpi.assembly.simulate import simulate
        return _train(partial(simulate, replay=arguments.replay,
                              separate=arguments.separate), arguments)


def _sweep(arguments):
    with Signals(last=True) as signals:
        from aspis_mpi.sweep import going, listing, reading
        if arguments.index and (arguments.fresh or arguments.list
                                or arguments.jobs):
            raise JobError('sweep: --index goes with neither --list nor '
                           '--fresh nor --jobs: it does one run')
        sweep = reading.load(arguments.file, arguments.out)
        listing.forget(sweep, arguments.fresh)
        if arguments.list:
            listing.print_list(sweep)
            return 0
        if arguments.index is None:
            return going.go(sweep, arguments.jobs or 1, signals)
        return _sweep_one(sweep, arguments)


def _sweep_one(sweep, arguments):
    """Do one run of a sweep as `run` or `simulate` does it."""
    from aspis_mpi.sweep import single
    run, code = single.begin(sweep, arguments.index)
    if code is not None:
        return code
    how = _run if single.is_launched() else _simulate
    return how(argparse.Namespace(
        job=run.job, settings=(), out=run.log, overwrite=False, resume=True,
        check=False, from_step=None, replay=None, separate=False))


def _train(how, arguments):
    code, path = how(arguments.job, settings=arguments.settings,
                     out=arguments.out, overwrite=arguments.overwrite,
                     resume=arguments.resume, check=arguments.check,
                     from_step=arguments.from_step)
    if path is None:
        return code
    if arguments.check:
        print(f'The job is fine; its log would be {path}.')
        return code
    try:
        _summarize(path)
        if code == INTERRUPTED:
            print('The run was stopped after a checkpoint; the same command '
                  'with --resume goes on.')
        sys.stdout.flush()
    except BrokenPipeError:
        _close_output()
    return code


def _summarize(path):
    """Print the summary of a run, or why its log cannot be read.

    The exit code stays: what has been done is done.
    """
    from aspis_mpi.runlog.summary import print_summary
    try:
        print_summary(path)
    except RunLogError as error:
        print(f'aspis_mpi: {error}', file=sys.stderr)


def _plan(arguments):
    from aspis_mpi.plan import describe, forecast
    plan = forecast(arguments.job, arguments.settings)
    print(json.dumps(asdict(plan), indent=2) if arguments.json
          else describe(plan))
    return 0


def _prepare(arguments):
    from aspis_mpi.learning.images.preparing import prepare
    print(prepare(arguments.name, arguments.path, arguments.out,
                  arguments.unchecked, arguments.overwrite))
    return 0


def _list(arguments):
    from aspis_mpi.job.listing import listing
    for line in listing(arguments.topic):
        print(line)
    return 0


def _topic(word):
    """A topic of `list`, checked."""
    from aspis_mpi.job.listing import TOPICS
    if word not in TOPICS and ':' not in word:
        raise argparse.ArgumentTypeError(
            f"no family and no section is called '{word}'; "
            f'{registry.nearest(word, TOPICS)}')
    return word


def _show(arguments):
    path, *others = arguments.runs
    if arguments.follow:
        return _follow(arguments)
    if arguments.interval is not None:
        raise JobError('show: --interval is for --follow')
    if arguments.exclude or arguments.why or _is_ledger(path):
        from aspis_mpi.runlog.exclusion import Question
        from aspis_mpi.runlog.reasons import print_exclusion
        print_exclusion(
            arguments.runs, Question(arguments.repeat, arguments.since),
            arguments.exclude, arguments.why or not arguments.exclude,
            arguments.json)
        return 0
    if others or arguments.repeat > 1 or arguments.since:
        raise JobError('show: several logs, --repeat and --since are for '
                       '--exclude and --why; of a folder all runs are shown')
    if os.path.isdir(path):
        from aspis_mpi.runlog.folder import print_folder
        print_folder(path, as_json=arguments.json)
        return 0
    from aspis_mpi.runlog.summary import print_summary
    print_summary(path, as_json=arguments.json)
    return 0


def _follow(arguments):
    path, *others = arguments.runs
    if (others or os.path.isdir(path) or arguments.json or arguments.exclude
            or arguments.why or arguments.repeat > 1 or arguments.since):
        raise JobError('show: --follow takes one run log, and no other '
                       'option but --interval')
    try:
        from aspis_mpi.following.loop import INTERVAL, follow
        return follow(path, arguments.interval or INTERVAL)
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            # Below the key, which the terminal shows.
            print()
        return LEFT


def _is_ledger(path):
    from aspis_mpi.runlog import ledger
    return os.path.isfile(path) and ledger.is_ledger(path)


def _positive(word):
    """A number from 1 on, checked."""
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"'{word}' must be at least 1")
    return int(word)


def _interval(word):
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


def _moment(word):
    """A day, or a moment of one, by the clock of this place."""
    try:
        return datetime.fromisoformat(word).astimezone()
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{word}' is no date such as 2026-11-30") from error


def _report(arguments):
    from aspis_mpi.report.making import report
    print(f'report: {report(arguments.runs, arguments.out, arguments.step)}')
    return 0


def _export(arguments):
    from aspis_mpi.export.exporting import export
    # So that what is not finished is cleared away.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(
        128 + signal.SIGTERM))
    try:
        folder = export(arguments.runs, arguments.out, arguments.format,
                        arguments.overwrite)
    finally:
        signal.signal(signal.SIGTERM, before)
    print(f'tables: {folder}')
    return 0


def _doctor(arguments):
    from aspis_mpi.doctor import examine
    return examine(arguments.job, arguments.settings, arguments.out)


if __name__ == '__main__':
    sys.exit(main())
