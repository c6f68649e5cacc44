"""Jobs, servers and hostile runs under reactive redundancy."""

from tests.support.forgery import pick
from tests.support.spot_bench import SpotBench
from tests.support.spot_runs import SpotRun
from tests.support.spot_storm import Storm


def tables(**sections):
    """A small job: K = 7, q = 2, one file a worker, all steps looked at."""
    job = {'run': {'steps': 12, 'seed': 3, 'evaluate_every': 0},
           'problem': {'name': 'quadratic', 'parameters': 13,
                       'batch_size': 63, 'micro_batch': 4},
           'scheme': {'name': 'reactive', 'workers': 7, 'adversaries': 2}}
    for section, keys in sections.items():
        other = section == 'problem' and 'name' in keys
        job[section] = ({} if other else job.get(section, {})) | keys
    return job


class ReactiveBench(SpotBench):
    """A server whose workers say what a test wants."""

    tables = staticmethod(tables)


class ReactiveRun(SpotRun):
    """A whole run, whose draws can be repeated."""

    tables = staticmethod(tables)


def some_job(rng):
    """Sections of a small job, and who its liars are, a list of int."""
    q = int(rng.integers(1, 4))
    workers = int(rng.integers(2 * q + 1, 2 * q + 5))
    sections = {
        'run': {'steps': int(rng.integers(4, 12)), 'evaluate_every': 0,
                'seed': int(rng.integers(1 << 30)),
                'checkpoint_every': int(rng.integers(6))},
        'scheme': {'name': 'reactive', 'workers': workers,
                   'adversaries': q},
        'assignment': {'load': int(rng.integers(1, 4))},
        'optimizer': {'momentum': 0.0},
        'problem': {'parameters': int(rng.integers(2, 40)),
                    'batch_size': 4 * workers * 3},
        'detection': {'rate': float(rng.choice([0.2, 0.6, 1.0, 1.0]))},
        'faults': {'tolerate': workers - 1, 'grace': 0.05,
                   'patience': float(rng.choice([0.0, 0.01]))}}
    liars = rng.permutation(workers)[:pick(rng, [1, q, q])]
    return sections, sorted(liars.tolist())


class ReactiveStorm(Storm):
    """One hostile run; where all steps are looked at no lie is ever used."""

    tables = staticmethod(tables)
    some_job = staticmethod(some_job)

    @property
    def screened(self):
        """In other steps anything is used."""
        return self.assembly.detector.rate == 1

    def _compare(self, record):
        if self.assembly.detector.rate == 1:
            self._lied.clear()
        super()._compare(record)
