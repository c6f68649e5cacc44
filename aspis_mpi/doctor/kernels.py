"""Variants of its libraries that a rank computes with, and what chose them.

Libraries choose among kernels by the CPU that they find, or as environment
variables tell them; `docs/bits.md` says which results have other bits then.
"""

import ctypes
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from aspis_mpi.doctor.finding import Finding, Level, alike, listed, who

TOPIC = 'kernels'

#: Variables of the environment that choose kernels, or how they add up.
SWITCHES = (
    'OPENBLAS_CORETYPE', 'NPY_DISABLE_CPU_FEATURES',
    'NPY_ENABLE_CPU_FEATURES', 'ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA',
    'DNNL_MAX_CPU_ISA', 'MKL_CBWR', 'MKL_ENABLE_INSTRUCTIONS',
    'BLIS_ARCH_TYPE', 'GLIBC_TUNABLES', 'OMP_NUM_THREADS')
DISABLED = 'NPY_DISABLE_CPU_FEATURES'
#: Files of libraries of linear algebra; MKL loads one for its kernels.
LIBRARY = re.compile(r'/lib[^/]*(?:blas|blis|mkl)[^/]*\.so[^/]*$')
#: The function of OpenBLAS that names its kernels; wheels of numpy and scipy
#: rename it.
CORE = '{}openblas_get_corename{}'
PREFIXES, SUFFIXES = ('', 'scipy_'), ('', '64_', '_64')


@dataclass(frozen=True)
class Kernels:
    """All that decides the bits of a sum on one rank, besides the code.

    Attributes
    ----------
    chosen : dict of str to str
        Libraries and what they have chosen.
    switches : dict of str to str
        Variables of the environment that are set.
    ignored : tuple of str
        CPU features that numpy is told to do without and does not know.
    """

    chosen: dict
    switches: dict
    ignored: tuple = ()


def look(case):
    """The `Kernels` of this rank, as far as libraries are loaded."""
    import numpy as np
    features = np.show_config(mode='dicts').get('SIMD Extensions', {})
    chosen = libraries(Path('/proc/self/maps').read_text())
    chosen['CPU features of numpy'] = ' '.join(features.get('found', ()))
    chosen[platform.libc_ver()[0] or 'libc'] = platform.libc_ver()[1]
    if 'torch' in sys.modules:
        from aspis_mpi.learning.devices import capability
        chosen['torch'] = capability()
    switches = {name: os.environ[name] for name in SWITCHES
                if name in os.environ}
    known = [name for names in features.values() for name in names]
    asked = re.split(r'[\s,]+', switches.get(DISABLED, ''))
    return Kernels(chosen, switches, tuple(
        name for name in asked if name and name not in known))


def libraries(maps):
    """Libraries of linear algebra of this process, and their kernels.

    Parameters
    ----------
    maps : str
        /proc/self/maps.

    Returns
    -------
    dict of str to str
        File name to kernel, '' where the library does not say.
    """
    paths = sorted({line.split(maxsplit=5)[-1] for line in
                    maps.splitlines() if LIBRARY.search(line)})
    return {Path(path).name: _core(path) for path in paths}


def _core(path):
    """The name that OpenBLAS gives its kernels; '' of another library."""
    # It is loaded already: this only finds it.
    library = ctypes.CDLL(path)
    for prefix in PREFIXES:
        for suffix in SUFFIXES:
            found = getattr(library, CORE.format(prefix, suffix), None)
            if found is not None:
                found.restype = ctypes.c_char_p
                return found().decode()
    return ''


def findings(ranks):
    """One line: the kernels of all, or who has others than the majority."""
    ranks = [rank for rank in ranks if rank.kernels is not None]
    # Who computed nothing has not loaded what the others compute with.
    ranks = [rank for rank in ranks if rank.bits is not None] or ranks
    for group in alike(ranks, lambda rank: tuple(rank.kernels.ignored)):
        if group[0].kernels.ignored:
            yield Finding(
                Level.NOTE, TOPIC, f'{who(group)}: numpy knows no CPU '
                f'feature {listed(group[0].kernels.ignored)}, so {DISABLED} '
                'does not switch it off; docs/bits.md has the names.')
    groups = alike(ranks, lambda rank: tuple(_all(rank).items()))
    for group in groups[1:]:
        ours, theirs = _all(group[0]), _all(groups[0][0])
        names = [name for name in ours | theirs
                 if ours.get(name) != theirs.get(name)]
        verb = 'computes' if len(group) == 1 else 'compute'
        yield Finding(
            Level.NOTE, TOPIC, f'{who(group)} {verb} with '
            f'{_named(ours, names)}, {len(groups[0])} others with '
            f'{_named(theirs, names)}: some sums may have other bits '
            '(docs/bits.md).')
    if len(groups) == 1:
        chosen = _all(ranks[0])
        yield Finding(Level.OK, TOPIC, f'All {len(ranks)} ranks compute with '
                      f'{_named(chosen, chosen)}.' if len(ranks) > 1 else
                      f'{_named(chosen, chosen)}.')


def _all(rank):
    """Libraries and switches by name, in one order."""
    return dict(sorted(rank.kernels.chosen.items())) | {
        f'{name} =': value for name, value in rank.kernels.switches.items()}


def _named(chosen, names):
    """Some of them, in words."""
    return listed(f'{name} {chosen[name]}'.strip() if name in chosen else
                  f'no {name.removesuffix(" =")}' for name in names)
