"""The start-up probe between real processes."""

import numpy as np

from aspis_mpi import load_run

KEYS = {'problem.name': 'mine:Problem', 'problem.parameters': 500,
        'run.steps': 4, 'detection.name': 'certified'}

#: Some ranks compute other bits.
ODD = '''
    def gradient(self, parameters, samples, out):
        before = out.copy()
        super().gradient(parameters, samples, out)
        if RANK in {ranks}:
            out += (out - before) * {size}
'''

#: One rank does not come back from its first file.
STUCK = '''
    def gradient(self, parameters, samples, out):
        if RANK == 2 and not self.calls:
            self.calls += 1
            time.sleep(3)
        super().gradient(parameters, samples, out)
'''


def test_bits_are_refused_on_machines_that_differ(mpi, module, job, launch,
                                                  folder):
    module(ODD.format(ranks=(1, 3, 4, 5), size=1e-5))
    path, log = job(KEYS), folder / 'run.h5'
    ended = launch(mpi, 6, 'run', path, '--out', log)
    assert ended.code == 2, ended.err
    line, = [line for line in ended.err.splitlines() if 'bits' in line]
    assert '4 workers compute other bits than the server' in line
    assert "set detection.equality = 'tolerance'" in line
    with load_run(log) as run:
        assert run.n_steps == 0


def test_with_a_tolerance_they_train_and_nobody_is_exposed(
        mpi, module, job, launch, folder):
    module(ODD.format(ranks=(1, 3, 4, 5), size=1e-5))
    path, log = job(KEYS | {'detection.equality': 'tolerance'}), (
        folder / 'run.h5')
    ended = launch(mpi, 6, 'run', path, '--out', log)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert run.n_steps == 4 and not run.exposed.any()
        assert 'support each other up to' in run.events[0].text
        # Two files of equal workers are closer than any of others.
        assert 1e-6 < np.nanmax(run.margin[:, 0]) < 1e-4


def test_a_tolerance_below_the_noise_is_refused(mpi, module, job, launch,
                                                folder):
    module(ODD.format(ranks=(1, 3, 4, 5), size=1e-5))
    keys = {'detection.equality': 'tolerance', 'detection.tolerance': 1e-7}
    ended = launch(mpi, 6, 'run', job(KEYS | keys), '--out',
                   folder / 'run.h5')
    assert ended.code == 2, ended.err
    assert 'detection.tolerance = 1e-07' in ended.err


def test_a_few_that_differ_are_taken_for_liars(mpi, module, job, launch,
                                               folder):
    module(ODD.format(ranks=(2,), size=1e-5))
    log = folder / 'run.h5'
    ended = launch(mpi, 6, 'run', job(KEYS), '--out', log)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert run.exposed[-1].tolist() == [False, True] + 3 * [False]
        assert 'workers 1 compute other bits' in run.events[0].text


def test_a_rank_that_does_not_answer_is_left_out(mpi, module, job, launch,
                                                 folder):
    module(STUCK)
    log = folder / 'run.h5'
    ended = launch(mpi, 6, 'run', job(KEYS | {'faults.silence': 1.0}),
                   '--out', log)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert any('worker 1 was silent for 1 s in the start-up probe'
                   in event.text for event in run.events)
        assert run.excluded[0, 1]
