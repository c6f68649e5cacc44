"""Models: the contract of all of them, checked against torch's autograd."""

import json
import subprocess
import sys

import numpy as np
import pytest

from aspis_mpi import registry, streams
from aspis_mpi.learning.adapter.layers import layers_of
from aspis_mpi.learning.adapter.model import TorchModel
from aspis_mpi.learning.model import Model
from aspis_mpi.learning.models.convnet import ConvNet
from aspis_mpi.learning.models.lenet import LeNet
from aspis_mpi.learning.models.logistic import Logistic
from aspis_mpi.learning.models.mlp import Perceptron
from aspis_mpi.learning.models.resnet18 import ResNet18
from aspis_mpi.parts import extras
from tests.support.limits import HANGS

every_model = pytest.mark.parametrize('part', [
    pytest.param(part, id=name, marks=pytest.mark.skipif(
        bool(extras.missing(part)), reason=f'needs {part.needs}'))
    for name, part in registry.parts('model').items()])


#: Inputs of models that are not for images of 64 pixels.
INPUTS = {'lenet': 144, 'resnet18': 192}


def build(part):
    return part(INPUTS.get(part.name, 64), 10)


def task(part, n=20):
    drawn = np.random.default_rng(3)
    return (drawn.random((n, INPUTS.get(part.name, 64)), dtype=np.float32),
            drawn.integers(0, 10, n))


def gradient(model, parameters, inputs, labels):
    out = np.zeros(model.n_parameters, dtype=np.float32)
    model.gradient(parameters, inputs, labels, out)
    return out


def in_torch(name):
    """The network that the model's exported layers are for."""
    from torch import nn
    networks = {
        'logistic': lambda: nn.ModuleDict({'output': nn.Linear(64, 10)}),
        'mlp': lambda: nn.ModuleDict({'hidden': nn.Linear(64, 64),
                                      'act': nn.ReLU(),
                                      'output': nn.Linear(64, 10)}),
        'convnet': lambda: nn.ModuleDict({
            'shape': nn.Unflatten(1, (1, 8, 8)),
            'conv1': nn.Conv2d(1, 16, 3, padding=1), 'act1': nn.ReLU(),
            'conv2': nn.Conv2d(16, 32, 3, padding=1), 'act2': nn.ReLU(),
            'pool': nn.MaxPool2d(2), 'flat': nn.Flatten(),
            'output': nn.Linear(512, 10)}),
        'lenet': lambda: nn.ModuleDict({
            'shape': nn.Unflatten(1, (1, 12, 12)),
            'conv1': nn.Conv2d(1, 6, 5, padding=2), 'act1': nn.ReLU(),
            'pool1': nn.MaxPool2d(2),
            'conv2': nn.Conv2d(6, 16, 5), 'act2': nn.ReLU(),
            'pool2': nn.MaxPool2d(2), 'flat': nn.Flatten(),
            'fc1': nn.Linear(16, 120), 'act3': nn.ReLU(),
            'fc2': nn.Linear(120, 84), 'act4': nn.ReLU(),
            'fc3': nn.Linear(84, 10)})}
    return networks[name]() if name in networks else None


@every_model
def test_sizes_initial_parameters_and_layers(part):
    model = build(part)
    initial = model.initial(streams.generator(7, 'initial'))
    assert isinstance(model, Model)
    assert isinstance(model.n_parameters, int)
    assert initial.shape == (model.n_parameters,)
    assert initial.dtype == np.float32
    again = build(part).initial(streams.generator(7, 'initial'))
    assert np.array_equal(initial, again)
    layers = model.export(initial)
    flat = np.concatenate([layer.ravel() for layer in layers.values()])
    assert np.array_equal(flat, initial)
    assert not any(np.shares_memory(layer, initial)
                   for layer in layers.values())


@every_model
def test_the_layers_are_those_of_the_module_in_its_order(part):
    if not issubclass(part, TorchModel):
        pytest.skip('is no module of torch')
    model = build(part)
    assert list(model.layers.items()) == list(layers_of(model.module).items())


@every_model
def test_gradient_adds_the_sum_over_the_samples(part):
    model = build(part)
    inputs, labels = task(part)
    w = model.initial(streams.generator(7, 'initial'))
    w.setflags(write=False)
    out = np.ones(model.n_parameters, dtype=np.float32)
    for sample in range(20):
        each = slice(sample, sample + 1)
        model.gradient(w, inputs[each], labels[each], out)
    assert np.allclose(out - 1, gradient(model, w, inputs, labels),
                       atol=1e-4)


@every_model
def test_gradient_is_the_slope_of_the_loss(part):
    model = build(part)
    inputs, labels = task(part)
    drawn = np.random.default_rng(5)
    w = model.initial(drawn)
    slope = gradient(model, w, inputs, labels) / len(labels)
    # A unit direction that is not orthogonal to the slope.
    along = drawn.standard_normal(w.size) / np.sqrt(w.size)
    along += slope / np.linalg.norm(slope)
    # The loss of a deep one bends more.
    step = 1e-3 if part.name == 'resnet18' else 1e-2
    ahead, behind = (model.evaluate((w + h * along).astype(np.float32),
                                    inputs, labels).loss
                     for h in (step, -step))
    assert (ahead - behind) / (2 * step) == pytest.approx(slope @ along,
                                                           rel=2e-2)


@every_model
def test_gradient_and_score_are_those_of_torch(part):
    torch = pytest.importorskip('torch')
    network = in_torch(part.name)
    if network is None:
        pytest.skip('a model that this test does not know')
    model = build(part)
    inputs, labels = task(part)
    w = model.initial(streams.generator(7, 'initial'))
    w += np.random.default_rng(1).normal(0, 0.1, w.size).astype(np.float32)

    network.load_state_dict({name: torch.tensor(layer) for name, layer
                             in model.export(w).items()})
    x = torch.tensor(inputs)
    for layer in network.values():
        x = layer(x)
    loss = torch.nn.functional.cross_entropy(x, torch.tensor(labels))
    loss.backward()
    theirs = torch.cat([p.grad.ravel() for p in network.parameters()])

    ours = gradient(model, w, inputs, labels)
    largest = max(1, theirs.abs().max())
    assert np.abs(ours / 20 - theirs.numpy()).max() < 1e-6 * largest
    score = model.evaluate(w, inputs, labels)
    assert score.loss == pytest.approx(loss.item(), rel=1e-6)
    right = (x.argmax(1).numpy() == labels).mean()
    assert score.accuracy == right


#: Prints hashes of one gradient of each model that is named.
CODE = """
import hashlib, json, sys
from aspis_mpi import registry, streams
from tests.unit.test_models import build, gradient, task
found = {}
for name in sys.argv[1:]:
    part = registry.find('model', name)
    model = build(part)
    w = model.initial(streams.generator(7, 'initial'))
    found[name] = hashlib.sha256(gradient(model, w, *task(part))).hexdigest()
print(json.dumps(found))
"""


@pytest.fixture(scope='module')
def hashes():
    """Hashes of a gradient of each model, as two processes find them."""
    names = [name for name, part in registry.parts('model').items()
             if not extras.missing(part)]
    return [json.loads(subprocess.run(
        [sys.executable, '-c', CODE, *names], check=True, timeout=HANGS,
        capture_output=True).stdout) for _ in range(2)]


@every_model
def test_gradient_has_equal_bits_in_every_process(part, hashes):
    one, other = (found[part.name] for found in hashes)
    assert one == other


def test_known_sizes():
    assert Logistic(64, 10).n_parameters == 650
    assert Perceptron(64, 10).n_parameters == 4810
    assert Perceptron(64, 10, hidden=8).n_parameters == 610
    assert ConvNet(64, 10).n_parameters == 9930


@pytest.mark.skipif(not extras.is_here('torch'), reason='needs torch')
def test_known_sizes_of_networks():
    from aspis_mpi.learning import networks
    assert LeNet(784, 10).n_parameters == 61_706
    assert ResNet18(3072, 10).n_parameters == 11_173_962
    names = networks.resnet18(norm='batch').state_dict()
    assert {'conv1.weight', 'layer4.1.bn2.running_var', 'fc.bias',
            'layer2.0.downsample.0.weight'} <= set(names)
    # As torchvision counts them, with a first layer of 7×7 in its place.
    assert sum(it.numel() for name, it in names.items() if not name.endswith(
        ('running_mean', 'running_var', 'num_batches_tracked'))) == (
        11_689_512 - 990 * 513 - 64 * 3 * (49 - 9))


def test_a_norm_that_there_is_not_is_named():
    networks = pytest.importorskip('aspis_mpi.learning.networks')
    pytest.importorskip('torch')
    with pytest.raises(ValueError, match="norm 'layer' must be group or"):
        networks.resnet18(norm='layer')


def test_initial_weights_have_he_s_variance_and_zero_biases():
    model = Perceptron(64, 10, hidden=400)
    w = model.initial(streams.generator(7, 'initial'))
    weight1, bias1, weight2, bias2 = model.views(w)
    assert weight1.std() == pytest.approx((2 / 64) ** 0.5, rel=0.05)
    assert weight2.std() == pytest.approx((2 / 400) ** 0.5, rel=0.05)
    assert not bias1.any() and not bias2.any()


def test_large_logits_do_not_overflow():
    model = Logistic(64, 10)
    inputs, labels = task(Logistic)
    w = 1e4 * model.initial(streams.generator(7, 'initial'))
    assert np.isfinite(gradient(model, w, inputs, labels)).all()
    assert np.isfinite(model.evaluate(w, inputs, labels).loss)


@pytest.mark.parametrize('build, message', [
    (lambda: Logistic(0, 10), 'n_inputs 0'),
    (lambda: Logistic(64, 1), 'n_classes 1'),
    (lambda: Perceptron(64, 10, hidden=0), 'hidden 0'),
    (lambda: ConvNet(63, 10), 'n_inputs 63'),
    (lambda: ConvNet(81, 10), 'n_inputs 81'),
    (lambda: LeNet(64, 10), 'n_inputs 64'),
    (lambda: LeNet(169, 10), 'n_inputs 169'),
    (lambda: ResNet18(3071, 10), 'n_inputs 3071'),
    (lambda: ResNet18(147, 10), 'n_inputs 147'),
    (lambda: ConvNet(64, 10, device='gpu'), "device 'gpu'")])
def test_impossible_sizes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
