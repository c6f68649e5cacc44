"""Trust of the server in workers, its certificates, and their cost."""

import textwrap
from dataclasses import dataclass

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.report.columns import Columns
from aspis_mpi.report.exposed import exposures_of
from aspis_mpi.report.labels import collected, told_parts
from aspis_mpi.report.palette import BACK, BLUE, RED
from aspis_mpi.report.parts import files_a_step
from aspis_mpi.report.trust import (
    STATES, Replicas, files_of, replicas_of, states_of)
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Cause
from aspis_mpi.words import counted, printable, size
from columns import draw_workers
from figure import (command_line, mistakes_in_a_line, pyplot, save,
                    whole_numbers)

#: Columns of the picture; longer runs have several steps a column.
COLUMNS = 600
#: Replicas cost so many times more: the axis of bytes is logarithmic.
SPREAD = 15
#: Exposures that are printed, and the longest line of one.
SHOWN, LINE = 12, 200


@dataclass(frozen=True, eq=False)
class Trust:
    """Facts that are drawn and told of a run of T steps."""

    title: str
    steps: np.ndarray           # int (T,): their numbers
    states: np.ndarray          # int8 (K, T)
    files: tuple                # of `Layer`, which add up to f
    certificates: str           # a sentence
    exposures: list
    rollbacks: list
    bytes_in: np.ndarray        # int (T,)
    replicas: Replicas
    wrong_files: np.ndarray     # int (T,)


def main():
    """Read the log, draw the picture, print what was found."""
    arguments = command_line('trust', __doc__)
    with mistakes_in_a_line('trust'):
        with load_run(*arguments.logs) as run:
            trust = trust_of(run)
        _draw(trust, arguments.picture)
        _print(trust)
        print(f'picture: {arguments.picture}')


def trust_of(run):
    """Facts that the picture and the sentences need, a `Trust`."""
    if not run.n_steps:
        raise RunLogError(f'{run.path} holds no step')
    steps, files = run.steps, files_of(run)
    return Trust(
        title=_title(run), steps=steps['step'], states=states_of(run),
        files=files, certificates=_certificates(run, files),
        exposures=exposures_of(run), rollbacks=run.rollbacks,
        bytes_in=steps['bytes_in'].astype(np.int64),
        replicas=replicas_of(run), wrong_files=run.wrong_files)


def _title(run):
    return ', '.join(filter(None, (
        run.option('scheme', 'name'), collected(run),
        f"detection {run.option('detection', 'name')}",
        run.attack or 'no attack', told_parts(run))))


def _certificates(run, files):
    """Number of steps with every file certified, as a sentence."""
    if files[0].label != 'certified':
        return ('no file was certified or presumed: detection '
                f"'{run.option('detection', 'name')}'")
    certified, n_files = files[0].counts, files_a_step(run)
    whole = np.count_nonzero(certified == n_files)
    return (f'every file was certified in {whole} of '
            f"{counted(run.n_steps, 'step')}; "
            f'{certified.mean():.1f} of {n_files.mean():.6g} files on '
            'average')


def _draw(trust, picture):
    plt = pyplot()
    columns = Columns(trust.steps, COLUMNS)
    rows = max(1.6, min(6, 0.2 * len(trust.states)))
    figure, axes = plt.subplots(
        3, 1, figsize=(9, 5 + rows), sharex=True,
        height_ratios=(rows, 1.5, 1.2), layout='constrained')
    handles = draw_workers(axes[0], trust.states, columns, STATES)
    _legend(axes[0], 2, handles + _draw_rollbacks(axes, trust.rollbacks))
    _draw_files(axes[1], trust, columns)
    _draw_bytes(axes[2], trust, columns)
    whole_numbers(axes[2].xaxis)
    axes[2].set_xlabel('step' if columns.span == 1 else
                       f'step ({columns.span} in a column: the severest state '
                       'of each worker, means of files and bytes)')
    figure.suptitle(textwrap.fill(trust.title, 100), fontsize=10)
    save(figure, picture)


def _draw_rollbacks(axes, rollbacks):
    """Lines where the run went back to; the handles of a legend."""
    for it in rollbacks:
        for axis in axes:
            axis.axvline(it.end - 0.5, color=BACK.light, linewidth=1,
                         linestyle=':')
    if not rollbacks:
        return []
    # Here, as matplotlib takes its time.
    from matplotlib.lines import Line2D
    return [Line2D([], [], color=BACK.light, linewidth=1, linestyle=':',
                   label='the run went back to here')]


def _draw_files(axis, trust, columns):
    below = np.zeros(len(columns.starts))
    for layer in trust.files:
        above = below + columns.average(layer.counts)
        axis.stairs(above, columns.edges, baseline=below, fill=True,
                    color=layer.colour.light, label=layer.label)
        below = above
    axis.set_ylim(0, 1.03 * below.max())
    axis.set_ylabel('files')
    if trust.files[0].label != 'certified':
        axis.text(0.5, 0.5, trust.certificates, transform=axis.transAxes,
                  ha='center', fontsize=9, bbox={'facecolor': 'white'})
    _legend(axis, 4)


def _draw_bytes(axis, trust, columns):
    sent = columns.average(trust.bytes_in)
    axis.stairs(sent, columns.edges, baseline=None, color=BLUE.light,
                linewidth=1.5, label='bytes into the server')
    cost = columns.average(trust.replicas.nbytes)
    axis.stairs(cost, columns.edges, baseline=None, color=RED.light,
                linestyle='--', linewidth=1.5,
                label=f'if all replicas had been sent: {_sizes(trust)}')
    most = max(sent.max(), cost.max())
    if sent.min() > 0 and most > SPREAD * sent.min():
        axis.set_yscale('log')
        axis.set_ylim(sent.min() / 2, 2 * most)
    else:
        axis.set_ylim(0, 1.15 * most or 1)
    axis.yaxis.set_major_formatter(lambda value, _: size(value))
    axis.yaxis.set_minor_formatter('')
    axis.set_ylabel('bytes a step')
    axis.grid(alpha=0.3)
    _legend(axis, 2)


def _sizes(trust):
    """Bytes of all replicas, from part to part of a run."""
    nbytes = trust.replicas.nbytes
    changed = np.flatnonzero(np.diff(nbytes)) + 1
    return ', then '.join(map(size, nbytes[np.append(0, changed)]))


def _legend(axis, columns, handles=None):
    """The legend of a panel, on top of it."""
    axis.legend(handles=handles, loc='lower left', bbox_to_anchor=(0, 1),
                borderaxespad=0.2, ncols=columns, frameon=False, fontsize=8,
                handlelength=1.4)


def _print(trust):
    print(trust.title)
    print('\n'.join([*_tell_exposures(trust), *_tell_rollbacks(trust)]))
    print(trust.certificates)
    print(_tell_bytes(trust))
    wrong = trust.wrong_files
    used = counted(wrong.sum(), 'wrong file was', 'wrong files were')
    steps = counted(np.count_nonzero(wrong), 'step')
    print(f'{used} used in {steps}, {wrong.max()} at most' if wrong.any()
          else 'no wrong file was used')


def _tell_exposures(trust):
    if not trust.exposures:
        yield 'nobody was exposed'
    for exposure in trust.exposures[:SHOWN]:
        yield (f'{_plain(exposure.sentence)} (exposed in {exposure.steps} of '
               f"{counted(len(trust.steps), 'step')})")
    rest = [str(exposure.worker) for exposure in trust.exposures[SHOWN:]]
    if rest:
        yield f'exposed later, or as well: workers {", ".join(rest)}'


def _tell_rollbacks(trust):
    for it in trust.rollbacks[:SHOWN]:
        why = ' by hand' if it.cause is Cause.HAND else ''
        yield (f'went back{why} from step {it.start} to step {it.end}: '
               f"{counted(it.wrong, 'wrong payload')} undone")
    rest = trust.rollbacks[SHOWN:]
    if rest:
        yield (f"went back {counted(len(rest), 'more time')}: "
               f"{counted(sum(it.undone for it in rest), 'step')} undone")


def _tell_bytes(trust):
    mean, replicas = trust.bytes_in.mean(), trust.replicas
    sent = f'{size(mean)} a step into the server'
    return (f'{sent}, all replicas: {_sizes(trust)} (d = {replicas.d:,}); '
            f'ratio {mean / replicas.nbytes.mean():.3g}')


def _plain(text):
    """A short line, and nothing that a terminal would obey."""
    return textwrap.shorten(printable(text), LINE)


if __name__ == '__main__':
    main()
