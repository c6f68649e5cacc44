"""Tables of a step: what the server may ask of them, and what they answer."""

import ast
import inspect
from pathlib import Path

import pytest

import aspis_mpi
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.job import loading
from aspis_mpi.schemes.challenge.verified import VerifiedTable
from aspis_mpi.schemes.tables.combined import PayloadTable
from aspis_mpi.schemes.tables.table import (
    AskedTable, ChallengedTable, PushedTable, Table, InspectedTable)
from aspis_mpi.schemes.transfer.replicas import DistanceTable, ReplicaTable
from tests.support.signatures import plain

NEAR = Equality(False, 1e-6, 1.0)
REPLICAS = {'name': 'replicas'}
SUMS = {'name': 'sums'}
CODED = {'name': 'coded', 'code': 'least-squares'}
CHALLENGED = {'challenge': True}

#: Transfer, when values are equal, and what the table is.
MADE = {
    'bits': (REPLICAS, BITS, ReplicaTable, PushedTable),
    'distances': (REPLICAS, NEAR, DistanceTable, PushedTable),
    'sums': (SUMS, BITS, PayloadTable, AskedTable),
    'coded': (CODED, BITS, PayloadTable, AskedTable),
    'challenged sums': (SUMS | CHALLENGED, BITS, VerifiedTable,
                        ChallengedTable),
    'challenged codes': (CODED | CHALLENGED, NEAR, VerifiedTable,
                         ChallengedTable),
}
BASES = (Table, PushedTable, AskedTable, ChallengedTable, InspectedTable)
SERVER = Path(aspis_mpi.__file__).parent / 'protocol' / 'server'


def public(names):
    return {name for name in names if not name.startswith('_')}


def begun(transfer, equality):
    """The empty table of a step of five workers."""
    detection = {'name': 'certified' if 'challenge' in transfer else 'core'
                 if transfer is REPLICAS else 'none'}
    job = {'run': {'steps': 1}, 'problem': {'name': 'quadratic'},
           'scheme': {'workers': 5, 'adversaries': 2},
           'assignment': {'name': 'cyclic', 'load': 3},
           'collection': {'name': 'coverage'}, 'transfer': transfer,
           'detection': detection, 'aggregation': {'name': 'mean'}}
    if detection['name'] == 'none':
        job['scheme']['adversaries'] = 0
    assembly = Assembly(loading.from_tables(job))
    return assembly.transfer.begin(equality, 1.0)


def of_a_table(node):
    """True for `table.x`, `self.table.x` and `step.table.x`."""
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    return getattr(owner, 'id', getattr(owner, 'attr', '')) == 'table'


def asked_by_the_server():
    """Attributes of tables in the server's modules, by module."""
    found = {}
    for path in sorted(SERVER.glob('*.py')):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        found[path.stem] = [node for node in ast.walk(tree)
                            if of_a_table(node)]
    return found


@pytest.mark.parametrize('made', MADE)
def test_a_table_has_what_its_base_names_and_nothing_else(made):
    transfer, equality, kind, base = MADE[made]
    table = begun(transfer, equality)
    assert type(table) is kind and isinstance(table, base)
    found = public(dir(kind)) | public(vars(table))
    assert found == public(dir(base)) | {'odd'}
    assert not kind.__abstractmethods__


@pytest.mark.parametrize('made', MADE)
def test_a_method_takes_what_its_base_says(made):
    _, _, kind, base = MADE[made]
    for name, method in inspect.getmembers(base, inspect.isfunction):
        if not name.startswith('_'):
            assert plain(getattr(kind, name)) == plain(method), name


@pytest.mark.parametrize('base', BASES)
def test_all_that_a_base_names_is_documented(base):
    said = ' '.join(inspect.getdoc(cls) or '' for cls in base.__mro__)
    for name in public(dir(base)):
        method = inspect.getattr_static(base, name)
        if callable(method) or isinstance(method, property):
            assert inspect.getdoc(method), name
            continue
        assert f'{name} : ' in said, name


def test_the_server_asks_only_what_bases_name():
    named = set().union(*(public(dir(base)) for base in BASES)) | {'odd'}
    found = asked_by_the_server()
    for module, nodes in found.items():
        for node in nodes:
            assert node.attr in named, f'{module}:{node.lineno}'
            assert isinstance(node.ctx, ast.Load), f'{module}:{node.lineno}'
    # It sees the calls: each of the bases is asked for something of its own.
    asked = {node.attr for node in found['step']}
    for base, parent in ((AskedTable, Table), (ChallengedTable, AskedTable)):
        assert asked & (public(dir(base)) - public(dir(parent)))


def test_everything_that_only_challenged_tables_name_is_asked_for():
    """Else it has no place in the base."""
    asked = {node.attr for nodes in asked_by_the_server().values()
             for node in nodes}
    own = public(dir(ChallengedTable)) - public(dir(Table))
    assert own - asked == {'state'}     # that one is for the transfer


@pytest.mark.parametrize('base', BASES)
def test_a_table_that_lacks_a_method_cannot_be_made(base):
    with pytest.raises(TypeError, match='abstract'):
        type('Lacking', (base,), {'lose': lambda self, worker: None})()
