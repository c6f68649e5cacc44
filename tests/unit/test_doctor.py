"""What the doctor says of made-up ranks, hosts and clocks."""

import fcntl
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import h5py
import numpy as np
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.backends.launcher import Launch
from aspis_mpi.detection.probe import ANSWER, answer, trials
from aspis_mpi.doctor import (
    bits, clocks, cores, devices, kernels, launcher, memory, mpi, software,
    storage)
from aspis_mpi.doctor.bits import Bits
from aspis_mpi.doctor.case import open_case
from aspis_mpi.doctor.cores import Cores
from aspis_mpi.doctor.devices import Devices
from aspis_mpi.doctor.finding import Finding, Level, as_text, who
from aspis_mpi.doctor.kernels import Kernels
from aspis_mpi.doctor.memory import HostMemory
from aspis_mpi.doctor.rank import LOOKS, ROOM, Rank, from_bytes, look, to_bytes
from aspis_mpi.doctor.software import Software
from aspis_mpi.learning.devices import device_of_rank
from aspis_mpi.runlog.locking import VARIABLE, probe

OK, NOTE, PROBLEM = Level

#: What findings ask of a plan, and of what the library can.
Plan = namedtuple('Plan', 'server_memory worker_memory')
Tolerance = namedtuple('Tolerance', 'built on')

GB = 1 << 30


def two_hosts(n, **seen):
    """n ranks, half on each of two hosts; `seen` gives a value a rank."""
    return [Rank(i, 'ab'[2 * i >= n], **{key: of(i) for key, of
                                         in seen.items()})
            for i in range(n)]


def one(findings, level=None):
    """The only finding, or the only one of a level."""
    finding, = [finding for finding in findings
                if level is None or finding.level == level]
    return finding


def levels(findings):
    return [finding.level for finding in findings]


@pytest.fixture
def job(tmp_path):
    """Writes a job; answers its path."""
    def write(text=''):
        path = tmp_path / 'job.toml'
        path.write_text(
            'run = {steps = 10}\nscheme = {name = "aspis"}\n'
            'problem = {name = "quadratic", parameters = 100, batch_size = '
            f'45}}\n{text}')
        return path
    return write


# --- the report --------------------------------------------------------

def test_the_worst_comes_first_and_the_rest_in_order():
    lines = as_text([Finding(OK, 'b', 'One.'), Finding(NOTE, 'a', 'Two.'),
                    Finding(OK, 'a', 'Three.'),
                    Finding(PROBLEM, 'c', 'Four.')]).splitlines()
    assert [line.split()[-1] for line in lines] == [
        'Four.', 'Two.', 'One.', 'Three.', 'note.']
    assert lines[-1] == '1 problem, 1 note.'
    assert len({line.index(line.split()[2]) for line in lines[:-1]}) == 1


def test_nothing_wrong_is_said():
    assert as_text([Finding(OK, 'a', 'x')]).endswith(
        'Nothing is wrong; no notes.')


def test_ranks_are_named_with_their_hosts():
    ranks = two_hosts(8)
    assert who(ranks[4:]) == 'Ranks 4-7 on b'
    assert who([ranks[3], ranks[5], ranks[6]]) == 'Ranks 3 and 5-6 on a and b'


# --- what ranks tell ---------------------------------------------------

def test_a_rank_arrives_as_it_was_sent():
    rank = Rank(3, 'b', Cores((0, 1), (1,), 1, 2), HostMemory(1, 2, None, 4),
                Software({'numpy': '2.0'}, 'x'),
                Devices(1, ('H',), 'cuda:0', 'u'), Bits('00'),
                Kernels({'a': 'b'}, {}), (('bits', 'ValueError: no'),))
    raw = to_bytes(rank)
    assert len(raw) == ROOM
    got = from_bytes(raw, 3, 'b')
    assert got.memory == rank.memory and got.troubles == rank.troubles
    assert got.cores.allowed == [0, 1] and got.bits == rank.bits


@pytest.mark.parametrize('raw', [
    None, b'', b'\xff' * 20, b'[]', b'7', b'{"number": 1}',
    b'{"cores": 3, "memory": 3}'])
def test_a_rank_that_says_nothing_sensible_is_a_trouble(raw):
    rank = from_bytes(raw, 5, 'b')
    assert (rank.number, rank.host, rank.cores) == (5, 'b', None)
    (topic, _), = rank.troubles
    assert topic == 'report'


def test_too_much_to_say_is_cut():
    rank = Rank(1, 'a', bits=Bits('0' * ROOM))
    assert from_bytes(to_bytes(rank), 1, 'a').troubles


def test_a_look_that_raises_does_not_stop_the_others(monkeypatch):
    def fail(case):
        raise OSError('a\nb')
    monkeypatch.setitem(LOOKS, 'cores', (fail, Cores))
    rank = look(2, open_case(Launch(), 1, 1))
    assert rank.troubles == (('cores', 'OSError: a b'),)
    assert rank.memory and rank.software and rank.bits and rank.kernels


# --- launcher and MPI --------------------------------------------------

@pytest.mark.parametrize('here, size, tasks, mpirun, level, words', [
    (Launch(0, 4), 4, 1, ('', ''), OK, '4 ranks, as launched'),
    (Launch(0, 4), 1, 1, ('', ''), PROBLEM, '4 ranks, but MPI knows 1'),
    (Launch(0, 4, keeps_signals=True), 4, 1, ('', ''), PROBLEM,
     'use mpiexec, which forwards them'),
    (Launch(0, 1), 4, 1, ('', ''), PROBLEM, 'names none of them'),
    (Launch(0, 1, 4, 0), 1, 4, ('', ''), PROBLEM, 'SLURM started 4 tasks'),
    (Launch(), 1, 16, ('', ''), PROBLEM, 'SLURM gave 16 tasks'),
    (Launch(), 1, 1, ('', ''), NOTE, 'no mpirun on PATH'),
    (Launch(), 1, 1, ('/b/mpirun', 'Open MPI'), NOTE, '/b/mpirun is there'),
    (Launch(), 1, 1, ('/b/mpirun', ''), NOTE, '/b/mpirun is there')])
def test_launchers(here, size, tasks, mpirun, level, words):
    found = one(launcher.findings(here, size, 'Open MPI v5', tasks, mpirun))
    assert found.level == level and words in found.text


def test_the_doctor_names_the_command_of_the_job(job):
    """As many ranks as it has workers, and the server."""
    path = job()
    case = open_case(Launch(), 1, 1, path, ('scheme.workers=6', 'run.seed=2'))
    found = one(launcher.findings(Launch(), 1, 'x', command=case.command))
    assert (f': mpirun -n 7 python -m aspis_mpi doctor {path} --set '
            'scheme.workers=6 --set run.seed=2 looks at all') in found.text
    assert open_case(Launch(), 1, 1).command == (
        'mpirun -n 4 python -m aspis_mpi doctor')


def test_an_mpirun_of_another_mpi():
    found = launcher.findings(Launch(), 1, 'Open MPI v5', 1,
                              ('/b/mpirun', 'MPICH'))
    assert 'is of MPICH, but Python uses Open MPI' in one(found, PROBLEM).text


@pytest.mark.parametrize('built, on, tolerate, level, words', [
    (True, True, 3, OK, 'is on'), (True, False, 0, OK, '--with-ft ulfm'),
    (True, False, 3, PROBLEM, 'start it with mpirun --with-ft ulfm'),
    (False, False, 3, PROBLEM, 'which this MPI cannot'),
    (False, False, 0, OK, 'only Open MPI 5')])
def test_deaths(built, on, tolerate, level, words, job):
    case = open_case(Launch(), 8, 8, job(f'faults = {{tolerate = {tolerate}}}'
                                         ), ('scheme.workers=5',))
    *_, found = mpi.findings('x', 'funneled', Tolerance(built, on), case.job)
    assert found.level == level and words in found.text


# --- cores -------------------------------------------------------------

def on_cores(*masks, allowed=range(8), threads=1, wanted=None):
    return [Rank(i, 'a', cores=Cores(tuple(allowed), tuple(mask), threads,
                                     wanted or threads))
            for i, mask in enumerate(masks)]


@pytest.mark.parametrize('masks, threads, allowed, level, words', [
    ([range(8)] * 8, 1, 8, OK, '8 cores for 8 ranks of 1 thread.'),
    ([(i,) for i in range(8)], 1, 8, OK, '8 cores for 8 ranks'),
    ([range(8)] * 4, 2, 8, OK, '4 ranks of 2 threads'),
    ([range(8)] * 9, 1, 8, NOTE, 'slower than possible'),
    ([range(8)] * 8, 2, 8, PROBLEM, 'set OMP_NUM_THREADS=1'),
    ([(0,)] * 4, 1, 8, PROBLEM, '4 ranks are bound to core 0'),
    ([(0, 1)] * 4 + [(4, 5)], 1, 8, PROBLEM, '4 ranks are bound to cores 0'),
    ([(i,) for i in range(4)], 2, 8, PROBLEM, 'bound to core 0 alone'),
    ([(0,)] * 4, 1, 2, PROBLEM, '4 ranks are bound to core 0')])
def test_threads_against_cores(masks, threads, allowed, level, words):
    ranks = on_cores(*masks, threads=threads, allowed=range(allowed))
    found = one(cores.findings(ranks))
    assert found.level == level and words in found.text


def test_threads_of_the_server_have_a_key_of_their_own():
    """OMP_NUM_THREADS does not bound those of the aggregation."""
    ranks = on_cores(range(8), range(8))
    fewer = 'take fewer ranks a host or more cores'
    assert fewer not in one(cores.findings(ranks)).text
    ranks[0] = on_cores(range(8), wanted=100)[0]
    found = one(cores.findings(ranks))
    assert found.level == NOTE
    assert f'set runtime.threads = 100 lower, or {fewer}' in found.text
    found = one(cores.findings(on_cores(*[range(8)] * 9)))
    assert 'runtime.threads' not in found.text and fewer in found.text


def test_hosts_that_are_alike_share_a_line():
    ranks = two_hosts(8, cores=lambda i: Cores((0, 1, 2, 3), (0, 1, 2, 3),
                                               1, 1))
    assert 'Hosts a and b each have 4 cores' in one(cores.findings(ranks)).text


def test_threads_that_differ_make_other_bits():
    ranks = two_hosts(8, cores=lambda i: Cores(
        tuple(range(16)), tuple(range(16)), 1 + (i > 5), 1 + (i > 5)))
    found = one(cores.findings(ranks), PROBLEM)
    assert 'Ranks 6-7 on b have 2 threads and the others 1' in found.text


def test_looking_at_cores_leaves_the_binding_alone():
    before = os.sched_getaffinity(0)
    core = min(before)
    os.sched_setaffinity(0, {core})
    try:
        seen = cores.look(open_case(Launch(), 1, 1))
        assert os.sched_getaffinity(0) == {core}
        assert seen.bound == (core,) and set(seen.allowed) >= before
    finally:
        os.sched_setaffinity(0, before)


# --- memory ------------------------------------------------------------

def test_a_host_with_too_little_memory_is_named():
    ranks = two_hosts(8, memory=lambda i: HostMemory(1, (100 if i < 4 else 3)
                                                 * GB))
    found = one(memory.findings(ranks, Plan(10 * GB, 1 * GB)))
    assert found.level == PROBLEM
    assert 'Host b needs 4.29 GB more for its 4 ranks' in found.text


def test_the_server_needs_its_own():
    ranks = two_hosts(8, memory=lambda i: HostMemory(1, 5 * GB))
    found = one(memory.findings(ranks, Plan(10 * GB, 1 * GB)))
    assert found.level == PROBLEM and 'Host a needs 14 GB' in found.text


@pytest.mark.parametrize('seen, level', [
    (HostMemory(1, 100 * GB), OK), (HostMemory(1, 9 * GB), NOTE),
    (HostMemory(1, 100 * GB, group=7 * GB), PROBLEM),
    (HostMemory(GB, 100 * GB, slurm=11 * GB), PROBLEM),
    (HostMemory(GB, 100 * GB, slurm=90 * GB), OK)])
def test_each_limit_counts(seen, level):
    ranks = [Rank(i, 'a', memory=seen) for i in range(4)]
    assert one(memory.findings(ranks, Plan(5 * GB, GB))).level == level


def test_limits_of_control_groups(tmp_path):
    def group(path, names, *values):
        folder = tmp_path / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in zip((*names[:2], 'memory.stat'), values):
            (folder / name).write_text(value)
    group('job', memory.FILES[2], '1000\n', '400\n',
          'anon 300\ninactive_file 100\n')
    group('job/step', memory.FILES[2], 'max\n', '300\n', 'inactive_file 0\n')
    group('memory/job', memory.FILES[1], f'{1 << 62}\n', '5\n', '')
    group('memory', memory.FILES[1], '600\n', '10\n', 'total_inactive_file 5')
    assert memory.group_left(tmp_path, '0::/job/step\n') == 700
    assert memory.group_left(tmp_path, '0::/elsewhere\n') is None
    assert memory.group_left(tmp_path, '4:memory:/job\n1:cpu:/\n') == 595


def test_what_slurm_gave():
    assert memory.slurm_limit({}) is None
    assert memory.slurm_limit({'SLURM_MEM_PER_NODE': '0'}) is None
    assert memory.slurm_limit({'SLURM_MEM_PER_CPU': '1024',
                               'SLURM_CPUS_ON_NODE': '4'}) == 4 * GB


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


# --- clocks ------------------------------------------------------------

def test_the_shortest_trip_tells_the_skew():
    trips = [(10.0, 13.4, 10.8), (20.0, 23.1, 20.2), (30.0, 33.5, 31.0)]
    skew = clocks.skew('b', trips)
    assert skew.ahead == pytest.approx(3.0)
    assert skew.uncertainty == pytest.approx(0.1)


@pytest.mark.parametrize('ahead, uncertainty, level, words', [
    (0.003, 1e-5, OK, 'at most 3 ms (measured to within 10 us)'),
    (-7.0, 0.1, NOTE, 'b is behind rank 0'), (7.0, 0.1, NOTE, 'ahead of'),
    (1.5, 0.9, OK, '1.5 s')])
def test_clocks_that_differ(ahead, uncertainty, level, words):
    skews = [clocks.Skew('a', 0.0, 1e-6), clocks.Skew('b', ahead, uncertainty)]
    found = one(clocks.findings(skews, 2))
    assert found.level == level and words in found.text
    assert not list(clocks.findings(skews, 1))


# --- output ------------------------------------------------------------

def test_probing_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    locking = probe(tmp_path)
    assert (locking.locked, locking.unlocked, locking.forced) == ('', '',
                                                                  False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('error, told', [
    (OSError(28, 'file write failed: time = Sun\n, buf = 0x55'),
     'No space left on device'), (RuntimeError('a\n b'), 'a b')])
def test_what_hdf5_says_is_told_in_one_line(error, told, tmp_path,
                                            monkeypatch):
    def fail(*_, **options):
        raise error
    monkeypatch.setattr(h5py, 'File', fail)
    assert probe(tmp_path).locked == told
    found = one(storage.findings(open_case(Launch(), 1, 1,
                                           out=tmp_path / 'run.h5')))
    assert found.level == PROBLEM and told in found.text


@pytest.mark.parametrize('locked, unlocked, variable, expected', [
    ('', '', '', [OK]), ('no locks', '', '', [NOTE]),
    ('', '', 'TRUE', [NOTE, OK]), ('', '', 'FALSE', [OK]),
    ('no locks', 'no locks', 'TRUE', [PROBLEM])])
def test_locks_of_the_file_system(locked, unlocked, variable, expected,
                                  tmp_path, monkeypatch):
    def answers(folder):
        return type(probe(folder))(locked, unlocked, variable)
    monkeypatch.setattr('aspis_mpi.runlog.locking.probe', answers)
    monkeypatch.setattr(storage, 'file_system', lambda *_: 'ext4')
    found = list(storage.written(tmp_path, tmp_path / 'run.h5'))
    assert levels(found) == expected


#: Opens a file without a lock, as the reader of logs does.
OPENS = "import h5py, sys; h5py.File(sys.argv[1], 'r', locking=False)"


@pytest.mark.parametrize('variable, opens', [('TRUE', False),
                                             ('FALSE', True), (None, True)])
def test_the_variable_wins_over_the_program(variable, opens, tmp_path):
    """The reason for the finding: a log that is locked cannot be shown."""
    path = tmp_path / 'run.h5'
    environment = {key: value for key, value in os.environ.items()
                   if key != VARIABLE}
    environment |= {VARIABLE: variable} if variable else {}
    h5py.File(path, 'x', locking=False).close()
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, '-c', OPENS, path],
                              env=environment, capture_output=True,
                              timeout=60)
    assert (done.returncode == 0) == opens


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    case = open_case(Launch(), 1, 1, out=tmp_path / 'file' / 'run.h5')
    found = one(storage.findings(case))
    assert found.level == PROBLEM and 'cannot be written' in found.text


def test_folders_are_not_made(tmp_path):
    out = tmp_path / 'new' / 'deep' / 'run.h5'
    case = open_case(Launch(), 1, 1, out=out)
    assert PROBLEM not in levels(storage.findings(case))
    assert not list(tmp_path.iterdir())


def test_a_log_that_exists_is_noted(tmp_path):
    (tmp_path / 'run.h5').touch()
    case = open_case(Launch(), 1, 1, out=tmp_path / 'run.h5')
    assert '--resume' in next(storage.findings(case)).text


def test_space_for_log_and_checkpoints(tmp_path, job, monkeypatch):
    case = open_case(Launch(), 6, 6, job(), out=tmp_path / 'run.h5')
    log, checkpoints = storage.sizes(case.assembly)
    assert checkpoints == (4 * 2 + 1) * 400 and log > 0
    full = namedtuple('Usage', 'free')(log + checkpoints - 1)
    monkeypatch.setattr(storage.shutil, 'disk_usage', lambda path: full)
    assert 'smaller run.keep' in one(storage.findings(case), PROBLEM).text


def test_the_file_system_is_the_innermost():
    mounts = ('a / ext4 rw 0 0\nb /x lustre rw 0 0\n'
              'c /x/with\\040blank nfs4 rw 0 0\n')
    assert storage.file_system(Path('/x/y'), mounts) == 'lustre'
    assert storage.file_system(Path('/xy'), mounts) == 'ext4'
    assert storage.file_system(Path('/x/with blank/z'), mounts) == 'nfs4'


# --- the command -------------------------------------------------------

def test_a_job_that_is_refused_is_no_trouble_of_the_machine(job):
    case = open_case(Launch(), 4, 4, job('faults = {tolerance = 1}'))
    assert case.is_refused and 'tolerance' in str(case.trouble)
    assert not open_case(Launch(), 6, 6, job()).is_refused


def test_the_memory_of_a_job_is_that_of_plan(job):
    plan = open_case(Launch(), 6, 6, job()).plan
    assert plan.workers == 5 and plan.server_memory > 0


def test_the_parser_knows_the_doctor(capsys):
    with pytest.raises(SystemExit) as end:
        main(['doctor', '--help'])
    assert end.value.code == 0
    assert '--out RUN.h5' in capsys.readouterr().out
