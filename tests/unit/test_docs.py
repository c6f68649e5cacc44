"""The pages build without a warning, and what is generated is whole."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import h5py
import pytest

import aspis_mpi
from aspis_mpi import registry, simulate
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.job.listing import KEYS, listing
from aspis_mpi.protocol import messages as protocol_messages
from aspis_mpi.protocol.messages import FROM_SERVER, FROM_WORKER
from aspis_mpi.runlog import meanings
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.events import EventCode

ROOT = Path(__file__).parents[2]
DOCS = ROOT / 'docs'
sys.path.append(str(DOCS))

from making import (  # noqa: E402
    choices, folders, job_file, messages, pictures, run_log)
from making.descriptions import read  # noqa: E402
from tests.support.limits import HANGS

JOB = """
[run]
steps = 2
[problem]
name = "quadratic"
[scheme]
name = "aspis"
workers = 5
adversaries = 1
[log]
detail = "arrivals"
"""


# --- the site ----------------------------------------------------------

@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The folder of the built pages; a broken link is a warning."""
    folder = tmp_path_factory.mktemp('site')
    done = build(DOCS, folder, '--keep-going')
    # ipykernel says that it speaks over TCP, as every notebook's does.
    said = [line for line in done.stderr.splitlines()
            if not line.startswith('[IPKernelApp] WARNING')]
    assert (done.returncode, said) == (0, [])
    return folder / 'html'


def build(pages, folder, *options):
    """What Sphinx says of a folder of pages; a warning is an error."""
    return subprocess.run(
        [sys.executable, '-m', 'sphinx', '-q', '-W', *options, '-c', DOCS,
         '-d', folder / 'doctrees', pages, folder / 'html'],
        capture_output=True, text=True, timeout=HANGS)


def test_every_page_is_built_and_filled(site):
    for page in DOCS.glob('*.md'):
        text = (site / f'{page.stem}.html').read_text(encoding='utf-8')
        assert 'generated:' not in text, page
    assert 'checkpoint_every' in (site / 'job-file.html').read_text()
    assert 'files_certified' in (site / 'run-log.html').read_text()
    assert 'CodedGradient' in (site / 'architecture.html').read_text()


def test_tables_of_experiments_are_taken_in(site):
    text = (site / 'results.html').read_text(encoding='utf-8')
    for table in (ROOT / 'experiments').glob('*/*.md'):
        last = table.read_text(encoding='utf-8').strip().splitlines()[-1]
        cells = [cell.strip() for cell in last.split('|')
                 if cell.strip() and '`' not in cell]
        assert cells and all(cell in text for cell in cells), table


def test_a_broken_link_is_a_warning(tmp_path):
    """Else the pages would pass with any link."""
    (tmp_path / 'index.md').write_text(
        '# Page\n\n[one](#page) [other](#nowhere)\n')
    done = build(tmp_path, tmp_path / 'built')
    assert done.returncode and "'nowhere'" in done.stderr


# --- the notebook ---------------------------------------------------------

NOTEBOOK = DOCS / 'own-figures.md'


def test_the_notebook_has_three_figures_and_can_be_taken_away(site):
    page = (site / 'own-figures.html').read_text(encoding='utf-8')
    pictures = re.findall(r'src="(_images/[^"]+\.png)"', page)
    assert len(set(pictures)) == 3
    for picture in pictures:
        assert (site / picture).stat().st_size > 10_000
    # What its cells found: who lied was caught, and by what.
    assert page.count('by disagreements') == 2

    taken, = site.glob('_downloads/*/own-figures.ipynb')
    cells = json.loads(taken.read_text(encoding='utf-8'))['cells']
    assert [cell['source'] for cell in cells if cell['cell_type'] == 'code']


def test_the_notebook_looks_for_nothing_beside_it():
    text = NOTEBOOK.read_text(encoding='utf-8')
    names = set(re.findall(r'^(?:from|import) (\w+)', text, re.MULTILINE))
    assert names == {'pathlib', 'aspis_mpi', 'matplotlib', 'numpy'}


def test_a_cell_that_raises_ends_the_building(tmp_path):
    head, end, rest = NOTEBOOK.read_text(encoding='utf-8').partition(
        '\n---\n\n')
    assert rest
    (tmp_path / 'index.md').write_text(
        f'{head}{end}# Page\n\n```{{code-cell}} python\n1 / 0\n```\n')
    done = build(tmp_path, tmp_path / 'built')
    assert done.returncode and 'ZeroDivisionError' in done.stderr


# --- the reference of the job file --------------------------------------

def test_every_key_is_described_and_nothing_else():
    keys = {line.strip().partition(':')[0] for line in listing(KEYS)
            if line.startswith('  ')}
    told = read()
    described = {f'{section}.{key}' for section, keys in told.items()
                 for key in keys if key != '_'}
    assert len(keys) > 50
    assert described == keys, 'sentences belong in docs/making/job_file.toml'
    assert all('_' in section for section in told.values())


def options():
    """Every option of every part, from the constructors themselves."""
    return [(family, name, key) for family in registry.FAMILIES
            for name, part in registry.parts(family).items()
            for key, parameter in inspect.signature(part).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY]


def test_every_option_is_listed_and_described():
    listed = {(family, name, key) for family in registry.FAMILIES
              for name, _, found in job_file.listed(family)
              for key, _ in found}
    assert listed == set(options())
    silent = [f'{family} {name}: {key}' for family, name, key in options()
              if not job_file.meaning(registry.parts(family)[name], key)]
    assert not silent, 'sentences belong in the docstring of the part'


def test_every_family_has_a_heading():
    assert set(job_file.FAMILIES) == set(registry.FAMILIES)


# --- the reference of the run log ----------------------------------------

def test_every_data_set_and_column_is_described_and_nothing_else():
    told = meanings.read()
    sets = run_log.data_sets()
    names = run_log.names()
    assert {path for path in told if path.startswith('/')} == set(sets)
    assert set(told) - set(sets) == {*names, 'attributes'} - set(run_log.TOLD)
    for path, item in sets.items():
        assert set(told[path]) == {'_', *(item.dtype.names or ())}, path
    for column, found in names.items():
        if kinds := run_log.TOLD.get(column):
            assert found == [kind.word for kind in kinds]
            assert [*kinds] == [*range(len(kinds))]
        else:
            assert set(told[column]) == {'_', *found}, column


def test_every_code_and_every_kind_of_proof_has_a_line():
    for kinds, page in ((EventCode, run_log.codes()),
                        (ProofKind, run_log.proofs())):
        for kind in kinds:
            assert kind.meaning.endswith('.') and '\n' not in kind.meaning
            assert f'| {kind:d} | `{kind.word}` | {kind.meaning} |' in page
    told = (DOCS / 'logs.md').read_text(encoding='utf-8')
    assert '<!-- generated: run_log.codes -->' in told
    assert '<!-- generated: run_log.proofs -->' in told


def test_every_data_set_and_attribute_of_a_log_is_described(tmp_path):
    (tmp_path / 'job.toml').write_text(JOB)
    _, path = simulate(tmp_path / 'job.toml', out=tmp_path / 'run.h5')
    found = []
    with h5py.File(path) as log:
        log.visititems(lambda name, item: found.append(f'/{name}')
                       if isinstance(item, h5py.Dataset) else None)
    assert found and set(found) == set(run_log.data_sets())
    with load_run(path) as run:
        assert set(run.attrs) <= set(meanings.read()['attributes'])


# --- what else is generated ----------------------------------------------

def test_the_table_of_messages_has_all_of_them():
    told = {}
    for sender, name, meaning, lane, content in messages.rows():
        told[sender, name] = lane
        assert meaning.endswith('.')
        cls = getattr(protocol_messages, name)
        assert all(it.meaning in content for it in cls.parts), name
    assert told == {
        (sender, cls.__name__): cls.lane.name
        for sender, known in (('server', FROM_SERVER), ('worker', FROM_WORKER))
        for cls in known.values()}
    written = messages.table_of_messages()
    assert all(f'`{name}`' in written for _, name in told)


def test_the_decision_table_has_the_figures_of_plan():
    page = choices.PAGE.read_text(encoding='utf-8')
    written = page.partition(choices.BEGIN)[2].partition(choices.END)[0]
    assert written.strip() == choices.choices(), (
        'python docs/making/choices.py --write')


def test_every_folder_says_what_lives_there():
    for text in (folders.packages(), folders.loose()):
        rows = text.splitlines()[2:]
        assert rows and not [row for row in rows if row.endswith('|  |')]
    package = Path(aspis_mpi.__file__).parent
    assert all(f'`{path.name}/`' in folders.packages()
               for path in package.iterdir()
               if (path / '__init__.py').is_file())


def test_the_pictures_are_those_that_the_script_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, 'FIGURES', tmp_path)
    monkeypatch.setattr(sys, 'argv', ['pictures.py'])
    pictures.main()
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in (DOCS / 'figures').iterdir()}
    for name in drawn:
        assert texts(tmp_path / name) == texts(DOCS / 'figures' / name)


def texts(path):
    """The words of a picture: lines differ with the version of matplotlib."""
    return [element.text for element in ElementTree.parse(path).iter()
            if element.tag.endswith('}text')]
