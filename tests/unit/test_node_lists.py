"""Lists of nodes: as short as SLURM writes them, and whole again."""

import random
import re

import pytest

from aspis_mpi.backends.hosts import expanded
from aspis_mpi.runlog.node_lists import compressed


def spread(text):
    """The names of a list, by another way than that of the package."""
    names = []
    for prefix, inner in re.findall(r'([^,\[]+)(?:\[([^\]]*)\])?', text):
        for part in inner.split(',') if inner else ['']:
            first, _, last = part.partition('-')
            names += [prefix + str(number).zfill(len(first)) for number in
                      range(int(first), int(last or first) + 1)
                      ] if part else [prefix]
    return names


@pytest.mark.parametrize('names, text', [
    ('', ''), ('n1', 'n1'), ('login', 'login'), ('n1 n2 n3', 'n[1-3]'),
    ('n3 n1 n2 n1', 'n[1-3]'), ('n01 n02 n03 n07', 'n[01-03,07]'),
    ('n9 n10 n11', 'n[9-11]'), ('n09 n10', 'n[09-10]'),
    ('n9 n09 n10', 'n[09,9-10]'), ('n099 n100 n101', 'n[099-101]'),
    ('n1 n3', 'n[1,3]'), ('a1 b1', 'a1,b1'),
    ('r1n1 r1n2 r2n1', 'r1n[1-2],r2n1'),
    # Numbers stand at the end alone: `n[1-2]-ib` is no list for SLURM.
    ('n1-ib n2-ib', 'n1-ib,n2-ib'), ('n1.here n2.here', 'n1.here,n2.here'),
    ('7 8', '7,8')])
def test_as_slurm_writes_it(names, text):
    assert compressed(names.split()) == text


@pytest.mark.parametrize('seed', range(40))
def test_every_name_comes_back_once_and_no_other(seed):
    draw = random.Random(seed)
    names = [f'{draw.choice(["n", "gpu-a", "r1n", "x.y"])}'
             f'{draw.randint(0, 120):0{draw.choice([1, 1, 2, 3])}}'
             f'{draw.choice(["", "", "", "-ib"])}'
             for _ in range(draw.randint(1, 60))]
    text = compressed(names)
    assert sorted(spread(text)) == sorted(set(names))
    assert sorted(expanded(text, 60)) == sorted(set(names))
    draw.shuffle(names)
    assert compressed(names) == text


def test_long_numbers_are_names():
    """SLURM counts no further than 64 bits."""
    names = ['n' + '1' * 30, 'n' + '1' * 29 + '2']
    assert expanded(compressed(names), 2) == names


def test_neighbours_make_one_range():
    assert compressed(f'node{i:04}' for i in range(5000)) == 'node[0000-4999]'
