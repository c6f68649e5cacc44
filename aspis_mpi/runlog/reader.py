"""Reading a run log: finished, still being written, or cut off by a kill."""

import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from aspis_mpi.runlog import schema
from aspis_mpi.schemes.record import Event

#: Bytes of unpacked truth, and of arrivals, that are looked at in one go.
WINDOW = 1 << 24
#: Pauses, in seconds, before a log that is just being written is read again.
PAUSES = (0.01, 0.05, 0.25)
#: What h5py raises where something is missing or damaged.
HDF5_ERRORS = (OSError, KeyError, RuntimeError)


class RunLogError(ValueError):
    """A file that cannot be read as a run log, and why, in one sentence."""


@dataclass(frozen=True)
class Flagging:
    """The server's flags against the truth, counted over workers and steps.

    A worker that had no work in a step is neither right, wrong nor missed.
    """

    right: int      # adversaries that were flagged
    wrong: int      # honest workers that were flagged
    missed: int     # adversaries that were not flagged

    @property
    def precision(self):
        """Share of adversaries among the flagged; NaN without flags."""
        return _share(self.right, self.wrong)

    @property
    def recall(self):
        """Share of the flagged among adversaries; NaN without adversaries."""
        return _share(self.right, self.missed)


def load_run(path):
    """Open a run log for reading, without a lock.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Run

    Raises
    ------
    RunLogError
        The file is missing, is no run log, or one of another version.
    """
    return Run(path)


class Run:
    """A run log, whose arrays are read when they are asked for.

    Each of the data sets that have a row a step is an attribute (T steps, K
    workers, f files); `read` gives some of the steps only.  A log that is
    being written shows the T steps that it held when it was opened.

    Attributes
    ----------
    attrs : dict
        Root attributes: format, version, config, seed, package, mpi, hosts,
        created, clock.
    config : dict
        The complete job.
    n_steps, n_files, n_workers : int
        T, f, K.
    incidence : ndarray of bool, shape (f, K)
    order : ndarray of int32, shape (K, l)
        Files of each worker as it computes them, padded with -1;
        `order_at` knows of later changes.
    steps : structured ndarray, shape (T,)
        Step, loss, verdict, counts and seconds: one column each.
    flagged, exposed, excluded : ndarray of bool, shape (T, K)
    disagreements : ndarray of bool, shape (T, K, K)
    margin : ndarray, shape (T, 2)
    source : ndarray of int16, shape (T, f)
        The worker whose value was used; -1 dropped, -2 missing, -3 the
        server's own, -4 coded: several.
    contributors : ndarray of bool, shape (T, f, K)
        Whose value of which file was used.
    copies : ndarray of uint16, shape (T, f)
    files_done : ndarray of uint16, shape (T, K)
    first_report, last_report : ndarray, shape (T, K)
        Seconds since `Model` was sent, NaN where there was no report.
    adversaries, payload_lies : ndarray of bool, shape (T, K)
    lies : ndarray of bool, shape (T, f, K)
    """

    def __init__(self, path):
        self.path = Path(path)
        self._file = _open(self.path)
        try:
            self.attrs = _attributes(self._file)
            self._check()
            self.config = tomllib.loads(self.attrs['config'])
            self.incidence = self._get(schema.INCIDENCE).astype(bool)
            self.order = self._get(schema.ORDER)
            self.n_files, self.n_workers = self.incidence.shape
            self._arrival = schema.arrivals(self.order.shape[1])
            self._change = schema.changes(*self.order.shape)
            self.n_steps = self._complete_rows()
        except Exception:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getattr__(self, name):
        if name in schema.ROWS:
            return self.read(name)
        raise AttributeError(f'a run has no {name}')

    def __dir__(self):
        return [*super().__dir__(), *schema.ROWS]

    def close(self):
        """Close the file; what was read stays."""
        self._file.close()

    def read(self, name, steps=slice(None)):
        """Rows of one data set, for some of the steps.

        Parameters
        ----------
        name : str
            One of `schema.ROWS`: 'contributors', 'lies' ...
        steps : slice
            Of the T steps, ascending.

        Returns
        -------
        ndarray
            Unpacked, with the steps as first axis.
        """
        item = schema.ROWS[name]
        rows = slice(*steps.indices(self.n_steps))
        return item.unpack(self._get(item.path, rows),
                           self.n_files, self.n_workers)

    def option(self, section, key, default=None):
        """One value of the job, `default` where the job has none."""
        return self.config.get(section, {}).get(key, default)

    @property
    def attack(self):
        """What the adversaries do, in words; empty without adversaries."""
        count = self.option('adversary', 'count', 0)
        if not count:
            return ''
        named = (self.option('adversary', 'files'),
                 self.option('adversary', 'value'))
        word = 'adversary' if count == 1 else 'adversaries'
        return f'{count} {word} ({", ".join(filter(None, named))})'

    @property
    def evaluation(self):
        """Step, seconds, loss and accuracy of each evaluation."""
        return self._get(schema.EVALUATION.path)

    @property
    def events(self):
        """The events, a list of `Event`."""
        return [Event(float(seconds), int(level), int(rank), text.decode())
                for seconds, level, rank, text in
                self._get(schema.EVENTS.path)]

    @property
    def arrivals(self):
        """What the server took note of, in that order: a row an arrival.

        Columns: step, worker (-1: the server's own), kind (a number of
        `ArrivalKind`), files_done, seconds since the run began, bytes,
        finished (packed: see `finished`).  Empty unless the job had
        log.detail = "arrivals".
        """
        return self._arrivals(lambda rows: rows['step'] >= 0)

    def arrivals_of(self, step):
        """The arrivals of one step, by its number."""
        return self._arrivals(lambda rows: rows['step'] == step)

    def finished(self, arrivals):
        """What had been finished: bool (n, l), positions of the orders.

        Parameters
        ----------
        arrivals : structured ndarray, shape (n,)
            Some of the rows of `arrivals`.
        """
        bits = np.unpackbits(arrivals['finished'], axis=1,
                             count=self.order.shape[1])
        return bits.view(bool)

    def order_at(self, step):
        """Files of each worker as it computes them in a step, (K, l).

        Parameters
        ----------
        step : int
            By its number.
        """
        order = self.order
        for change in self._own(self._change):
            # A row of zeros never reached the disk.
            if change['step'] <= step and change['order'].any():
                order = change['order']
        return order

    @property
    def wrong_files(self):
        """Number of wrong files of each step, int64 (T,).

        A file is wrong when one of its contributors lied on it or on its
        payload.
        """
        counts = np.zeros(self.n_steps, dtype=np.int64)
        span = max(1, WINDOW // self.incidence.size)
        for start in range(0, self.n_steps, span):
            steps = slice(start, start + span)
            lies = self.read('lies', steps)
            lies |= self.read('payload_lies', steps)[:, None, :]
            lies &= self.read('contributors', steps)
            counts[steps] = lies.any(axis=2).sum(axis=1)
        return counts

    @property
    def flagging(self):
        """How right the flags were, a `Flagging`."""
        flagged, adversary = self.flagged, self.adversaries
        at_work = ~self.excluded
        return Flagging(
            right=int((flagged & adversary).sum()),
            wrong=int((flagged & ~adversary).sum()),
            missed=int((at_work & adversary & ~flagged).sum()))

    def _own(self, item, rows=slice(None)):
        """Rows of what older logs of this version may not have."""
        if self._reading('/', lambda root: item.path in root):
            return self._get(item.path, rows)
        return np.empty(0, item.dtype)

    def _arrivals(self, wanted):
        """The wanted rows, a window at a time: there may be very many."""
        item = self._arrival
        found, start = [np.empty(0, item.dtype)], 0
        span = WINDOW // item.dtype.itemsize
        while len(rows := self._own(item, slice(start, start + span))):
            found.append(rows[wanted(rows)])
            start += span
        return np.concatenate(found)

    def _check(self):
        if self.attrs.get('format') != schema.FORMAT:
            raise RunLogError(f'{self.path} is an HDF5 file, but not a run '
                              'log of aspis_mpi')
        version = self.attrs.get('version')
        if version != schema.VERSION:
            raise RunLogError(
                f'{self.path} has version {version} of the run log; this '
                f'aspis_mpi reads version {schema.VERSION}')

    def _complete_rows(self):
        """T: the rows that every array holds and that reached the disk."""
        n = min(self._reading(item.path, len)
                for item in schema.ROWS.values())
        while n and self._get(schema.STEPS.path, n - 1)['step'] < 0:
            n -= 1
        return n

    def _get(self, path, rows=...):
        return self._reading(path, lambda data: data[rows])

    def _reading(self, path, what):
        if not self._file:
            raise RunLogError(f'{self.path} was closed')
        return _patiently(lambda: what(self._file[path]),
                          f'{path} of {self.path} cannot be read',
                          self._reopen)

    def _reopen(self):
        self._file.close()
        self._file = _open(self.path)


def _open(path):
    if not path.is_file():
        raise RunLogError(f'there is no file {path}')
    return _patiently(lambda: h5py.File(path, 'r', locking=False),
                      f'{path} cannot be opened as HDF5')


def _patiently(what, failed, between=lambda: None):
    """Do `what`, again if the writer has just moved what it looked for."""
    for pause in PAUSES:
        try:
            return what()
        except HDF5_ERRORS:
            time.sleep(pause)
            between()
    try:
        return what()
    except HDF5_ERRORS as error:
        raise RunLogError(f'{failed}: {error}') from error


def _attributes(file):
    """Root attributes as Python's own types."""
    return {key: value.tolist() if isinstance(value, np.generic | np.ndarray)
            else value for key, value in file.attrs.items()}


def _share(part, rest):
    return part / (part + rest) if part + rest else float('nan')
