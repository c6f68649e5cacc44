"""Under real MPI ranks are told of the micro-batches that they compute."""

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading
from tests.support.mpirun import parameters

KEYS = {'problem.name': 'mine:Problem', 'problem.parameters': 50,
        'run.steps': 3, 'scheme.adversaries': 1, 'adversary.count': 1,
        'adversary.workers': [1], 'adversary.value': 'reversed'}

#: Gradients of which `begin` drops some entries.
DROPS = '''
    def begin(self, step, samples):
        from aspis_mpi import streams
        words = ' '.join(map(str, [step, *samples]))
        with open(f'told.{RANK}', 'a') as file:
            print(words, file=file)
        self.mask = streams.generator(self.seed, 'mask', words).random(
            self.n_parameters) < 0.5

    def gradient(self, parameters, samples, out):
        part = 0 * out
        super().gradient(parameters, samples, part)
        out += part * self.mask
'''


def test_every_rank_is_told_of_its_micro_batches(mpi, module, job, launch,
                                                 folder, expected,
                                                 monkeypatch):
    module(DROPS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(folder)
    path, log = job(KEYS), folder / 'run.h5'
    ended = launch(mpi, 5, 'run', path, '--out', log)
    assert ended.code == 0, ended.err
    told = [(folder / f'told.{rank}').read_text().splitlines()
            for rank in range(5)]

    # A liar's truth is told like that of the others.
    assembly = Assembly(loading.load(path, ['scheme.workers=4']))
    probe = _lines(assembly, assembly.trials)
    assert told[0][-len(probe):] == probe
    for number in range(4):
        files = assembly.assignment.files(number).tolist()
        steps = [(step, file) for step in range(3) for file in files]
        assert told[number + 1] == probe + _lines(assembly, steps)

    _, _, right = expected(path, 4)
    assert parameters(log).tobytes() == right.tobytes()


def _lines(assembly, files):
    """What is told of files, given as pairs of step and number."""
    lines, size = [], assembly.job.problem.micro_batch
    for step, file in files:
        samples = assembly.batches.samples(step, file).tolist()
        lines += [' '.join(map(str, [step, *samples[at:at + size]]))
                  for at in range(0, len(samples), size)]
    return lines
