"""Ranks that go back to an earlier step: by an exposure, and by hand."""

from aspis_mpi import load_run
from aspis_mpi.runlog.checkpoints import Checkpoints
from tests.support.mpirun import parameters

#: All is checked: H is 10, and the liar is exposed in its first step or soon.
KEYS = {'run.steps': 24, 'run.checkpoint_every': 4, 'scheme.name': 'spot',
        'scheme.adversaries': 1, 'assignment.load': 2, 'detection.rate': 1.0}
LIAR = {'adversary.count': 1, 'adversary.who': 'tests.support.late_liar:Late',
        'adversary.begins': 17, 'adversary.workers': [2]}


def test_bits_are_those_of_the_run_without_the_liar(
        mpi, job, launch, expected, folder):
    _, _, wanted = expected(job(KEYS), 5)
    path, log = job(KEYS | LIAR), folder / 'run.h5'
    ended = launch(mpi, 6, 'run', path, '--out', log)
    assert ended.code == 0, ended.err
    assert parameters(log).tobytes() == wanted.tobytes()
    assert 'went back once' in ended.out

    refused = launch(mpi, 6, 'run', path, '--out', log, '--resume',
                     '--from-step', '-1')
    assert refused.code == 2
    assert '--from-step -1' in refused.err and 'but of 0' in refused.err
    ended = launch(mpi, 6, 'run', path, '--out', log, '--resume',
                   '--from-step', '3')
    assert ended.code == 0, ended.err
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(log) as run:
        first, second = run.rollbacks
        assert (first.cause.word, second.cause.word) == ('exposure', 'hand')
        assert (second.start, second.end) == (24, 0)
        assert run.steps['step'].tolist() == list(range(24))
        assert run.excluded[:, 2].all()
    assert [file.name for file in Checkpoints(log).undone.iterdir()]
