"""Test accuracy and loss against the step, one line a run."""

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.report.labels import distinct
from aspis_mpi.runlog.reader import load_run
from figure import (command_line, line_style, mistakes_in_a_line, pyplot, save,
                    whole_numbers)


def main():
    """Read the logs, print a table, draw the picture."""
    arguments = command_line('accuracy', __doc__, several=True)
    with mistakes_in_a_line('accuracy'):
        curves = [_curve(path) for path in arguments.logs]
        labels = distinct([label for label, _ in curves], arguments.logs)
        _draw([evaluation for _, evaluation in curves], labels,
              arguments.picture)
        _print([evaluation for _, evaluation in curves], labels)
        print(f'picture: {arguments.picture}')


def _curve(path):
    """Label of a line, and the evaluations that it joins."""
    with load_run(path) as run:
        evaluation = run.evaluation
        if not len(evaluation):
            raise RunLogError(f'{path} holds no evaluation')
        scheme = run.option('scheme', 'name') or run.option('detection',
                                                            'name')
        aggregation = run.option('aggregation', 'name')
        parts = (scheme, aggregation, run.attack or 'no attack')
        return ', '.join(filter(None, parts)), evaluation


def _draw(evaluations, labels, picture):
    plt = pyplot()

    # A problem without accuracy, a regression say, has its loss alone.
    columns = ['loss']
    if any(np.isfinite(e['accuracy']).any() for e in evaluations):
        columns = ['accuracy', 'loss']
    figure, axes = plt.subplots(
        1, len(columns), figsize=(5.5 * len(columns), 4), squeeze=False)
    for axis, column in zip(axes[0], columns):
        for i, (evaluation, label) in enumerate(zip(evaluations, labels)):
            axis.plot(evaluation['step'], evaluation[column], label=label,
                      linestyle=line_style(i),
                      marker='.', markersize=4)
        axis.set_xlabel('step')
        whole_numbers(axis.xaxis)
        axis.set_ylabel(f'test {column}')
        axis.grid(alpha=0.3)
    if _spread([e['loss'] for e in evaluations]):
        axes[0][-1].set_yscale('log')
    figure.tight_layout()
    figure.legend(*axes[0][0].get_legend_handles_labels(),
                  loc='upper center', bbox_to_anchor=(0.5, 0.01),
                  ncols=1 if len(labels) < 4 else 2, frameon=False)
    save(figure, picture, bbox_inches='tight')


def _spread(losses):
    """True if the losses need a logarithmic axis."""
    values = np.concatenate(losses)
    values = values[np.isfinite(values)]
    return values.size and values.min() > 0 and (
        values.max() > 50 * values.min())


def _print(evaluations, labels):
    print(f'{"step":>8} {"accuracy":>9} {"best":>9} {"loss":>11}  run')
    for evaluation, label in zip(evaluations, labels):
        last = evaluation[-1]
        best = np.fmax.reduce(evaluation['accuracy'])
        told = (f'{"none":>9} {"none":>9}' if np.isnan(best) else
                f'{last["accuracy"]:9.4f} {best:9.4f}')
        print(f'{last["step"]:8d} {told} {last["loss"]:11.4g}  {label}')


if __name__ == '__main__':
    main()
