"""The layout of the run log, on which scripts of users rely."""

import h5py
import numpy as np

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.reader import load_run
from tests.support.log_contract import (
    ATTRIBUTES, COLUMNS, CONTRACT, NAMES, PACKED)
from tests.support.made_up_logs import create


def test_layout_is_the_contract(tmp_path):
    create(tmp_path / 'run.h5', Subset(5, replication=3)).close()
    with h5py.File(tmp_path / 'run.h5') as file:
        assert set(file.attrs) == ATTRIBUTES
        assert set(file) == set(CONTRACT) | set(COLUMNS) | {
            'events_text', 'exposures_text', 'tensors_name',
            'starts_places', 'arrivals_finished'}
        for group, names in CONTRACT.items():
            assert set(file[group]) == names
        for name, columns in COLUMNS.items():
            assert file[name].dtype.names == columns
        assert file.attrs['format'] == 'aspis-mpi-run'
        assert file.attrs['version'] == 4
        assert list(file.attrs['hosts']) == ['n1', 'n2']
        for (name, column), names in NAMES.items():
            assert tuple(file[name].attrs[column].split()) == names


def test_columns_are_plain_numbers_and_no_attribute_is_empty(tmp_path):
    """Tools leave out an enumeration, or crash on a text in a table."""
    create(tmp_path / 'run.h5', Subset(5, replication=3), hosts=[]).close()
    with h5py.File(tmp_path / 'run.h5') as file:
        assert set(file.attrs) == ATTRIBUTES - {'hosts'}
        found = []
        file.visititems(lambda _, item: found.append(item))
        for item in [file, *found]:
            assert all(np.size(value) for value in item.attrs.values())
        types = [item.dtype for item in found
                 if isinstance(item, h5py.Dataset)]
    for plain in [column for dtype in types if dtype.names
                  for column, _ in dtype.fields.values()] + [
                      dtype for dtype in types if not dtype.names]:
        assert plain.kind in 'iufS' and plain.subdtype is None
        assert h5py.check_enum_dtype(plain) is None
    assert [dtype.itemsize for dtype in types if dtype.kind == 'S'] == [
        4096, 4096, 256, 256]
    with load_run(tmp_path / 'run.h5') as run:
        assert run.attrs['hosts'] == []


def test_types_are_the_contract(tmp_path):
    create(tmp_path / 'run.h5', Subset(5, replication=3)).close()
    sizes = {'f': 10, 'K': 5, 'l': 6}
    with h5py.File(tmp_path / 'run.h5') as file:
        for name in ('flagged', 'exposed', 'excluded', 'disagreements'):
            assert file['detection'][name].dtype == np.uint8
        assert file['detection/margin'].dtype == np.float64
        assert file['resolution/source'].dtype == np.int16
        assert file['resolution/copies'].dtype == np.uint16
        assert file['progress/files_done'].dtype == np.uint16
        assert file['progress/first_report'].dtype == np.float64
        assert file['assignment/incidence'].dtype == np.uint8
        assert file['assignment/changes'].dtype == np.dtype([('step', 'i8')])
        assert file['assignment/orders'].dtype == np.int32
        assert file['assignment/orders'].shape == (0, 5, 6)
        assert file['arrivals'].dtype == np.dtype(
            [('step', 'i8'), ('worker', 'i2'), ('kind', 'u1'),
             ('files_done', 'u2'), ('seconds', 'f8'), ('bytes', 'u8'),
             ('turn', 'i8')])
        assert file['arrivals_finished'].dtype == np.uint8
        assert file['arrivals_finished'].shape == (0, 1)
        text = h5py.check_string_dtype(file['events_text'].dtype)
        assert (text.encoding, text.length) == ('utf-8', 4096)
        packed = {item.path: item.name for item in schema.ROWS.values()
                  if item.packed} | {
                      '/arrivals_finished': 'arrivals_finished'}
        assert set(packed.values()) == set(PACKED)
        for path, name in packed.items():
            assert tuple(file[path].attrs['shape']) == tuple(
                sizes[side] for side in PACKED[name])
