"""Distributed training over MPI with Byzantine and slow workers."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aspis_mpi.assembly.run import run
    from aspis_mpi.assembly.simulate import simulate
    from aspis_mpi.errors import JobError
    from aspis_mpi.learning.problem import Problem, Score
    from aspis_mpi.runlog.reader import load_run

__version__ = '0.1.0'

#: The public names and where they live; imported when first used, so that
#: `import aspis_mpi` and the command line's help stay light.
_PUBLIC = {
    'run': 'aspis_mpi.assembly.run',
    'simulate': 'aspis_mpi.assembly.simulate',
    'JobError': 'aspis_mpi.errors',
    'load_run': 'aspis_mpi.runlog.reader',
    'Problem': 'aspis_mpi.learning.problem',
    'Score': 'aspis_mpi.learning.problem',
}

# As words, which is how tools that read the text know them.
__all__ = ['JobError', 'Problem', 'Score', 'load_run', 'run', 'simulate']


if not TYPE_CHECKING:
    # Out of sight of a checker, for which any name would be there then.
    def __getattr__(name):
        if name not in _PUBLIC:
            raise AttributeError(
                f"module 'aspis_mpi' has no attribute '{name}'")
        return getattr(importlib.import_module(_PUBLIC[name]), name)
