"""Which runs the table of attacks is made of."""

from dataclasses import dataclass, replace

SEEDS = 1, 2, 3
#: How a run was made.
SIMULATED, MPI = 'simulated', 'mpi'

#: What each scheme of the table sets.
SCHEMES = {
    'uncoded': ('scheme.name=uncoded',),
    'aspis': ('scheme.name=aspis',),
    'core': ('scheme.name=aspis', 'detection.name=core'),
}
#: The published names of where the liars lie.
FILES = {'ATT-1': 'all', 'ATT-2': 'fixed-disagreement'}

#: What they say there.  z = 1, the default, lies inside the spread of the
#: true gradients; z = -5 is large enough to hurt a plain mean, and negative
#: because that direction also hurts medians here.
VALUES = {
    'constant': ('adversary.value=constant',),
    'reversed': ('adversary.value=reversed',),
    'foe': ('adversary.value=foe',),
    'alie': ('adversary.value=alie',),
    'alie-strong': ('adversary.value=alie', 'adversary.z=-5.0'),
}
AGGREGATIONS = ('mean', 'median', 'median-of-means', 'trimmed-mean',
                'geometric-median')


@dataclass(frozen=True)
class Run:
    """One run: a cell of the table and a seed.

    `value` is empty without an attack.
    """

    scheme: str
    aggregation: str
    files: str = ''
    value: str = ''
    seed: int = SEEDS[0]

    @property
    def name(self):
        """For the file name of its log."""
        words = (self.scheme, self.aggregation, self.files, self.value)
        return '-'.join([*filter(None, words), str(self.seed)]).lower()

    @property
    def settings(self):
        """What it changes in the job that all share."""
        attack = () if not self.value else (
            'adversary.count=3', f'adversary.files={FILES[self.files]}',
            *VALUES[self.value])
        return (f'run.seed={self.seed}', *SCHEMES[self.scheme],
                f'aggregation.name={self.aggregation}', *attack)


@dataclass(frozen=True)
class Row:
    """A scheme, an aggregation and where the liars lie."""

    scheme: str
    aggregation: str
    files: str

    @property
    def calm(self):
        """The attack-free cell."""
        return Run(self.scheme, self.aggregation)

    def cell(self, value):
        """The cell of one attack value."""
        return Run(self.scheme, self.aggregation, self.files, value)


UNCODED = (Row('uncoded', 'mean', 'ATT-1'), Row('uncoded', 'median', 'ATT-1'))
# All liars are found, so the mean is taken, whatever the job asks for.
FOUND = (Row('aspis', 'median-of-means', 'ATT-1'),
         Row('core', 'median-of-means', 'ATT-1'))
MISSED = tuple(Row(scheme, aggregation, 'ATT-2')
               for scheme in ('aspis', 'core')
               for aggregation in AGGREGATIONS)
ROWS = UNCODED + FOUND + MISSED

#: A run with everything that a job of the table can set.
MOST = MISSED[0].cell('constant')


def marked():
    """The runs, one seed, that are run again under real MPI."""
    return (Run('uncoded', 'mean'),
            Run('uncoded', 'mean', 'ATT-1', 'foe'),
            Run('aspis', 'mean'),
            Run('aspis', 'median-of-means', 'ATT-1', 'reversed'),
            Run('aspis', 'median-of-means', 'ATT-2', 'alie-strong'),
            Run('core', 'mean', 'ATT-2', 'constant'))


def simulated():
    """All runs, each once."""
    cells = dict.fromkeys(cell for row in ROWS for cell in
                          (row.calm, *map(row.cell, VALUES)))
    return [run for cell in cells for run in seeds(cell)]


def seeds(cell):
    """A cell's run for every seed."""
    return [replace(cell, seed=seed) for seed in SEEDS]
