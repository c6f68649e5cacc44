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
from functools import partial  # noqa: E402

from aspis_mpi.backends.launcher import launch  # noqa: E402
from aspis_mpi.backends.signals import Signals  # noqa: E402
from aspis_mpi.command_line import parser  # noqa: E402
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
        after a checkpoint, 130 a command was left by Ctrl-C.
    """
    logging.basicConfig(level=logging.ERROR,
                        format='aspis_mpi: %(message)s')
    arguments = parser().parse_args(argv)
    try:
        return COMMANDS[arguments.command](arguments)
    except BrokenPipeError:
        _close_output()
        return 0
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            # Below the key, which the terminal shows.
            print()
        return LEFT
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
    from aspis_mpi.following.loop import INTERVAL, follow
    return follow(path, arguments.interval or INTERVAL)


def _is_ledger(path):
    from aspis_mpi.runlog import ledger
    return os.path.isfile(path) and ledger.is_ledger(path)


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


COMMANDS = {'run': _run, 'simulate': _simulate, 'sweep': _sweep,
            'plan': _plan, 'prepare': _prepare, 'list': _list, 'show': _show,
            'report': _report, 'export': _export, 'doctor': _doctor}


if __name__ == '__main__':
    sys.exit(main())
