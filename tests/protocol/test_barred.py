"""Workers with another job: no work in the whole run, and nothing else."""

import h5py
import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import Network, Simulation, VirtualClock
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.job.loading import from_tables
from aspis_mpi.protocol.messages import Failure, Stop

BARRED = 3
WHY = f'rank {BARRED + 1} has another job'


class Records:
    """In the place of a keeper: keeps what others write."""

    def __init__(self, server):
        self.notes = server.notes
        self.lacks = False

    def begin(self):
        """Nothing to evaluate."""

    def catch_up(self):
        """Leaves everything where it is."""


class Barring(Simulation):
    """A run in which a worker is barred; what it is sent is kept.

    Attributes
    ----------
    told : list of Message
        What the barred worker was sent.
    """

    def __init__(self, assembly, barred=(BARRED,), probes=False):
        self.clock = VirtualClock()
        self.server = server = assembly.server(self.clock, probes)
        server.bar(dict.fromkeys(barred, WHY))
        pools = assembly.pools(shared=True)
        super().__init__(
            server, [assembly.worker(number, self.clock, pools)
                     for number in range(assembly.job.n_workers)],
            Records(server), self.clock, Network())
        self.barred, self.told = barred, []

    def _hand(self, worker, message):
        if worker in self.barred:
            self.told.append(message)
        else:
            super()._hand(worker, message)

    @property
    def records(self):
        return self.server.notes.records

    @property
    def values(self):
        return self.server.parameters.values.copy()


#: Schemes of seven workers, one or two of which may be wrong.
SCHEMES = {
    'aspis': {'scheme': {'name': 'aspis', 'adversaries': 2},
              'aggregation': {'name': 'mean'}},
    'core': {'scheme': {'name': 'aspis', 'adversaries': 2},
             'aggregation': {'name': 'mean'},
             'detection': {'name': 'core'}},
    'certified': {'scheme': {'adversaries': 1}},
    'fixed': {'scheme': {'adversaries': 2},
              'detection': {'budget': 'fixed', 'memory': 'forever'}},
    'robust-partial': {'scheme': {'name': 'robust-partial',
                                  'adversaries': 2}},
    'partial': {'scheme': {'name': 'partial', 'adversaries': 1}},
    'gradient-code': {'scheme': {'name': 'gradient-code', 'adversaries': 1}},
    'wait-for-all': {'scheme': {'name': 'wait-for-all', 'adversaries': 1},
                     'faults': {'tolerate': 1}},
}


@pytest.fixture
def bar(tables):
    """Runs a small job whose worker `BARRED` has another one."""
    def run(name, barred=(BARRED,), probes=False, **sections):
        keys = {section: dict(own) for section, own
                in SCHEMES[name].items()}
        for section, own in sections.items():
            keys[section] = keys.get(section, {}) | own
        keys['scheme'] = keys['scheme'] | {'workers': 7}
        job = tables(**keys)
        if keys['scheme'].get('name') is None:
            job['detection'] = keys.get('detection', {})
        it = Barring(Assembly(from_tables(job)), barred, probes)
        it.code = it.run()
        return it
    return run


@pytest.mark.parametrize('name', SCHEMES)
def test_it_gets_no_work_and_the_others_train_as_ever(name, bar):
    without, everybody = bar(name), bar(name, ())
    assert without.code == everybody.code == DONE
    assert [type(message) for message in without.told] == [Stop]
    assert len(without.records) == 3
    for record in without.records:
        assert record.excluded.tolist() == [
            worker == BARRED for worker in range(7)]
        assert not record.exposed.any() and not record.files_missing
        assert not record.contributors[:, BARRED].any()
    # Exact sums: who computed a file does not matter.
    if name not in ('partial', 'gradient-code'):
        assert np.array_equal(without.values, everybody.values)
    np.testing.assert_allclose(without.values, everybody.values, atol=1e-4)


@pytest.mark.parametrize('name', ['core', 'fixed', 'robust-partial'])
def test_liars_beside_it_are_found_as_ever(name, bar):
    liar = {'count': 1, 'workers': [1]}
    attacked, honest = bar(name, adversary=liar), bar(name)
    assert attacked.code == DONE
    assert np.array_equal(attacked.values, honest.values)
    assert any(record.exposed[1] for record in attacked.records) or (
        name == 'core')


def test_it_is_not_asked_by_the_start_up_probe(bar):
    it = bar('aspis', probes=True)
    assert it.code == DONE
    assert [type(message) for message in it.told] == [Stop]
    texts = [event.text for event in it.server.notes.events]
    assert any('6 workers computed' in text for text in texts)


def test_it_is_told_once_and_is_no_loss(bar):
    it = bar('aspis', probes=True)
    events = it.server.notes.events
    assert [event.rank for event in events if event.text == WHY] == [4]
    assert not [event for event in events if 'lost' in event.text]


def test_whatever_it_says_changes_nothing(assemble):
    it = Barring(assemble(faults={'tolerate': 1}), (3,))
    it._down(it.server.start())
    assert it.server.handle(3, Failure(0, text=b'out of luck')) == []
    assert it.server.lose(2, 'worker 2 died') is not None
    assert it.server.exit_code is None


def test_a_file_that_nobody_else_can_have_refuses_the_run(bar):
    it = bar('wait-for-all', faults={'tolerate': 0})
    assert it.code == FAILED and not it.records
    assert 'step 0 cannot' in it.server.notes.events[-1].text


def test_recorded_arrivals_are_replayed_without_it(bar, tmp_path,
                                                   monkeypatch, tables):
    """The log says who had no work; the same bits follow."""
    job = from_tables(tables(
        run={'steps': 4}, scheme={'name': 'robust-partial', 'workers': 7,
                                  'adversaries': 2},
        delay={'name': 'exponential', 'mean': 1.0},
        log={'detail': 'arrivals'}))
    server, run_log = Assembly.server, Assembly.run_log

    def barring(self, clock, probes, past=None):
        made = server(self, clock, probes, past=past)
        made.bar({BARRED: WHY})
        return made
    with monkeypatch.context() as patch:
        patch.setattr(Assembly, 'server', barring)
        patch.setattr(Assembly, 'run_log', lambda self, *given: run_log(
            self, *given[:-1], [BARRED]))
        code, log = simulate(job, out=tmp_path / 'run.h5')
    assert code == DONE
    code, again = simulate(job, out=tmp_path / 'again.h5', replay=log)
    with load_run(log) as one, load_run(again) as other:
        assert one.excluded[:, BARRED].all()
        assert np.array_equal(one.excluded, other.excluded)
        assert np.array_equal(one.contributors, other.contributors)
    with np.load(log.with_suffix('.npz')) as one, np.load(
            again.with_suffix('.npz')) as other:
        assert one['parameters'].tobytes() == other['parameters'].tobytes()

    # Who had no work for a while only cannot be told apart by steps.
    with h5py.File(log, 'r+') as file:
        file.attrs['without_work'] = np.array([0, BARRED], dtype='i4')
    with pytest.raises(JobError, match='was resumed with workers'):
        simulate(job, out=tmp_path / 'third.h5', replay=log)
