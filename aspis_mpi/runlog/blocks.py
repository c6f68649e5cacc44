"""Rows of steps that wait in memory until they are written in one go."""

from operator import attrgetter

import numpy as np

from aspis_mpi.runlog import schema

#: A block holds this many rows, or what fits into this many bytes.
BLOCK_ROWS, BLOCK_BYTES = 64, 4 << 20

#: Two columns of `/steps` are counts of what the record holds as arrays.
_NAMES = schema.STEP_COLUMNS.names
_BEFORE = attrgetter(*_NAMES[:_NAMES.index('n_flagged')])
_AFTER = attrgetter(*_NAMES[_NAMES.index('n_excluded') + 1:])


class Block:
    """Rows of all data sets with a row a step.

    Parameters
    ----------
    n_files, n_workers : int
    """

    def __init__(self, n_files, n_workers):
        sizes = n_files, n_workers
        row_bytes = sum(item.row_bytes(*sizes)
                        for item in schema.ROWS.values())
        self._capacity = max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes))
        self._filled = 0

        # What `append` walks through for each row, in one order.
        items = (*schema.RECORD, *schema.TRUTH)
        self._of_record = attrgetter(*(item.name for item in schema.RECORD))
        self._paths = [item.path for item in items]
        self._packed = [item.packed for item in items]
        self._steps, *self._arrays = (
            np.zeros((self._capacity, *item.stored_shape(*sizes)),
                     item.stored_dtype) for item in (schema.STEPS, *items))

    @property
    def full(self):
        """True if there is room for no other row."""
        return self._filled == self._capacity

    def append(self, record, *truth):
        """Add the row of one step, where there is room.

        Parameters
        ----------
        record : StepRecord
        *truth : ndarray
            Of the data sets of `schema.TRUTH`, in their order.
        """
        row = self._filled
        self._steps[row] = (
            *_BEFORE(record), np.count_nonzero(record.flagged),
            np.count_nonzero(record.excluded), *_AFTER(record))
        arrays = (*self._of_record(record), *truth)
        for rows, packed, array in zip(self._arrays, self._packed, arrays):
            rows[row] = np.packbits(array) if packed else array
        self._filled += 1

    def take(self):
        """Take the rows out: those of `/steps`, and of the others by path."""
        n, self._filled = self._filled, 0
        return self._steps[:n], {path: rows[:n] for path, rows in zip(
            self._paths, self._arrays)}
