"""Distributed training over MPI with Byzantine and slow workers."""

import importlib

__version__ = '0.1.0'

#: The public names and where they live; imported when first used, so that
#: `import aspis_mpi` and the command line's help stay light.
_PUBLIC = {
    'run': 'aspis_mpi.assembly.run',
    'simulate': 'aspis_mpi.assembly.run',
    'JobError': 'aspis_mpi.errors',
    'load_run': 'aspis_mpi.runlog.reader',
    'Problem': 'aspis_mpi.learning.problem',
    'Score': 'aspis_mpi.learning.problem',
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'aspis_mpi' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
