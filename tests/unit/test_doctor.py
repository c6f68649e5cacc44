"""What the doctor says of made-up ranks, launchers and clocks."""

import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.backends.launcher import Launch
from aspis_mpi.doctor import clocks, launcher, mpi
from aspis_mpi.doctor.bits import Bits
from aspis_mpi.doctor.case import open_case
from aspis_mpi.doctor.cores import Cores
from aspis_mpi.doctor.devices import Devices
from aspis_mpi.doctor.finding import Finding, as_text, who
from aspis_mpi.doctor.kernels import Kernels
from aspis_mpi.doctor.memory import HostMemory
from aspis_mpi.doctor.rank import LOOKS, ROOM, Rank, from_bytes, look, to_bytes
from aspis_mpi.doctor.software import Software
from tests.support.doctor_cases import (
    NOTE, OK, PROBLEM, Tolerance, job_in, one, two_hosts)


@pytest.fixture
def job(tmp_path):
    """Writes a job; answers its path."""
    return job_in(tmp_path)


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
