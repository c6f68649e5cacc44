"""Equal bits of whole networks for images, with crops, flips and dropout."""

import json
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from aspis_mpi import load_run, simulate  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.learning.problems.images import ImageProblem  # noqa: E402
from tests.support.image_files import prepared_once  # noqa: E402
from tests.support.limits import HANGS

#: The sets that are for networks.
DATA = {'lenet': 'mnist', 'resnet18': 'cifar10'}
NETWORKS = pytest.mark.parametrize('network, data', DATA.items())
#: Two files, each of two micro-batches.
FILES = [3, 14], [9, 2]


def options(network, data):
    return {'module': f'tests.support.image_modules:dropping_{network}',
            'data': prepared_once(data), 'crop': 4, 'flip': data != 'mnist'}


def gradient(problem, parameters, samples, step):
    out = np.zeros_like(parameters)
    problem.begin(step, np.array(samples))
    problem.gradient(parameters, np.array(samples), out)
    return out.tobytes()


@NETWORKS
def test_a_file_has_the_same_bits_whatever_was_computed_before(network, data):
    one, other = (ImageProblem(7, **options(network, data)) for _ in range(2))
    w = one.initial(None)
    expected = [gradient(one, w, file, 3) for file in FILES]

    # In another order, after files of another step and an evaluation.
    other.evaluate(w + 1)
    gradient(other, w + 1, FILES[0], 2)
    torch.randn(100)
    assert gradient(other, w, FILES[1], 3) == expected[1]
    assert gradient(other, w, FILES[0], 3) == expected[0]

    # What is drawn is drawn anew in another step.
    assert gradient(one, w, FILES[0], 4) != expected[0]


#: Prints hashes of the gradients of both files of each network, in the order
#: of a list.
CODE = """
import hashlib, json, sys
from aspis_mpi.learning.problems.images import ImageProblem
from tests.unit.test_networks_repeat import FILES, gradient
given, order = map(json.loads, sys.argv[1:])
for network, options in given.items():
    problem = ImageProblem(7, **options)
    w = problem.initial(None)
    found = {it: gradient(problem, w, FILES[it], 3) for it in order}
    given[network] = [hashlib.sha256(found[it]).hexdigest()
                      for it in sorted(found)]
print(json.dumps(given))
"""


@pytest.fixture(scope='module')
def hashes():
    """Hashes of files' gradients by network, as two processes find them."""
    given = json.dumps({network: options(network, data)
                        for network, data in DATA.items()})
    return [json.loads(subprocess.run(
        [sys.executable, '-c', CODE, given, order], check=True, timeout=HANGS,
        capture_output=True).stdout) for order in ('[0, 1]', '[1, 0]')]


@NETWORKS
def test_a_file_has_the_same_bits_in_every_process(network, data, hashes):
    one, other = (found[network] for found in hashes)
    assert one == other and len(set(one)) == len(FILES)


def ran(folder, name, network, data, scheme, files, resume=False,
        **sections):
    """The log of a simulated run in which each worker has a module.

    A step has so many files, each of two micro-batches.
    """
    tables = {
        'run': {'seed': 7, 'evaluate_every': 0} | sections.pop('run'),
        'problem': {'name': 'images', 'batch_size': 2 * files,
                    'micro_batch': 1}
        | options(network, data),
        'optimizer': {'name': 'sgd', 'lr': 0.01}, 'scheme': scheme, **sections}
    _, path = simulate(loading.from_tables(tables), out=folder / name,
                       separate=True, resume=resume)
    return path


def trained(path):
    with np.load(path.with_suffix('.npz')) as saved:
        return {key: saved[key].tobytes() for key in saved}


@NETWORKS
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_ended(
        network, data, tmp_path):
    what = network, data, {'name': 'uncoded', 'workers': 1}, 1
    whole = ran(tmp_path, 'whole.h5', *what, run={'steps': 2})
    path = ran(tmp_path, 'run.h5', *what, run={'steps': 1})
    first = trained(path)
    path = ran(tmp_path, 'run.h5', *what, run={'steps': 2}, resume=True)
    assert trained(path) == trained(whole) != first


@NETWORKS
def test_the_server_s_audits_find_the_bits_of_the_workers(network, data,
                                                          tmp_path):
    path = ran(tmp_path, 'run.h5', network, data,
               {'name': 'aspis', 'workers': 3, 'adversaries': 1}, 1,
               run={'steps': 2}, detection={'random_audits': 1})
    with load_run(path) as run:
        assert run.n_steps == 2 and (run.steps['audits'] > 0).all()
        assert run.n_files == 1
        for rows in (run.exposed, run.flagged, run.read('disagreements'),
                     run.steps['files_dropped']):
            assert not rows.any()
