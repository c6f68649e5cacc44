"""Compression in job files: what is refused, and what a plan says of it."""

import pytest

from aspis_mpi import load_run
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.compression.mask import BLOCK
from aspis_mpi.plan import forecast
from tests.support.job_files import refusal

JOB = {'run': {'steps': 2}, 'problem': {'name': 'quadratic'},
       'scheme': {'name': 'aspis', 'workers': 5, 'adversaries': 2}}
INTEGER = {'name': 'integer'}
CODED = {'scheme': {'name': 'partial', 'workers': 6, 'adversaries': 0},
         'compression': INTEGER}

MISTAKES = [
    # the sections and keys, and what the line must name
    ({'compression': {'name': 'intger'}},
     ["compression.name = 'intger'", "did you mean 'integer'?"]),
    ({'compression': {'bits': 8}},
     ["'bits' is an option of compression 'integer'"]),
    ({'compression': INTEGER | {'bits': 3}},
     ['compression: bits 3 must be between 4 and 8']),
    ({'compression': INTEGER | {'bits': 9}},
     ['compression: bits 9 must be between 4 and 8']),
    ({'compression': INTEGER | {'bits': 8.0}},
     ['compression.bits = 8.0', 'integer']),
    ({'compression': {'keep': 0.0}},
     ['compression: keep 0.0 must be between 0.001, which leaves one '
      'coordinate of 1,000, and 1']),
    ({'compression': {'keep': 0.0009}}, ['keep 0.0009', 'one coordinate']),
    ({'compression': {'keep': 1.5}}, ['keep 1.5', 'and 1']),
    ({'compression': {'keep': float('nan')}}, ['keep nan']),
    ({'problem': {'name': 'quadratic', 'parameters': 10 ** 6},
      'compression': {'keep': 1 / (BLOCK + 1)}}, ['of 4,096, and 1']),
    ({'compression': INTEGER, 'detection': {'equality': 'tolerance'}},
     ["compression.name = 'integer'", "detection.equality = 'bits'"]),
    (CODED | {'collection': {'name': 'coverage', 'copies': 2}},
     ["compression: name = 'integer'", 'fractions of whole numbers',
      "'replicas' or 'sums'", 'collection.copies = 1']),
    (CODED | {'transfer': {'matrix': 'gaussian'}},
     ['fractions of whole numbers', "matrix = 'structured'"]),
    (CODED | {'scheme': {'name': 'gradient-code', 'workers': 6}},
     ['fractions of whole numbers', "code = 'least-squares'"]),
    (CODED | {'assignment': {'name': 'cyclic', 'load': 23},
              'scheme': {'name': 'partial', 'workers': 40}},
     ['23 files a worker, times 5354228880 to make', 'int32, the widest type',
      "transfer.name = 'sums'"]),
    ({'scheme': {'name': 'draco-cyclic', 'workers': 5, 'adversaries': 1},
      'compression': INTEGER}, ['complex coefficients']),
    ({'scheme': {'name': 'spot', 'workers': 5, 'adversaries': 1},
      'compression': INTEGER},
     ["detection.name = 'spot' screens norms of whole gradients",
      "detection.name = 'certified'"]),
    ({'scheme': {'name': 'reactive', 'workers': 5, 'adversaries': 1},
      'compression': INTEGER}, ["detection.name = 'reactive' compares"]),
    ({'scheme': {'name': 'spot', 'workers': 5, 'adversaries': 1},
      'compression': {'keep': 0.5}},
     ['compression.keep = 0.5', 'whole gradients']),
]


@pytest.mark.parametrize('tables, words', MISTAKES)
def test_a_mistake_is_told_in_one_line(tables, words):
    said = refusal(JOB | tables)
    assert all(word in said for word in words), said


def job_file(folder, scheme, keep, kind='integer', d=20_000):
    path = folder / 'job.toml'
    path.write_text(f'''
[run]
steps = 3
evaluate_every = 0
[problem]
name = "quadratic"
parameters = {d}
[scheme]
name = "{scheme}"
workers = 7
adversaries = 1
[compression]
name = "{kind}"
keep = {keep}
''')
    return path


@pytest.mark.parametrize('kind', ['integer', 'none'])
@pytest.mark.parametrize('keep', [1.0, 0.1])
@pytest.mark.parametrize('scheme, settings', [
    ('aspis', ()), ('robust-partial', ('collection.name="all"',)),
    ('partial', ('scheme.adversaries=0', 'collection.name="all"')),
    ('wait-for-all', ('scheme.adversaries=0',))])
def test_a_plan_counts_the_bytes_of_the_log(scheme, settings, keep, kind,
                                            tmp_path):
    job = job_file(tmp_path, scheme, keep, kind)
    plan = forecast(job, settings)
    _, path = simulate(job, settings=settings, out=tmp_path / 'run.h5')
    steps = load_run(path).steps
    # A step without an attack needs no second epoch.
    exact = scheme != 'robust-partial'
    assert (steps['bytes_in'] <= plan.bytes_up).all()
    assert (steps['bytes_in'] == plan.bytes_up).all() or not exact
    assert (steps['bytes_out'][1:] == plan.bytes_down).all() or not exact
    floats = forecast(job_file(tmp_path, scheme, 1.0, 'none'), settings)
    if kind == 'integer' or keep < 1:
        share = keep * (1 if kind == 'none' else
                        {'aspis': 1 / 4, 'partial': 1}.get(scheme, 1 / 2))
        assert plan.bytes_up < (share + 0.02) * floats.bytes_up
        assert plan.server_memory < 1.001 * floats.server_memory


def test_integers_need_less_memory_where_gradients_are_kept(tmp_path):
    ours, floats = (forecast(job_file(tmp_path, 'robust-partial', 1.0, kind,
                                      10 ** 6)) for kind in
                    ('integer', 'none'))
    assert ours.worker_memory < floats.worker_memory - 10 ** 6
    assert ours.server_memory < floats.server_memory - 13 * 10 ** 6
