"""The script of docs/ with a network of one's own, under mpirun."""

from runpy import run_path

import pytest

from aspis_mpi import load_run
from aspis_mpi.learning.models.logistic import Logistic
from aspis_mpi.learning.problems.digits import Digits
from tests.support.mpirun import REPO

JOB = '''
[run]
steps = 40
out = "cnn.h5"
[problem]
batch_size = 120
[optimizer]
name = "adamw"
lr = 0.003
schedule = "one-cycle"
[collection]
name = "all"                            # also of the liar
[scheme]
name = "robust-partial"
adversaries = 1
[adversary]
count = 1
'''


def test_a_network_of_ones_own(launch, folder):
    torch = pytest.importorskip('torch')
    (folder / 'job.toml').write_text(JOB)
    ended = launch('openmpi', 5, 'job.toml',
                   script=REPO / 'docs' / 'own_cnn.py')
    assert ended.code == 0, ended.err

    # Who lies is exposed; replicas with dropout are equal, so nobody else is.
    with load_run(folder / 'cnn.h5') as run:
        assert run.n_steps == 40
        assert run.exposed.any(axis=0).tolist() == [False] * 3 + [True]
        last = run.evaluation[-1]

    # Plain torch has the network that was evaluated.
    net = run_path(str(REPO / 'docs' / 'own_cnn.py'), run_name='own')
    module = net['Net']().eval()
    module.load_state_dict(torch.load(folder / 'cnn.pt', weights_only=True))
    inputs, labels = net['samples'](Digits(1, Logistic(64, 10)).held_out
                                    ).tensors
    with torch.no_grad():
        outputs = module(inputs)
    assert last['accuracy'] == float(
        (outputs.argmax(1) == labels).double().mean()) > 0.7
    assert last['loss'] == pytest.approx(float(
        torch.nn.functional.cross_entropy(outputs, labels)), rel=1e-5)
