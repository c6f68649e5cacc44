"""Whole runs in one process: the published figures, equal bits, the log."""

import logging
from dataclasses import fields
from math import comb

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import (
    Network, VirtualClock, simulate as play)
from aspis_mpi.errors import DONE, FAILED, JobError
from aspis_mpi.job import loading
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.protocol.buffers import HEADER_BYTES
from aspis_mpi.protocol.messages import Vector
from aspis_mpi.protocol.worker.states import State
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Outcome, StepRecord
from tests.support.coded_jobs import NoKeeper
from tests.support.shuffled_lines import Lines
from tests.support.wrong_counts import BOUND, PUBLISHED

every_attack = pytest.mark.parametrize('files', PUBLISHED)
every_q = pytest.mark.parametrize('q', range(2, 8))


@pytest.fixture
def published(tables):
    """Makes the job of the paper: K = 15, r = 3, f = 455, small d."""
    def make(q, files, **sections):
        job = tables(run={'steps': 2}, problem={'parameters': 4},
                     scheme={'workers': 15, 'adversaries': q},
                     adversary={'count': q, 'files': files})
        return job | sections
    return make


@pytest.fixture
def simulated(tmp_path):
    """Runs a job; its exit code, its log and its trained parameters."""
    runs = []

    def run(tables, problem=None):
        out = tmp_path / f'run{len(runs)}.h5'
        job = loading.from_tables(tables)
        code, path = simulate(job, problem, out=out)
        runs.append(load_run(path))
        with np.load(path.with_suffix('.npz')) as model:
            return code, runs[-1], model['parameters']
    yield run
    for log in runs:
        log.close()


# --- the published figures ---------------------------------------------

@every_q
@every_attack
def test_clique_lets_through_what_is_published(published, simulated, files,
                                               q):
    code, run, _ = simulated(published(q, files,
                                       detection={'name': 'clique'}))
    assert code == DONE
    assert run.wrong_files.tolist() == [PUBLISHED[files][q - 2]] * 2
    if files in ('all', 'majorities'):
        assert np.array_equal(run.flagged, run.adversaries)
        assert run.flagging.precision == run.flagging.recall == 1
    if files == 'framing':
        assert (run.flagged.sum(axis=1) == q - 1).all()
        assert run.flagging.right == 0


@every_q
@every_attack
def test_core_keeps_the_bound_and_accuses_nobody_honest(published, simulated,
                                                        files, q):
    code, run, _ = simulated(published(q, files, detection={'name': 'core'}))
    assert code == DONE
    assert run.wrong_files.max() <= BOUND[q - 2]
    assert not (run.flagged & ~run.adversaries).any()

    # Every file whose holders that are not flagged agree is in use.
    for step in range(run.n_steps):
        survivors = run.incidence & ~run.flagged[step]
        lying = (survivors & run.lies[step]).sum(axis=1)
        holders = survivors.sum(axis=1)
        agree = (holders > 0) & ((lying == 0) | (lying == holders))
        assert (run.source[step][agree] >= 0).all()


@every_q
@every_attack
def test_certified_uses_no_wrong_file_that_evidence_could_show(
        published, simulated, files, q):
    """Only liars that never disagree with anybody get files through."""
    code, run, _ = simulated(published(q, files,
                                       detection={'name': 'certified',
                                          'memory': 'step'}))
    assert code == DONE
    assert not (run.exposed & ~run.adversaries).any()
    assert np.array_equal(run.flagged, run.exposed)
    quiet = comb(q, 3) if files == 'quiet' else 0
    assert run.wrong_files.max() <= quiet
    counts = run.steps['files_certified'] + run.steps['files_presumed']
    assert (counts > 0).all() and (counts <= 455).all()
    if files == 'all':
        assert np.array_equal(run.exposed, run.adversaries)
        named = {event.rank - 1 for event in run.events
                 if 'disagrees with' in event.text}
        assert named == set(np.flatnonzero(run.exposed[0]).tolist())


def test_presumed_files_of_largest_norm_never_count(tables, simulated):
    """q = r, nobody disagrees: one file may be the liars' own."""
    job = tables(scheme={'workers': 7, 'adversaries': 3},
                 detection={'name': 'certified'},
                 aggregation={'name': 'mean'})
    lies = {'count': 3, 'files': 'quiet', 'value': 'constant'}
    code, honest, _ = simulated(job)
    code, run, parameters = simulated(job | {'adversary': lies})
    assert code == DONE and not run.steps['files_certified'].any()
    assert (run.steps['files_dropped'] == 1).all()
    assert (honest.steps['files_dropped'] == 1).all()
    assert not run.wrong_files.any() and np.isfinite(parameters).all()


@pytest.mark.parametrize('value', ['reversed', 'constant', 'alie', 'foe',
                                   'bit-flip', 'nan'])
@pytest.mark.parametrize('detection', ['clique', 'core', 'certified'])
def test_the_value_of_a_lie_does_not_hide_it(tables, simulated, value,
                                             detection):
    code, run, parameters = simulated(tables(
        detection={'name': detection},
        adversary={'count': 2, 'value': value, 'who': 'random'}))
    assert code == DONE
    assert np.array_equal(run.flagged, run.adversaries)
    assert not run.wrong_files.any()
    assert np.isfinite(parameters).all()


# --- equal bits --------------------------------------------------------

ATTACKS = [
    {},
    {'count': 2, 'files': 'fixed-disagreement', 'value': 'alie'},
    {'count': 2, 'files': 'random', 'rate': 0.3, 'who': 'random'},
    {'count': 2, 'value': 'nan', 'who': 'window', 'window': 2}]


@pytest.mark.parametrize('attack', ATTACKS, ids=str)
def test_a_repeated_run_has_equal_bits(tables, simulated, attack):
    job = tables(adversary=attack, run={'steps': 5, 'evaluate_every': 2})
    (_, one, first), (_, two, second) = simulated(job), simulated(job)
    assert np.array_equal(first.view('u4'), second.view('u4'))
    for name in schema.ROWS:
        assert one.read(name).tobytes() == two.read(name).tobytes(), name
    assert one.evaluation.tobytes() == two.evaluation.tobytes()
    _, _, other = simulated(tables(adversary=attack,
                                   run={'steps': 5, 'seed': 8}))
    assert not np.array_equal(first, other)


@pytest.mark.parametrize('detection', ['clique', 'core'])
def test_when_all_liars_are_found_the_attack_costs_no_bit(
        tables, simulated, detection):
    """q < r: each file has an honest holder, so the mean is of all files."""
    batch = {'name': 'quadratic', 'parameters': 12, 'batch_size': 910}
    scheme = {'workers': 15, 'adversaries': 2}
    attacked = tables(scheme=scheme, detection={'name': detection},
                      adversary={'count': 2, 'files': 'all'})
    plain = tables(scheme=scheme | {'name': 'uncoded', 'adversaries': 0})
    attacked['problem'] = plain['problem'] = batch
    assert np.array_equal(simulated(attacked)[2], simulated(plain)[2])


def by_objects(assembly):
    """The server after a run in which messages are handed over."""
    clock = VirtualClock()
    server = assembly.server(clock)
    pools = assembly.pools(shared=True)
    workers = [assembly.worker(number, clock, pools)
               for number in range(server.n_workers)]
    assert play(server, workers, NoKeeper(), clock, Network()) == DONE
    return server


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('sections', [
    {'adversary': ATTACKS[1]}, {'adversary': ATTACKS[2]},
    {'adversary': ATTACKS[3], 'detection': {'name': 'clique'}},
    {'problem': {'name': 'linear-regression', 'micro_batch': 7},
     'adversary': ATTACKS[1]},
    {'scheme': {'name': 'uncoded'}}], ids=str)
def test_bytes_in_any_order_give_the_bits_of_objects(tables, sections, seed):
    """Every message through the wire, lanes and workers in random order."""
    def assemble():
        job = tables(**sections)
        if 'problem' in sections:
            job['problem'] = sections['problem']
        return Assembly(loading.from_tables(job))

    objects = by_objects(assemble())
    lines = Lines(assemble(), np.random.default_rng(seed))
    wired = lines.run()
    assert wired.exit_code == DONE
    assert {worker.state for worker in lines.workers} == {State.STOPPED}
    assert np.array_equal(wired.parameters.values.view('u4'),
                          objects.parameters.values.view('u4'))
    records = wired.notes.records
    assert len(records) == len(objects.notes.records) == 3
    for one, other in zip(records, objects.notes.records):
        for field in fields(StepRecord):
            assert np.array_equal(
                np.asarray(getattr(one, field.name), dtype=np.float64),
                np.asarray(getattr(other, field.name), dtype=np.float64),
                equal_nan=True), field.name
    # At most a step's replicas, and two sets of parameters a worker.
    assert lines.incoming.made <= records[0].copies.sum() + 1
    assert lines.pool.made <= 2 * 5


# --- what the log says -------------------------------------------------

def test_the_facts_of_a_clean_run(tables, simulated):
    code, run, parameters = simulated(tables(
        run={'steps': 7, 'evaluate_every': 3}, scheme={'workers': 6},
        aggregation={'name': 'mean'}, optimizer={'momentum': 0.0}))
    n_workers, n_files, load, d = 6, 20, 10, 12
    assert code == DONE
    assert (run.n_steps, run.n_workers, run.n_files) == (7, 6, 20)
    assert run.attrs['clock'] == 'virtual' and run.attrs['seed'] == 7
    assert run.steps['step'].tolist() == list(range(7))
    assert (run.steps['bytes_in'] == n_workers * load
            * (HEADER_BYTES + 4 * d)).all()
    assert (run.steps['bytes_out'] == n_workers
            * (2 * HEADER_BYTES + 1 + 4 * d)).all()
    assert (run.steps['messages'] == n_workers * (load + 2)).all()
    assert (run.steps['verdict'] == Outcome.CLEAN).all()
    assert (run.steps['lr'] == 0.1).all()
    assert (run.steps['gradient_norm'] > 0).all()
    for column in ('n_flagged', 'n_excluded', 'files_dropped',
                   'files_missing', 'audits', 'residual', 'seconds_wait',
                   'seconds_step', 'seconds_detect'):
        assert not run.steps[column].any(), column
    assert (run.copies == 3).all() and (run.files_done == load).all()
    assert (run.source == np.argmax(run.incidence, axis=1)).all()
    assert (run.contributors == run.incidence).all()
    assert run.incidence.sum() == n_files * 3
    for name in ('flagged', 'exposed', 'excluded', 'disagreements',
                 'adversaries', 'lies', 'payload_lies', 'first_report'):
        assert not run.read(name).any(), name
    assert (run.margin[:, 0] == 0).all() and np.isnan(run.margin[:, 1]).all()
    assert ['all bits are those of the server' in event.text
            for event in run.events] == [True]

    assert run.evaluation['step'].tolist() == [0, 3, 6, 7]
    assert (np.diff(run.evaluation['loss']) < 0).all()
    known = ~np.isnan(run.steps['loss'])
    assert np.flatnonzero(known).tolist() == [2, 5, 6]
    assert np.isfinite(parameters).all() and parameters.shape == (d,)


def test_the_complete_job_is_in_the_log(tables, simulated):
    job = tables(adversary=ATTACKS[1])
    _, run, _ = simulated(job)
    again = loading.from_tables(run.config)
    assert again.to_toml() == Assembly(loading.from_tables(job)).job.to_toml()
    assert again.problem.batch_size == 2 * run.incidence.shape[0]


def test_the_truth_is_logged_beside_what_was_found(tables, simulated):
    _, run, _ = simulated(tables(
        run={'steps': 12}, adversary={'count': 2, 'who': 'random',
                                      'files': 'random', 'rate': 0.5}))
    assert (run.adversaries.sum(axis=1) == 2).all()
    assert len({row.tobytes() for row in run.adversaries}) > 3
    assert not (run.lies & ~run.incidence).any()
    assert not (run.lies & ~run.adversaries[:, None, :]).any()
    # Whoever disagrees, one of both is an adversary.
    pairs = run.disagreements
    assert pairs.any() and not (pairs & ~run.adversaries[:, :, None]
                                & ~run.adversaries[:, None, :]).any()
    assert np.array_equal(pairs, pairs.transpose(0, 2, 1))
    assert (run.margin[:, 1] > 0).all()


def test_each_outcome_has_its_verdict(tables, simulated):
    expected = {
        'quiet': Outcome.CLEAN,                 # q < r: nothing to lie about
        'all': Outcome.RESOLVED,
        'fixed-disagreement': Outcome.VOTED}
    for files, outcome in expected.items():
        _, run, _ = simulated(tables(adversary={'count': 2, 'files': files},
                                     detection={'name': 'clique'}))
        assert (run.steps['verdict'] == outcome).all(), files


# --- what can go wrong -------------------------------------------------

def test_too_many_liars_end_the_run_and_the_log_stays(tables, simulated):
    code, run, _ = simulated(tables(
        run={'steps': 20}, scheme={'adversaries': 1},
        adversary={'count': 2, 'who': 'window', 'window': 20}))
    assert code == FAILED
    assert run.n_steps == 3
    assert (run.steps['verdict'] == Outcome.CONTRADICTION).all()
    assert not run.contributors.any() and np.isnan(run.steps['lr']).all()
    texts = [event.text for event in run.events]
    assert len(texts) == 5 and 'start-up probe' in texts[0]
    assert 'more wrong workers' in texts[-1]
    assert run.events[-1].level == logging.ERROR


def test_divergence_ends_the_run_and_says_so(tables, simulated):
    job = tables(run={'steps': 400}, optimizer={'lr': 1e30})
    job['problem'] = {'name': 'linear-regression'}
    with np.errstate(all='ignore'):
        code, run, _ = simulated(job)
    assert code == FAILED and run.n_steps < 20
    assert 'diverged' in run.events[-1].text
    assert 'optimizer.lr' in run.events[-1].text


class Breaks(Quadratic):
    """Raises in the fourth step: 10 files in each, and in the probe."""

    def __init__(self, seed):
        super().__init__(seed, parameters=12)
        self.left = 40

    def gradient(self, parameters, samples, out):
        self.left -= 1
        if self.left < 0:
            raise ZeroDivisionError('in the gradient')
        super().gradient(parameters, samples, out)


def test_a_problem_that_raises_keeps_the_finished_steps(tables, tmp_path):
    job = loading.from_tables(tables(run={'steps': 9}))
    out = tmp_path / 'run.h5'
    assert simulate(job, Breaks(7), out=out)[0] == FAILED
    with load_run(out) as run:
        assert run.n_steps == 3
        assert 'ZeroDivisionError: in the gradient' in run.events[-1].text


def test_a_gradient_is_computed_once_for_all_its_holders(tables, tmp_path):
    """10 files a step, also where two liars need the truth too."""
    for attack in ({}, ATTACKS[1]):
        made = []

        def make(seed):
            made.append(Breaks(seed))
            return made[-1]
        job = loading.from_tables(tables(adversary=attack))
        code, _ = simulate(job, make, out=tmp_path / f'{len(attack)}.h5')
        assert code == DONE
        # Rank 0 tries it, in five calls, and takes part in the probe.
        assert [problem.left for problem in made] == [25, 0]


def test_settings_of_a_job_that_is_made_already_are_refused(tables, tmp_path):
    job = loading.from_tables(tables())
    with pytest.raises(JobError, match=r"\['run.steps=1'\]: .*loading.load"):
        simulate(job, settings=['run.steps=1'], out=tmp_path / 'run.h5')
    assert not list(tmp_path.iterdir())


class Mute:
    """A worker that takes everything and says nothing."""

    finishes = np.inf

    def __init__(self, number):
        self.number = number

    def handle(self, message):
        if isinstance(message, Vector):
            message.buffer.release()


@pytest.mark.parametrize('silence', [0.1, 0.3, 60.0])
def test_a_mute_worker_costs_time_and_nothing_else(assemble, silence):
    assembly = assemble(run={'steps': 40}, faults={'silence': silence},
                        aggregation={'name': 'mean'})
    clock, pools = VirtualClock(), assembly.pools(shared=True)
    server = assembly.server(clock)
    workers = [assembly.worker(number, clock, pools) for number in range(4)]
    assert play(server, [*workers, Mute(4)], NoKeeper(), clock,
                Network()) == DONE
    # Waited for until it has cost more than two silences.
    assert clock.now == pytest.approx(3 * silence)
    waited = [record.step for record in server.notes.records
              if not record.excluded[4]]
    assert waited == [0, 1, 2]
    everybody = by_objects(assemble(run={'steps': 40},
                                    aggregation={'name': 'mean'}))
    assert np.array_equal(server.parameters.values,
                          everybody.parameters.values)


def test_nobody_answers(assemble):
    assembly = assemble()
    clock = VirtualClock()
    server = assembly.server(clock)
    assert play(server, [Mute(number) for number in range(5)], NoKeeper(),
                clock, Network()) == FAILED
    assert clock.now == assembly.job.faults.silence
