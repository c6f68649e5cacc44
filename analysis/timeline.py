"""One step, worker by worker: files, signal, transfer, who was needed."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import ArrivalKind
from figure import (collected, command_line, mistakes_in_a_line, pyplot,
                    save, whole_numbers)

USED, COMPARED, UNUSED = '#0072b2', '#8fd0f5', '#c4c4c4'
SIGNAL, TRANSFER, SILENT = '#000000', '#e69f00', '#d62728'
UNHEARD, NO_WORK = '#fbdcd3', '#f0f0f0'

#: Inches: width of the picture and of its axes, height of a worker, of all
#: workers at most, width of a digit, least height of a worker with text.
WIDTH, AXES, ROW, MOST, DIGIT, LINE = 9, 8.2, 0.25, 14, 0.06, 0.13
#: Half the height of a bar, in workers; how far above its middle the numbers
#: of files stand, and below it what was sent: neither hides the other.
BAR, ABOVE, BELOW = 0.4, 0.14, 0.24


@dataclass(frozen=True, eq=False)
class Files:
    """The n finished files of a step; seconds since `Model` was sent.

    A report that names several files divides the time since the one before
    it evenly among them.
    """

    worker: np.ndarray          # int (n,)
    file: np.ndarray            # int (n,)
    begin: np.ndarray           # float (n,)
    end: np.ndarray             # float (n,)
    used: np.ndarray            # bool (n,): it is part of the step's result
    compared: np.ndarray        # bool (n,): it is not, but was compared


@dataclass(frozen=True, eq=False)
class Timeline:
    """Course of one step; seconds since `Model` was sent."""

    step: int
    label: str
    signalled: bool             # workers send when they are asked to
    n_workers: int
    wait: float
    whole: float
    in_time: int                # files that were finished by `wait`
    files: Files
    payloads: list              # of (worker, seconds)
    silent: list
    malformed: list
    deadlines: list
    unheard: np.ndarray         # int: workers that nothing came from
    no_work: np.ndarray         # int

    @property
    def row(self):
        """Inches that a worker gets in the picture."""
        return min(ROW, MOST / self.n_workers)

    @property
    def last(self):
        """Second at which the last thing happened."""
        times = [seconds for _, seconds in
                 self.payloads + self.silent + self.malformed]
        return max(self.whole, self.wait, *times,
                   self.files.end.max(initial=0))


def main():
    """Read the log, print what happened, draw the picture."""
    arguments = command_line(
        'timeline', __doc__, step={'type': int, 'metavar': 'N',
                                   'help': 'default: the last complete one'})
    with mistakes_in_a_line('timeline'):
        with load_run(*arguments.logs) as run:
            part, row = _place(run, arguments.step)
            timeline = timeline_of(part, row)
            where = f', in {part.path.name}' if run.parts[1:] else ''
        title = _title(timeline, where)
        _draw(timeline, title, arguments.picture)
        print(title)
        _print(timeline)
        print(f'picture: {arguments.picture}')


def _place(run, number):
    """The part of the run that did a step, and the row that it has there."""
    if not run.n_steps:
        raise RunLogError(f'{run.path} holds no step')
    numbers = run.steps['step']
    if number is None:
        number = numbers[-1]
    if number not in numbers:
        raise RunLogError(f'{run.path} has no step {number}, only '
                          f'{numbers[0]} to {numbers[-1]}')
    part = run.part_of(number)
    return part, int(np.searchsorted(part.steps['step'], number))


def timeline_of(run, row):
    """Course of the step of this row of the log."""
    facts = run.steps[row]
    step, here = int(facts['step']), slice(row, row + 1)
    arrivals = run.arrivals_of(step)
    begun = arrivals[arrivals['kind'] == ArrivalKind.MODEL]
    if not begun.size:
        raise RunLogError(f'{run.path} holds no arrivals of step {step}: '
                          'it takes a job with log.detail = "arrivals"')
    arrivals['seconds'] -= begun['seconds'][0]
    sent = arrivals['worker'][arrivals['kind'] != ArrivalKind.SILENT]
    heard = np.isin(np.arange(run.n_workers), sent)
    no_work = run.read('excluded', here)[0]

    def of(kind):
        rows = arrivals[arrivals['kind'] == kind]
        return list(zip(rows['worker'].tolist(), rows['seconds'].tolist()))

    return Timeline(
        step=step, label=collected(run),
        # Whoever sends each file at once does not report it before.
        signalled=bool((arrivals['kind'] == ArrivalKind.PROGRESS).any()),
        n_workers=run.n_workers, wait=float(facts['seconds_wait']),
        whole=float(facts['seconds_step']),
        in_time=int(run.read('files_done', here).sum(dtype=int)),
        files=_files(run, arrivals, step,
                     run.read('contributors', here)[0],
                     run.read('copies', here)[0]),
        payloads=of(ArrivalKind.PAYLOAD), silent=of(ArrivalKind.SILENT),
        malformed=of(ArrivalKind.MALFORMED),
        deadlines=of(ArrivalKind.DEADLINE),
        unheard=np.flatnonzero(~heard & ~no_work),
        no_work=np.flatnonzero(no_work))


def _files(run, arrivals, step, contributors, copies):
    reports = arrivals[np.isin(arrivals['kind'], (ArrivalKind.PROGRESS,
                                                  ArrivalKind.REPLICA))]
    known = np.zeros(run.order.shape, dtype=bool)
    since = np.zeros(run.n_workers)
    pieces = []
    for worker, now, done in zip(reports['worker'], reports['seconds'],
                                 run.finished(reports)):
        fresh = np.flatnonzero(done & ~known[worker])
        times = np.linspace(since[worker], now, fresh.size + 1)
        pieces += zip([worker] * fresh.size, fresh, times, times[1:])
        known[worker] |= done
        since[worker] = now
    table = np.array(pieces, dtype=float).reshape(-1, 4)
    worker, position = table[:, :2].astype(int).T
    file = run.order_at(step)[worker, position]
    used = contributors[file, worker]
    shown = _shown(run, arrivals, run.order_at(step), copies)[file, worker]
    return Files(worker, file, table[:, 2], table[:, 3], used, shown & ~used)


def _shown(run, arrivals, order, copies):
    """Files that each worker showed, if the log can tell, bool (f, K).

    The log counts who showed each file when it was compared last; who it
    was is known where a challenge, or the replicas, make this number.
    """
    shown = np.ones(run.incidence.shape, dtype=bool)
    found = np.zeros(run.n_files, dtype=bool)
    for done in _challenges(run, arrivals):
        workers, positions = np.nonzero(done)
        senders = np.zeros_like(shown)
        senders[order[workers, positions], workers] = True
        fits = senders.sum(axis=1) == copies
        shown[fits] &= senders[fits]
        found |= fits
    return shown & found[:, None]


def _challenges(run, arrivals):
    """Positions of the order that were shown each time, bool (K, l).

    All replicas at once.  A challenge begins with the last payload: who
    answers shows what it had reported by then.
    """
    kinds, workers = arrivals['kind'], arrivals['worker']
    sent = kinds == ArrivalKind.REPLICA
    answers = np.flatnonzero(kinds == ArrivalKind.SKETCH)
    payloads = np.flatnonzero(kinds == ArrivalKind.PAYLOAD)
    begun = np.append(0, payloads)[np.searchsorted(payloads, answers)]
    for start in np.unique(begun):
        reported = np.isin(workers, workers[answers[begun == start]])
        reported[start:] = False
        yield _together(run, arrivals[reported])
    if sent.any():
        yield _together(run, arrivals[sent])


def _together(run, arrivals):
    done = np.zeros(run.order.shape, dtype=bool)
    np.logical_or.at(done, arrivals['worker'], run.finished(arrivals))
    return done


def _title(timeline, where):
    event = 'signal' if timeline.signalled else 'enough has arrived'
    return (f'step {timeline.step}, {timeline.label}{where}\n{event} after '
            f'{timeline.wait:.4g} s, step over after {timeline.whole:.4g} s')


def _draw(timeline, title, picture):
    plt = pyplot()
    height = timeline.row * timeline.n_workers
    figure, axis = plt.subplots(figsize=(WIDTH, 1.8 + height),
                                layout='constrained')
    end = 1.02 * timeline.last or 1.0
    axis.set_xlim(0, end)
    axis.set_ylim(timeline.n_workers - 0.5, -0.5)
    handles = [*_draw_rows(axis, timeline), *_draw_files(axis, timeline),
               *_draw_messages(axis, timeline),
               *_draw_instants(axis, timeline)]
    whole_numbers(axis.yaxis)
    if timeline.row >= LINE:
        axis.set_yticks(range(timeline.n_workers))
        _name_files(axis, timeline.files, end / AXES)
    axis.tick_params(labelsize=8)
    axis.set_xlabel('seconds since the parameters were sent')
    axis.set_ylabel('worker')
    axis.set_title(title, fontsize=10)
    figure.legend(handles=handles, loc='outside lower center', ncols=4,
                  frameon=False, fontsize=8)
    save(figure, picture)


def _draw_rows(axis, timeline):
    """The background of workers of whom there is nothing to see."""
    for workers, colour, label in (
            (timeline.unheard, UNHEARD, 'not heard in this step'),
            (timeline.no_work, NO_WORK, 'without work in this step')):
        spans = [axis.axhspan(worker - 0.5, worker + 0.5, color=colour,
                              linewidth=0, label=label) for worker in workers]
        yield from spans[:1]


def _draw_files(axis, timeline):
    """A bar a file: many, so that each colour is one collection."""
    from matplotlib.collections import PolyCollection

    files = timeline.files
    for chosen, colour, label in (
            (files.used, USED, 'file finished and used'),
            (files.compared, COMPARED, 'file finished, compared only'),
            (~files.used & ~files.compared, UNUSED,
             'file finished, not part of the sum')):
        if not chosen.any():
            continue
        left, right = files.begin[chosen], files.end[chosen]
        low, high = files.worker[chosen] - BAR, files.worker[chosen] + BAR
        corners = np.stack([[left, left, right, right],
                            [low, high, high, low]])
        yield axis.add_collection(PolyCollection(
            corners.transpose(2, 1, 0), facecolor=colour, edgecolor='white',
            linewidth=min(0.8, 6 * timeline.row), label=label))


def _draw_messages(axis, timeline):
    size = min(5, max(1, 45 * timeline.row))
    if timeline.payloads:
        workers, seconds = np.transpose(timeline.payloads)
        axis.hlines(workers + BELOW, timeline.wait, seconds, color=TRANSFER,
                    linewidth=size / 4)
        axis.plot(seconds, workers + BELOW, '>', color=TRANSFER,
                  markersize=size)
        # In the legend, the line and its head are one.
        yield from axis.plot([], [], color=TRANSFER, marker='>', markevery=[1],
                             markersize=size, linewidth=size / 4,
                             label='payload, until it has arrived')
    for points, mark, label in (
            (timeline.silent, 'x', 'silent: given up'),
            (timeline.malformed, 'D', 'malformed message')):
        if points:
            workers, seconds = np.transpose(points)
            yield from axis.plot(seconds, workers + BELOW, mark, color=SILENT,
                                 markersize=size, label=label, linestyle='')


def _draw_instants(axis, timeline):
    for _, seconds in timeline.deadlines[:1]:
        yield axis.axvline(seconds, color=SILENT, linestyle='--',
                           linewidth=1, label='deadline')
    yield axis.axvline(
        timeline.wait, color=SIGNAL, linewidth=1.2,
        label='signal: encode and send' if timeline.signalled else
        'enough has arrived')
    yield axis.axvline(timeline.whole, color=SIGNAL, linestyle=':',
                       linewidth=1.2, label='next parameters sent')


def _name_files(axis, files, inch):
    """Write the numbers of files into bars that have room for them."""
    room = (files.end - files.begin) / inch
    for i in np.flatnonzero(room > DIGIT):
        name = str(files.file[i])
        if room[i] > DIGIT * (len(name) + 1):
            axis.text(files.begin[i] + DIGIT / 2 * inch,
                      files.worker[i] - ABOVE,
                      name, va='center_baseline', fontsize=6,
                      color='white' if files.used[i] else 'black')


def _print(timeline):
    files = timeline.files
    print(f'{files.used.size} files were finished, {timeline.in_time} in '
          f'time, {files.used.sum()} were used')
    silent = [worker for worker, _ in timeline.silent]
    used = files.worker[files.used]
    compared = np.setdiff1d(files.worker[files.compared], used)
    named = (used, compared, timeline.unheard, silent, timeline.no_work)
    idle = np.setdiff1d(np.arange(timeline.n_workers),
                        np.concatenate(named).astype(int))
    for label, workers in (
            ('compared only', compared), ('not needed', idle),
            ('not heard', timeline.unheard), ('given up', silent),
            ('without work', timeline.no_work)):
        if len(workers):
            print(f'workers {label}: {_listed(workers)}')


def _listed(workers):
    """The first few numbers, and how many there are."""
    shown = ', '.join(str(worker) for worker in workers[:12])
    return shown if len(workers) <= 12 else f'{shown} ... ({len(workers)})'


if __name__ == '__main__':
    main()
