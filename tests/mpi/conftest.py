"""Jobs of five workers, mostly, under the mpirun of both MPIs."""

import json
from dataclasses import dataclass

import pytest

from aspis_mpi import simulate
from tests.support import one_start
from tests.support.commands import MODULE, answer, lay, placed
from tests.support.limits import HANGS
from tests.support.mpirun import (
    LAUNCHER, MPIS, Ended, Running, environment, parameters, prefix,
    write_job)


@pytest.fixture(params=MPIS)
def mpi(request):
    """Name of an MPI; tests run under each that is installed."""
    if not (prefix(request.param) / 'bin' / 'mpirun').exists():
        pytest.skip(f'no mpirun of {request.param} in '
                    f'{prefix(request.param)}/bin')
    return request.param


@pytest.fixture
def folder(tmp_path):
    """Where jobs run; modules in it can be imported by all ranks."""
    return tmp_path


@pytest.fixture
def start(folder):
    """Starts a job: `start(mpi, ranks, *arguments, script, python, survive)`.

    Arguments are those of `python -m aspis_mpi`, or of a script; the Python
    is the one that has this MPI.  Where the job is to `survive`, the death
    of a rank is not that of all (ULFM, Open MPI alone).
    """
    jobs = []

    def begin(mpi, ranks, *arguments, script=None, python=None,
              survive=False):
        home = prefix(mpi) / 'bin'
        flags = ['--oversubscribe'] if mpi == 'openmpi' else []
        flags += ['--with-ft', 'ulfm'] if survive else []
        what = [script] if script else ['-m', 'aspis_mpi']
        command = [home / LAUNCHER[mpi], *flags, '-n', ranks,
                   python or home / 'python', *what, *arguments]
        jobs.append(Running([str(word) for word in command],
                            environment(folder), folder))
        return jobs[-1]
    yield begin
    for job in jobs:
        job.close()


@pytest.fixture
def launch(start):
    """Runs a job to its end within `limit` seconds, answers an `Ended`."""
    def run(mpi, ranks, *arguments, limit=HANGS, **options):
        return start(mpi, ranks, *arguments, **options).wait(limit)
    return run


#: What a rank sets in each job of a series.
SETTINGS = """
def settings(number):
    return ()
"""

#: Runs jobs one after the other, and says with which exit codes.
SERIES = """
import json
import sys
from aspis_mpi import run

codes, logs = zip(*(
    run(path, out=path.replace('.toml', '.h5'), settings=settings(number))
    for number, path in enumerate(sys.argv[1:])))
if all(logs):                   # on rank 0
    with open('codes', 'w') as file:
        json.dump(codes, file)
"""


@dataclass(frozen=True)
class Series:
    """What came of jobs that ran one after the other under one mpirun.

    Attributes
    ----------
    ended : Ended
        How mpirun ended.
    logs, codes : dict
        The run log and the exit code of each job, by its name.
    """

    ended: Ended
    logs: dict
    codes: dict


@pytest.fixture(scope='module')
def kept():
    """What the tests of a file run once, by MPI."""
    return {}


@pytest.fixture
def series(mpi, kept, job, launch, folder):
    """Runs some jobs under one mpirun, once for all tests of a file.

    `series(ranks, {name: keys, ...})`: starting ranks takes longer than such
    runs do.  What is to be done `first` is a text in Python, which may say
    what the `settings` of a rank are.
    """
    def run(ranks, jobs, first='', **options):
        place = mpi, ranks, *jobs
        if place not in kept:
            kept[place] = None          # in case that this hangs
            kept[place] = run_all(ranks, jobs, first, options)
        assert kept[place] is not None, 'the jobs hang or fail'
        return kept[place]

    def run_all(ranks, jobs, first, options):
        paths = [job(keys).rename(folder / f'series-{number}.toml')
                 for number, keys in enumerate(jobs.values())]
        script = folder / 'series.py'
        script.write_text(SETTINGS + first + SERIES)
        ended = launch(mpi, ranks, *paths, script=script, **options)
        assert ended.code == 0, ended.err
        codes = json.loads((folder / 'codes').read_text())
        logs = [path.with_suffix('.h5') for path in paths]
        return Series(ended, dict(zip(jobs, logs)), dict(zip(jobs, codes)))
    return run


@pytest.fixture
def answers(mpi, kept, job, start, launch, folder):
    """Enters command lines under one mpirun, once for all tests of a file.

    `answers(ranks, {name: Command(...), ...})`: starting ranks takes longer
    than what most of them do.  Answers an `Answer` for each name.  What is
    to be done to the ranks while they run, `during(running, folders)` does.
    """
    def enter(ranks, commands, during=None):
        place = mpi, ranks, *commands
        if place not in kept:
            kept[place] = None          # in case that this hangs
            kept[place] = enter_all(ranks, commands, during)
        assert kept[place] is not None, 'the command lines hang or fail'
        return kept[place]

    def enter_all(ranks, commands, during):
        stems, places = {}, {}
        for number, (name, command) in enumerate(commands.items()):
            stems[name] = folder / f'{len(kept)}-{number}'
            places[name] = places.get(command.after, stems[name])
            lay(places[name], command, job(command.keys).read_text())
        plan = folder / f'{len(kept)}.json'
        plan.write_text(json.dumps([
            [str(stems[name]), str(places[name]), command.first,
             placed(command.words, places[name])]
            for name, command in commands.items()]))
        ended = watched(ranks, plan, places, during)
        done = {name: answer(stems[name], places[name], ranks, ended)
                for name in commands}
        # What mpirun makes of the last one's exit code it makes of others'.
        assert ended.code == list(done.values())[-1].code, ended.err
        return done

    def watched(ranks, plan, places, during):
        running = start(mpi, ranks, plan, script=one_start.__file__)
        if during is not None:
            during(running, places)
        return running.wait()
    return enter


@pytest.fixture
def job(folder):
    """Writes a job of five workers: `job({'run.steps': 9, ...})`."""
    def write(keys=()):
        settings = {
            'run.steps': 6, 'run.seed': 7, 'run.evaluate_every': 0,
            'problem.name': 'quadratic', 'problem.parameters': 500,
            'problem.batch_size': 45, 'problem.micro_batch': 2,
            'scheme.name': 'aspis', 'scheme.adversaries': 2,
            'log.flush_seconds': 0.0} | dict(keys)
        return write_job(folder / 'job.toml', settings)
    return write


@pytest.fixture
def expected(folder):
    """The same job simulated: its log and its parameters."""
    def simulated(path, workers, *settings):
        code, log = simulate(
            path, out=folder / 'expected.h5', overwrite=True,
            settings=(f'scheme.workers={workers}', *settings))
        return code, log, parameters(log)
    return simulated


@pytest.fixture
def module(folder):
    """Writes a module `mine` with a `Problem` whose methods are given."""
    def write(body):
        text = MODULE.format(body=body)
        (folder / 'mine.py').write_text(text)
        return 'mine:Problem'
    return write


@pytest.fixture
def noted(folder):
    """What `note` wrote: (seconds since the epoch, word, rank)."""
    def read():
        rows = [line.split() for line in
                (folder / 'noted').read_text().splitlines()]
        return [(float(seconds), word, int(rank))
                for seconds, word, rank in rows]
    return read
