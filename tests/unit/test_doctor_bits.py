"""What the doctor says of software, devices, bits and kernels."""

from pathlib import Path

import numpy as np
import pytest

from aspis_mpi.backends.launcher import Launch
from aspis_mpi.detection.probe import ANSWER, answer, trials
from aspis_mpi.doctor import bits, devices, kernels, memory, software
from aspis_mpi.doctor.bits import Bits
from aspis_mpi.doctor.case import open_case
from aspis_mpi.doctor.devices import Devices
from aspis_mpi.doctor.kernels import Kernels
from aspis_mpi.doctor.software import Software
from aspis_mpi.learning.devices import device_of_rank
from tests.support.doctor_cases import (
    NOTE, OK, PROBLEM, job_in, levels, one, two_hosts)


@pytest.fixture
def job(tmp_path):
    """Writes a job; answers its path."""
    return job_in(tmp_path)


# --- software, torch ---------------------------------------------------

COMPLETE = dict.fromkeys(('Python', *software.NEEDED, *software.OPTIONAL),
                         '1.0')


def test_versions_that_differ_name_the_fewer():
    ranks = two_hosts(6, software=lambda i: Software(
        COMPLETE | {'numpy': '2.0' if i == 4 else '1.0'}, 'x'))
    found = one(software.findings(ranks), PROBLEM)
    assert 'Rank 4 on b has numpy 2.0, the others numpy 1.0' in found.text


def test_a_package_that_only_some_hosts_lack():
    ranks = two_hosts(6, software=lambda i: Software(
        COMPLETE | {'h5py': '' if i > 3 else '1.0'}, 'x'))
    assert 'Ranks 4-5 on b have no h5py' in one(
        software.findings(ranks), PROBLEM).text


def test_packages_that_everybody_lacks():
    ranks = two_hosts(2, software=lambda i: Software(
        COMPLETE | {'h5py': '', 'torch': ''}, 'x'))
    found = list(software.findings(ranks))
    assert levels(found) == [PROBLEM, NOTE, OK]


def test_code_that_differs_has_another_digest(tmp_path):
    (tmp_path / 'a.py').write_text('one')
    before = software.source(tmp_path)
    assert software.source(tmp_path) == before
    (tmp_path / 'a.py').write_text('two')
    assert software.source(tmp_path) != before


def test_each_local_rank_has_a_device_of_its_own():
    ranks = two_hosts(4, devices=lambda i: Devices(
        1, ('H', 'H'), f'cuda:{i % 2}', f'unit {i % 2}'))
    found = one(devices.findings(ranks))
    assert found.level == OK and 'cuda:0 and cuda:1 (H)' in found.text


def test_shared_devices_are_known_by_their_units():
    def seen(unit):
        return two_hosts(4, devices=lambda i: Devices(1, ('H',), 'cuda:0',
                                                      unit(i)))
    assert levels(devices.findings(seen(str))) == [OK]
    assert levels(devices.findings(seen(lambda i: 'same'))) == [NOTE]


def test_a_device_that_is_not_there():
    ranks = two_hosts(4, devices=lambda i: Devices(
        1, (), *(('', '', 'no device') if i > 1 else ('cpu', ''))))
    assert 'Ranks 2-3 on b: no device' in one(devices.findings(ranks),
                                              PROBLEM).text
    assert not devices.is_here(device_of_rank('cuda', 0), 0)
    assert not devices.is_here('cuda:2', 2)


# --- bits --------------------------------------------------------------

def computed(shift=0.0):
    drawn = np.random.default_rng(7).standard_normal((2, 100))
    gradients = (drawn * (1 + shift)).astype('f4')
    return Bits(answer(gradients, bits.SECRET).tobytes().hex())


def test_ranks_that_differ_from_the_majority_are_named():
    ranks = two_hosts(6, bits=lambda i: computed(1e-5 * (i > 3)),
                      software=lambda i: Software({}, 'AB'[i > 3]))
    found = one(bits.findings(ranks))
    assert found.level == PROBLEM
    assert 'Ranks 4-5 on b compute other bits' in found.text
    assert '1e-05 apart (B against A)' in found.text


def test_with_a_tolerance_that_is_only_noted(job):
    case = open_case(Launch(), 6, 6, job(), (
        'detection.name=certified', 'detection.equality=tolerance'))
    ranks = two_hosts(6, bits=lambda i: computed(1e-5 * (i == 0)))
    assert one(bits.findings(ranks, case.job)).level == NOTE


def test_equal_bits_and_a_rank_that_computes_none():
    ranks = two_hosts(6, bits=lambda i: computed() if i else None)
    found = one(bits.findings(ranks))
    assert found.level == OK and 'All 5 ranks' in found.text
    assert not list(bits.findings(ranks[:2]))


def test_equal_bits_are_equal_however_they_were_sketched():
    """Sums of float64 depend on the machine; digests do not."""
    said = np.frombuffer(bytes.fromhex(computed().answer), ANSWER).copy()
    said['sketch'] *= 1 + 2e-16
    others = Bits(said.tobytes().hex())
    assert others.answer != computed().answer
    ranks = two_hosts(6, bits=lambda i: others if i > 3 else computed())
    assert one(bits.findings(ranks)).level == OK


def test_gradients_of_a_job_are_those_of_the_probe(job):
    """Files of four and of three samples among them."""
    case = open_case(Launch(1, 8), 8, 8, job(), ('problem.batch_size=121',))
    auditor, initial = case.assembly.auditor(), case.assembly.initial()
    counts = case.assembly.batches.counts
    assert {counts[file] for _, file in trials(counts)} == {3, 4}
    expected = answer((auditor.gradient(step, file, initial)
                       for step, file in trials(counts)), bits.SECRET)
    assert bits.look(case).answer == expected.tobytes().hex()


# --- kernels -----------------------------------------------------------

def test_the_kernels_of_this_process_are_named():
    seen = kernels.look(open_case(Launch(), 1, 1))
    assert seen.chosen['CPU features of numpy'] is not None
    maps = Path('/proc/self/maps').read_text()
    assert all(name in maps for name in kernels.libraries(maps))
    if 'openblas' in maps:
        assert any(kernels.libraries(maps).values())


def test_ranks_of_other_kernels_and_switches_are_named():
    ranks = two_hosts(6, kernels=lambda i: Kernels(
        {'libopenblas.so': 'Haswell' if i > 3 else 'SkylakeX', 'glibc': '2'},
        {'OPENBLAS_CORETYPE': 'Haswell'} if i > 3 else {}))
    found = one(kernels.findings(ranks))
    assert found.level == NOTE and found.text.startswith(
        'Ranks 4-5 on b compute with libopenblas.so Haswell and '
        'OPENBLAS_CORETYPE = Haswell, 4 others with libopenblas.so SkylakeX '
        'and no OPENBLAS_CORETYPE: ')


def test_ranks_of_equal_kernels_share_a_line():
    ranks = two_hosts(6, kernels=lambda i: Kernels({'glibc': '2'}, {}))
    assert one(kernels.findings(ranks)).level == OK
    assert not list(kernels.findings([]))


def test_a_server_that_computes_nothing_has_no_other_kernels():
    ranks = two_hosts(6, bits=lambda i: computed() if i else None,
                      kernels=lambda i: Kernels(
                          {'torch': 'AVX2'} if i else {}, {}))
    assert one(kernels.findings(ranks)).level == OK


def test_names_that_numpy_does_not_know_are_told(monkeypatch):
    known = np.show_config(mode='dicts')['SIMD Extensions']['found']
    monkeypatch.setenv('NPY_DISABLE_CPU_FEATURES', ' '.join(
        ['MMX_OF_OLD', *known]))
    seen = kernels.look(open_case(Launch(), 1, 1))
    assert list(seen.ignored) == ['MMX_OF_OLD']
    ranks = two_hosts(4, kernels=lambda i: seen)
    found = one(kernels.findings(ranks), NOTE)
    assert 'numpy knows no CPU feature MMX_OF_OLD' in found.text


def test_gradients_that_do_not_fit_are_not_computed(job, monkeypatch):
    case = open_case(Launch(1, 6), 6, 6, job())
    monkeypatch.setattr(memory, 'left_on', lambda seen: 6 * 16 * 100 - 1)
    with pytest.raises(MemoryError, match='more than the host has'):
        bits.look(case)
