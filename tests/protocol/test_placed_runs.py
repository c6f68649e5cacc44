"""A slow node costs little where its workers share few files."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.assignment.placement import most_on_a_host
from aspis_mpi.errors import JobError
from aspis_mpi.runlog.checkpoints import load
from aspis_mpi.schemes.events import EventCode
from tests.support.slow_nodes import job

#: The node itself, whatever the job calls hosts.
SLOW = {'hosts': None, 'workers': [3, 4, 5, 6]}


def seconds(log):
    with load_run(log) as run:
        return run.steps['seconds_step']


def parameters(log):
    with np.load(log.with_suffix('.npz')) as saved:
        return saved['parameters']


def told(log):
    """Sentences on the layout."""
    with load_run(log) as run:
        return [it.text for it in run.events if it.code is EventCode.LAYOUT]


@pytest.mark.parametrize(['placement', 'most', 'files'], [
    ('hosts', 0.30, 2), ('ranks', 1.51, 4)])
def test_a_slow_node_costs_little_where_it_shares_no_files(
        tmp_path, placement, most, files):
    _, log = simulate(job(assignment={'placement': placement}),
                      out=tmp_path / 'run.h5')
    assert (seconds(log) <= most).all()
    assert (seconds(log) >= most - 0.06).all()
    with load_run(log) as run:
        hosts = np.arange(1, 16) // 4
        held = np.zeros((15, 15), dtype=bool)
        for worker, row in enumerate(run.order_at(0)):
            held[row[row >= 0], worker] = True
        assert (held == run.incidence).all()
        assert max((held & (hosts == it)).sum(axis=1).max()
                   for it in range(4)) == files
        assert list(run.attrs['hosts'][3:5]) == ['host-0', 'host-1']


def test_the_log_says_who_is_where(tmp_path):
    _, log = simulate(job(), out=tmp_path / 'run.h5')
    sentence, = told(log)
    assert 'at most 2 are on one, by ranks it would be 4' in sentence
    with load_run(log) as run:
        assert sorted(run.placement.tolist()) == list(range(15))
    _, log = simulate(job(assignment={'placement': 'ranks'}),
                      out=tmp_path / 'ranks.h5')
    assert not told(log)
    with load_run(log) as run:
        assert run.placement is None


@pytest.mark.parametrize('check', [True, False])
def test_simulated_ranks_have_no_other_hosts(tmp_path, check):
    with pytest.raises(JobError, match='network.hosts, which is missing'):
        simulate(job(network={'hosts': None}, delay=SLOW),
                 out=tmp_path / 'run.h5', check=check)


def stopped(tmp_path, **sections):
    """The log of a run that ended after three steps."""
    return simulate(job(run={'steps': 3}, **sections),
                    out=tmp_path / 'run.h5')[1]


def test_a_run_goes_on_with_the_same_places(tmp_path):
    whole = simulate(job(), out=tmp_path / 'whole.h5')[1]
    log = stopped(tmp_path)
    checkpoint = load(log.with_suffix('.checkpoints') / 'step-00000003.npz')
    simulate(job(), out=log, resume=True)
    assert np.array_equal(parameters(log), parameters(whole))
    with load_run(log) as run, load_run(whole) as other:
        assert np.array_equal(run.order_at(5), other.order_at(5))
        assert checkpoint.members.placement.tolist() == run.placement.tolist()
        assert len(run.orders) == 1 and len(run.attrs['placement']) == 1


def test_on_other_hosts_workers_have_other_files_from_then_on(tmp_path):
    log = stopped(tmp_path, delay=SLOW)
    simulate(job(network={'hosts': [2] * 8}, delay=SLOW), out=log,
             resume=True)
    assert any('on other hosts than before' in it for it in told(log))
    with load_run(log) as run:
        assert run.n_steps == 6 and len(run.attrs['placement']) == 2
        before, after = run.order_at(2), run.order_at(3)
        assert np.array_equal(before, run.order)
        held = np.zeros((15, 15), dtype=bool)
        for worker, row in enumerate(after):
            held[row, worker] = True
        contributors = run.read('contributors')
    assert not np.array_equal(before, after)
    assert not (contributors[3:] & ~held).any()
    assert (contributors[:3] & ~held).any()


def test_a_placed_run_is_done_again_from_its_arrivals(tmp_path):
    """Also where the job that is given knows no hosts."""
    arrivals = {'log': {'detail': 'arrivals'}}
    log = simulate(job(**arrivals), out=tmp_path / 'run.h5')[1]
    again = simulate(job(network={'hosts': None}, delay=SLOW, **arrivals),
                     replay=log, out=tmp_path / 'again.h5')[1]
    assert np.array_equal(parameters(log), parameters(again))
    with load_run(log) as one, load_run(again) as other:
        assert np.array_equal(one.incidence, other.incidence)
        assert np.array_equal(one.arrivals, other.arrivals)


def test_a_run_that_was_placed_anew_is_not_done_again(tmp_path):
    """The record has arrivals of files that those workers do not have."""
    arrivals = {'log': {'detail': 'arrivals'}}
    log = stopped(tmp_path, delay=SLOW, **arrivals)
    simulate(job(network={'hosts': [2] * 8}, delay=SLOW, **arrivals), out=log,
             resume=True)
    with pytest.raises(JobError, match='--replay: .*run.h5 went on on other '
                                       'hosts'):
        simulate(job(**arrivals), replay=log, out=tmp_path / 'again.h5')


def test_liars_lie_on_the_files_that_they_have(tmp_path):
    _, log = simulate(job(adversary={'count': 2, 'workers': [1, 9]}),
                      out=tmp_path / 'run.h5')
    with load_run(log) as run:
        lies = run.read('lies')
        assert lies.any()
        assert not (lies & ~run.incidence).any()
        assert not run.wrong_files.any()
        assert run.exposed[-1].nonzero()[0].tolist() == [1, 9]


@pytest.mark.parametrize('name', ['aspis', 'detox', 'draco', 'partial'])
def test_other_schemes_run_with_places(tmp_path, name):
    """A renaming changes no gradient; codes may round otherwise."""
    load = {'load': 3} if name == 'partial' else {'load': None}
    logs = [simulate(job(
        scheme={'name': name, 'adversaries': 0 if name == 'partial' else 2},
        assignment={**load, 'placement': placement}),
        out=tmp_path / f'{placement}.h5')[1]
        for placement in ('ranks', 'hosts')]
    assert np.allclose(*map(parameters, logs), rtol=1e-5)
    assert name == 'partial' or np.array_equal(*map(parameters, logs))
    with load_run(logs[1]) as run:
        hosts = np.arange(15 + 1)[1:] // 4
        design = type('', (), {'incidence': run.incidence})()
        assert most_on_a_host(design, hosts, np.arange(15)) <= 3
