"""Two jobs that begin at once under mpirun never touch each other's files."""

from aspis_mpi import load_run
from tests.support.mpirun import parameters

#: Pairs of jobs; in processes alone tests/protocol tries many more.
PAIRS = 2


def test_of_two_runs_with_one_new_log_one_is_refused(mpi, job, start,
                                                     expected, folder):
    path = job({'run.steps': 40, 'scheme.name': 'uncoded',
                'scheme.adversaries': 0})
    *_, wanted = expected(path, 1)
    for number in range(PAIRS):
        log = folder / f'run-{number}.h5'
        running = [start(mpi, 2, 'run', path, '--out', log)
                   for _ in range(2)]
        ended = sorted((each.wait() for each in running),
                       key=lambda one: one.code)
        assert [one.code for one in ended] == [0, 2], [
            one.err for one in ended]
        line, = ended[1].lines
        assert 'is being written by another' in line or 'exists' in line
        with load_run(log) as run:
            assert run.steps['step'].tolist() == list(range(40))
        assert parameters(log).tobytes() == wanted.tobytes()
    assert not list(folder.glob('.*'))
