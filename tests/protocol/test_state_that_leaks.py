"""What one simulated rank leaves in a problem no other rank finds."""

import threading

import numpy as np
import pytest

from aspis_mpi import JobError, load_run, registry, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import BAD_JOB, DONE
from aspis_mpi.job import loading
from aspis_mpi.schemes.record import Outcome
from tests.support.running_statistics import Drifting, Normed, Unseeded

#: Gradients that rank 0 computes before the first step: what it tries, and
#: files of the start-up probe, one micro-batch each.
TRIED, PROBE = 5, 10


@pytest.fixture
def job(tables):
    """Five workers, three a file; sections override keys."""
    def make(problem=Normed, **sections):
        made = tables(**sections)
        made['problem'] = {'batch_size': 20}
        return loading.from_tables(made, 'job.toml', problem=problem)
    return make


@pytest.fixture
def ran(tmp_path):
    """Simulates a job: its code, what was evaluated, parameters, verdicts."""
    def run(job, problem, name='run.h5', **options):
        code, path = simulate(job, problem, out=tmp_path / name, **options)
        with load_run(path) as log, np.load(
                path.with_suffix('.npz')) as saved:
            return (code, log.evaluation['loss'].tolist(),
                    saved['parameters'].tobytes(),
                    log.steps['verdict'].tolist(),
                    [event.text for event in log.events])
    return run


def expected_loss(problem, parameters):
    """As rank 0 has it that has been tried, and probed, and nothing else."""
    return problem.loss(np.frombuffer(parameters, dtype=np.float32))


@pytest.mark.parametrize('brings', ['class', 'object'])
def test_rank_0_evaluates_with_statistics_of_its_own(job, ran, brings):
    """Uncoded: nothing is compared, so it is tried and computes nothing."""
    made = []

    def make(seed):
        made.append(Normed(seed))
        return made[-1]
    brought = make if brings == 'class' else make(None)
    alone = job(brought, scheme={'name': 'uncoded', 'adversaries': 0})
    code, losses, parameters, *_ = ran(alone, brought)
    assert code == DONE
    assert losses[-1] == expected_loss(made[0], parameters)
    tried = made[0].spread
    for problem in made[1:]:
        assert problem.spread != tried
        assert losses[-1] != expected_loss(problem, parameters)


def test_the_workers_gradients_do_not_depend_on_what_rank_0_does(job, ran):
    made = []

    def make(seed):
        made.append(Drifting(seed))
        return made[-1]
    assert ran(job(make), make)[0] == DONE
    assert [problem.calls for problem in made] == [TRIED + PROBE,
                                                   PROBE + 3 * 10]


def test_an_object_stays_that_of_rank_0(job, ran):
    problem = Drifting()
    ran(job(problem), problem)
    assert problem.calls == TRIED + PROBE


def test_arrays_that_must_not_be_written_are_not_copied(job, ran,
                                                        monkeypatch):
    problem, used = Normed(), set()
    problem.inputs.setflags(write=False)

    def gradient(self, parameters, samples, out):
        used.add((id(self), id(self.inputs), id(self.targets)))
        out += np.float32(len(samples))
    monkeypatch.setattr(Normed, 'gradient', gradient)
    ran(job(problem), problem)
    objects, inputs, targets = zip(*used)
    assert len(objects) == 2 == len(set(targets))
    assert set(inputs) == {id(problem.inputs)}


def test_what_cannot_be_copied_is_shared_and_said(job, ran, tmp_path):
    problem = Normed()
    problem.lock = threading.Lock()
    code, losses, *_, texts = ran(job(problem), problem)
    assert code == DONE
    assert losses[-1] != ran(job(), Normed, 'class.h5')[1][-1]
    assert 'Normed cannot be copied (TypeError: cannot pickle' in texts[0]
    assert 'give its class, or a function that makes one' in texts[0]
    with pytest.raises(JobError, match='job.toml: separate: Normed cannot'):
        simulate(job(problem), problem, out=tmp_path / 'no.h5',
                 separate=True)
    assert not (tmp_path / 'no.h5').exists()


def test_data_that_each_rank_draws_for_itself_are_refused(job, ran):
    """As under MPI, where the start-up probe finds out."""
    code, *_, texts = ran(job(Unseeded), Unseeded)
    assert code == BAD_JOB
    assert '5 workers compute other bits than the server' in texts[-1]


# --- each worker with parts of its own ---------------------------------

#: Transfers that push and that combine, lies, audits, delays, a network.
JOBS = {
    'replicas': {},
    'liars': {'adversary': {'count': 2, 'value': 'alie',
                            'files': 'fixed-disagreement'}},
    'audits': {'detection': {'name': 'certified'},
               'adversary': {'count': 2, 'files': 'framing'}},
    'robust': {'scheme': {'name': 'robust-partial', 'workers': 7,
                          'adversaries': 1},
               'adversary': {'count': 1, 'protocol': 'payloads'},
               'delay': {'name': 'exponential'},
               'network': {'latency': 0.01, 'bandwidth': 1e6}},
    'coded': {'scheme': {'name': 'partial', 'adversaries': 0},
              'assignment': {'load': 3}, 'delay': {'name': 'exponential'},
              'collection': {'copies': 2}},
    'tolerance': {'detection': {'name': 'certified',
                                'equality': 'tolerance'}},
}


@pytest.mark.parametrize('name', JOBS)
def test_a_right_problem_gives_the_same_run_separate_or_not(name, tables,
                                                           tmp_path):
    made = loading.from_tables(tables(log={'detail': 'arrivals'},
                                      **JOBS[name]))
    logs = [simulate(made, out=tmp_path / f'{separate}.h5',
                     separate=separate)[1] for separate in (False, True)]
    with load_run(logs[0]) as one, load_run(logs[1]) as other:
        assert one.n_steps == other.n_steps == 3
        assert one.steps.tobytes() == other.steps.tobytes()
        assert one.arrivals.tobytes() == other.arrivals.tobytes()
        assert one.evaluation.tobytes() == other.evaluation.tobytes()
        for kind in ('source', 'flagged', 'lies', 'disagreements'):
            assert one.read(kind).tobytes() == other.read(kind).tobytes()
        assert one.events == other.events
    models = [np.load(log.with_suffix('.npz')) for log in logs]
    with models[0] as one, models[1] as other:
        assert one['parameters'].tobytes() == other['parameters'].tobytes()


def test_replicas_that_depend_on_earlier_calls_disagree(job, ran):
    together = ran(job(Drifting), Drifting, 'together.h5')
    assert together[3] == [Outcome.CLEAN] * 3
    separate = ran(job(Drifting), Drifting, 'separate.h5', separate=True)
    assert separate[3][0] == Outcome.CLEAN
    assert Outcome.CLEAN not in separate[3][1:]


def test_running_statistics_alone_disagree_nowhere(job, ran):
    """Only what is evaluated shows them, and there both ways the same."""
    both = [ran(job(), Normed, f'{separate}.h5', separate=separate)
            for separate in (False, True)]
    assert both[0] == both[1] and both[0][3] == [Outcome.CLEAN] * 3


def test_separate_workers_replay_what_they_did(job, ran, tmp_path):
    made = job(Drifting, log={'detail': 'arrivals'},
               detection={'name': 'certified'})
    first = ran(made, Drifting, 'first.h5', separate=True)
    again = ran(made, Drifting, 'again.h5', separate=True,
                replay=tmp_path / 'first.h5')
    assert again[:4] == first[:4]


def test_a_replay_that_the_probe_refuses_ends_there(job, ran, tmp_path):
    made = job(log={'detail': 'arrivals'})
    assert ran(made, Normed)[0] == DONE
    made = job(Normed, log={'detail': 'arrivals'})
    code, *_, texts = ran(made, lambda seed: Unseeded(), 'again.h5',
                          replay=tmp_path / 'run.h5')
    assert code == BAD_JOB and 'compute other bits' in texts[-1]


@pytest.mark.parametrize('kind', ['value', 'who', 'files'])
def test_attacks_that_keep_something_have_it_for_each_worker(
        kind, tables, tmp_path, monkeypatch):
    """A part is made once a rank: for rank 0 and for each of 5 workers."""
    part = registry.find(kind, {'value': 'reversed', 'who': 'fixed',
                                'files': 'all'}[kind])
    made, before = [], part.__init__

    def counted(self, *arguments, **options):
        made.append(self)
        before(self, *arguments, **options)
    monkeypatch.setattr(part, '__init__', counted)
    for separate, ranks in (False, 2), (True, 6):
        made.clear()
        simulate(loading.from_tables(tables(adversary={
            'count': 1, 'value': 'reversed', 'who': 'fixed',
            'files': 'all'})), out=tmp_path / f'{separate}.h5',
            separate=separate)
        assert len(made) == ranks


# --- what a caller may bring -------------------------------------------

def needs_more(seed, width):
    return Normed(seed)


@pytest.mark.parametrize('problem, told', [
    (lambda: Normed(), r'the function must take \(seed\), and options after '
     r'a \*; it takes \(\)'),
    (needs_more, r'problem = .*:needs_more: the function must take \(seed\)'),
    (3, 'problem = 3: must be a Problem, or a class or function')])
def test_what_makes_no_problem_is_told(problem, told, job):
    with pytest.raises(JobError, match='job.toml: .*' + told) as refused:
        simulate(job(problem), problem, check=True)
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize('brought', [Normed, Normed()])
def test_a_class_and_its_object_have_one_name(brought):
    made = loading.from_tables({'run': {'steps': 1}}, problem=brought)
    assert made.problem.name == 'tests.support.running_statistics:Normed'


def test_the_option_of_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made, before = [], Normed.__init__

    def counted(self, seed):
        made.append(self)
        before(self, seed)
    monkeypatch.setattr(Normed, '__init__', counted)
    path = tmp_path / 'job.toml'
    path.write_text('[run]\nsteps = 1\n[scheme]\nworkers = 3\n'
                    '[problem]\nbatch_size = 6\n'
                    'name = "tests.support.running_statistics:Normed"\n')
    for options, ranks in ((), 2), (('--separate',), 4):
        made.clear()
        assert main(['simulate', str(path), '--out', 'it.h5', '--overwrite',
                     *options]) == DONE
        assert len(made) == ranks
    with pytest.raises(SystemExit):
        main(['simulate', '--help'])
    assert '--separate' in capsys.readouterr().out
