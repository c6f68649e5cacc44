"""A delay that lets ranks stand still until a test has done its part.

What a test does to a run comes in time however busy the machine is: the run
waits for it.  Files where the ranks are say where.
"""

import os
import signal
import time
from pathlib import Path

from aspis_mpi.backends.signals import Signals
from aspis_mpi.delays.kinds.constant import Constant

#: Seconds between two looks at a file.
LOOK = 0.01


class Gate(Constant):
    """`constant`; workers wait, or stop themselves, where a file says so.

    Before the first file of a step all of them wait as long as there is
    `held-STEP` and nobody has asked them to end; the one of
    `stopped-STEP-WORKER` stops, as by SIGSTOP.
    """

    def seconds(self, step, worker):
        """Those of `constant`, as soon as the gate is open."""
        while os.path.exists(f'held-{step}') and not asked():
            time.sleep(LOOK)
        if os.path.exists(f'stopped-{step}-{worker}'):
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().seconds(step, worker)


def asked():
    """True if a signal has asked this process to end."""
    signals = getattr(signal.getsignal(signal.SIGTERM), '__self__', None)
    return isinstance(signals, Signals) and signals.number


#: How a job names it.
NAME = f'{__name__}:{Gate.__name__}'

#: Keys of a job that is held for as long as a test likes.
HELD = {'delay.name': NAME, 'faults.silence': 1000.0}


def hold(folder, step):
    """Let runs in a folder stand still in a step; what lets them go on."""
    file = Path(folder) / f'held-{step}'
    file.touch()
    return file.unlink


def stop(folder, step, worker):
    """Let a worker of runs in a folder stop in a step."""
    (Path(folder) / f'stopped-{step}-{worker}').touch()
