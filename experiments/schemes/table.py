"""All schemes on MNIST: from the numbers of two sweeps to a page.

    source jobs/environment.sh
    python -m aspis_mpi sweep jobs/sweeps/mnist.toml --jobs 2
    python -m aspis_mpi sweep jobs/sweeps/mnist-lenet.toml --jobs 2
    python analysis/compare.py runs/mnist --axes value scheme q liars \\
        -o experiments/schemes/mnist.csv -o docs/schemes.png
    python analysis/compare.py runs/mnist-lenet \\
        -o experiments/schemes/mnist-lenet.csv
    python -m experiments.schemes.table

The page goes to TABLE.md beside this module, which docs/results.md takes in.
"""

import argparse
import sys
import tomllib
from pathlib import Path

from experiments.pages import judge, paragraph
from experiments.schemes.cells import read
from experiments.schemes.report import Report

HERE = Path(__file__).resolve().parent
SWEEPS = HERE.parents[1] / 'jobs' / 'sweeps'
PAGE = HERE / 'TABLE.md'
#: The sweep of the small network, and that of the convolutional one.
SMALL, LARGE = 'mnist', 'mnist-lenet'


def main():
    """Write the page, check what must hold."""
    argparse.ArgumentParser(
        prog='experiments.schemes.table',
        description=__doc__.splitlines()[0]).parse_args()
    small, large = reports()
    text = page(small, large)
    PAGE.write_text(text, encoding='utf-8')
    print(text)
    return judge([*small.conditions(), *large.conditions()])


def reports():
    """The Report of each network."""
    return (_report(SMALL, read(HERE / f'{SMALL}.csv')),
            _report(LARGE, read(HERE / f'{LARGE}.csv', q='4', liars='worst')))


def _report(name, cells):
    """The Report of a sweep, with what its file says."""
    sweep = tomllib.loads((SWEEPS / f'{name}.toml').read_text('utf-8'))
    labels = {scheme: table['label']
              for scheme, table in sweep['grid']['scheme'].items()}
    return Report(cells, labels, sweep['base']['problem']['batch_size'])


def page(small, large):
    """The text of the page."""
    return '\n\n'.join(filter(None, [
        '# All schemes on MNIST', _preamble(),
        '## The published claim', small.claim(), _why(),
        *map(small.section, small.numbers),
        '## What a step costs', _of_costs(), small.costs(),
        '## A convolutional network', _of_large(), large.missing(4),
        large.table(4, ['worst']), large.claim()])) + '\n'


def _preamble():
    return paragraph(
        'Held-out accuracy in per cent after 150 steps, mean ± standard '
        'deviation of 3 seeds, which draw initial parameters, batches and '
        'liars. MNIST-5k, `mlp` with 32 hidden units, batches of 910 samples, '
        'lr 0.05, momentum 0.9; 15 workers, q of which lie in every step. '
        '*random*: these are drawn once and lie on all that they hold. '
        '*worst*: under Aspis, Aspis+, `core` and `certified` they lie where '
        'nobody can be found (ATT-2); for DETOX and ByzShield the liars are '
        'those that outvote most files; =: any liars are the worst. *lowest*: '
        'of all columns with an attack. `alie` is the mean − 1.5 standard '
        'deviations, `constant` −100, `min-max` goes against the deviations. '
        'Without redundancy the rules are those of the 15 files; the other '
        'schemes are the presets; numbers of files are 455 (Aspis), 35 '
        '(Aspis+), 25 (ByzShield), 5 (DETOX). Bulyan needs 4q + 3 files, '
        'DRACO with groups 2q + 1 workers in each. †: so many runs the server '
        'gave up; they count with their last evaluation.')


def _why():
    return paragraph(
        'What costs Aspis so much under the worst liars is its aggregation, '
        'not its vote: they win C(2q, 3)/2 of 455 files, 28 for q = 4, and '
        'median-of-means follows these few. Where liars are found, as the '
        'random ones are, the mean of what others hold is taken and nothing '
        'is lost.')


def _of_costs():
    return paragraph(
        'Gradients of samples that are computed in a step, by whomever, of '
        '910 that plain training computes, and megabytes to and from the '
        'server; the most under any attack.')


def _of_large():
    return paragraph(
        'The same with `lenet`, lr 0.02, one seed, q = 4, the worst liars. '
        'Where any liars are the worst they are the seed\'s.')


if __name__ == '__main__':
    sys.exit(main())
