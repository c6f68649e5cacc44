"""Jobs whose libraries are not installed: one line, with the command."""

import ast
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from aspis_mpi import registry
from aspis_mpi.__main__ import main
from aspis_mpi.assembly.design import Design
from aspis_mpi.backends.launcher import Launch
from aspis_mpi.doctor import devices
from aspis_mpi.doctor.case import open_case
from aspis_mpi.errors import JobError
from aspis_mpi.job.loading import from_tables
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.parts import extras
from aspis_mpi.registry import UnknownPart

JOB = '''
run = {steps = 1}
problem = {name = "digits", model = "convnet", batch_size = 20}
scheme = {name = "aspis", workers = 5, adversaries = 1}
'''


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job that computes with torch."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'job.toml'
    path.write_text(JOB)
    return str(path)


@pytest.fixture
def without(monkeypatch):
    """Hides a library from this Python."""
    def hide(library):
        monkeypatch.setitem(sys.modules, library, None)
    return hide


#: What parts of the package may need.
LIBRARIES = {*extras.ADDED, 'mlxtend'}


class Odd(Quadratic):
    """A problem of the user's own that says what it needs."""

    needs = 'numpy no_such_library'


# --- a job -------------------------------------------------------------

@pytest.mark.parametrize('words', [['simulate'], ['simulate', '--check'],
                                   ['plan']], ids=' '.join)
def test_a_job_without_its_library_is_one_line_and_2(job, words, without,
                                                     capsys):
    without('torch')
    command, *options = words
    assert main([command, job, *options]) == 2
    said = capsys.readouterr()
    assert said.out == ''
    assert said.err == (
        f"aspis_mpi: {job}: problem.model = 'convnet': needs torch, which is "
        f'not installed; install it with: {extras.command("torch")}\n')


def test_doctor_is_told_the_same(job, without):
    without('torch')
    case = open_case(Launch(0, 1), 1, 1, job)
    assert case.is_refused
    assert extras.command('torch') in str(case.trouble)
    assert devices.look(case) is None


def test_a_device_needs_torch_whatever_computes_there(without):
    without('torch')
    tables = {'run': {'steps': 1}, 'runtime': {'device': 'cuda'},
              'scheme': {'workers': 5, 'name': 'uncoded'}}
    problem = Quadratic(0, parameters=3)
    with pytest.raises(JobError, match="runtime.device = 'cuda': needs torch"):
        Design(from_tables(tables, problem=problem), problem)


def test_a_part_of_the_users_own_may_need_something():
    tables = {'run': {'steps': 1}, 'problem': {'name': f'{__name__}:Odd'},
              'scheme': {'workers': 5, 'name': 'uncoded'}}
    with pytest.raises(JobError, match=f"problem.name = '{__name__}:Odd': "
                       'needs no_such_library, .* pip install no_such_lib'):
        Design(from_tables(tables))


def test_a_module_that_imports_torch_is_told_how_to_get_it(
        tmp_path, monkeypatch, without):
    without('torch')
    (tmp_path / 'deep.py').write_text('from torch import nn\n')
    (tmp_path / 'typo.py').write_text('import tourch\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownPart) as error:
        registry.find('model', 'deep:Net')
    assert str(error.value).endswith(extras.command('torch'))
    # Whoever has a misspelt name may have waited for somebody to install it.
    with pytest.raises(UnknownPart) as error:
        registry.find('model', 'typo:Net')
    assert 'tourch' in str(error.value) and 'install' not in str(error.value)


@pytest.mark.parametrize('is_here', [True, False])
def test_list_tells_what_is_missing(is_here, monkeypatch, capsys):
    monkeypatch.setattr(extras, 'find_spec',
                        lambda name: True if is_here else None)
    assert main(['list', 'model']) == 0
    listed = capsys.readouterr().out
    assert 'convnet' in listed and 'mlp' in listed
    parts = registry.parts('model').values()
    lacking = [part for part in parts if part.needs and not is_here]
    assert listed.count(f'needs {extras.advice("torch")}') == len(lacking)
    assert is_here or lacking


@cache
def imports(module):
    """What a module imports, and those of learning that it imports."""
    tree = ast.parse(Path(find_spec(module).origin).read_text())
    found = {alias.name for node in ast.walk(tree)
             if isinstance(node, ast.Import) for alias in node.names}
    names = {f'{node.module}.{alias.name}' for node in ast.walk(tree)
             if isinstance(node, ast.ImportFrom) for alias in node.names}
    names |= {name.rpartition('.')[0] for name in names}
    return found.union(*(
        imports(name) for name in names
        if name.startswith('aspis_mpi.learning.')
        and name != module and is_module(name)))


def is_module(name):
    """Whether a name is that of a module, and not of what is in one."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_every_part_that_imports_a_library_of_its_own_says_so():
    found = set()
    for family in registry.FAMILIES:
        for name, part in registry.parts(family).items():
            imported = imports(part.__module__)
            assert imported & LIBRARIES == set(
                getattr(part, 'needs', '').split()), (family, name)
            found |= imported
    assert found >= LIBRARIES


# --- the command -------------------------------------------------------

@pytest.fixture
def checkout(tmp_path):
    """A folder that jobs/environment.sh can be called in."""
    script = tmp_path / 'a checkout' / 'jobs' / 'environment.sh'
    script.parent.mkdir(parents=True)
    script.touch()
    return script.parents[1]


def test_in_the_environment_of_a_checkout_its_script_installs(checkout,
                                                              monkeypatch):
    monkeypatch.setattr(sys, 'prefix', str(checkout / '.venv'))
    script = checkout / 'jobs' / 'environment.sh'
    assert extras.command('torch', checkout) == f"bash '{script}' torch"
    # It knows no others.
    assert extras.command('jax', checkout).endswith('-m pip install jax')


def test_elsewhere_pip_installs_for_the_python_that_lacks_it(checkout,
                                                             tmp_path):
    for root in checkout, tmp_path:
        assert extras.command('torch', root) == (
            f'{sys.executable} -m pip install torch')
