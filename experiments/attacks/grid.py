"""Which runs a table of attacks is made of."""

from dataclasses import dataclass, replace

SEEDS = 1, 2, 3

#: What each scheme of a table sets.
SCHEMES = {
    'uncoded': ('scheme.name=uncoded',),
    'aspis': ('scheme.name=aspis',),
    'core': ('scheme.name=aspis', 'detection.name=core'),
    'certified': (),
    # The liars of a run are the same in all steps, as here.
    'certified-fixed': ('detection.memory=forever',
                        'detection.budget=fixed'),
}
#: Those that take the mean once they have found all liars; `certified` is
#: prepared for as many others in the next step.
FINAL = 'aspis', 'core', 'certified-fixed'
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
#: Workers of all runs but those that say otherwise, and how many of them lie.
WORKERS = 15
LIARS = {WORKERS: 3, 4: 1}


@dataclass(frozen=True)
class Run:
    """One run: a cell of a table and a seed.

    `value` is empty without an attack.
    """

    scheme: str
    aggregation: str
    files: str = ''
    value: str = ''
    seed: int = SEEDS[0]
    workers: int = WORKERS

    @property
    def name(self):
        """For the file name of its log."""
        words = (self.scheme, self.aggregation, self.files, self.value)
        few = '' if self.workers == WORKERS else f'of-{self.workers}-'
        return few + '-'.join([*filter(None, words), str(self.seed)]).lower()

    @property
    def liars(self):
        """How many lie, if there is an attack, and q."""
        return LIARS[self.workers]

    @property
    def settings(self):
        """What it changes in the job that all share."""
        attack = () if not self.value else (
            f'adversary.count={self.liars}',
            f'adversary.files={FILES[self.files]}', *VALUES[self.value])
        return (f'run.seed={self.seed}', *SCHEMES[self.scheme],
                f'scheme.workers={self.workers}',
                f'scheme.adversaries={self.liars}',
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


@dataclass(frozen=True)
class Grid:
    """The runs of one table.

    Attributes
    ----------
    values : tuple of str
        What liars send, of `VALUES`: a column each.
    uncoded, found, missed : tuple of Row
        Without redundancy; with liars that are found; with liars that may
        not be.
    marked : tuple of Run
        The runs, one seed, that are run again under real MPI.
    beside : tuple of Run
        Cells that no row has, to compare with.
    seeds : tuple of int
        Of the runs of a cell.
    """

    values: tuple[str, ...]
    uncoded: tuple[Row, ...]
    found: tuple[Row, ...]
    missed: tuple[Row, ...]
    marked: tuple[Run, ...]
    beside: tuple[Run, ...] = ()
    seeds: tuple[int, ...] = SEEDS

    @property
    def rows(self):
        """All rows, from top to bottom."""
        return self.uncoded + self.found + self.missed

    @property
    def attacked(self):
        """All cells with an attack, each once."""
        return dict.fromkeys(row.cell(value) for row in self.rows
                             for value in self.values)

    @property
    def most(self):
        """A run with everything that a job of the table can set."""
        return self.missed[0].cell(self.values[0])

    @property
    def simulated(self):
        """All runs to simulate, each once, one seed after the other."""
        cells = dict.fromkeys([*(row.calm for row in self.rows), *self.beside,
                               *self.attacked])
        every = [replace(cell, seed=seed)
                 for seed in self.seeds for cell in cells]
        return tuple(dict.fromkeys([*every, *self.marked]))

    def runs(self, cell):
        """A cell's run for every seed."""
        return [replace(cell, seed=seed) for seed in self.seeds]
