"""Reports as a headless Chromium shows them: without a mouse, in the dark,
on a narrow screen, on paper, and without a complaint."""

from importlib.util import find_spec

import pytest

from aspis_mpi.report.making import report
from tests.support import browser
from tests.support.report_pages import HOSTILE, write

pytestmark = [
    pytest.mark.skipif(browser.find() is None,
                       reason='no Chromium is installed'),
    pytest.mark.skipif(find_spec('uplot') is None,
                       reason='uplot-python is not installed')]

#: Relative luminance of what getComputedStyle calls rgb(r, g, b).
LUMINANCE = '''(colour => {
  const [r, g, b] = colour.match(/[0-9.]+/g).map(Number);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
})'''


@pytest.fixture(scope='module')
def pages(tmp_path_factory):
    """A page of one run, and one of two of different lengths."""
    folder = tmp_path_factory.mktemp('pages')
    logs = [write(folder / 'a.h5', liars=0),
            write(folder / 'b.h5', steps=30)]
    return report(logs[1:]), report(logs, folder / 'both.html')


@pytest.fixture(scope='module')
def window():
    """A window, whose console must stay empty."""
    with browser.Browser() as found:
        yield found
        assert found.complaints == []


@pytest.fixture
def one(window, pages):
    """The window with the page of one run."""
    window.open(pages[0])
    return window


@pytest.fixture
def both(window, pages):
    """The window with the page of two."""
    window.open(pages[1])
    return window


def tab_to(window, selector):
    """Press the tabulator until an element has the focus."""
    for _ in range(200):
        window.press('Tab')
        if window.run(f'document.activeElement.matches({selector!r})'):
            return
    raise AssertionError(f'the keyboard does not come to {selector}')


def of_focus(window, what):
    """A property of the element that has the focus."""
    return window.run(f'document.activeElement.{what}')


def test_all_is_drawn_and_nothing_of_a_log_is_obeyed(one):
    empty = one.run('''[...document.querySelectorAll('.plot')].filter(
        it => !it.querySelector('canvas')).length''')
    assert empty == 0 and one.run('charts.length') > 8
    assert one.run('document.querySelectorAll("img").length') == 0
    assert HOSTILE in one.run('document.body.textContent')


def test_a_curve_is_switched_by_the_keyboard(both):
    tab_to(both, '#side button.key')
    assert of_focus(both, 'getAttribute("aria-pressed")') == 'true'
    name = of_focus(both, 'textContent')
    shown = ('drawn.get(document.activeElement.closest("figure"))'
             '.series[1].show')
    assert both.run(shown) is True
    both.press('Enter')
    assert of_focus(both, 'getAttribute("aria-pressed")') == 'false'
    assert of_focus(both, 'textContent') == name
    assert both.run(shown) is False
    both.press(' ')
    assert both.run(shown) is True


def test_a_table_is_sorted_by_the_keyboard(both):
    steps = '''[...document.querySelector('#side table').tBodies[0].rows].map(
        row => row.cells[4].textContent)'''
    assert both.run(steps) == ['12', '30']
    for _ in range(5):
        tab_to(both, '#side th button')
    assert of_focus(both, 'textContent') == 'steps'
    both.press('Enter')
    assert both.run(steps) == ['12', '30']
    assert of_focus(both, 'parentNode.ariaSort') == 'ascending'
    both.press('Enter')
    assert both.run(steps) == ['30', '12']
    assert of_focus(both, 'parentNode.ariaSort') == 'descending'


def test_a_step_is_chosen_by_the_keyboard(one):
    tab_to(one, 'select')
    said = ('document.activeElement.closest("figure")'
            '.querySelector(".readout").textContent')
    first, others = one.run(said), one.run('document.activeElement.length')
    assert first.startswith('step ') and others > 2
    one.press('ArrowDown')
    chosen = of_focus(one, 'selectedOptions[0].textContent').split(':')[0]
    assert one.run(said).startswith(f'{chosen}:') and one.run(said) != first


def test_arrows_tell_the_numbers_of_the_log(one):
    tab_to(one, '.plot')
    figure = 'document.activeElement.closest("figure")'
    chart = one.run(f'charts[{figure}.dataset.chart]')
    one.press(*['ArrowLeft'] * 40)
    for i in (1, 2):
        one.press('ArrowRight')
        told = one.run(f'{figure}.querySelector(".readout").textContent')
        assert told.startswith(f'step {chart["x"][i]}: ')
        assert float(told.split()[-1]) == pytest.approx(
            chart['series'][0]['mean'][i], rel=1e-4)
    # Zoomed in and out again.
    scale = f'drawn.get({figure}).scales.x'
    whole = one.run(f'{scale}.max - {scale}.min')
    one.press('+')
    assert one.run(f'{scale}.max - {scale}.min') < whole
    one.press('0')
    assert one.run(f'{scale}.max - {scale}.min') == whole


def test_every_picture_has_a_name_and_its_numbers(one):
    figures = one.run('''(async () => {
      const found = [];
      for (const figure of document.querySelectorAll('figure')) {
        const box = figure.querySelector('.numbers');
        box.open = true;
        await new Promise(done => setTimeout(done));
        const plot = figure.querySelector('.plot');
        found.push({
          name: plot ? plot.ariaLabel : 'rows',
          role: plot ? plot.getAttribute('role') : '',
          spoken: figure.querySelector('[aria-live]') !== null,
          rows: box.querySelectorAll('tbody tr').length,
          csv: (box.querySelector('a').onclick(),
                decodeURIComponent(box.querySelector('a').href))});
      }
      return found;
    })()''')
    charts = one.run('charts')
    for chart, it in zip(charts, figures, strict=True):
        assert it['name'].startswith(chart['title']) and it['rows']
        assert it['role'] == 'group' and it['spoken']
        assert it['csv'].count('\n') == it['rows']
        if chart['kind'] == 'lines':
            last = it['csv'].rsplit('\n')[-1].split(',')
            assert float(last[0]) == chart['x'][-1]
            assert float(last[1]) == chart['series'][0]['mean'][-1]


def test_tables_can_be_saved(both):
    links = both.run('''[...document.querySelectorAll('.scroll + a')].map(
        link => (link.onclick(), decodeURIComponent(link.href)))''')
    assert any('a.h5,aspis,' in it for it in links)


def test_what_can_be_pressed_has_a_name(both):
    nameless = both.run('''[...document.querySelectorAll(
        'button, a, select, summary, [tabindex="0"]')].filter(it =>
          !(it.ariaLabel || it.textContent.trim() || it.labels?.length)
        ).map(it => it.outerHTML)''')
    assert nameless == []


@pytest.mark.parametrize('dark', [False, True])
def test_light_and_dark_follow_the_system(dark, window, pages):
    window.open(pages[0], dark=dark)
    ground, ink = (window.run(
        f'{LUMINANCE}(getComputedStyle(document.body).{it})')
        for it in ('backgroundColor', 'color'))
    assert (ground < 0.2 and ink > 0.8) if dark else (
        ground > 0.9 and ink < 0.2)
    # The switch on top wins.
    tab_to(window, '#theme')
    window.press('Enter')
    assert (window.run(f'{LUMINANCE}(getComputedStyle(document.body)'
                       '.backgroundColor)') > 0.5) == dark


@pytest.mark.parametrize('which', [0, 1])
def test_nothing_is_wider_than_a_narrow_screen(which, window, pages):
    window.open(pages[which], width=400)
    assert window.run('document.documentElement.scrollWidth') == 400
    # The verdicts come first, what they rest on is a touch away.
    assert window.run('''[...document.querySelectorAll('details.why')].some(
        it => it.open)''') is False
    window.resize(1280, 900)
    window.wait('[...document.querySelectorAll("details.why")].every('
                'it => it.open)')


def test_paper_is_light_and_no_picture_is_cut_off(window, pages, tmp_path):
    window.open(pages[1], dark=True)
    window.run('''addEventListener('beforeprint', () => {
      window.paper = {
        ground: getComputedStyle(document.body).backgroundColor,
        widths: [...drawn.values()].map(plot => plot.width),
        closed: document.querySelectorAll(
          'details:not(.numbers):not([open])').length,
        missing: figures.filter(it => !drawn.has(it)).length}; })''')
    window.paper(tmp_path / 'page.pdf')
    assert (tmp_path / 'page.pdf').read_bytes().startswith(b'%PDF')
    found = window.run('window.paper')
    assert found['ground'] == 'rgb(255, 255, 255)'
    # A4 without its margins is 703 wide.
    assert max(found['widths']) < 703 and min(found['widths']) < 703 / 2
    assert found['closed'] == found['missing'] == 0
    # After that all is as before.
    assert window.run(f'{LUMINANCE}(getComputedStyle(document.body)'
                      '.backgroundColor)') < 0.2
    assert window.run('''document.querySelectorAll(
        'details.more:not([open])').length''') == 2
