"""The architecture: who may import whom, and what no module may do."""

import ast
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

import aspis_mpi
from aspis_mpi import registry
from aspis_mpi.attacks.attack import Attack
from aspis_mpi.protocol.server.machine import ParameterServer
from aspis_mpi.protocol.server.step import Step
from aspis_mpi.schemes.closing import Closing
from aspis_mpi.schemes.scheme import Scheme
from aspis_mpi.schemes.transfer.replicas import ReplicaTable
from tests.support.limits import HANGS

ROOT = Path(aspis_mpi.__file__).parent

#: Each line may import from itself and from the lines above.
LAYERS = (
    ('errors', 'registry', 'parts', 'streams', 'arrays', 'files', 'words',
     'checks'),
    ('assignment', 'coding', 'detection', 'aggregation', 'attacks', 'delays',
     'compression'),
    ('learning',),
    ('schemes',),
    ('protocol',),
    ('runlog',),
    ('job',),
    ('backends',),
    ('assembly',),
    ('plan', 'doctor', 'export', 'report', 'sweep', 'following',
     'command_line', '__main__'),
)
HEIGHT = {part: height for height, layer in enumerate(LAYERS)
          for part in layer}

#: Where alone each of these may be imported.
OWNERS = {'mpi4py': 'aspis_mpi.backends.mpi.',
          'torch': 'aspis_mpi.learning.',
          'h5py': 'aspis_mpi.runlog.'}

#: What experiments take of the package, beside its public names: what a job
#: file says, the parts made of it, mathematics, and what a log holds.  How a
#: run is driven is none of theirs.
FOR_EXPERIMENTS = ('errors', 'streams', 'coding', 'job', 'assembly.wiring',
                   'runlog', 'schemes.record')

#: What must not know of attacks, not even through others.
SERVER_SIDE = ('aspis_mpi.protocol.server', 'aspis_mpi.schemes',
               'aspis_mpi.detection', 'aspis_mpi.aggregation')


def name_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


@cache
def trees():
    """Syntax trees of the package, by module."""
    return {name_of(path): ast.parse(path.read_text(encoding='utf-8'))
            for path in sorted(ROOT.rglob('*.py'))}


def imported(node):
    """Names that an import statement brings in, the others none."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        base = '.' * node.level + (node.module or '')
        full = {alias.name: f'{base}.{alias.name}' for alias in node.names}
        return {name if name in trees() else base for name in full.values()}
    return set()


def imports_of(module):
    """Everything that a module imports, also inside its functions."""
    return set().union(*map(imported, ast.walk(trees()[module])))


def imports_at_once(module):
    """What is imported when the module is, not when a function is called."""
    found, todo = set(), [trees()[module]]
    while todo:
        node = todo.pop()
        found |= imported(node)
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return found


def libraries(names):
    return {name.partition('.')[0] for name in names}


def own_imports(module):
    """Imports from the package, but not of its bare top."""
    return {name for name in imports_of(module)
            if name in trees() and name != 'aspis_mpi'}


def graph():
    """Who imports whom within the package."""
    edges = nx.DiGraph()
    edges.add_nodes_from(trees())
    edges.add_edges_from((module, other) for module in trees()
                         for other in own_imports(module))
    return edges


def layer(module):
    return HEIGHT[module.split('.')[1]]


def places(wrong):
    """Where nodes for which `wrong` holds stand, as module:line."""
    return [f'{module}:{node.lineno}' for module, tree in trees().items()
            for node in ast.walk(tree) if wrong(node)]


# --- layers ------------------------------------------------------------

def test_every_module_has_its_layer():
    tops = {module.split('.')[1] for module in trees() if '.' in module}
    assert tops <= set(HEIGHT)
    assert {'registry', 'protocol', 'assembly'} <= tops


def test_few_modules_lie_loose():
    loose = [module for module, path in (
        (module, module.split('.')) for module in trees())
        if len(path) == 2 and (ROOT / f'{path[1]}.py').is_file()]
    assert len(loose) <= 9 and 'aspis_mpi.__main__' in loose


@pytest.mark.parametrize('family', registry.FAMILIES)
def test_a_folder_of_variants_holds_nothing_else(family):
    """So that it lists the choices."""
    package = registry.FAMILIES[family]
    modules = {module for module in trees()
               if module.rpartition('.')[0] == package}
    assert modules == {part.__module__
                       for part in registry.parts(family).values()}


def test_imports_are_absolute():
    assert not [module for module in trees()
                if any(name.startswith('.') for name in imports_of(module))]


def test_imports_come_from_the_same_layer_or_from_above():
    # The bare top names what is public and imports it when asked for it.
    assert not [(module, other) for module in trees() if module != 'aspis_mpi'
                for other in own_imports(module)
                if layer(other) > layer(module)]


@pytest.mark.parametrize('family, other', [
    ('attacks', 'delays'), ('delays', 'attacks'),
    ('attacks.who', 'attacks.values'), ('attacks.protocol', 'attacks.values')])
def test_families_that_have_nothing_to_do_with_each_other(family, other):
    assert not [module for module in trees()
                if module.startswith(f'aspis_mpi.{family}.')
                and any(name.startswith(f'aspis_mpi.{other}.')
                        for name in imports_of(module))]


def test_experiments_import_only_what_is_public():
    public = {f'aspis_mpi.{name}' for name in aspis_mpi.__all__}
    hidden, seen = [], set()
    for path in (ROOT.parent / 'experiments').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            base = f'{node.module}.' if isinstance(
                node, ast.ImportFrom) else ''
            names = {base + alias.name for alias in node.names}
            ours = {name for name in names if name.startswith('aspis_mpi')}
            seen |= ours
            hidden += [(path.name, name) for name in ours - public
                       if '._' in name or not f'{name}.'.startswith(tuple(
                           f'aspis_mpi.{part}.' for part in FOR_EXPERIMENTS))]
    assert {'aspis_mpi.load_run', 'aspis_mpi.simulate'} <= seen
    assert not hidden


def test_no_file_of_tests_imports_another():
    """What several share is in tests.support, which is found from anywhere.

    Scripts of tests/bench are run as files, with those beside them.
    """
    files = [path for path in (ROOT.parent / 'tests').rglob('*.py')
             if path.parent.name != 'bench']
    names = {path.stem for path in files} - {'__init__'}
    assert {'mpirun', 'test_runlog', 'conftest'} <= names
    assert not [(path.name, name) for path in files
                for node in ast.walk(ast.parse(
                    path.read_text(encoding='utf-8')))
                for name in imported(node)
                if name.partition('.')[0] in names]


def test_nothing_imports_in_a_circle():
    edges = graph()
    assert nx.is_directed_acyclic_graph(edges), nx.find_cycle(edges)


@pytest.mark.parametrize('library', OWNERS)
def test_each_heavy_library_has_one_owner(library):
    users = {module for module in trees()
             if library in libraries(imports_of(module))}
    assert users
    assert not {user for user in users
                if not user.startswith(OWNERS[library])}


def test_graphs_of_scipy_are_narrowed_in_one_place():
    """Other versions of it take no indices of 64 bits, or lie about them."""
    def is_csgraph(node):
        return (isinstance(node, ast.Import | ast.ImportFrom) and 'csgraph' in
                ast.unparse(node))
    users = places(is_csgraph)
    assert users
    assert not [user for user in users
                if not user.startswith('aspis_mpi.assignment.graphs:')]


def test_torch_and_the_mpi_backend_are_imported_late():
    mpi = {module for module in trees() if module.startswith(OWNERS['mpi4py'])}
    late = {'torch', *mpi}
    assert not [module for module in set(trees()) - mpi
                if late & (imports_at_once(module)
                           | libraries(imports_at_once(module)))]


# --- habits ------------------------------------------------------------

def test_nothing_is_imported_under_another_name():
    """But for the names that everybody gives to numpy and networkx."""
    usual = {('numpy', 'np'), ('numpy.typing', 'npt'), ('networkx', 'nx')}

    def renames(node):
        return isinstance(node, ast.Import | ast.ImportFrom) and any(
            alias.asname and (alias.name, alias.asname) not in usual
            for alias in node.names)
    assert not places(renames)


def test_each_module_begins_with_one_sentence():
    openings = {module: (ast.get_docstring(tree) or '').partition('\n\n')[0]
                for module, tree in trees().items()}
    assert not [module for module, opening in openings.items()
                if not opening.endswith('.')]


def test_no_assert():
    assert not places(lambda node: isinstance(node, ast.Assert))


def test_no_bare_except_and_no_silent_one():
    def is_blind(node):
        return isinstance(node, ast.ExceptHandler) and (
            node.type is None
            or all(isinstance(line, ast.Pass) for line in node.body))
    assert not places(is_blind)


def test_no_sink_for_unknown_keywords():
    assert not places(lambda node: isinstance(node, ast.FunctionDef)
                      and node.args.kwarg is not None)


def test_random_numbers_come_from_the_streams():
    users = [module for module in trees() if module != 'aspis_mpi.streams'
             and {'random', 'secrets'} & libraries(imports_of(module))]
    users += [module for module in trees()
              if any(name.startswith('numpy.random')
                     for name in imports_of(module))]
    assert not users

    def is_numpy_random(node):
        return (isinstance(node, ast.Attribute) and node.attr == 'random'
                and isinstance(node.value, ast.Name)
                and node.value.id in ('np', 'numpy'))

    def is_generator(node):
        return (isinstance(node, ast.Attribute) and node.attr == 'Generator'
                and is_numpy_random(node.value))
    # Only the type may be named; everything else would draw or seed.
    named = places(is_generator)
    for place in places(is_numpy_random):
        assert place.startswith('aspis_mpi.streams:') or place in named


def test_secrets_come_from_the_streams():
    """Where tests seed them; only names that must not recur do not."""
    def asks(node):
        return isinstance(node, ast.Attribute) and node.attr == 'urandom'
    assert {place.partition(':')[0] for place in places(asks)} == {
        'aspis_mpi.streams', 'aspis_mpi.backends.mpi.ranks'}


def test_nothing_is_unpickled():
    forbidden = {'pickle', 'marshal', 'shelve', 'dill', 'cloudpickle'}
    assert not [module for module in trees()
                if forbidden & libraries(imports_of(module))]


def constructors():
    """Arguments of each `__init__` that is written down, by class."""
    return {f'{module}.{cls.name}': method.args
            for module, tree in trees().items() for cls in ast.walk(tree)
            if isinstance(cls, ast.ClassDef) for method in cls.body
            if isinstance(method, ast.FunctionDef)
            and method.name == '__init__'}


def test_no_constructor_tells_eight_arguments_by_their_order():
    """What belongs together has a name; the rest is given by name."""
    found = constructors()
    assert len(found) > 80
    assert not [name for name, takes in found.items()
                if len(takes.posonlyargs + takes.args) > 1 + 7]


@pytest.mark.parametrize('name, most', [('worker.machine.Worker', 10),
                                        ('worker.liar.Liar', 4)])
def test_workers_are_made_of_few_things(name, most):
    takes = constructors()[f'aspis_mpi.protocol.{name}']
    assert len(takes.args[1:] + takes.kwonlyargs) <= most
    assert not (takes.posonlyargs or takes.vararg or takes.kwarg)


# --- the truth stays out of the server ---------------------------------

TOLD_NOTHING = [
    ParameterServer, Step, Scheme, Closing, ReplicaTable,
    *(part for family in ('detection', 'aggregation', 'collection',
                          'transfer', 'code', 'assignment', 'order',
                          'optimizer')
      for part in registry.parts(family).values())]


@pytest.mark.parametrize('part', TOLD_NOTHING,
                         ids=[part.__name__ for part in TOLD_NOTHING])
def test_no_constructor_of_the_server_takes_the_adversaries(part):
    parameters = inspect.signature(part).parameters
    assert not set(parameters) & {'plan', 'attack', 'adversaries', 'lies',
                                  'truth', 'liar', 'liars', 'job', 'config'}
    assert Attack not in {p.annotation for p in parameters.values()}


@pytest.mark.parametrize('side', SERVER_SIDE)
def test_the_server_cannot_reach_the_attacks(side):
    edges = graph()
    modules = [module for module in trees()
               if f'{module}.'.startswith(f'{side}.')]
    assert modules
    assert not [(module, other) for module in modules
                for other in nx.descendants(edges, module)
                if other.startswith('aspis_mpi.attacks')]


# --- what the light commands import ------------------------------------

LIGHT = '''
import sys
from aspis_mpi.__main__ import main

def loaded(what):
    heavy = sorted({'mpi4py', 'torch', 'sklearn'} & set(sys.modules))
    print('LOADED', what, heavy, file=sys.stderr)

for option in ('--help', '--version'):
    try:
        main([option])
    except SystemExit as end:
        loaded(option)
main(['list'])
loaded('list')
job, out = sys.argv[1:]
main(['simulate', job, '--out', out])
loaded('simulate')
main(['show', out])
loaded('show')
'''

JOB = '''
run = {steps = 1}
problem = {name = "digits", model = "mlp", batch_size = 20}
scheme = {name = "aspis", workers = 5, adversaries = 1}
'''


def test_the_command_line_itself_imports_no_library():
    done = subprocess.run(
        [sys.executable, '-c', 'import sys, aspis_mpi.__main__; print(*{'
         '"numpy", "scipy", "h5py", "pydantic"} & set(sys.modules))'],
        capture_output=True, text=True, timeout=HANGS, cwd=ROOT.parent)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_every_exception_stands_on_one_page():
    """But for those that never leave their module."""
    def is_exception(node):
        return (isinstance(node, ast.ClassDef)
                and not node.name.startswith('_')
                and any(isinstance(base, ast.Name) and (
                    base.id.endswith(('Error', 'Exception')))
                    for base in node.bases))
    assert {place.partition(':')[0] for place in places(is_exception)} == {
        'aspis_mpi.errors'}


def test_ruff_finds_nothing():
    pytest.importorskip('ruff')
    done = subprocess.run(
        [sys.executable, '-m', 'ruff', 'check', '--no-cache', '.'],
        capture_output=True, text=True, timeout=HANGS, cwd=ROOT.parent)
    assert done.returncode == 0, done.stdout


def test_exit_codes_are_said_in_one_place():
    def defines(node):
        return isinstance(node, ast.Name) and isinstance(
            node.ctx, ast.Store) and node.id in ('BAD_JOB', 'INTERRUPTED')
    assert {place.partition(':')[0] for place in places(defines)} == {
        'aspis_mpi.errors'}


def test_light_commands_import_neither_mpi_nor_torch(tmp_path):
    job = tmp_path / 'job.toml'
    job.write_text(JOB)
    done = subprocess.run(
        [sys.executable, '-c', LIGHT, job, tmp_path / 'run.h5'],
        capture_output=True, text=True, timeout=HANGS, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines()
            if line.startswith('LOADED')] == [
        f'LOADED {what} []'
        for what in ('--help', '--version', 'list', 'simulate', 'show')]
