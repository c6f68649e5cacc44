"""Assignments against counting, and the contract of all of them."""

from inspect import Parameter
from itertools import combinations
from math import comb

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from aspis_mpi import registry
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.bibd import Balanced
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.file import FromFile
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import MOST_FILES, Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from tests.support.designs import made, shared

SIZES = (6, 9, 15)
#: Those that a number of workers is enough for.
COMPLETE = [part for part in registry.parts('assignment').values()
            if all(option.default is not Parameter.empty
                   for option in registry.options(part).values())]
DESIGNS = ([made(part, k) for part in COMPLETE for k in SIZES]
           + [Cyclic(7, load=1), Cyclic(7, load=4), Cyclic(5, load=5),
              RandomRegular(8, load=5), RandomRegular(9, load=2, seed=4),
              RandomRegular(6, load=6), RandomRegular(13, load=10),
              Subset(5, replication=3), Subset(7, replication=1),
              Subset(4, replication=4), Subset(8, replication=5),
              Repetition(12, replication=3, load=4),
              Repetition(6, replication=1, load=2), Uncoded(1)])
every_design = pytest.mark.parametrize(
    'design', DESIGNS, ids=lambda design: f'{type(design).__name__}-'
    f'{design.n_workers}-{design.n_files}')


def most(design, q, needed):
    """The most files that any q workers hold `needed` replicas of."""
    return max(int((design.incidence[:, list(chosen)].sum(axis=1)
                    >= needed).sum())
               for chosen in combinations(range(design.n_workers), q))


# --- the contract ------------------------------------------------------

@every_design
def test_holders_and_orders_are_the_incidence(design):
    f, k = design.n_files, design.n_workers
    assert design.incidence.shape == (f, k)
    assert design.incidence.dtype == bool
    assert design.holders.shape == (f, design.replication)
    assert design.order.shape == (k, design.load)
    for file in range(f):
        held = design.holders[file][design.holders[file] >= 0]
        assert held.tolist() == np.flatnonzero(
            design.incidence[file]).tolist()
    for worker in range(k):
        files = design.files(worker)
        assert len(files) == design.loads[worker]
        assert sorted(files.tolist()) == np.flatnonzero(
            design.incidence[:, worker]).tolist()
        assert (design.order[worker, len(files):] == -1).all()


@every_design
def test_every_file_has_its_holders_and_every_worker_its_load(design):
    assert (design.incidence.sum(axis=1) == design.replication).all()
    assert design.least_copies == design.replication
    assert (design.loads == design.load).all()
    assert (design.n_files * design.replication
            == design.n_workers * design.load)


@every_design
def test_what_q_workers_can_decide_is_not_underestimated(design):
    """Exact where a design says so by itself; a bound for any other."""
    if comb(design.n_workers, design.n_workers // 2) > 7000:
        return
    r = design.replication
    for name, needed in ('majorities', r // 2 + 1), ('unanimous', r):
        for q in range((design.n_workers + 1) // 2):
            exact = most(design, q, needed)
            claimed = getattr(design, name)(q)
            general = getattr(Assignment, name)(design, q)
            assert exact <= claimed <= design.n_files
            assert exact <= general <= design.n_files
            if name in vars(type(design)) or r == 1:
                assert claimed == exact


@every_design
def test_the_same_arguments_give_the_same_design(design):
    again = Assignment(design.incidence, design.order)
    assert np.array_equal(again.holders, design.holders)
    assert np.array_equal(again.order, design.order)


# --- each design -------------------------------------------------------

@pytest.mark.parametrize('k, r', [(5, 3), (7, 3), (15, 3), (6, 5), (4, 1)])
def test_subset_has_one_file_for_every_subset(k, r):
    design = Subset(k, replication=r)
    assert design.n_files == comb(k, r) and design.load == comb(k - 1, r - 1)
    groups = {tuple(row) for row in design.holders.tolist()}
    assert groups == set(combinations(range(k), r))
    together = shared(design)[~np.eye(k, dtype=bool)]
    assert (together == (comb(k - 2, r - 2) if r > 1 else 0)).all()


def test_the_sizes_of_the_paper():
    design = Subset(15, replication=3)
    assert (design.n_files, design.load) == (455, 91)
    assert shared(design)[0, 1] == 13
    assert design.unanimous(7) == 35


def test_uncoded_is_one_file_each():
    design = Uncoded(7)
    assert np.array_equal(design.incidence, np.eye(7))
    assert (design.replication, design.load) == (1, 1)


@pytest.mark.parametrize('k, r, load', [(6, 3, 1), (12, 3, 4), (8, 2, 3)])
def test_repetition_is_groups_with_files_of_their_own(k, r, load):
    design = Repetition(k, replication=r, load=load)
    assert design.n_files == k // r * load
    groups = {tuple(row) for row in design.holders.tolist()}
    assert len(groups) == k // r
    assert sorted(w for group in groups for w in group) == list(range(k))


def test_inside_a_group_the_order_is_rotated():
    """Early on the group has finished as many files as possible."""
    design = Repetition(12, replication=4, load=4)
    for group in range(3):
        orders = design.order[4 * group:4 * group + 4]
        for position in range(4):
            assert len(set(orders[:, position].tolist())) == 4


@pytest.mark.parametrize('k, load', [(6, 3), (9, 1), (5, 5), (8, 4)])
def test_cyclic_is_a_shift(k, load):
    design = Cyclic(k, load=load)
    for worker in range(k):
        assert design.files(worker).tolist() == [
            (worker + t) % k for t in range(load)]
    for q in range(k + 1):
        assert design.unanimous(q) == most(design, q, load)


REGULAR = [(200, 8), (6, 3), (9, 3), (10, 3), (15, 7), (40, 31), (12, 11),
           (6, 6), (30, 2), (31, 2), (2, 2)]


@pytest.mark.parametrize('k, load', REGULAR)
def test_random_regular_hangs_together(k, load):
    for seed in range(3 if k > 20 else 20):
        design = RandomRegular(k, load=load, seed=seed)
        graph = nx.bipartite.from_biadjacency_matrix(
            csr_array(design.incidence.astype(int)))
        assert nx.is_connected(graph)
        assert set(dict(graph.degree).values()) == {load}


def test_random_regular_is_the_published_construction():
    """The adjacency matrix of a graph: symmetric, nobody its own file."""
    incidence = RandomRegular(200, load=8, seed=1).incidence
    assert np.array_equal(incidence, incidence.T)
    assert not np.diag(incidence).any()


def test_random_regular_comes_from_its_seed():
    one, same, other = (RandomRegular(31, load=5, seed=seed).incidence
                        for seed in (3, 3, 4))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_random_regular_is_an_expander():
    """The second singular value is near 2 sqrt(load - 1), not load."""
    for load in (7, 8):
        values = np.linalg.svd(RandomRegular(201, load=load).incidence,
                               compute_uv=False)
        assert values[0] == pytest.approx(load)
        assert values[1] < 1.15 * 2 * np.sqrt(load - 1)


# --- files -------------------------------------------------------------

def write(folder, matrix, kind, digits='%d'):
    path = folder / f'matrix.{kind}'
    if kind == 'npy':
        np.save(path, matrix)
    else:
        np.savetxt(path, matrix, digits, ',' if kind == 'csv' else ' ',
                   header='one row a file')
    return str(path)


@pytest.mark.parametrize('dtype', [bool, np.int8, np.float64])
@pytest.mark.parametrize('kind', ['npy', 'csv', 'txt'])
def test_a_matrix_from_a_file(tmp_path, kind, dtype):
    matrix = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1], [1, 0, 0]], dtype)
    design = FromFile(3, path=write(tmp_path, matrix, kind))
    assert np.array_equal(design.incidence, matrix.astype(bool))
    assert design.order.tolist() == [[0, 2, 3], [1, 2, -1], [0, 2, -1]]


def test_a_spreadsheet_may_mark_its_encoding(tmp_path):
    path = tmp_path / 'excel.csv'
    path.write_bytes(b'\xef\xbb\xbf1,0\r\n1,1\r\n')
    assert FromFile(2, path=str(path)).incidence.tolist() == [[1, 0], [1, 1]]


def test_one_worker_or_one_file(tmp_path):
    one = FromFile(1, path=write(tmp_path, np.ones((3, 1)), 'csv'))
    assert (one.n_files, one.n_workers) == (3, 1)
    one = FromFile(3, path=write(tmp_path, np.ones((1, 3)), 'txt'))
    assert (one.n_files, one.n_workers) == (1, 3)


@pytest.mark.parametrize('matrix, told', [
    (np.ones(3), '1 dimensions.*2'),
    (np.ones((2, 3, 1)), '3 dimensions.*2'),
    (np.ones((2, 4)), '4 columns.*3 workers'),
    (np.array([[1, 1, 1], [1, 1, 2]]), 'row 2, column 3 is 2, .*0 or 1'),
    (np.array([[1, 1, -1], [1, 1, 2]]), 'row 1, column 3 is -1'),
    (np.array([[1, np.nan, 1]]), 'row 1, column 2 is nan'),
    (np.array([[1, 0.5, 1]]), 'row 1, column 2 is 0.5'),
    (np.array([[1, 1, 1], [0, 0, 0]]), 'row 2 gives file 1 no worker'),
    (np.array([[1, 0, 1], [1, 0, 1]]), 'column 2 gives worker 1 no file'),
    (np.ones((0, 3)), 'no entries'),
    (np.full((2, 3), 'x'), 'type <U1'),
    (np.full((2, 3), None), 'objects of Python')])
def test_a_wrong_matrix_is_told_with_its_file(tmp_path, matrix, told):
    path = write(tmp_path, matrix, 'npy')
    with pytest.raises(ValueError, match=f'matrix.npy: .*{told}'):
        FromFile(3, path=path)


@pytest.mark.parametrize('kind, text, told', [
    ('csv', '1,0,1\n1,1\n', 'line 2 has 2 entries, line 1 has 3'),
    ('csv', '1,0,1\n1,x,0\n', "line 2, column 2: 'x' is no number"),
    ('csv', '# K = 3\n\n1,0,1\n1,7,0\n', 'line 4, column 2 is 7'),
    ('csv', '# K = 3\n1,0,1\n\n0,0,0\n', 'line 4 gives file 1 no worker'),
    ('csv', '1 0 1\n', 'line 1, column 1.*between commas'),
    ('txt', '1,0,1\n', 'line 1, column 1.*between blanks'),
    ('txt', '', 'is empty'), ('csv', '# nothing\n\n', 'but comments'),
    ('csv', '\0\1', 'zero bytes'), ('npy', '', 'is empty'),
    ('npy', 'PK\3\4 an archive', 'no .npy array'),
    ('npy', '\x7fNUMPY', 'no .npy array'), ('json', '[]', 'json.*npy')])
def test_an_unreadable_matrix_is_told_with_its_file(tmp_path, kind, text,
                                                    told):
    path = tmp_path / f'matrix.{kind}'
    path.write_text(text)
    with pytest.raises(ValueError, match=f'matrix.{kind}: .*({told})'):
        FromFile(3, path=str(path))


@pytest.mark.parametrize('name', ['none.csv', 'none.npy', 'folder.txt'])
def test_a_missing_matrix_is_told_with_its_file(tmp_path, name):
    (tmp_path / 'folder.txt').mkdir()
    with pytest.raises(ValueError, match=f'{name}: (No such|Is a dir)'):
        FromFile(3, path=str(tmp_path / name))


# --- other orders ------------------------------------------------------

@every_design
def test_reordered_changes_nothing_but_the_order(design):
    order = design.order[:, ::-1]
    other = design.reordered(order)
    assert type(other) is type(design)
    assert np.array_equal(other.order, order) and other.order is not order
    assert other.incidence is design.incidence
    assert other.majorities(2) == design.majorities(2)
    assert np.array_equal(design.order, order[:, ::-1])


@pytest.mark.parametrize('order, told', [
    ([[0, 1], [0, 1]], 'worker 1'), ([[0, 1], [-1, 1]], 'worker 1'),
    ([[0, 0], [1, -1]], 'worker 0'), ([[0, 1]], 'shape'),
    ([[0, 1, -1], [1, -1, -1]], 'shape'), ([0, 1], 'shape')])
def test_reordered_takes_only_orders(order, told):
    """Worker 0 holds both files, worker 1 the second."""
    design = Assignment([[1, 0], [1, 1]])
    with pytest.raises(ValueError, match=told):
        design.reordered(order)
    assert design.order.tolist() == [[0, 1], [1, -1]]


def test_default_orders_are_orders():
    for part in registry.parts('assignment').values():
        assert part.default_order in registry.parts('order')


# --- bad arguments -----------------------------------------------------

@pytest.mark.parametrize('make, told', [
    (lambda: Subset(5, replication=6), 'replication 6.*5'),
    (lambda: Subset(5, replication=0), 'replication 0.*5'),
    (lambda: Subset(100, replication=5), f'replication 5.*{MOST_FILES}'),
    (lambda: Repetition(7, replication=3), 'replication 3.*divide.*7'),
    (lambda: Repetition(3, replication=5), 'replication 5.*3'),
    (lambda: Repetition(6, replication=3, load=0), 'load 0.*1'),
    (lambda: Cyclic(5, load=6), 'load 6.*5'),
    (lambda: Cyclic(5, load=0), 'load 0.*1'),
    (lambda: RandomRegular(5, load=6), 'load 6.*5'),
    (lambda: Uncoded(5, load=10 ** 26), 'load 1.*0 must be at most 13107'),
    (lambda: Balanced(7, shared=10 ** 6), 'shared 1000000.*at most 9362'),
    (lambda: RandomRegular(5, load=1), 'load 1.*2'),
    (lambda: RandomRegular(1), 'workers 1.*2'),
    (lambda: Cyclic(5, load=2).check_copies(3), 'copies 3.*2'),
    (lambda: Cyclic(5, load=2).check_copies(0), 'copies 0.*1')])
def test_bad_sizes_are_named_with_their_bound(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_a_file_without_a_worker():
    with pytest.raises(ValueError, match='file 1'):
        Assignment([[1, 0], [0, 0]])


@pytest.mark.parametrize('order', [
    [[0, 1], [0, -1]], [[0, 0], [1, -1]], [[0, -1], [1, -1]],
    [[1, 1], [1, -1]]])
def test_an_order_must_name_the_workers_own_files(order):
    """Worker 0 holds both files, worker 1 the second."""
    with pytest.raises(ValueError, match='worker [01]'):
        Assignment([[1, 0], [1, 1]], order)


def test_uneven_loads_are_padded():
    design = Assignment([[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    assert design.least_copies == 1 and design.replication == 3
    assert design.loads.tolist() == [3, 2, 1]
    assert design.holders.tolist() == [[0, -1, -1], [0, 1, -1], [0, 1, 2]]
    assert design.order.tolist() == [[0, 1, 2], [1, 2, -1], [2, -1, -1]]
    assert design.files(2).tolist() == [2]
