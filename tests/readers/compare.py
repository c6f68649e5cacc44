"""Makes a log and its export for `run.sh`, and compares what was read.

    python tests/readers/compare.py make FOLDER
    python tests/readers/compare.py compare FOLDER

A program leaves the numbers of each data set as doubles, or a text a line, in
a folder of its own; h5dump leaves the bytes.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import h5py  # noqa: E402
import numpy as np  # noqa: E402

from aspis_mpi.export.exporting import export  # noqa: E402
from aspis_mpi.runlog.columns import TEXT  # noqa: E402
from aspis_mpi.runlog.plain_tables import TABLES  # noqa: E402
from aspis_mpi.runlog.reader import load_run  # noqa: E402
from tests.support.spot_logs import went_back  # noqa: E402

KINDS = 'table', 'array', 'text'
#: Known of each program: the kinds, or the tables, that it does not read.
NOT_READ = {
    'octave': {'table', 'text'},
    'octave-mat': set(),
    'hdf5r': set(),
    'rhdf5': {'tensors'}, 'R-csv': set(), 'h5dump': set(),
    'h5wasm': set(), 'jsfive': {'table'}}
#: What they read, but as other numbers.
DIFFERENT = {'hdf5r': {'draws.seed_low', 'draws.seed_high'}}


def make(folder):
    """Write the log, the paths and kinds of its data sets, and its export."""
    log = went_back(folder)
    log.rename(folder / 'RUN.h5')
    export([folder / 'RUN.h5'], folder / 'export', overwrite=True)
    export([folder / 'RUN.h5'], folder / 'export-mat', 'mat', overwrite=True)
    (folder / 'paths').write_text(''.join(
        f'{path}\t{kind}\n' for path, (kind, _) in contents(folder).items()))
    (folder / 'tables').write_text('\n'.join(TABLES) + '\n')


def contents(folder):
    """Kind and values of every data set of the log, by its path."""
    found = {}

    def keep(path, item):
        if isinstance(item, h5py.Dataset):
            kind = ('table' if item.dtype.names else 'text'
                    if h5py.check_string_dtype(item.dtype) else 'array')
            found[path] = kind, item[...]
    with h5py.File(folder / 'RUN.h5') as file:
        file.visititems(keep)
    return found


def of_log(folder):
    """Data sets of the log: kind, all, and values by the names of files."""
    for path, (kind, values) in contents(folder).items():
        name = path.replace('/', '.')
        yield path, kind, values, (
            {f'{name}.{it}': values[it] for it in values.dtype.names}
            if kind == 'table' else {name: values})


def of_csv(folder):
    """Numbers of the exported tables, in the same way."""
    for name, kind, whole, columns in of_mat(folder):
        numbers = {it.name for it in TABLES[name].columns
                   if not it.words and it.dtype != TEXT}
        yield name, kind, whole, {
            key: values for key, values in columns.items()
            if key.partition('.')[2] in numbers}


def of_mat(folder):
    """All columns of the exported tables, names by their numbers."""
    with load_run(folder / 'RUN.h5') as run:
        for name, table in TABLES.items():
            none = [np.empty(0, it.dtype) for it in table.columns]
            arrays = map(np.concatenate, zip(none, *table.batches(run)))
            yield name, 'table', None, {
                f'{name}.{column.name}': values
                for column, values in zip(table.columns, arrays)}


def read(place, name, values):
    """True if a program found these values, None if it found none."""
    doubles, texts = place / f'{name}.f8', place / f'{name}.txt'
    if texts.is_file():
        expected = [text.decode() if isinstance(text, bytes) else text
                    for text in values.ravel()]
        return texts.read_text(encoding='utf-8') == '\n'.join(expected)
    if not doubles.is_file():
        return None
    found = np.fromfile(doubles)
    # Of no rows a program cannot tell numbers from texts.
    return not found.size if values.dtype.kind == 'S' else (
        np.array_equal(found, values.ravel().astype(float), equal_nan=True))


def compare(folder):
    """Print what each program read; False where that is news."""
    print(f'{"what":11} {"version":27}', *(
        f'{f"{kind}s":>12}' for kind in KINDS), ' not read, or other numbers')
    right = True
    for tool, missing in NOT_READ.items():
        place = folder / tool
        if not (place / 'version').is_file():
            print(f'{tool:11} was not there')
            continue
        right &= _compared(folder, place, missing, DIFFERENT.get(tool, set()))
    return right


def _compared(folder, place, missing, different):
    source = {'csv': of_csv, 'mat': of_mat}.get(
        place.name.partition('-')[2], of_log)
    count, of = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    absent, other, expected = set(), set(), set()
    for path, kind, whole, columns in source(folder):
        raw = place / f'{path.replace("/", ".")}.raw'
        states = ({path: raw.read_bytes() == whole.tobytes()}
                  if raw.is_file() else
                  {name: read(place, name, values)
                   for name, values in columns.items()})
        of[kind] += 1
        count[kind] += all(states.values())
        expected |= {path} if {path, kind} & missing else set()
        absent |= {path} if None in states.values() else set()
        other |= {name for name, state in states.items() if state is False}
    told = (place / 'version').read_text().split('\n')[0]
    print(f'{place.name:11} {told[:27]:27}', *(
        f'{f"{count[kind]} of {of[kind]}":>12}' if of[kind] else f'{"–":>12}'
        for kind in KINDS), '', ', '.join(sorted(absent | other)) or 'none')
    return other == different and absent == expected


if __name__ == '__main__':
    command, place = sys.argv[1], Path(sys.argv[2])
    if command == 'make':
        make(place)
    elif not compare(place):
        sys.exit('Some program reads more or less than is known of it.')
