"""The measured costs, for people; nothing here decides whether a test passes.

    bash tests/run.sh tests/bench --benchmark-only -s

Each script prints its figures as one line of JSON and can be run by itself.
Without `--benchmark-only` they are skipped.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MPIRUN = Path(sys.prefix) / 'bin' / 'mpirun'


def figures(benchmark, script, *arguments, ranks=0):
    """Run a script once and keep its figures with the benchmark."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    if ranks:
        command = [str(MPIRUN), '--oversubscribe', '-n', str(ranks), *command]
    environment = os.environ | {'PYTHONPATH': str(HERE.parent.parent)}
    if os.getuid() == 0:
        environment |= {'OMPI_ALLOW_RUN_AS_ROOT': '1',
                        'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}

    def once():
        done = subprocess.run(command, env=environment, check=True,
                              capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]
    lines = benchmark.pedantic(once, rounds=1, iterations=1)
    for line in lines:
        print(f'\n{script}: {line}')
    benchmark.extra_info['figures'] = lines


@pytest.mark.parametrize('d', [650, 61_706, 431_080, 1_100_000])
def test_step_beside_a_minimal_loop(benchmark, d):
    figures(benchmark, 'step.py', d, 5, ranks=16)


@pytest.mark.parametrize('d', [650, 431_080])
def test_guard_of_what_is_the_user_s(benchmark, d):
    figures(benchmark, 'guard.py', d, 9, ranks=16)


def test_receiving_beside_memcpy(benchmark):
    figures(benchmark, 'receive.py', ranks=16)


def test_server_step_from_received_replicas(benchmark):
    figures(benchmark, 'server_step.py')


@pytest.mark.parametrize('what, ranks', [(431_080, 16), ('resnet18', 5)])
def test_memory_beside_the_plan(benchmark, what, ranks):
    figures(benchmark, 'memory.py', what, ranks=ranks)


def test_growth_of_orders_closed_forms_and_simulated_steps(benchmark):
    figures(benchmark, 'partial.py')


def test_uneven_files_beside_equal_ones(benchmark):
    figures(benchmark, 'uneven.py')


def test_screens_beside_a_product(benchmark):
    figures(benchmark, 'screens.py')


@pytest.mark.timeout(900)
def test_integer_files_beside_float32(benchmark):
    figures(benchmark, 'compression.py', 'bytes', 'bit', 'equal', 'time')


@pytest.mark.timeout(900)
def test_challenged_sums_beside_replicas(benchmark):
    figures(benchmark, 'challenge.py', ranks=16)


@pytest.mark.timeout(900)
def test_seconds_until_a_run_goes_on(benchmark):
    figures(benchmark, 'recovery.py')


@pytest.mark.timeout(900)
@pytest.mark.parametrize('part', ['digits', 'quadratic', 'liars'])
def test_going_back_beside_no_liars(benchmark, part):
    figures(benchmark, 'going_back.py', part)


def test_rows_of_the_log(benchmark):
    figures(benchmark, 'log.py')


@pytest.mark.parametrize('module', ['lenet', 'resnet18'])
def test_gradient_of_a_module_beside_the_bare_one(benchmark, module):
    figures(benchmark, 'adapter.py', module)


def test_step_beside_data_parallelism_of_torch(benchmark):
    figures(benchmark, 'ddp.py', ranks=5)


@pytest.mark.parametrize('d', [61_706, 431_080, 11_200_000])
def test_step_beside_an_all_reduce_of_torch(benchmark, d):
    figures(benchmark, 'allreduce.py', d, ranks=5)


def test_following_a_long_log_that_is_written(benchmark):
    figures(benchmark, 'follow.py')


@pytest.mark.parametrize('threads', [1, 2])
def test_rules_of_aggregation_beside_a_read(benchmark, threads):
    figures(benchmark, 'aggregators.py', '--threads', threads)


def test_slow_nodes_by_layouts(benchmark):
    figures(benchmark, 'placement.py')


def test_growth_with_the_number_of_workers(benchmark):
    figures(benchmark, 'growth.py')


def test_growth_of_all_kinds_of_jobs(benchmark):
    figures(benchmark, 'growth_of_schemes.py', '500,1000')
