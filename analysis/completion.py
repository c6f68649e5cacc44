"""Duration and exactness of steps, scheme against scheme."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.report.labels import collected, distinct
from aspis_mpi.runlog.reader import load_run
from figure import (command_line, line_style, mistakes_in_a_line, pyplot,
                    save)

#: Largest over smallest from which an axis is logarithmic.
SPREAD = 50
EXACT = 'the residual is 0 in every step'


@dataclass(frozen=True, eq=False)
class Steps:
    """Numbers of one run that are compared: one a step."""

    label: str
    clock: str
    seconds: np.ndarray
    residual: np.ndarray


def main():
    """Read the logs, print a table, draw the picture."""
    arguments = command_line('completion', __doc__, several=True)
    with mistakes_in_a_line('completion'):
        runs = [_steps(path) for path in arguments.logs]
        labels = distinct(_labels(runs), arguments.logs)
        _draw(runs, labels, arguments.picture)
        _print(runs, labels)
        print(f'picture: {arguments.picture}')


def _steps(path):
    with load_run(path) as run:
        steps = run.steps
        timed = steps[np.isfinite(steps['seconds_step'])]
        if not len(timed):
            raise RunLogError(f'{path} holds no step')
        return Steps(collected(run), run.attrs['clock'],
                     timed['seconds_step'], timed['residual'])


def _labels(runs):
    """Labels of lines; with their clocks where these differ."""
    if len({run.clock for run in runs}) == 1:
        return [run.label for run in runs]
    return [f'{run.label}, {run.clock} clock' for run in runs]


def _timeless(runs):
    """Sentence for runs in none of which time passed, else empty."""
    if any(run.seconds.any() for run in runs):
        return ''
    return f'no time passed on the {_clocks(runs)} clock'


def _clocks(runs):
    return ' and '.join(sorted({run.clock for run in runs}))


def _inexact(runs):
    """True if any step of any run has a residual."""
    return any((run.residual > 0).any() for run in runs)


def _draw(runs, labels, picture):
    plt = pyplot()
    inexact = _inexact(runs)
    columns = 2 if inexact else 1
    figure, axes = plt.subplots(1, columns, figsize=(1 + 5.5 * columns, 4),
                                squeeze=False)
    times = [run.seconds for run in runs]
    _distributions(axes[0, 0], times, [
        f'{label}: median {np.median(values):.3g} s, mean '
        f'{values.mean():.3g} s' if values.any() else
        f'{label}: no time passed' for label, values in zip(labels, times)])
    axes[0, 0].text(0.5, 0.5, _timeless(runs), ha='center',
                    transform=axes[0, 0].transAxes)
    axes[0, 0].set_xlabel(f'seconds a step ({_clocks(runs)} clock)')
    axes[0, 0].set_ylabel('share of steps')
    if not inexact:
        axes[0, 0].set_title(EXACT, fontsize=10)
    if inexact:
        residuals = [run.residual for run in runs]
        _distributions(axes[0, 1], residuals, [
            f'{label}: median {np.median(values):.3g}, mean '
            f'{values.mean():.3g}' if values.any() else
            f'{label}: 0 in every step' for label, values in
            zip(labels, residuals)])
        axes[0, 1].set_xlabel('residual: coefficient error of a step')
    figure.tight_layout()
    save(figure, picture, bbox_inches='tight')


def _distributions(axis, samples, labels):
    """One empirical distribution function a run."""
    smallest = min(values.min() for values in samples)
    largest = max(values.max() for values in samples)
    end = 1.03 * largest or 1.0
    for i, (values, label) in enumerate(zip(samples, labels)):
        x = np.sort(values)
        y = np.arange(1, x.size + 1) / x.size
        axis.plot(np.r_[x[0], x, end], np.r_[0, y, 1], label=label,
                  drawstyle='steps-post', linestyle=line_style(i))

    # What happens at 0 must not hide behind the frame.
    if smallest > 0 and largest > SPREAD * smallest:
        axis.set_xscale('log')
        axis.set_xlim(right=end)
    else:
        axis.set_xlim(-0.02 * end, end)
    axis.set_ylim(-0.02, 1.02)
    axis.grid(alpha=0.3)
    axis.legend(loc='upper center', bbox_to_anchor=(0.5, -0.16),
                frameon=False, fontsize=8)


def _print(runs, labels):
    print(f'{"steps":>6} {"mean s":>10} {"median s":>10} {"95 % s":>10} '
          f'{"ratio":>7} {"residual":>9} {"exact":>6}  run')
    first = runs[0].seconds.mean()
    for run, label in zip(runs, labels):
        mean, exact = run.seconds.mean(), np.mean(run.residual == 0)
        ratio = f'{mean / first:.3f}' if first else '-'
        median, late = np.quantile(run.seconds, [0.5, 0.95])
        print(f'{run.seconds.size:6d} {mean:10.4g} {median:10.4g} '
              f'{late:10.4g} {ratio:>7} {run.residual.mean():9.3g} '
              f'{exact:6.1%}  {label}')
    if _timeless(runs):
        print(_timeless(runs))
    if not _inexact(runs):
        print(f'{EXACT} of every run' if len(runs) > 1 else EXACT)


if __name__ == '__main__':
    main()
