"""One new file is one new part: it runs in a whole job and acts there.

Each is tried both ways: in a folder of its family, under the name that its
class gives itself, as somebody would add it to the package; and as a module
of the user's own, `module:Class`, with the package as it is installed.
"""

import importlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tomli_w

from aspis_mpi import load_run, registry, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.learning.images import prepared
from tests.support.coded_jobs import distance, initial, reference

K, STEPS, D = 6, 4, 12


def job_of(preset, **sections):
    """Tables of a small job on integers, whose sums are exact."""
    job = {'run': {'steps': STEPS, 'seed': 7, 'evaluate_every': 0},
           'problem': {'name': 'quadratic', 'parameters': D,
                       'batch_size': 60},
           'optimizer': {'lr': 0.25},
           'scheme': {'name': preset, 'workers': K}}
    for section, keys in sections.items():
        job[section] = job.get(section, {}) | keys
    return job


@pytest.fixture
def ran(tmp_path):
    """Runs a job: its log, closed, and the parameters that it ended with."""
    def run(tables, name='run'):
        path = tmp_path / f'{name}.toml'
        path.write_text(tomli_w.dumps(tables))
        code, log = simulate(path, out=tmp_path / f'{name}.h5')
        assert code == DONE
        with np.load(log.with_suffix('.npz')) as model:
            values = np.concatenate([model[key].ravel()
                                     for key in model.files])
        return SimpleNamespace(path=path, log=log, values=values)
    return run


def in_its_family(family, text, folder, monkeypatch):
    """Put it where a family's files lie; what a job calls it."""
    package = importlib.import_module(registry.FAMILIES[family])
    (folder / 'newcomer.py').write_text(text)
    monkeypatch.setattr(package, '__path__',
                        [*package.__path__, str(folder)])
    return 'new', f'{package.__name__}.newcomer'


def of_the_users_own(family, text, folder, monkeypatch):
    """Put it where Python looks for modules; what a job calls it."""
    (folder / 'own_newcomer.py').write_text(text)
    monkeypatch.syspath_prepend(folder)
    return 'own_newcomer:New', 'own_newcomer'


@pytest.fixture(params=[in_its_family, of_the_users_own],
                ids=lambda way: way.__name__)
def added(request, tmp_path, monkeypatch):
    """Writes the file of a part of a family; the name that a job uses."""
    folder, modules = tmp_path / 'files', []
    folder.mkdir()

    def add(family, text):
        name, module = request.param(family, text, folder, monkeypatch)
        modules.append(module)
        registry.parts.cache_clear()
        return name
    yield add
    for module in modules:
        package, _, word = module.rpartition('.')
        sys.modules.pop(module, None)
        if package:
            delattr(sys.modules[package], word)
    registry.parts.cache_clear()


@pytest.fixture
def listed(capsys):
    """What `list` says of a part: of its family, or of it alone."""
    def read(family, name):
        assert main(['list', name if ':' in name else family]) == 0
        lines = capsys.readouterr().out.splitlines()
        first = next(i for i, line in enumerate(lines)
                     if line.split()[0] == name)
        return '\n'.join(lines[first:first + 2])
    return read


ATTACK = '''
from aspis_mpi.attacks.value import Value

class New(Value):
    """The same number in each entry of a file's sum."""

    name = 'new'

    def __init__(self, seed, *, level: float = 0.0):
        super().__init__(seed)
        self.level = level

    def lie(self, honest, n_samples, step, file, colluders, out):
        out.fill(self.level)
'''


def test_an_attack(added, listed, ran):
    name = added('value', ATTACK)
    told = listed('value', name)
    assert 'The same number' in told and 'level: float = 0.0' in told
    # All lie and nobody checks: six sums of 5 over 60 samples.
    it = ran(job_of('uncoded', adversary={
        'count': K, 'files': 'all', 'value': name, 'level': 5.0}))
    with load_run(it.log) as run:
        assert run.lies[:, run.incidence].all()
        np.testing.assert_allclose(run.steps['gradient_norm'],
                                   0.5 * np.sqrt(D), rtol=1e-6)


AGGREGATION = '''
import numpy as np
from aspis_mpi.aggregation.base import Aggregator, add_up

class New(Aggregator):
    """A share of the mean."""

    name = 'new'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 share: float = 0.5):
        super().__init__(n_files, n_adversaries, worst_case)
        self.share = share

    def scratch_rows(self, n):
        return 0

    def reduce(self, pieces, samples, scratch, out):
        add_up(pieces, out)
        np.divide(out, np.float32(samples.sum() / self.share), out=out)
'''


def test_an_aggregation(added, listed, ran):
    name = added('aggregation', AGGREGATION)
    told = listed('aggregation', name)
    assert 'A share of the mean.' in told and 'share: float = 0.5' in told
    new = ran(job_of('uncoded', aggregation={'name': name}))
    mean = ran(job_of('uncoded', optimizer={'lr': 0.125}), 'mean')
    assert new.values.tobytes() == mean.values.tobytes()
    whole = ran(job_of('uncoded', aggregation={'name': name, 'share': 1.0}),
                'whole')
    assert distance(whole.values, mean.values) > 0.01


DETECTION = '''
import numpy as np
from aspis_mpi.detection.base import Detector, use

class New(Detector):
    """Never believes one of the workers."""

    name = 'new'

    def __init__(self, n_adversaries, *, never: int):
        super().__init__(n_adversaries)
        self.never = never

    def judge(self, evidence):
        flagged = np.arange(evidence.n_workers) == self.never
        return use(evidence, evidence.without(flagged), flagged)

    def worst_case(self, assignment):
        return assignment.majorities(self.q)
'''


def test_a_detection_rule(added, listed, ran):
    name = added('detection', DETECTION)
    told = listed('detection', name)
    assert 'Never believes one' in told and 'never: int, required' in told
    it = ran(job_of('aspis', scheme={'adversaries': 1},
                    detection={'name': name, 'never': 3},
                    aggregation={'name': 'mean'}))
    with load_run(it.log) as run:
        assert run.n_steps == STEPS
        assert (run.flagged == (np.arange(K) == 3)).all()
        assert not run.contributors[:, :, 3].any()
        assert run.contributors[:, :, 2].any(axis=1).all()


COLLECTION = '''
import numpy as np
from aspis_mpi.schemes.gathering import Collection, Gathering

class New(Collection):
    """Wait for a number of files, whichever these are."""

    name = 'new'
    tolerates_missing = True

    def __init__(self, assignment, copies, code, *, files: int = 2):
        super().__init__(assignment, copies, code)
        self._files = files

    def begin(self, living, lenient, speeds, needed=None):
        return Some(self._files, self._assignment, self._copies, living,
                    True)

class Some(Gathering):
    def __init__(self, files, *rest):
        self._files = files
        super().__init__(*rest)

    def finish(self, worker, files):
        super().finish(worker, files)
        self._recount()
        return []

    def _recount(self):
        self._there = np.count_nonzero(self.finished.any(axis=1))

    def _complete(self):
        return self._there >= self._files
'''


def test_a_collection(added, listed, ran):
    name = added('collection', COLLECTION)
    told = listed('collection', name)
    assert 'Wait for a number' in told and 'files: int = 2' in told
    it = ran(job_of('partial', collection={'name': name, 'files': 4},
                    assignment={'load': 3}, delay={
                        'name': 'exponential', 'mean': 1.0, 'per': 'file'}))
    with load_run(it.log) as run:
        assert run.n_steps == STEPS
        assert run.steps['files_missing'].tolist() == [K - 4] * STEPS
        done = [run.order_at(step)[worker, :count]
                for step in range(STEPS)
                for worker, count in enumerate(run.files_done[step])]
        assert [len(set(np.concatenate(done[K * step:K * (step + 1)])))
                for step in range(STEPS)] == [4] * STEPS


TRANSFER = '''
import numpy as np
from aspis_mpi.schemes.tables.state import GlobalState
from aspis_mpi.schemes.transfer.sums import Sums

class New(Sums):
    """The last worker that has finished a file sends it."""

    name = 'new'

    def signal(self, finished, before=None):
        last = finished.shape[1] - 1 - finished[:, ::-1].argmax(axis=1)
        owners = np.where(finished.any(axis=1), last, -1).astype(np.int16)
        return GlobalState(finished, owners)
'''


def test_a_transfer(added, listed, ran):
    name = added('transfer', TRANSFER)
    assert 'The last worker that' in listed('transfer', name)
    sections = {'assignment': {'name': 'cyclic', 'load': 3},
                'collection': {'name': 'all'}}
    new = ran(job_of('partial', transfer={'name': name}, **sections))
    sums = ran(job_of('partial', transfer={'name': 'sums'}, **sections),
               'sums')
    with load_run(new.log) as run, load_run(sums.log) as other:
        last = [np.flatnonzero(row).max() for row in run.incidence]
        assert (run.source == last).all()
        assert (other.source != last).any()
    # Whoever sends them, they are sums of integers.
    assert distance(new.values, sums.values) < 1e-6


CODE = '''
import numpy as np
from aspis_mpi.coding.code import Code, Decoding

class New(Code):
    """Groups of workers, of which one never counts."""

    name = 'new'
    needs_whole_workers = True

    def __init__(self, assignment, copies, *, never: int = 0):
        super().__init__(assignment, copies)
        self.ignored = assignment.incidence[:, never].copy()
        self.holds = assignment.incidence

    def decodable(self, full):
        return bool(self.holds[:, full].any(axis=1).all())

    def encoding(self, worker, state):
        files = self._own[worker]
        return files, np.full((files.size, 1), 2.0)

    def decoding(self, state):
        weights = np.zeros((1, state.shape[1]))
        cover = state.any(axis=1) & ~self.ignored
        for file in np.flatnonzero(cover):
            weights[0, np.flatnonzero(state[file])[0]] = 0.5
        return Decoding(weights, cover.astype(float),
                        float(np.sqrt(np.count_nonzero(~cover))))

    def changed(self, before, after):
        return after.any(axis=0) & ~before.any(axis=0)
'''


def test_a_code(added, listed, ran):
    name = added('code', CODE)
    told = listed('code', name)
    assert 'Groups of workers, of' in told and 'never: int = 0' in told
    tables = job_of('fractional-repetition', transfer={
        'code': name, 'never': 4})
    it = ran(tables)
    with load_run(it.log) as run:
        never = run.incidence[:, 4]
        assert 0 < never.sum() < len(never)
        np.testing.assert_allclose(run.steps['residual'],
                                   np.sqrt(never.sum()))
    # Descent on the files of the other groups alone.
    wanted = reference(Assembly(loading.load(it.path)),
                       [np.where(never, 0.0, 1.0)] * STEPS)
    assert distance(it.values, wanted) < 1e-6


PROBLEM = '''
import numpy as np
from aspis_mpi import Problem

class New(Problem):
    """A slope that is the same everywhere."""

    name = 'new'
    n_parameters, n_samples = 12, 200

    def __init__(self, seed, *, slope: float = 1.0):
        self.slope = slope

    def initial(self, generator):
        return np.arange(12, dtype=np.float32)

    def gradient(self, parameters, samples, out):
        out += np.float32(self.slope * len(samples))

    def loss(self, parameters):
        return float(self.slope * parameters.sum())
'''


def test_a_problem(added, listed, ran):
    name = added('problem', PROBLEM)
    told = listed('problem', name)
    assert 'A slope that is' in told and 'slope: float = 1.0' in told
    job = job_of('aspis', scheme={'adversaries': 1},
                 optimizer={'lr': 0.25, 'momentum': 0.0})
    job['problem'] = {'name': name, 'slope': 2.0, 'batch_size': 60}
    it = ran(job)
    assert it.values.tolist() == (np.arange(12) - STEPS * 0.5).tolist()
    start = initial(Assembly(loading.load(it.path)))
    assert start.tolist() == list(range(12))


IMAGES = '''
import numpy as np
from aspis_mpi.learning.images.imageset import UNCHECKED, ImageSet
from aspis_mpi.learning.images.pictures import Pictures

class New(ImageSet):
    """Images of a pixel."""

    name = 'new'
    shape = (1, 1, 1)
    counts = (1, 1), (1, 0)

    def read(self, path, checked):
        pixels = np.array([3, 5], np.uint8).reshape(2, 1, 1, 1)
        labels = np.array([0, 1], np.uint8)
        return [(path, Pictures(pixels, labels)),
                (path, Pictures(pixels[:1], labels[:1]))], UNCHECKED
'''


def test_a_set_of_images(added, capsys, tmp_path):
    name, out = added('data', IMAGES), tmp_path / 'new.images'
    assert main(['list', name if ':' in name else 'data']) == 0
    assert 'Images of a pixel.' in capsys.readouterr().out
    assert main(['prepare', name, str(tmp_path), '-o', str(out)]) == 0
    images = prepared.opened(out)
    assert (images.head.name, images.head.classes) == ('new', 2)
    assert images.train.images.ravel().tolist() == [3, 5]
    assert images.held_out.labels.tolist() == [0]
