#!/usr/bin/env bash
# netCDF4 and xarray leave out an HDF5 table that has an enumeration.
#
# Versions: netCDF4 1.7.5.1.post1 (netCDF-C 4.10.1), xarray 2026.9.0,
# h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6, Python 3.11.
#
# A data set of a compound type is listed and read where its columns are
# numbers.  As soon as one column is an enumeration, which is also what h5py
# makes of a numpy bool, the whole data set is missing, without an error or a
# warning: a reader does not see that it has not seen everything.  (Only where
# the same enumeration is also the type of an earlier data set of its own a
# UserWarning says "unsupported Compound type, skipping".)
#
# Output seen:
#
#     in the file  bool_column enum_column plain
#     netCDF4      plain
#     xarray       plain
#     warnings     0
#
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: \
    netCDF4==1.7.5.1.post1 xarray==2026.9.0 h5py==3.16.0 numpy==2.4.6
cd "$work"
cat > tables.py <<'PYTHON'
import sys
import warnings

import h5py
import netCDF4
import numpy as np
import xarray

colour = h5py.enum_dtype({'red': 0, 'green': 1}, basetype='u1')
columns = {'plain': 'u1', 'enum_column': colour, 'bool_column': bool}
with h5py.File('tables.h5', 'w') as file:
    for name, dtype in columns.items():
        file[name] = np.zeros(3, [('step', 'i8'), ('colour', dtype)])
    there = sorted(file)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    with netCDF4.Dataset('tables.h5') as file:
        by_netcdf = sorted(file.variables)
    with xarray.open_dataset('tables.h5', engine='netcdf4') as data:
        by_xarray = sorted(data.variables)

print('in the file ', *there)
print('netCDF4     ', *by_netcdf)
print('xarray      ', *by_xarray)
print('warnings    ', len(caught))
sys.exit(by_netcdf != ['plain'] or by_xarray != ['plain'] or bool(caught))
PYTHON
"$work/venv/bin/python" tables.py
