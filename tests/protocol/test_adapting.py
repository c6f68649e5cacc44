"""Files follow the speeds of workers, whoever is slow, wrong or gone."""

from dataclasses import asdict

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.layout import most_files, of_order
from aspis_mpi.runlog.checkpoints import load
from aspis_mpi.runlog.summary import format_summary
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.events import EventCode
from tests.support.slow_nodes import FACTOR, FILE, job

SLOW = [3, 4, 5, 6]
#: All schemes in which files may follow speeds.
SCHEMES = {
    'sums': {},
    'all': {'collection': {'name': 'all'}},
    'replicas': {'transfer': {'name': 'replicas', 'challenge': False},
                 'collection': {'name': 'all'}},
    'replicas, coverage': {
        'transfer': {'name': 'replicas', 'challenge': False}},
    'spot': {'scheme': {'name': 'spot'}, 'assignment': {'load': 5},
             'detection': {'first': 0, 'rate': 0.01}}}


def bound(slow, copies, load=5, k=15):
    """The least seconds in which the workers finish so many copies."""
    speeds = np.full(k, 1 / FILE)
    speeds[slow] /= FACTOR
    files = k if copies > 1 else k * load
    times = np.sort((np.arange(1, files + 1) / speeds[:, None]).ravel())
    return times[files * copies - 1]


def changing(tmp_path, steps=30):
    """A trace of which node is slow: none, one, none, another."""
    rows = np.full((steps, 15), FILE)
    rows[5:15, SLOW] *= FACTOR
    rows[20:, 8:12] *= FACTOR
    np.save(tmp_path / 'trace.npy', rows)
    return {'name': 'trace', 'path': str(tmp_path / 'trace.npy'),
            'mean': None, 'factor': None, 'hosts': None,
            'workers': None}


def run(tmp_path, name='sums', out='run.h5', resume=False, replay=None,
        **sections):
    """The log of a run of one of `SCHEMES`."""
    base = {'assignment': {'placement': None, 'adapt': 1},
            'delay': {'hosts': None, 'workers': SLOW},
            'network': {'hosts': None}}
    merged = {key: base.get(key, {}) | SCHEMES[name].get(key, {})
              | sections.get(key, {})
              for key in {*base, *SCHEMES[name], *sections}}
    return simulate(job(**merged), out=tmp_path / out, resume=resume,
                    replay=replay)[1]


def seconds(log):
    with load_run(log) as it:
        return it.steps['seconds_step']


def unchecked(log):
    """Seconds of steps, NaN where slow workers had to check a file."""
    with load_run(log) as it:
        checked = it.steps['files_checked'] > 0
        return np.where(checked, np.nan, it.steps['seconds_step'])


def parameters(log):
    with np.load(log.with_suffix('.npz')) as saved:
        return saved['parameters']


def loads(log):
    """Files of each worker, by the step from which on it has so many."""
    with load_run(log) as it:
        return {step: (order >= 0).sum(axis=1) for step, order in it.orders}


@pytest.mark.parametrize('name', SCHEMES)
def test_a_slow_node_costs_one_step(tmp_path, name):
    log = run(tmp_path, name)
    least = bound(SLOW, 1 if name == 'spot' else 5)
    assert seconds(log)[0] >= 1.5
    assert np.nanmax(unchecked(log)[1:]) <= 1.25 * least + 1e-9
    with load_run(log) as it:
        assert not it.wrong_files.any() and not it.steps['files_missing'].any()


@pytest.mark.parametrize('name', SCHEMES)
def test_within_three_steps_of_a_change_files_have_followed(tmp_path, name):
    """Where all is waited for, who was slow is tried now and then."""
    log = run(tmp_path, name, run={'steps': 30}, delay=changing(tmp_path))
    took, copies = unchecked(log), 1 if name == 'spot' else 5
    for first, last, slow in ((0, 5, []), (8, 15, SLOW),
                              (18, 20, []), (23, 30, range(8, 12))):
        least = bound(list(slow), copies)
        assert np.nanmax(took[first:last]) <= 1.25 * least + 1e-9, first
    assert np.array_equal(parameters(log), parameters(run(
        tmp_path, name, 'fixed.h5', run={'steps': 30},
        assignment={'adapt': 0}, delay={'workers': [0]})))


@pytest.mark.parametrize('name', SCHEMES)
def test_equal_workers_keep_the_design(tmp_path, name):
    equal = {'name': 'constant', 'factor': None, 'workers': None}
    log = run(tmp_path, name, delay=equal)
    other = run(tmp_path, name, 'other.h5', delay=equal,
                assignment={'adapt': 0})
    mine, theirs = map(unchecked, (log, other))
    both = ~np.isnan(mine) & ~np.isnan(theirs)
    assert both.any() and np.array_equal(mine[both], theirs[both])
    assert len(loads(log)) == 1


@pytest.mark.parametrize('slow', [[3, 10], [0, 7]])
def test_two_slow_workers_apart_cost_nothing(tmp_path, slow):
    """Neither before nor with layouts by speeds: three copies are there."""
    delay = {'workers': slow}
    log = run(tmp_path, delay=delay)
    other = run(tmp_path, out='other.h5', delay=delay,
                assignment={'adapt': 0})
    assert np.array_equal(seconds(log), seconds(other))
    assert (seconds(log) <= 0.25 + 1e-9).all()


def test_a_layout_is_followed_after_so_many_steps_and_not_before(tmp_path):
    log = run(tmp_path, assignment={'adapt': 3}, run={'steps': 8})
    assert list(loads(log)) == [0, 3]
    assert (seconds(log)[:3] >= 1.5).all()


@pytest.mark.parametrize('files', ['all', 'random'])
@pytest.mark.parametrize('name', SCHEMES)
def test_liars_are_found_whatever_files_they_get(tmp_path, name, files):
    log = run(tmp_path, name, run={'steps': 12}, adversary={
        'count': 2, 'workers': [0, 9], 'files': files},
        detection=SCHEMES[name].get('detection', {}) | (
            {'rate': 1.0} if name == 'spot' else {}))
    with load_run(log) as it:
        assert it.exposed[-1].nonzero()[0].tolist() == [0, 9]
        assert not it.exposed[:, [1, 2, 8, 14]].any()
        assert not it.wrong_files.any()
        contributors = it.read('contributors')
        for step in range(12):
            held = it.incidence_at(step)
            assert not (contributors[step] & ~held).any() or name == 'spot'
        last = (it.order_at(11) >= 0).sum(axis=1)
    assert not last[[0, 9]].any()


def test_show_tells_of_layouts(tmp_path):
    with load_run(run(tmp_path)) as it:
        summary = summarize(it)
    assert asdict(summary.layouts) == {
        'changes': 1, 'last_step': 1, 'fewest': 1, 'most': 7}
    assert ('layouts   files went to others 1 time; from step 1 on 1 to 7 a '
            'worker') in format_summary(summary)
    with load_run(run(tmp_path, out='fixed.h5',
                      assignment={'adapt': 0})) as it:
        assert summarize(it).layouts is None


def test_reports_alone_bring_no_files(tmp_path):
    """Liars that claim to be done at once have no more than the third."""
    log = run(tmp_path, run={'steps': 10}, adversary={
        'count': 2, 'workers': [0, 9], 'value': 'honest',
        'protocol': 'counts'})
    for files in loads(log).values():
        honest = np.delete(files, [0, 9])
        assert files[[0, 9]].max() <= honest.max() <= most_files(15, 5, 9)
    with load_run(log) as it:
        assert not it.wrong_files.any()


def test_workers_on_one_host_share_as_few_files_as_can_be(tmp_path):
    log = run(tmp_path, assignment={'placement': 'hosts'},
              network={'hosts': [4, 4, 4, 4]},
              delay={'workers': list(range(3, 11))})
    hosts = np.arange(1, 16) // 4
    with load_run(log) as it:
        orders = it.orders[1:]
    assert orders
    for _, order in orders:
        held = of_order(order, Cyclic(15, load=5).widened(15)).incidence
        for host in range(4):
            here = held[:, hosts == host]
            # One beyond the r workers of a file, which nobody waits for, may
            # be anywhere.
            needed = here[:, here.sum(axis=0) > 1]
            assert needed.sum(axis=1).max(initial=0) <= -(-here.sum() // 15)


def test_a_run_goes_on_with_its_layout(tmp_path):
    """The checkpoint has it before it is used."""
    whole = run(tmp_path, out='whole.h5')
    log = run(tmp_path, run={'steps': 3}, assignment={'adapt': 3})
    saved = load(log.with_suffix('.checkpoints') / 'step-00000003.npz')
    laid = saved.members.layout
    assert (laid >= 0).sum(axis=1)[SLOW].tolist() == [1] * 4
    run(tmp_path, resume=True, assignment={'adapt': 3})
    assert (seconds(log)[3:] <= 0.35).all()
    with load_run(log) as it:
        assert np.array_equal(it.order_at(3), laid)
        assert np.array_equal(it.order_at(5), laid)
        assert not np.array_equal(it.order_at(2), laid)
        # One that was killed, not stopped, has the same sentence once more.
        told = [event for event in it.events
                if event.code is EventCode.LAYOUT]
        assert told and 'laid out by speeds' in told[0].text
    assert np.array_equal(parameters(log), parameters(whole))


@pytest.mark.parametrize('stop', [9, 14])
def test_who_was_slow_is_not_tried_sooner_as_the_run_goes_on(tmp_path, stop):
    """Nor does the run differ when it is done again from its beginning."""
    sections = {'run': {'steps': 17}, 'log': {'detail': 'arrivals'}}
    whole = run(tmp_path, 'all', 'whole.h5', **sections)
    log = run(tmp_path, 'all', **sections | {'run': {'steps': stop}})
    run(tmp_path, 'all', resume=True, **sections)
    again = run(tmp_path, 'all', 'again.h5', replay=log, **sections)
    tried = [{step: files[SLOW].tolist() for step, files in loads(it).items()}
             for it in (whole, log, again)]
    assert any([1] * 4 == files for files in tried[0].values())
    assert tried[0] == tried[1] == tried[2]


def test_a_run_that_went_on_is_done_again_with_its_layout(tmp_path):
    """The one that was drawn just before it was stopped."""
    sections = {'assignment': {'adapt': 3}, 'log': {'detail': 'arrivals'}}
    log = run(tmp_path, run={'steps': 3}, **sections)
    run(tmp_path, resume=True, **sections)
    again = run(tmp_path, out='again.h5', replay=log, **sections)
    with load_run(log) as one, load_run(again) as other:
        assert one.n_steps == other.n_steps == 6
        assert np.array_equal(one.order_at(5), other.order_at(5))
        assert not np.array_equal(one.order_at(5), one.order_at(0))
    assert np.array_equal(parameters(log), parameters(again))


@pytest.mark.parametrize('name', SCHEMES)
def test_a_run_is_done_again_with_the_same_layouts(tmp_path, name):
    sections = {'run': {'steps': 30}, 'delay': changing(tmp_path),
                'log': {'detail': 'arrivals'}}
    log = run(tmp_path, name, **sections)
    again = run(tmp_path, name, 'again.h5', replay=log, **sections)
    assert len(loads(log)) > 2
    assert np.array_equal(parameters(log), parameters(again))
    with load_run(log) as one, load_run(again) as other:
        assert np.array_equal(one.arrivals, other.arrivals)
        assert [it[0] for it in one.orders] == [it[0] for it in other.orders]
        for (_, mine), (_, theirs) in zip(one.orders, other.orders):
            assert np.array_equal(mine, theirs)
