"""One step, worker by worker: files, signal, transfer, who was needed."""

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.report.palette import BLUE, INK, ORANGE, RED
from aspis_mpi.report.timeline import timeline_of
from aspis_mpi.runlog.reader import load_run
from figure import (command_line, mistakes_in_a_line, pyplot, save,
                    whole_numbers)

USED, COMPARED, UNUSED = BLUE.light, '#8fd0f5', '#c4c4c4'
SIGNAL, TRANSFER, SILENT = INK.light, ORANGE.light, RED.light
UNHEARD, NO_WORK = '#fbdcd3', '#f0f0f0'

#: Inches: width of the picture and of its axes, height of a worker, of all
#: workers at most, width of a digit, least height of a worker with text.
WIDTH, AXES, ROW, MOST, DIGIT, LINE = 9, 8.2, 0.25, 14, 0.06, 0.13
#: Half the height of a bar, in workers; how far above its middle the numbers
#: of files stand, and below it what was sent: neither hides the other.
BAR, ABOVE, BELOW = 0.4, 0.14, 0.24


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


def _row(timeline):
    """Inches that a worker gets in the picture."""
    return min(ROW, MOST / timeline.n_workers)


def _title(timeline, where):
    event = 'signal' if timeline.signalled else 'enough has arrived'
    return (f'step {timeline.step}, {timeline.label}{where}\n{event} after '
            f'{timeline.wait:.4g} s, step over after {timeline.whole:.4g} s')


def _draw(timeline, title, picture):
    plt = pyplot()
    height = _row(timeline) * timeline.n_workers
    figure, axis = plt.subplots(figsize=(WIDTH, 1.8 + height),
                                layout='constrained')
    end = 1.02 * timeline.last or 1.0
    axis.set_xlim(0, end)
    axis.set_ylim(timeline.n_workers - 0.5, -0.5)
    handles = [*_draw_rows(axis, timeline), *_draw_files(axis, timeline),
               *_draw_messages(axis, timeline),
               *_draw_instants(axis, timeline)]
    whole_numbers(axis.yaxis)
    if _row(timeline) >= LINE:
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
            linewidth=min(0.8, 6 * _row(timeline)), label=label))


def _draw_messages(axis, timeline):
    size = min(5, max(1, 45 * _row(timeline)))
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
