"""What was published about partial stragglers, and which job is ours."""

import re
from dataclasses import dataclass

#: Steps of each closed form.
TRIALS = 2000
#: Graphs and orders over which a random order is averaged: the published
#: number is of one such order, and they differ more than trials do.
SEEDS = tuple(range(1, 11))
COPIES = 1, 2, 3
#: Files of a worker in the published experiments.
LOAD = 8


@dataclass(frozen=True)
class Point:
    """A published number and the job that ours comes from.

    `published` is as printed, since its last digit is a bound of its own.
    """

    group: str
    scheme: str
    at: str
    published: str
    job: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...] = ()

    @property
    def value(self):
        """The published number."""
        return float(self.published)

    @property
    def rounding(self):
        """Half a unit of its last digit."""
        digits = len(self.published.partition('.')[2])
        return 0.5 * 10 ** -digits

    @property
    def name(self):
        """For the file name of its log."""
        words = f'{self.group} {self.scheme} {self.at}'
        return '-'.join(re.findall(r'\w+', words.lower()))

    def seeded(self):
        """The settings once for each seed of the assignment."""
        return [(*self.settings, f'assignment.seed={seed}')
                for seed in self.seeds] or [self.settings]


EXACT, APPROXIMATE, EQUAL = 'exact', 'approximate', 'equal speeds'


def _exact():
    published = {
        'original': ('6.6', '9.5', '12.6'),
        'partial': ('2.86', '4.43', '6.39'),
        'partial, random order': ('3.44', '5.20', '7.36')}
    choices = {
        'original': ('collection.name=full-workers',),
        'partial': (),
        'partial, random order': ('assignment.order=random',)}
    for copies in COPIES:
        shared = (f'collection.copies={copies}',
                  f'delay.silent={LOAD - copies}')
        for scheme, numbers in published.items():
            yield Point(EXACT, scheme, f'copies {copies}',
                        numbers[copies - 1], 'exact.toml',
                        choices[scheme] + shared,
                        SEEDS if 'random' in scheme else ())


def _approximate():
    published = {
        'original': ('5.9', '3.4', '2.2', '1.5', '1.1', '0.8', '0.6', '0.5'),
        'partial': ('0.11', *7 * ('0.00',))}
    # With 0 stragglers nothing but the deadline ends a step of the original.
    choices = {'original': ('transfer.code=approximate',
                            'transfer.stragglers=0'),
               'partial': ()}
    for scheme, numbers in published.items():
        for i, number in enumerate(numbers, start=1):
            yield Point(APPROXIMATE, scheme, f'T = {3 * i}', number,
                        'approximate.toml',
                        (*choices[scheme], f'collection.deadline={3 * i}.0'))


def _equal():
    yield Point(EQUAL, 'original', 'copies 1', '8', 'equal.toml',
                ('collection.name=full-workers',))
    yield Point(EQUAL, 'partial', 'copies 1', '1', 'equal.toml', ())


POINTS = (*_exact(), *_approximate(), *_equal())

#: Settings of the runs in which workers may or may not skip covered files.
SKIPPING = tuple(
    (f'network.latency={latency}', f'collection.skip_covered={skip}')
    for latency in ('0.0', '0.1') for skip in ('false', 'true'))
