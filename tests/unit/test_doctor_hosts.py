"""What the doctor says of the cores and the memory of made-up hosts."""

import os

import pytest

from aspis_mpi.backends.launcher import Launch
from aspis_mpi.doctor import cores, memory
from aspis_mpi.doctor.case import open_case
from aspis_mpi.doctor.cores import Cores
from aspis_mpi.doctor.memory import HostMemory
from aspis_mpi.doctor.rank import Rank
from tests.support.doctor_cases import (
    GB, NOTE, OK, PROBLEM, Plan, one, two_hosts)


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
