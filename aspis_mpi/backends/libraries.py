"""MPI libraries that mpi4py does not find, and what to do about it.

The wheel of mpi4py is linked with the names that the MPIs themselves give
their libraries: `libmpi.so.12` for MPICH and Intel MPI, `libmpi.so.40` for
Open MPI.  Debian and Ubuntu call MPICH's `libmpich.so.12`.  To name that in
`MPI4PY_LIBMPI` is not enough, since the wheel's own module asks for
`libmpi.so.12` afterwards: the loader has to find it under this name.
"""

import os
from pathlib import Path

#: MPICH's library as Debian calls it, and as everybody else does.
RENAMED, KNOWN = 'libmpich.so.12', 'libmpi.so.12'

#: Where the loader looks besides, as patterns below the root.
FOLDERS = ('usr/lib/*-linux-gnu', 'usr/lib64', 'usr/lib', 'usr/local/lib')


def advice(environment=os.environ, root='/'):
    """Advice about an MPICH whose library has another name.

    Parameters
    ----------
    environment : mapping of str to str
    root : str or Path
        Of the file system.

    Returns
    -------
    str
        '' where there is none, where its known name is there as well, or
        where another MPI has started this process.
    """
    if 'OMPI_COMM_WORLD_SIZE' in environment or any(
            name.startswith('I_MPI_') for name in environment):
        return ''
    named = environment.get('LD_LIBRARY_PATH', '').split(os.pathsep)
    folders = [Path(name) for name in named if name]
    for pattern in FOLDERS:
        folders += sorted(Path(root).glob(pattern))
    if any((folder / KNOWN).exists() for folder in folders):
        return ''
    found = [path for folder in folders if (path := folder / RENAMED).exists()]
    if not found:
        return ''
    return (f'{found[0]} is MPICH under another name than {KNOWN}, for which '
            'mpi4py asks; so, for all ranks: mkdir -p ~/mpich && ln -sf '
            f'{found[0]} ~/mpich/{KNOWN} && export MPI4PY_MPIABI=mpich '
            'LD_LIBRARY_PATH=$HOME/mpich:$LD_LIBRARY_PATH')


def missing(error, environment=os.environ, root='/'):
    """Fault where mpi4py cannot load an MPI, and what to do.

    Parameters
    ----------
    error : Exception
    environment, root
        As in `advice`.

    Returns
    -------
    str
    """
    text = ' '.join(str(error).split())
    todo = advice(environment, root) or (
        'load the MPI module of the site, or install one with pip install '
        "'.[local-mpi]'")
    return f'mpi4py cannot start MPI: {type(error).__name__}: {text}: {todo}'
