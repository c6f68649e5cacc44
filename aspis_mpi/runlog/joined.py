"""A run that came back with other numbers of ranks, read as one run.

Each part has its own assignment, so that the numbers of workers K and of
files f differ.  The rows of a joined run are as wide as the widest part;
what a part did not have is filled up as `PADDING` says:

    excluded                    True: who is not there has no work
    source                      `ABSENT`: no such file, which is not missing
    first_report, last_report   NaN: no report
    order                       -1: no such position
    everything else             False or 0
"""

from operator import attrgetter

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.frames import Framed

#: In `source`: the part that did this step had no such file.
ABSENT = -5
#: What a row holds for workers and files that its part did not have.
PADDING = {'excluded': True, 'source': ABSENT, 'first_report': np.nan,
           'last_report': np.nan}


class JoinedRun(Framed):
    """The parts of a run, which look like one `Run`.

    Row after row as each step was done last: what a later part has done
    again does not count, but events that happened did happen.  Sizes and
    paddings are those of the widest part, see above.  What needs the
    design of a step is asked of the `parts`, or of the `part_of` a step.

    Parameters
    ----------
    parts : sequence of Run
        At least one; earlier ones without the steps of later ones.

    Attributes
    ----------
    parts : tuple of Run
        Each with its own incidence, order, n_files and n_workers.
    path : Path
        Of the first part.
    attrs, config : dict
        Of the last part; `created` is the first part's.
    n_steps, n_files, n_workers : int
        T of all parts, largest f, largest K.
    """

    def __init__(self, parts):
        self._parts = tuple(parts)
        first, last = self.parts[0], self.parts[-1]
        self.path, self.config = first.path, last.config
        self.attrs = {key: last.attrs.get(key) for key in first.attrs} | {
            'created': first.attrs['created']}
        self.n_files, self.n_workers, self._load = (
            max(map(size, self.parts)) for size in (
                attrgetter('n_files'), attrgetter('n_workers'),
                attrgetter('_load')))
        counts = [part.n_steps for part in self.parts]
        self._ends = np.cumsum(counts).tolist()
        self.n_steps = self._ends[-1]

    @property
    def parts(self):
        """The logs that the run consists of."""
        return self._parts

    @property
    def incidence(self):
        """Refused: each part has its own."""
        raise self._several('incidence')

    @property
    def order(self):
        """Refused: each part has its own; see `order_at`."""
        raise self._several('order')

    @property
    def evaluation(self):
        """Step, seconds, loss and accuracy of each evaluation."""
        return self._in_a_row('evaluation')

    @property
    def events(self):
        """The events of all parts, a list of `Event` in order of time."""
        events = [event for part in self.parts for event in part.events]
        return sorted(events, key=attrgetter('time'))

    @property
    def exposures(self):
        """The exposures of all parts; see `Run.exposures`.

        A number is another worker in each part.
        """
        return [exposure for part in self.parts
                for exposure in part.exposures]

    @property
    def rollbacks(self):
        """The rollbacks of all parts, by turn; see `Run.rollbacks`."""
        found = [it for part in self.parts for it in part.rollbacks]
        return sorted(found, key=attrgetter('turn'))

    @property
    def draws(self):
        """The draws of all parts; see `Run.draws`."""
        return self._in_a_row('draws')

    @property
    def arrivals(self):
        """Arrivals that the servers took note of; see `Run.arrivals`."""
        return np.concatenate([self._widened(part.arrivals)
                               for part in self.parts])

    def close(self):
        """Close the files; what was read stays."""
        for part in self.parts:
            part.close()

    def read(self, name, steps=slice(None)):
        """Rows of one data set, for some of the steps, as `Run.read`.

        Only what these steps need is read.

        Parameters
        ----------
        name : str
            One of `schema.ROWS`: 'contributors', 'lies' ...
        steps : slice
            Of the T steps, ascending.

        Returns
        -------
        ndarray
            Unpacked and padded, with the steps as first axis.
        """
        item = schema.ROWS[name]
        wanted = range(*steps.indices(self.n_steps))
        if wanted.step < 1:
            raise ValueError(f'steps {steps} must ascend')
        shape = item.shape(self.n_files, self.n_workers)
        rows = np.zeros((len(wanted), *shape), item.dtype)
        if name in PADDING:
            rows[...] = PADDING[name]

        # A part fills the corner of its rows that it has sizes for.
        for part, end in zip(self.parts, self._ends):
            here, there = _within(wanted, end - part.n_steps, end)
            if here.start < here.stop:
                found = part.read(name, there)
                rows[(here, *map(slice, found.shape[1:]))] = found
        return rows

    def part_of(self, step):
        """The part that did a step last.

        Parameters
        ----------
        step : int
            By its number.

        Returns
        -------
        Run
        """
        begun = [part for part in self.parts if part.first_step <= step]
        return begun[-1] if begun else self.parts[0]

    def arrivals_of(self, step):
        """The arrivals of one step, by its number."""
        return self._widened(self.part_of(step).arrivals_of(step))

    def order_at(self, step):
        """Files of each worker as it computes them in a step, (K, l).

        Parameters
        ----------
        step : int
            By its number.
        """
        found = self.part_of(step).order_at(step)
        order = np.full((self.n_workers, self._load), -1, found.dtype)
        order[tuple(map(slice, found.shape))] = found
        return order

    def incidence_at(self, step):
        """Files of each worker in a step, bool, of the sizes of its part."""
        return self.part_of(step).incidence_at(step)

    def _in_a_row(self, name):
        return np.concatenate([getattr(part, name) for part in self.parts])

    def _widened(self, arrivals):
        """The arrivals with room for the bits of the largest load."""
        rows = np.zeros(len(arrivals), schema.arrivals(self._load).dtype)
        for name in rows.dtype.names:
            column = arrivals[name]
            rows[name][(..., *map(slice, column.shape[1:]))] = column
        return rows

    def _several(self, name):
        return RunLogError(
            f'{self.path} goes on in {self.parts[-1].path.name} with '
            f'another design: each of its {len(self.parts)} parts has an '
            f'{name} of its own')


def _within(wanted, start, end):
    """Those of the wanted rows that lie in [start, end).

    Returns two slices: of the wanted ones, and of the rows from `start` on.

    >>> _within(range(1, 13, 5), 4, 20)
    (slice(1, 3, None), slice(2, 9, 5))
    """
    begin, stop = (
        min(max(-(-(bound - wanted.start) // wanted.step), 0), len(wanted))
        for bound in (start, end))
    first = wanted.start + begin * wanted.step - start
    return slice(begin, stop), slice(
        first, min(end, wanted.stop) - start, wanted.step)
