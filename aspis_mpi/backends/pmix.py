"""Node of each rank, as PMIx knows it from the launcher.

Open MPI 5 starts PMIx with MPI.  What is asked here is about the job: its
answer is the launcher's, and no rank can change it.
"""

import ctypes
import os
from pathlib import Path

#: Where Linux says what a process has loaded.
MAPS = Path('/proc/self/maps')


class _Process(ctypes.Structure):
    """The same in all versions of PMIx since its second."""

    _fields_ = [('namespace', ctypes.c_char * 256), ('rank', ctypes.c_uint32)]


def nodes(namespace):
    """Ranks on each node of a job; to be asked when MPI has started.

    Parameters
    ----------
    namespace : str
        What PMIx calls the job.

    Returns
    -------
    dict of str to list of int
        Empty where MPI has not started any PMIx, or that does not know.
    """
    pmix = _loaded()
    if pmix is None:
        return {}
    job, names = namespace.encode(), ctypes.c_char_p()
    if pmix.PMIx_Resolve_nodes(job, ctypes.byref(names)) or not names.value:
        return {}
    return {name.decode(): _ranks(pmix, name, job)
            for name in names.value.split(b',')}


def _ranks(pmix, node, job):
    """Ranks on a node, none where PMIx does not know."""
    count, found = ctypes.c_size_t(), ctypes.POINTER(_Process)()
    if pmix.PMIx_Resolve_peers(node, job, ctypes.byref(found),
                               ctypes.byref(count)):
        return []
    return [found[place].rank for place in range(count.value)]


def _loaded():
    """The library of this process, None if it has none."""
    if not MAPS.exists():
        return None
    for line in MAPS.read_text().splitlines():
        path = line.split(maxsplit=5)[-1]
        if Path(path).name.startswith('libpmix.so'):
            return _of_this_process(path)
    return None


def _of_this_process(path):
    try:
        return ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
    except OSError:
        # The file has been replaced since.
        return None
