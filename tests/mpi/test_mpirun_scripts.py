"""A user's own script and problem under mpirun, and what a run touches."""

from pathlib import Path

from aspis_mpi import load_run
from tests.support.mpirun import parameters

SCRIPT = '''
"""Train on a problem of one's own."""

import sys
from aspis_mpi import run
from aspis_mpi.learning.problems.quadratic import Quadratic


def problem():
    class MyProblem(Quadratic):
        """The exact problem under another name, with an option."""

        def __init__(self, *, size: int):
            super().__init__(7, parameters=size)
    return MyProblem(size=500)


if __name__ == '__main__':
    code, log = run(sys.argv[1], problem=problem(), out='run.h5', resume=True)
    sys.exit(code)
'''


def test_run_from_a_script(mpi, job, launch, expected, folder):
    script = folder / 'train.py'
    script.write_text(SCRIPT)
    small = {'scheme.adversaries': 1}
    for steps in 3, 6:                  # the second time it goes on
        bare = job(small | {'problem.name': None, 'problem.parameters': None,
                            'run.steps': steps})
        ended = launch(mpi, 4, bare, script=script)
        assert ended.code == 0, ended.err
        with load_run(folder / 'run.h5') as run:
            assert run.n_steps == steps
            assert run.option('problem', 'name') == (
                '__main__:problem.<locals>.MyProblem')
    _, _, wanted = expected(job(small), 3)
    assert parameters(folder / 'run.h5').tobytes() == wanted.tobytes()


WITHOUT_TORCH = '''
    def __init__(self, seed, *, parameters: int = 50):
        self.look('init')
        super().__init__(seed, parameters=parameters)

    def look(self, where):
        note(where)
        with open('/proc/self/maps') as maps:
            for line in maps:
                if '/dev/shm/' in line:
                    note(line[line.index('/dev/shm/'):].split()[0])
        if {'torch', 'sklearn', 'matplotlib'} & set(sys.modules):
            raise RuntimeError('something heavy was imported')

    def gradient(self, parameters, samples, out):
        self.look('gradient')
        super().gradient(parameters, samples, out)

    def evaluate(self, parameters):
        self.look('evaluate')
        return super().evaluate(parameters)
'''


def test_nothing_heavy_is_imported_and_nothing_left(mpi, module, job, launch,
                                                    noted, folder):
    log = folder / 'run.h5'
    path = job({'problem.name': module(WITHOUT_TORCH),
                'scheme.adversaries': 1})
    ended = launch(mpi, 4, 'run', path, '--out', log)
    assert ended.code == 0, ended.err

    looked = {(word, rank) for _, word, rank in noted() if word[0] != '/'}
    assert looked == {('evaluate', 0), *(('init', r) for r in range(4)),
                      *(('gradient', r) for r in range(4))}

    shared = {Path(word) for _, word, _ in noted() if word[0] == '/'}
    assert shared, 'no shared memory was seen, so none can be missed'
    assert not ended.left and not any(file.exists() for file in shared)
    assert {path.name for path in folder.iterdir()} <= {
        'job.toml', 'mine.py', '__pycache__', 'noted', 'run.h5', 'run.npz',
        'run.checkpoints'}
