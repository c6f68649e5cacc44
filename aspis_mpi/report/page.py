"""The page: one file of HTML that holds its style, script and numbers."""

import json
from importlib.resources import files

from aspis_mpi.report import tables
from aspis_mpi.report.palette import PAGE_FONTS
from aspis_mpi.report.pictures import comparison, pictures
from aspis_mpi.report.sentences import cards, lead, notices
from aspis_mpi.report.tables import text
from aspis_mpi.report.trust import STATES
from aspis_mpi.report.truth import KINDS

#: Nothing is fetched, whatever stands in a log.
POLICY = ("default-src 'none'; style-src 'unsafe-inline'; "
          "script-src 'unsafe-inline'; img-src data:")

#: Sections of a run: name, heading.
SECTIONS = (('training', 'Accuracy and loss'),
            ('detection', 'Detection against the truth'),
            ('trust', 'Trust'), ('course', 'One step, worker by worker'),
            ('files', 'Files'), ('cost', 'Bytes and seconds'),
            ('proofs', 'Proofs and events'),
            ('returns', 'Checks and returns'), ('job', 'The job'))

#: Sections whose pictures stand side by side where there is room.
GRID = dict.fromkeys(('training', 'cost'), ' class="grid"')

#: Moods of a card in words, for who does not see its colour.
MOODS = {'good': '<span role="img" aria-label="good:">✓</span> ',
         'bad': '<span role="img" aria-label="to be looked at:">⚠</span> ',
         '': ''}


def page(runs, library, made):
    """The page of some runs.

    Parameters
    ----------
    runs : list of Facts
        At least one.
    library : Library
    made : str
        Who has made it, and when.

    Returns
    -------
    str
        HTML.
    """
    charts = []
    several = len(runs) > 1
    body = _side_by_side(runs, charts) if several else ''
    body += ''.join(_run(it, f'run{i}', len(runs), charts)
                    for i, it in enumerate(runs))
    title = (f'{len(runs)} runs side by side' if several else
             f'Report of {runs[0].label}')
    return _SHELL.format(
        title=text(title), policy=POLICY, body=body, made=text(made),
        links=_links(runs), style=_style(library), library=library.script,
        charts=_json(charts), script=_own('page.js'))


_SHELL = '''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header><h1>{title}</h1>
<button id="theme" type="button">Dark or light</button>
<nav aria-label="Sections">{links}</nav></header>
<main id="main">
{body}
</main>
<footer><p>{made} Arrow keys move the cursor of a picture that has the focus,
+ and − zoom, 0 shows all again; so does a double click after dragging.
Drawn by uPlot (MIT), which is in this file; nothing is fetched.</p></footer>
<script type="application/json" id="charts">{charts}</script>
<script>{library}</script>
<script>{script}</script>
</body>
</html>
'''


def _style(library):
    fonts = ', '.join(f'"{it}"' if ' ' in it else it for it in PAGE_FONTS)
    return f'{library.style}\n:root {{ --fonts: {fonts}; }}\n' + _own(
        'page.css')


def _own(name):
    return (files('aspis_mpi.report') / 'static' / name).read_text('utf-8')


def _json(value):
    """JSON that cannot end the element that it stands in."""
    return json.dumps(value, allow_nan=False, separators=(',', ':')).replace(
        '<', '\\u003c')


def _links(runs):
    if len(runs) == 1:
        return ' '.join(f'<a href="#run0-{name}">{heading}</a>'
                        for name, heading in SECTIONS)
    return ' '.join(['<a href="#side">Side by side</a>',
                     *(f'<a href="#run{i}">{text(it.label)}</a>'
                       for i, it in enumerate(runs))])


def _side_by_side(runs, charts):
    return ('<section id="side"><h2>Side by side</h2>'
            + tables.comparison(runs)
            + ''.join(_figure(it, 'runs', charts) for it in comparison(runs))
            + '</section>')


def _run(facts, name, n_runs, charts):
    """A run: its first screen, and its sections below."""
    found = pictures(facts, n_runs)
    parts = ''.join(
        f'<section id="{name}-{key}"{GRID.get(key, "")}><h3>{heading}</h3>'
        + ''.join(_figure(it, facts.label, charts)
                  for it in found.get(key, ()))
        + _tables(facts, key) + '</section>'
        for key, heading in SECTIONS)
    told = ''.join(f'<p class="notice" role="status">{text(it)}</p>'
                   for it in notices(facts))
    first = (f'<p class="lead">{text(" ".join(lead(facts)))}</p>{told}'
             f'<div class="cards">{"".join(map(_card, cards(facts)))}</div>')
    if n_runs == 1:
        return f'<article id="{name}">{first}{parts}</article>'
    return (f'<article id="{name}"><h2>{text(facts.label)}</h2>{first}'
            f'<details class="more"><summary>All of {text(facts.label)}'
            f'</summary>{parts}</details></article>')


def _card(card):
    return (f'<section class="card {card.mood}"><h2>{card.question}</h2>'
            f'<p class="verdict">{MOODS[card.mood]}{text(card.verdict)}</p>'
            + (f'<p>{text(card.evidence)}</p>' if card.evidence else '')
            + '<details open class="why"><summary>More</summary>'
            + ''.join(f'<p>{text(it)}</p>' for it in card.sentences)
            + '</details></section>')


def _tables(facts, key):
    if key == 'detection' and len(facts.steps):
        return tables.wrong_files(facts) + tables.states(
            'Steps of each worker, by the truth', facts.kinds, KINDS)
    if key == 'trust' and len(facts.steps):
        return tables.states('Steps of each worker, as the server saw it',
                             facts.states, STATES)
    if key == 'proofs':
        return tables.exposures(facts) + tables.events(facts)
    if key == 'returns':
        return tables.rollbacks(facts)
    if key == 'job':
        return (f'<details><summary>The complete job</summary><pre>'
                f'{text(facts.job)}</pre></details>')
    return ''


def _figure(chart, label, charts):
    """The place of a picture, which the script fills, and what is said."""
    number = len(charts)
    charts.append(chart | {'run': label})
    told = ' '.join(filter(None, (chart['about'], chart['note'])))
    return (f'<figure data-chart="{number}"><figcaption><strong>'
            f'{text(chart["title"])}</strong> {text(told)}</figcaption>'
            '<noscript>This needs JavaScript.</noscript></figure>')
