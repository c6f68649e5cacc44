"""Simulated runs under spot checks, whose draws can be repeated."""

from aspis_mpi import streams
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import Network, VirtualClock, simulate
from aspis_mpi.detection.spot import ripe
from aspis_mpi.job import loading
from aspis_mpi.streams import Coins


def tables(**sections):
    """A small job: K = 7, q = 1, c = 2, half of the steps checked."""
    job = {'run': {'steps': 60, 'seed': 3, 'evaluate_every': 0,
                   'checkpoint_every': 5},
           'problem': {'name': 'quadratic', 'parameters': 13,
                       'batch_size': 60, 'micro_batch': 4},
           'scheme': {'name': 'spot', 'workers': 7, 'adversaries': 1},
           'assignment': {'load': 2},
           'detection': {'rate': 0.5, 'first': 0}}
    for section, keys in sections.items():
        # Another problem has other keys.
        other = section == 'problem' and 'name' in keys
        job[section] = ({} if other else job.get(section, {})) | keys
    return job


def liar(begins=0, **keys):
    """The section of adversaries that lie in every step from one on."""
    return {'count': 1, 'who': 'tests.support.late_liar:Late',
            'begins': begins} | keys


class Snapshots:
    """The snapshots of a run, in memory: keeper of it, and its past.

    Parameters
    ----------
    ripening : Ripening, optional
        Of those that stay; without it all do.
    """

    server = None

    def __init__(self, ripening=None):
        self._kept, self._ripening = {}, ripening

    def begin(self):
        """Nothing: nothing is logged."""

    def secure(self, messages):
        """What is to be sent, as it is."""
        return messages

    def catch_up(self):
        """Take what the server has left; later ones are of another future."""
        notes = self.server.notes
        for it in notes.snapshots:
            self._kept = {step: one for step, one in self._kept.items()
                          if step < it.step} | {it.step: it}
            if self._ripening is not None:
                self._kept = {one.step: self._kept[one.step] for one in
                              ripe.keep(self._ages, it.members.age,
                                        *self._ripening)}
        notes.snapshots.clear()

    def target(self, now, horizon):
        """The snapshot to which an exposure takes the run back."""
        return self._kept[ripe.target(self._ages, now, horizon).step]

    @property
    def empty(self):
        """True before the first snapshot."""
        return not self._kept

    @property
    def last(self):
        """The snapshot of the latest step."""
        return self._kept[max(self._kept)]

    @property
    def _ages(self):
        return [ripe.Kept(it.step, it.made) for it in self._kept.values()]


class SpotRun:
    """A whole run.

    Attributes
    ----------
    assembly : Assembly
    server : ParameterServer
    workers : list of Worker
    snapshots : Snapshots
    code : int
    """

    #: The job, of sections that differ from a small one.
    tables = staticmethod(tables)
    #: What keeps its snapshots.
    keeper = Snapshots

    def __init__(self, coins=0, replace=None, goes_back=True, **sections):
        self.assembly = Assembly(loading.from_tables(
            self.tables(**sections)))
        clock = VirtualClock()
        if self.assembly.inspection is not None:
            self.assembly.inspection.coins = Coins(
                streams.generator(coins, 'coins').bytes)
        self.snapshots = keeper = self.keeper(self.assembly.ripening)
        self.server = keeper.server = self.assembly.server(
            clock, past=keeper if goes_back else None)
        pools = self.assembly.pools(shared=True)
        self.workers = [self.assembly.worker(number, clock, pools)
                        for number in range(self.assembly.job.n_workers)]
        for number, make in (replace or {}).items():
            self.workers[number] = make(self.workers[number])
        job = self.assembly.job.network
        self.code = simulate(self.server, self.workers, keeper, clock,
                             Network(job.latency, job.bandwidth))

    @property
    def values(self):
        """The parameters at the end."""
        return self.server.parameters.values

    @property
    def records(self):
        """Of every turn, undone ones included."""
        return self.server.notes.records

    @property
    def exposed(self):
        """Workers that were exposed in some turn, a set."""
        return {worker for record in self.records
                for worker in record.exposed.nonzero()[0].tolist()}

    @property
    def rollbacks(self):
        """Each time that it went back."""
        return self.server.notes.rollbacks
