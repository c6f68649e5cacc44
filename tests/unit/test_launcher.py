"""Rank and size from the environment of each launcher."""

import pytest

from aspis_mpi.backends.launcher import Launch, launch

OPEN_MPI = {'OMPI_COMM_WORLD_RANK': '3', 'OMPI_COMM_WORLD_SIZE': '16'}
MPICH = {'PMI_RANK': '3', 'PMI_SIZE': '16'}
INTEL = MPICH | {'I_MPI_INFO_NP': '1'}      # of mpiexec
INTEL_SCRIPT = INTEL | {'I_MPI_MPIRUN': 'mpirun'}
PMIX = {'PMIX_RANK': '3', 'SLURM_STEP_NUM_TASKS': '16', 'SLURM_PROCID': '3'}


@pytest.mark.parametrize('environment', [OPEN_MPI, MPICH, INTEL,
                                         INTEL_SCRIPT, PMIX])
def test_each_launcher_is_understood(environment):
    here = launch(environment)
    assert (here.rank, here.size) == (3, 16)
    assert not here.is_singleton_of_many


def test_a_launcher_that_keeps_signals_is_known():
    assert launch(INTEL_SCRIPT).keeps_signals
    for environment in {}, OPEN_MPI, MPICH, INTEL, PMIX:
        assert not launch(environment).keeps_signals


@pytest.mark.parametrize('environment', [
    {}, {'PATH': '/bin', 'HOME': '/root'},
    {'SLURM_JOB_ID': '7', 'SLURM_NTASKS': '16'}])     # a batch shell
def test_nobody_launched_this(environment):
    here = launch(environment)
    assert (here.rank, here.size) == (0, 1)
    assert not here.is_singleton_of_many


@pytest.mark.parametrize('procid', range(4))
def test_slurm_tasks_that_do_not_know_of_each_other(procid):
    here = launch({'SLURM_STEP_NUM_TASKS': '4', 'SLURM_PROCID': str(procid)})
    assert here.is_singleton_of_many
    assert (here.rank, here.size) == (0, 1)
    assert (here.slurm_tasks, here.slurm_rank) == (4, procid)


def test_mpirun_inside_a_slurm_allocation_is_no_singleton():
    slurm = {'SLURM_STEP_NUM_TASKS': '2', 'SLURM_PROCID': '0'}
    assert not launch(slurm | OPEN_MPI).is_singleton_of_many
    assert launch(slurm | OPEN_MPI).rank == 3


def test_a_single_slurm_task_is_no_singleton_of_many():
    environment = {'SLURM_STEP_NUM_TASKS': '1', 'SLURM_PROCID': '0'}
    assert not launch(environment).is_singleton_of_many


@pytest.mark.parametrize('environment', [
    {'PMI_RANK': '3'}, {'PMI_SIZE': '16'}, {'OMPI_COMM_WORLD_RANK': '0'}])
def test_half_of_an_answer_is_none(environment):
    assert launch(environment) == Launch()


@pytest.mark.parametrize('text', ['', '-1', 'x', '1.0', '4(x2)'])
def test_what_is_no_number_is_ignored(text):
    assert launch({'SLURM_STEP_NUM_TASKS': text}).slurm_tasks == 1


def test_the_environment_of_the_process_is_the_default(monkeypatch):
    for name, value in MPICH.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv('OMPI_COMM_WORLD_RANK', raising=False)
    assert launch().rank == 3
