"""The runs of a sweep that are missing, several at a time.

Each has a process of its own, so that what ends one of them, a lack of memory
say, ends no other.
"""

import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

from aspis_mpi.backends.launcher import launch
from aspis_mpi.errors import BAD_JOB, DONE, FAILED, INTERRUPTED, JobError
from aspis_mpi.sweep import process, records, states
from aspis_mpi.sweep.states import look
from aspis_mpi.sweep.sweep import Run
from aspis_mpi.words import counted, duration, few

#: Seconds between two looks at the processes.
PAUSE = 0.05


@dataclass(frozen=True)
class Doing:
    """A run and the process that does it.

    Attributes
    ----------
    run : Run
    child : Process
    began : float
    """

    run: Run
    child: BaseProcess
    began: float


def go(sweep, jobs, signals):
    """Run what is missing of a sweep.

    Parameters
    ----------
    sweep : Sweep
    jobs : int
        Processes at a time.
    signals : Signals
        Requests to end.

    Returns
    -------
    int
        The exit code: 0 all is done, 3 a run failed, 75 the sweep was
        stopped, or others do some of its runs.

    Raises
    ------
    JobError
        Of any run, before the first one.
    """
    if launch().size > 1:
        raise JobError('sweep: the ranks of a launcher do one run of a '
                       'sweep: give its number by --index')
    found = records.refuse_changed(sweep.runs)
    records.submit(sweep)
    return Going(sweep, found, jobs, signals).run()


class Going:
    """The runs of a sweep while they are run.

    Parameters
    ----------
    sweep : Sweep
        All of its jobs are recorded.
    found : list of (Run, State)
        Its runs.
    jobs : int
        Processes at a time.
    signals : Signals
        Requests to end.
    """

    def __init__(self, sweep, found, jobs, signals):
        self._sweep, self._jobs, self._signals = sweep, jobs, signals
        self._waiting = deque(run for run, state in found
                              if state.word in (states.PARTIAL,
                                                states.MISSING))
        self._failed = [run.name for run, state in found
                        if state.word == states.FAILED]
        self._all, self._ended = len(self._waiting), 0
        self._elsewhere, self._running = [], []
        self._began, self._stopping = time.monotonic(), False
        done = len(found) - self._all - len(self._failed)
        _say(f'{counted(len(found), "run")}: {done} done, '
             f'{len(self._failed)} failed, {self._all} to do; '
             f'logs in {sweep.folder}')

    def run(self):
        """Run what is missing; the exit code of the sweep."""
        while self._running or self._waiting and not self._stopping:
            self._obey()
            while (self._waiting and not self._stopping
                   and len(self._running) < self._jobs):
                self._start(self._waiting.popleft())
            time.sleep(PAUSE)
            for doing in [it for it in self._running
                          if it.child.exitcode is not None]:
                self._running.remove(doing)
                self._end(doing)
        return self._conclude()

    def _start(self, run):
        """Start a process, unless somebody else has done the run by now."""
        if look(run).word == states.DONE:
            self._tell(run, 'done elsewhere')
            return
        self._running.append(Doing(run, process.start(run),
                                   time.monotonic()))

    def _obey(self):
        """Let all processes end, once for every request."""
        for _ in range(self._signals.taken()):
            if not self._stopping:
                _say(f'{self._signals.name}: no run is begun any more; those '
                     'that are being run end with a checkpoint')
            self._stopping = True
            for doing in self._running:
                doing.child.terminate()

    def _end(self, doing):
        """Take note of how a process has ended."""
        run, code = doing.run, doing.child.exitcode
        took = f' in {duration(time.monotonic() - doing.began)}'
        if code == DONE:
            self._tell(run, f'done{took}')
        elif self._stopping and code not in (BAD_JOB, FAILED):
            self._tell(run, f'stopped{took}')
        elif code == BAD_JOB and records.is_used(run):
            self._elsewhere.append(run)
            self._tell(run, 'left to the process that does it')
        elif code == BAD_JOB and look(run).word == states.DONE:
            self._tell(run, 'done elsewhere')
        else:
            self._failed.append(run.name)
            self._tell(run, f'FAILED{took}, exit code {code}; see {run.said}')

    def _tell(self, run, what):
        """Say in a line that a run has ended, and how long the rest takes."""
        self._ended += 1
        elapsed = max(time.monotonic() - self._began, 1e-9)
        left = elapsed / self._ended * (self._all - self._ended)
        width = max(len(it.name) for it in self._sweep.runs)
        _say(f'{self._ended:>{len(str(self._all))}}/{self._all}  '
             f'{run.name:<{width}}  {what}  '
             f'{60 * self._ended / elapsed:.3g} runs a minute  '
             f'{duration(left)} left')

    def _conclude(self):
        """Say what is not done; the exit code."""
        now = {run.name: look(run).word for run in self._elsewhere}
        self._failed += [name for name, word in now.items()
                         if word == states.FAILED]
        left = [name for name, word in now.items()
                if word not in (states.DONE, states.FAILED)]
        if self._failed:
            _say(f'failed: {few(self._failed)}; --fresh NAME forgets one')
        if left:
            _say(f'being run by other processes: {few(left)}')
        if self._stopping:
            _say('the sweep was stopped; the same command goes on')
        if self._stopping or left and not self._failed:
            return INTERRUPTED
        return FAILED if self._failed else DONE


def _say(text):
    """Write a line, as long as somebody reads them."""
    try:
        print(text, file=sys.stderr, flush=True)
    except BrokenPipeError:
        # Whoever read it, `head` say, has seen enough; the runs go on.
        sys.stderr = open(os.devnull, 'w', encoding='utf-8')
