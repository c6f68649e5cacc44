"""Other libraries of robust aggregation, and their rules by our names.

An environment of their own takes what they need, numpy, scipy and torch,
from this one.  What else they ask for, these rules do not use: ByzFL imports
torchvision for its benchmarks alone, and krum asks for a later Python than
its rules need.

All get what a server has: a list of n float32 vectors.  ByzFL gets them as
arrays of numpy, too.  ByzPy computes with torch whatever it is given.  Rules
that try all sets of rows one by one, for minutes, are left out: MDA and SMEA,
and the `Brute` of krum.
"""

import importlib.metadata
import subprocess
import sys
import sysconfig
import types
import venv
from pathlib import Path

VERSIONS = {'byzfl': '0.0.11', 'byzpy': '0.1.4', 'krum': '0.9.1'}
#: Iterations of theirs that do what ours do: see `RULES`.
WEISZFELD, CLIPPINGS = 8, 3
#: No move of theirs is short enough to end before.
NEVER = 1e-300
#: The bound of clipping, which is ours; and ByzPy's radius, that of ByzFL.
LONGEST, RADIUS = 1.0, 100.0


def environment(folder):
    """A Python with the peers, made where it is not there yet.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
    """
    python = folder / 'bin' / 'python'
    if not python.exists():
        venv.create(folder, with_pip=True)
    home = subprocess.run(
        [python, '-c', 'import sysconfig; '
         'print(sysconfig.get_paths()["purelib"])'],
        check=True, capture_output=True, text=True).stdout.strip()
    Path(home, 'here.pth').write_text(sysconfig.get_paths()['purelib'])
    missing = [f'{name}=={version}' for name, version in VERSIONS.items()
               if not Path(home, f'{name}-{version}.dist-info').exists()]
    if missing:
        subprocess.run([python, '-m', 'pip', 'install', '-q', '--no-deps',
                        '--ignore-requires-python', *missing],
                       check=True, stdout=sys.stderr)
    return python


def ways(library, rows, wrong, threads):
    """What a library has of our rules.

    Parameters
    ----------
    library : str
        Of `VERSIONS`.
    rows : list of ndarray of float32, shape (d,)
    wrong : int
        f.
    threads : int

    Returns
    -------
    dict of str to list of callable
        For each rule the ways to call it, of which the fastest counts.
    """
    found = importlib.metadata.version(library)
    if found != VERSIONS[library]:
        raise RuntimeError(f'{library} {found} is not {VERSIONS[library]}')
    import torch
    torch.set_num_threads(threads)
    tensors = [torch.from_numpy(row) for row in rows]
    return LIBRARIES[library](rows, tensors, wrong)


def byzfl(rows, tensors, wrong):
    """ByzFL, on arrays and on tensors."""
    sys.modules['byzfl.benchmark'] = types.ModuleType('byzfl.benchmark')
    import byzfl
    mean = byzfl.Average()

    def averaged(part):
        return lambda some: mean(part(some))

    def parts():
        # Anew for each kind: one remembers what it gave last.
        return {
            'mean': byzfl.Average(), 'median': byzfl.Median(),
            'trimmed-mean': byzfl.TrMean(wrong), 'krum': byzfl.Krum(wrong),
            'multi-krum': byzfl.MultiKrum(wrong),
            'meamed': byzfl.Meamed(wrong), 'monna': byzfl.MoNNA(wrong),
            'caf': byzfl.CAF(wrong),
            'geometric-median': byzfl.GeometricMedian(T=WEISZFELD),
            'centered-clipping': byzfl.CenteredClipping(
                L=CLIPPINGS, tau=RADIUS),
            'arc + mean': averaged(byzfl.ARC(wrong)),
            'clipping + mean': averaged(byzfl.Clipping(LONGEST)),
            'bucketing + mean': averaged(byzfl.Bucketing(2)),
            'nnm + mean': averaged(byzfl.NNM(wrong))}

    kinds = [(parts(), rows), (parts(), tensors)]
    return {name: [lambda part=it[name], some=some: part(some)
                   for it, some in kinds] for name in kinds[0][0]}


def byzpy(rows, tensors, wrong):
    """ByzPy, on tensors."""
    import torch
    from byzpy import pre_aggregators
    from byzpy.aggregators import (
        coordinate_wise as coordinate, geometric_wise as geometric,
        norm_wise as norm)
    n = len(rows)
    rules = {'median': coordinate.CoordinateWiseMedian(),
             'trimmed-mean': coordinate.CoordinateWiseTrimmedMean(wrong),
             'meamed': coordinate.MeanOfMedians(wrong),
             'krum': geometric.Krum(wrong),
             'multi-krum': geometric.MultiKrum(wrong, n - wrong - 2),
             'monna': geometric.MoNNA(wrong),
             'geometric-median': geometric.GeometricMedian(
                 max_iter=WEISZFELD, tol=NEVER),
             'caf': norm.CAF(wrong),
             'centered-clipping': norm.CenteredClipping(
                 c_tau=RADIUS, M=CLIPPINGS)}
    before = {'arc + mean': pre_aggregators.ARC(wrong),
              'clipping + mean': pre_aggregators.Clipping(LONGEST),
              'bucketing + mean': pre_aggregators.Bucketing(2),
              'nnm + mean': pre_aggregators.NearestNeighborMixing(wrong)}
    calls = {name: [lambda rule=rule: rule.aggregate(tensors)]
             for name, rule in rules.items()}
    # It has no mean of its own.
    return calls | {
        name: [lambda part=part: torch.stack(
            part.pre_aggregate(tensors)).mean(dim=0)]
        for name, part in before.items()}


def krum(rows, tensors, wrong):
    """The library krum, on tensors."""
    from krum.primitives.aggregators import (
        average, bulyan, geometric_median, krum, median, multikrum,
        nearest_neighbor_average, trimmed_mean)
    n = len(rows)
    calls = {
        'mean': (average.Average, {}), 'median': (median.Median, {}),
        'trimmed-mean': (trimmed_mean.TrimmedMean, {'f': wrong}),
        'krum': (krum.Krum, {'n': n, 'f': wrong}),
        'multi-krum': (multikrum.MultiKrum,
                       {'n': n, 'f': wrong, 'm': n - wrong - 2}),
        'bulyan': (bulyan.Bulyan, {'n': n, 'f': wrong}),
        'geometric-median': (geometric_median.GeometricMedian,
                             {'n': n, 'f': wrong, 'max_iter': WEISZFELD,
                              'tol': NEVER}),
        'monna': (nearest_neighbor_average.NearestNeighborAverage,
                  {'num_closest': n - wrong, 'pivot': tensors[0]})}
    return {name: [lambda rule=rule, sizes=sizes: rule.aggregate(
                tensors, **sizes)]
            for name, (rule, sizes) in calls.items()}


LIBRARIES = {it.__name__: it for it in (byzfl, byzpy, krum)}
