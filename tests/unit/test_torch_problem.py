"""Torch modules as problems: gradients, equal bits, evaluation, export."""

import io
import subprocess
import sys
import weakref

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy, mse_loss  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from aspis_mpi import (  # noqa: E402
    Problem, load_run, registry, simulate, streams)
from aspis_mpi.errors import JobError, Mistake  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.learning.adapter import flat  # noqa: E402
from aspis_mpi.learning.batches import Batches  # noqa: E402
from aspis_mpi.learning.guard.problem import Guard  # noqa: E402
from aspis_mpi.learning.problems.torch import TorchProblem  # noqa: E402
from aspis_mpi.protocol.buffers import Buffer  # noqa: E402
from tests.support import torch_modules as mine  # noqa: E402
from tests.support.limits import HANGS

SUPPORT = 'tests.support.torch_modules'


def build(module=mine.smooth, data=mine.train, seed=7, **options):
    return TorchProblem.of(module, data, **options)(seed)


def gradient(problem, parameters, samples, step=0):
    samples = np.asarray(samples)
    out = np.zeros(problem.n_parameters, dtype=np.float32)
    problem.begin(step, samples)
    problem.gradient(parameters, samples, out)
    return out


def plain(module, parameters, inputs, targets, loss=cross_entropy, **options):
    """The gradient that torch's own forward and backward leave."""
    nn.utils.vector_to_parameters(torch.tensor(parameters),
                                  module.parameters())
    loss(module(inputs), targets, **options).backward()
    return torch.cat([it.grad.ravel() for it in module.parameters()]).numpy()


# --- gradients ---------------------------------------------------------

@pytest.mark.parametrize('samples', [[3], [5, 2, 9], list(range(40))])
def test_gradient_has_the_bits_of_torch_s_own(samples):
    problem = build()
    w = problem.initial(None)
    inputs, labels = mine.drawn()
    theirs = plain(mine.smooth(), w, inputs[samples], labels[samples],
                   reduction='sum')
    assert gradient(problem, w, samples).tobytes() == theirs.tobytes()


def test_what_is_gathered_item_by_item_is_what_tensors_hold():
    one, other = build(), build(data=mine.pairs)
    w = one.initial(None)
    assert gradient(one, w, [3, 70, 4]).tobytes() == (
        gradient(other, w, [3, 70, 4]).tobytes())


def test_initial_parameters_are_the_module_s_under_the_seed():
    one, other = build().initial(None), build(seed=8).initial(None)
    with torch.random.fork_rng():
        torch.manual_seed(streams.word(7, 'module'))
        theirs = nn.utils.parameters_to_vector(mine.smooth().parameters())
    assert one.tobytes() == theirs.detach().numpy().tobytes()
    assert not np.array_equal(one, other)


@pytest.mark.parametrize('loss', [
    mine.mean_loss, mine.sum_loss, mine.each_loss, nn.CrossEntropyLoss,
    nn.CrossEntropyLoss(reduction='none'), f'{SUPPORT}:mean_loss'])
def test_whatever_a_loss_reduces_to_the_gradient_is_a_sum(loss):
    w = build().initial(None)
    expected = gradient(build(), w, range(9))
    problem = build(loss=loss)
    assert gradient(problem, w, range(9)) == pytest.approx(expected, abs=1e-5)
    assert problem.loss(w) == pytest.approx(build().loss(w), rel=1e-6)


@pytest.mark.parametrize('loss, said', [
    (mine.mean_loss, 'gives a mean'), (mine.sum_loss, 'gives a sum'),
    (mine.each_loss, 'gives one number a sample'),
    ('cross-entropy', 'gives a sum')])
def test_the_run_log_says_what_the_loss_reduces_to(loss, said):
    assert build(loss=loss).fingerprints()['loss'] == said


def test_mse_is_torch_s_mean_times_the_samples():
    inputs, _ = mine.drawn()
    targets = inputs[:, :4].double() ** 2
    problem = build(data=TensorDataset(inputs, targets), loss='mse')
    w = problem.initial(None)
    theirs = plain(mine.smooth(), w, inputs[:8], targets[:8].float(),
                   mse_loss)
    assert gradient(problem, w, range(8)) == pytest.approx(8 * theirs,
                                                           rel=1e-5, abs=1e-6)


@pytest.mark.parametrize('kind, digits', [
    (torch.float64, 1e-6), (torch.bfloat16, 3e-2)])
def test_modules_of_other_types_have_a_float32_vector(kind, digits):
    problem = build(lambda: mine.smooth().to(kind))
    w = problem.initial(None)
    assert w.dtype == np.float32
    expected = gradient(build(), w, range(30))
    out = np.ones_like(w)
    problem.gradient(w, np.arange(30), out)
    assert np.linalg.norm(out - 1 - expected) <= (
        digits * np.linalg.norm(expected))
    assert problem.export(w)['0.weight'].dtype == kind


def test_images_with_a_label_for_each_pixel_count_as_their_mean():
    drawn = torch.Generator().manual_seed(3)
    inputs = torch.randn(6, 3, 4, 4, generator=drawn)
    labels = torch.randint(0, 5, (6, 4, 4), generator=drawn)

    def make():
        return nn.Conv2d(3, 5, 1)
    problem = build(make, TensorDataset(inputs, labels))
    w = problem.initial(None)
    theirs = plain(make(), w, inputs, labels)
    assert gradient(problem, w, range(6)) == pytest.approx(6 * theirs,
                                                           abs=1e-5)


# --- which parameters --------------------------------------------------

def test_tied_parameters_count_once_and_frozen_ones_stay():
    problem = build(mine.Tied)
    module = mine.Tied()
    trained = {name: it for name, it in module.named_parameters()
               if it.requires_grad}
    assert problem.network.flat.names == list(trained)
    assert problem.n_parameters == sum(
        it.numel() for it in trained.values()) == 12 * 16 + 16 + (
            16 * 16 + 2 * 16) + 16 * 4 + 4
    w = problem.initial(None)
    saved = problem.export(w + 1)
    assert saved['again.weight'].equal(saved['middle.weight'])
    kept = problem.export(w)
    assert saved['fixed.weight'].equal(kept['fixed.weight'])
    assert saved['scale'].equal(torch.full((4,), 0.5))
    assert saved['last.bias'].equal(kept['last.bias'] + 1)


def test_what_is_not_trained_has_to_be_the_same_on_all_ranks():
    told = build(mine.Tied).fingerprints()
    assert set(told) == {'loss', 'fixed.weight', 'fixed.bias', 'scale'}
    other = build(mine.Tied, seed=8).fingerprints()
    assert told['scale'] == other['scale']
    assert told['fixed.weight'] != other['fixed.weight']
    assert 'running_mean' not in str(build(mine.normed).fingerprints())


def test_files_that_a_job_names_are_told():
    part = registry.find('problem', 'torch')
    problem = part(7, module=f'{SUPPORT}:net', train=f'{SUPPORT}:train')
    assert 'sha256' in problem.fingerprints()[SUPPORT]


class Told(mine.Noisy):
    """Tells of itself."""

    told = {'weather': 'fine'}

    def fingerprints(self):
        return self.told


def test_what_a_data_set_tells_of_itself_is_told(monkeypatch):
    assert build(mine.net, Told).fingerprints()['weather'] == 'fine'
    assert 'weather' not in build(mine.net, mine.Noisy).fingerprints()
    monkeypatch.setattr(Told, 'told', ['fine'])
    with pytest.raises(ValueError, match='train: fingerprints gives list'):
        build(mine.net, Told).fingerprints()


def test_the_entries_of_a_vector_have_the_names_of_their_tensors():
    problem = build()
    vector = problem.network.flat
    assert vector.names == ['0.weight', '0.bias', '2.weight', '2.bias']
    assert vector.sizes == {'0.weight': 192, '0.bias': 16, '2.weight': 64,
                            '2.bias': 4}
    assert vector.size == 276
    w = problem.initial(None)
    other = w.copy()
    other[[200, vector.size - 1]] += 1
    tensors = Guard(problem).tensors
    assert tensors.names == vector.names
    assert tensors.differing(w, other) == ['0.bias', '2.bias']


@pytest.mark.parametrize('module, data, drawn', [
    (mine.net, mine.train, False), (mine.net, mine.Noisy, False),
    (mine.Tied, mine.train, True), (mine.Tied, mine.Noisy, True)])
def test_layers_that_draw_are_found(module, data, drawn):
    problem, state = build(module, data), torch.get_rng_state()
    assert problem.random_layers == drawn
    assert torch.get_rng_state().equal(state)


# --- equal bits --------------------------------------------------------

RANDOM = pytest.mark.parametrize('module, data', [
    (mine.Tied, mine.train), (mine.normed, mine.pairs),
    (mine.smooth, mine.Noisy), (mine.Tied, mine.Noisy)])


@RANDOM
def test_whoever_computes_a_file_draws_the_same(module, data):
    """After other files, after evaluation, in another order, anew."""
    one, other = build(module, data), build(module, data)
    w = one.initial(None)
    files = [np.arange(start, start + 8) for start in (0, 40, 80)]
    expected = [gradient(one, w, file, 3).tobytes() for file in files]
    other.evaluate(w + 1)
    gradient(other, w + 1, files[1], 2)
    torch.randn(1000)
    found = [gradient(other, w, file, 3).tobytes() for file in files[::-1]]
    assert found[::-1] == expected
    assert gradient(one, w, files[0], 4).tobytes() != expected[0]


def test_an_item_is_drawn_alike_in_every_micro_batch():
    training = build(data=mine.Noisy).training
    with torch.random.fork_rng():
        together, _ = training.batch(np.arange(20), 5)
        alone, _ = training.batch(np.array([11]), 5)
        later, _ = training.batch(np.array([11]), 6)
    assert together[11].equal(alone[0])
    assert not alone[0].equal(later[0])


@RANDOM
def test_torch_s_generators_and_settings_are_put_back(module, data):
    problem = build(module, data)
    w = problem.initial(None)
    before = torch.get_rng_state()
    gradient(problem, w, range(8))
    problem.loss(w), problem.evaluate(w), problem.export(w)
    build(module, data).initial(None)
    assert torch.get_rng_state().equal(before)
    assert torch.get_deterministic_debug_mode() == 0


def test_a_vector_that_is_written_anew_in_its_place_is_read_again():
    problem = build()
    w = problem.initial(None)
    one = gradient(problem, w, range(8), 1)
    w *= 2
    found = gradient(problem, w, range(8), 2).tobytes()
    assert found == gradient(build(), w, range(8)).tobytes()
    assert found != one.tobytes()


def test_a_long_vector_is_not_copied_and_has_the_same_bits(monkeypatch):
    monkeypatch.setattr(flat, 'LONG', 0)
    problem, other = build(mine.Tied), build(mine.Tied)
    w = Buffer(problem.n_parameters).values
    w[:] = problem.initial(None)
    expected = [gradient(problem, w, samples, 1).tobytes()
                for samples in ([3], range(8))]
    weight = problem.network.module.first.weight.detach().numpy()
    assert np.shares_memory(weight, w)
    for offset in range(1, 32, 5):
        shifted = np.empty(w.size + 32, dtype=np.float32)[offset:][:w.size]
        shifted[:] = w
        assert [gradient(other, shifted, samples, 1).tobytes()
                for samples in ([3], range(8))] == expected
    # And where it is written, it is the new one that counts.
    w += 1
    shifted += 1
    assert gradient(problem, w, range(8), 2).tobytes() == (
        gradient(other, shifted, range(8), 2).tobytes()) != expected[1]


@pytest.mark.parametrize('long', [0, flat.LONG])
def test_nobody_hears_that_torch_has_no_vectors_that_are_read_only(long):
    """In a process of its own: torch says it once."""
    code = f"""if True:
        import warnings
        import numpy as np
        from {SUPPORT} import Tied, train
        from aspis_mpi.learning.adapter import flat
        from aspis_mpi.learning.problems.torch import TorchProblem
        from aspis_mpi.protocol.buffers import Buffer
        warnings.simplefilter('error')
        flat.LONG = {long}
        problem = TorchProblem.of(Tied, train)(7)
        w = Buffer(problem.n_parameters).values
        w[:] = problem.initial(None)
        for vector in w, w.copy():
            vector.flags.writeable = False
            problem.begin(0, np.arange(4))
            problem.gradient(vector, np.arange(4), np.zeros_like(w))
            problem.loss(vector), problem.evaluate(vector)
            problem.export(vector)"""
    done = subprocess.run([sys.executable, '-c', code], timeout=HANGS,
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')


class Late(nn.Module):
    """A module that writes its parameter once it has counted to two."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(mine.INPUTS, mine.CLASSES)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 2:
            self.last.weight.data.mul_(2)
        return self.last(x)


@pytest.mark.parametrize('long', [0, flat.LONG])
def test_what_a_module_writes_does_not_stay_in_the_run_s_vector(
        long, monkeypatch):
    monkeypatch.setattr(flat, 'LONG', long)
    problem = build(Late)
    guard = Guard(problem, True)
    w = Buffer(problem.n_parameters).values
    w[:] = problem.network.flat.vector()
    kept = w.tobytes()
    for step in range(4):
        try:
            guard.gradient(step, w, np.arange(4), np.zeros_like(w))
        except Mistake as mistake:
            assert 'writes parameters' in str(mistake)
        assert w.tobytes() == kept
    assert problem.network.module.calls == 4


@pytest.mark.parametrize('long', [0, flat.LONG])
def test_a_module_that_was_evaluated_holds_nobodys_vector(long, monkeypatch):
    monkeypatch.setattr(flat, 'LONG', long)
    problem, other = build(mine.Tied), build(mine.Tied)
    w = Buffer(problem.n_parameters)
    w.values[:] = other.initial(None)
    kept = weakref.ref(w.values)
    for measure in problem.evaluate, problem.loss, problem.export:
        measure(w.values)
    first = problem.evaluate(w.values), gradient(
        problem, w.values, range(8)).tobytes()
    assert problem.initial(None).tobytes() == w.values.tobytes()
    assert first == (other.evaluate(w.values), gradient(
        other, w.values, range(8)).tobytes())
    problem.evaluate(w.values), other.evaluate(w.values)
    del w
    assert kept() is None


def test_a_gradient_is_not_held_once_the_module_is_evaluated():
    problem = build(mine.Tied)
    w = problem.initial(None)
    out = np.zeros_like(w)
    kept = weakref.ref(out)
    problem.begin(1, np.arange(8))
    problem.gradient(w, np.arange(8), out)
    expected = out.tobytes()
    problem.evaluate(w)
    del out
    assert kept() is None
    assert gradient(problem, w, range(8), 1).tobytes() == expected


def test_equal_bits_in_every_process():
    code = f"""if True:
        import numpy as np
        from {SUPPORT} import Noisy, Tied
        from aspis_mpi.learning.problems.torch import TorchProblem
        problem = TorchProblem.of(Tied, Noisy)(7)
        w = problem.initial(None)
        out = np.zeros_like(w)
        for first in 0, 60:
            samples = np.arange(first, first + 16)
            problem.begin(2, samples)
            problem.gradient(w, samples, out)
        print(out.tobytes().hex())"""
    runs = {subprocess.run([sys.executable, '-c', code], check=True,
                           timeout=HANGS, capture_output=True).stdout
            for _ in range(2)}
    assert len(runs) == 1


# --- running statistics ------------------------------------------------

def test_running_statistics_are_set_again_from_the_parameters_alone():
    one, other = build(mine.normed), build(mine.normed)
    w = one.initial(None)
    for step in range(3):
        gradient(one, w, range(30), step)
    assert one.network.module[1].running_mean.eq(0).all()
    assert one.evaluate(w) == other.evaluate(w)
    saved, theirs = one.export(w), other.export(w)
    assert all(saved[name].equal(theirs[name]) for name in theirs)

    # Those of all samples at once, as there are fewer than are taken.
    inputs = mine.train().tensors[0]
    hidden = inputs @ saved['0.weight'].T + saved['0.bias']
    assert saved['1.running_mean'] == pytest.approx(hidden.mean(0), abs=1e-6)
    assert saved['1.running_var'] == pytest.approx(hidden.var(0), rel=1e-5)


def test_what_the_factory_has_put_into_evaluation_stays_there():
    def make():
        module = mine.normed()
        module[1].running_mean.fill_(0.5)
        module[1].eval()
        return module
    problem = build(make)
    w = problem.initial(None)
    gradient(problem, w, range(8))
    assert problem.export(w)['1.running_mean'].eq(0.5).all()
    assert not problem.network.module[1].training


# --- evaluation and what is saved --------------------------------------

def test_evaluation_is_that_of_the_held_out_samples():
    problem = build(held_out=f'{SUPPORT}:held_out')
    w = problem.initial(None)
    module = mine.smooth()
    nn.utils.vector_to_parameters(torch.tensor(w), module.parameters())
    inputs, labels = (it[mine.N:] for it in mine.drawn())
    outputs = module(inputs).detach()
    score = problem.evaluate(w)
    assert score.loss == pytest.approx(
        float(cross_entropy(outputs, labels)), rel=1e-6)
    assert score.accuracy == int((outputs.argmax(1) == labels).sum()) / 40
    assert problem.evaluate(w).loss != problem.loss(w)


def test_the_training_loss_can_be_that_of_some_samples():
    problem = build(loss_samples=30)
    w = problem.initial(None)
    data = mine.train().tensors
    some = TensorDataset(*(it[::4] for it in data))
    assert problem.loss(w) == pytest.approx(build(data=some).loss(w))


@pytest.mark.parametrize('module', [mine.Tied, mine.normed])
def test_plain_torch_loads_what_is_saved(module):
    problem = build(module)
    w = problem.initial(None) + np.float32(0.1)
    arrays = {name: it.numpy() for name, it in problem.export(w).items()}
    file = io.BytesIO()
    problem.write(file, arrays)
    file.seek(0)
    theirs = module()
    theirs.load_state_dict(torch.load(file, weights_only=True))
    theirs.eval()
    inputs = mine.drawn()[0]
    problem.evaluate(w)
    assert theirs(inputs).equal(problem.network.outputs(inputs))


# --- a whole run -------------------------------------------------------

def test_a_run_saves_a_state_dict_beside_its_arrays(tmp_path):
    _, path = simulate(job(run={'steps': 2}), Problem.from_torch(
        mine.Tied, mine.train, held_out=mine.held_out),
        out=tmp_path / 'run.h5')
    theirs = mine.Tied()
    theirs.load_state_dict(torch.load(tmp_path / 'run.pt',
                                      weights_only=True))
    with np.load(path.with_suffix('.npz')) as saved:
        assert {name: it.numpy().tolist() for name, it
                in theirs.state_dict().items()} == {
            name: saved[name].tolist() for name in saved}


def test_a_state_dict_of_the_user_s_is_not_replaced(tmp_path):
    kept = tmp_path / 'run.pt'
    kept.write_bytes(b'of last week')
    with pytest.raises(JobError, match='run.pt: exists already'):
        simulate(job(run={'steps': 2}), out=tmp_path / 'run.h5')
    assert kept.read_bytes() == b'of last week'
    assert list(tmp_path.iterdir()) == [kept]
    simulate(job(run={'steps': 2}), out=tmp_path / 'run.h5', overwrite=True)
    assert torch.load(kept, weights_only=True)


OPTIMIZERS = {'sgd': (torch.optim.SGD, {'lr': 0.1, 'momentum': 0.9}),
              'adam': (torch.optim.Adam, {'lr': 1e-2}),
              'adamw': (torch.optim.AdamW, {'lr': 1e-2})}


def job(**sections):
    tables = {'run': {'steps': 50, 'seed': 7},
              'problem': {'name': 'torch', 'module': f'{SUPPORT}:smooth',
                          'train': f'{SUPPORT}:train', 'batch_size': 30},
              'scheme': {'name': 'uncoded', 'workers': 3},
              'aggregation': {'name': 'mean'}}
    for name, keys in sections.items():
        tables[name] = tables.get(name, {}) | keys
    return loading.from_tables(tables)


@pytest.mark.parametrize('name', OPTIMIZERS)
def test_training_is_that_of_a_plain_loop(name, tmp_path):
    make, options = OPTIMIZERS[name]
    _, path = simulate(job(optimizer={'name': name, 'lr': options['lr']}),
                       out=tmp_path / 'run.h5')
    with np.load(path.with_suffix('.npz')) as saved:
        ours = np.concatenate([saved[key].ravel() for key in saved])

    batches = Batches(7, mine.N, 30, 3)
    problem, module = build(), mine.smooth()
    nn.utils.vector_to_parameters(torch.tensor(problem.initial(None)),
                                  module.parameters())
    optimizer, (inputs, labels) = make(module.parameters(), **options), (
        mine.train().tensors)
    for step in range(50):
        batch = torch.tensor(np.array(batches.batch(step)))
        optimizer.zero_grad()
        cross_entropy(module(inputs[batch]), labels[batch]).backward()
        optimizer.step()
    theirs = nn.utils.parameters_to_vector(module.parameters())
    assert np.abs(ours - theirs.detach().numpy()).max() < 1e-5


def trained(path):
    with np.load(path.with_suffix('.npz')) as saved:
        return {key: saved[key].tobytes() for key in saved}


@pytest.mark.parametrize('module, data', [('Tied', 'Noisy'),
                                          ('normed', 'pairs')])
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_ended(
        module, data, tmp_path):
    """With dropout, augmentation and the moments of adamw."""
    def steps(n):
        return job(run={'steps': n, 'checkpoint_every': 2},
                   problem={'module': f'{SUPPORT}:{module}',
                            'train': f'{SUPPORT}:{data}'},
                   optimizer={'name': 'adamw'})
    _, whole = simulate(steps(6), out=tmp_path / 'whole.h5')
    _, path = simulate(steps(3), out=tmp_path / 'run.h5')
    _, path = simulate(steps(6), out=path, resume=True)
    assert trained(path) == trained(whole)


@pytest.mark.parametrize('scheme', ['aspis', 'robust-partial'])
@pytest.mark.parametrize('module, data', [('Tied', 'Noisy'),
                                          ('normed', 'train')])
def test_replicas_and_audits_have_equal_bits(scheme, module, data, tmp_path):
    """Each worker with a module of its own; replicas are audited, too."""
    given = job(run={'steps': 4}, scheme={'name': scheme, 'workers': 5,
                                          'adversaries': 1},
                problem={'module': f'{SUPPORT}:{module}',
                         'train': f'{SUPPORT}:{data}', 'micro_batch': 4},
                detection={'random_audits': 2})
    _, path = simulate(given, out=tmp_path / 'run.h5', separate=True)
    with load_run(path) as run:
        assert run.n_steps == 4 and not run.exposed.any()
        assert not run.steps['n_flagged'].any()
        if scheme == 'aspis':
            assert (run.steps['audits'] > 0).all()
