"""Parts of the user's own: the README's way, and what is wrong with them."""

import sys

import numpy as np
import pytest

from aspis_mpi import JobError, Problem, simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.job import loading


class Circle(Problem):
    """README's, as far as a job is concerned: it has no constructor."""

    n_parameters, n_samples = 2, 1000

    def initial(self, generator):
        return np.zeros(2, dtype=np.float32)

    def gradient(self, parameters, samples, out):
        angle = 2 * np.pi * samples / self.n_samples
        out += (parameters - np.stack([np.cos(angle), np.sin(angle)],
                                      axis=1)).sum(axis=0)

    def loss(self, parameters):
        return 0.5 * float(parameters @ parameters)


class Seedless(Circle):
    def __init__(self):
        pass


class Countless(Circle):
    n_samples = None


class Bare(Problem):
    n_parameters = 2


class Longer(Circle):
    def initial(self, generator):
        return np.zeros(3, dtype=np.float32)


class Complex(Circle):
    def initial(self, generator):
        return np.zeros(2, dtype=complex)


class Raises(Circle):
    def __init__(self, seed):
        len(seed)


class Stumbles(Circle):
    @property
    def n_samples(self):
        return self.nothing


@pytest.fixture
def own(tables, monkeypatch):
    """Makes the tables of a job with a problem of this module."""
    monkeypatch.setitem(sys.modules, 'own_parts', sys.modules[__name__])

    def make(name):
        job = tables()
        job['problem'] = {'name': f'own_parts:{name}'}
        return loading.from_tables(job, 'job.toml')
    return make


def test_a_class_without_a_constructor_works_both_ways(own, tables, tmp_path):
    named, brought = own('Circle'), loading.from_tables(
        tables() | {'problem': {}}, problem=Circle())
    for job, problem, name in ((named, None, 'a.h5'),
                               (brought, Circle(), 'b.h5')):
        assert simulate(job, problem, out=tmp_path / name)[0] == 0
    with np.load(tmp_path / 'a.npz') as a, np.load(tmp_path / 'b.npz') as b:
        assert a['parameters'].tobytes() == b['parameters'].tobytes()


@pytest.mark.parametrize('name, told', [
    ('Seedless', r"problem.name = 'own_parts:Seedless': the constructor must "
     r'take \(seed\), and options after a \*; it takes \(\)'),
    ('Countless', 'Countless.n_samples = None: must be an integer'),
    ('Bare', 'Bare has no n_samples'),
    ('Longer', r'Longer.initial gives float32 of shape \(3,\); must be '
     r'float32 of shape \(2,\)'),
    ('Complex', 'Complex.initial gives complex128')])
def test_what_is_wrong_with_a_problem_is_told(own, name, told):
    with pytest.raises(JobError, match='job.toml: .*' + told) as refused:
        Assembly(own(name)).initial()
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize('name, error', [
    ('Raises', TypeError), ('Stumbles', AttributeError)])
def test_what_a_problem_raises_itself_keeps_its_traceback(own, name, error):
    with pytest.raises(error):
        Assembly(own(name))


@pytest.mark.parametrize('path, told', [
    ('os:getcwd', r"aggregation.name = 'os:getcwd': the function must take "
     r'\(n_files, n_adversaries, worst_case\)'),
    ('os:sep', "'os:sep' must be a class or a function"),
    ('builtins:dict', 'no signature found')])
def test_what_is_no_part_of_the_family_is_told(tables, path, told):
    with pytest.raises(JobError, match=told):
        Assembly(loading.from_tables(tables(aggregation={'name': path})))
