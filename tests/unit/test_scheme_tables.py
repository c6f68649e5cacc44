"""The page of all schemes: cells of a sweep, and what is said of them."""

import math
from dataclasses import replace

import pytest

from experiments.pages import Condition
from experiments.schemes import table
from experiments.schemes.cells import NONE, RANDOM, Cell, read
from experiments.schemes.report import PLAIN, VALUES, Report

HEAD = ('q,scheme,liars,value,runs,measured,ended_early,accuracy,'
        'accuracy_deviation,gradients,bytes\n')
LABELS = {'mean': 'mean', 'median': 'median', 'byzshield': 'ByzShield',
          'draco': 'DRACO', 'aspis': 'Aspis', 'core': 'core',
          'certified': 'certified'}


def cells(accuracies):
    """Cells without an attack, and under random and the worst liars."""
    found = []
    for scheme, (calm, under_random, under_worst) in accuracies.items():
        cell = Cell(scheme, 2, RANDOM, NONE, 3, 3, 0, calm, 0.5, 3.0, 10.0)
        found.append(cell)
        places = {RANDOM: under_random}
        if scheme not in (*PLAIN, 'draco'):
            places['worst'] = under_worst
        found += [replace(cell, liars=liars, value=value, accuracy=accuracy)
                  for liars, accuracy in places.items() for value in VALUES]
    return found


@pytest.fixture
def report():
    """Aspis stands ten points above what it is compared with, core thirty."""
    return Report(cells({
        'mean': (94, 20, None), 'median': (93, 55, None),
        'byzshield': (92, 80, 60), 'draco': (94, 94, None),
        'aspis': (91, 94, 70), 'core': (91, 94, 90),
        'certified': (94, 93, 93)}), LABELS, 910)


def rows(text):
    """Rows of a table in Markdown by their first cell."""
    found = [[word.strip() for word in line.strip('|').split('|')]
             for line in text.splitlines()]
    return {row[0]: row[1:] for row in found[2:]}


def test_numbers_are_read_as_they_are_written(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text(HEAD + '4,aspis,worst,alie,3,2,1,0.5,nan,3.0,2e6\n'
                    '4,core,worst,alie,3,0,0,nan,nan,nan,nan\n')
    cell, unmeasured = read(path)
    assert (cell.scheme, cell.q, cell.ended_early) == ('aspis', 4, 1)
    assert unmeasured.measured == 0 and math.isnan(unmeasured.accuracy)
    assert cell.accuracy == 50 and cell.megabytes == 2
    assert math.isnan(cell.deviation)


def test_what_a_sweep_has_no_axis_for_is_told(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text(HEAD.replace('q,', '').replace('liars,', '')
                    + 'aspis,alie,1,1,0,0.5,nan,3.0,2e6\n')
    cell, = read(path, q='4', liars='worst')
    assert (cell.q, cell.liars, cell.value) == (4, 'worst', 'alie')


def test_a_row_for_each_scheme_with_its_lowest_mean(report):
    found = rows(report.table(2))
    assert list(found) == list(LABELS.values())
    assert found['Aspis'] == ['91.0 ± 0.5', *['94.0 ± 0.5'] * 3,
                              *['70.0 ± 0.5'] * 3, '70.0']
    # Any liars are the worst.
    assert found['median'] == ['93.0 ± 0.5', *['55.0 ± 0.5'] * 3, '=', '=',
                               '=', '55.0']


def test_the_price_is_that_of_a_step(report):
    assert rows(report.costs())['Aspis'] == ['2,730', '10.0']


def test_the_claim_is_measured_from_the_best_of_those_before(report):
    assert report.best_before(2) == ('byzshield', 60)
    told = ' '.join(report.claim().split())
    assert 'about 30 points' in told
    assert ('q = 2, where ByzShield stands best of what Aspis is compared '
            'with (60.0): Aspis +10.0, core +30.0, certified +33.0 (Aspis '
            'attack by attack: alie +10.0, constant +10.0, min-max +10.0).'
            ) in told


def test_missing_runs_are_told_where_they_are_missing(report):
    assert report.section(2).startswith('## 2 of 15 workers lie\n\n| scheme')
    cells_ = [replace(it, measured=it.value == 'alie') if it.scheme == 'core'
              else it for it in report._cells.values()]
    there = Report(cells_, LABELS, 910)
    of = 3 * len(cells_)
    assert (f'\n\n{of - 19} of {of} runs so far.\n\n'
            in there.section(2))
    assert rows(there.table(2))['core'][:3] == ['–', '94.0 ± 0.5', '–']


def test_no_claim_is_made_of_what_was_not_measured(report):
    def claim(*schemes):
        return Report([it for it in report._cells.values()
                       if it.scheme in schemes], LABELS, 910).claim()
    assert not claim('aspis', 'mean') and not claim('median')
    assert '(55.0): Aspis +15.0 (' in ' '.join(
        claim('aspis', 'median').split())


def conditions(cells_):
    return list(Report(cells_, LABELS, 910).conditions())


def test_what_must_hold_fails_when_it_does_not(report):
    whole = list(report._cells.values())
    assert all(it.holds for it in report.conditions())

    def broken(scheme, **changes):
        return [replace(it, **changes) if it.scheme == scheme
                and it.value == 'alie' else it for it in whole]

    for number, changed in enumerate((
            broken('draco', accuracy=80.0),
            broken('certified', accuracy=92.9))):
        holds = [it.holds for it in conditions(changed)]
        assert holds.index(False) == number and holds.count(False) == 1


def test_the_page_of_the_project_is_made_of_its_numbers():
    """All there, nothing typed by hand, and what must hold does."""
    small, large = table.reports()
    assert table.PAGE.read_text('utf-8') == table.page(small, large)
    found = [*small.conditions(), *large.conditions()]
    assert all(isinstance(it, Condition) for it in found)
    assert [it.sentence for it in found if not it.holds] == []
