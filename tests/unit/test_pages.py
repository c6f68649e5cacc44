"""What README, CONTRIBUTING and docs/ show runs as it stands there.

Whatever stands in a fenced block is told by its language: a job in `toml`,
a script in `python`, commands in `sh`, a command and what it prints in
`console`.  Commands are looked for in the prose, too.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.plan import forecast
from tests.support.image_files import prepared_in
from tests.support.limits import HANGS

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / 'README.md', ROOT / 'CONTRIBUTING.md',
         *sorted((ROOT / 'docs').glob('*.md')))

JOB = """
[run]
steps = 3
[problem]
{}
[scheme]
name = "aspis"
workers = 5
adversaries = 1
[log]
detail = "arrivals"
"""

#: Blocks that show something else, and what is included from elsewhere.
OTHER = {'text', 'r', 'octave', 'js', '{literalinclude}', '{include}',
         '{toctree}',
         # tests/unit/test_docs.py builds the pages, and that runs it
         '{code-cell}'}

#: Commands that are not run here, and why; a script that they name exists.
NOT_RUN = {
    r'bash (jobs/quickstart|tests/run)\.sh': 'takes minutes',
    r'bash jobs/environment\.sh': 'installs where nothing is installed',
    r'ASPIS_THOROUGH=1 bash tests/run\.sh': 'takes hours',
    r'source ': 'installs where nothing is installed',
    r'module ': 'a cluster has it',
    r'pip install ': 'needs a network',
    r'bash tests/readers/run\.sh': 'needs a network',
    r'python -m venv ': 'see tests/run.sh, which makes them',
    r'(ASPIS_LEDGER=\S+ )?sbatch |scancel |scontrol ':
        'tests/slurm has a cluster for it',
    r'python -m aspis_mpi show nodes\.jsonl': 'tests/unit/test_ledger.py',
    r'python -m aspis_mpi show RUN\.h5 --exclude':
        'tests/slurm/test_slurm_nodes.py',
    r'h5dump ': 'tests/unit/test_other_tools.py',
    r'(mpirun .*)?python (tests/bench/\w+\.py|-m tests\.bench\.)':
        'takes minutes',
    r'python -m experiments\.\w+\.\w+': 'tests/unit/test_scripts.py starts it',
    r'mpirun .*python docs/own_cnn\.py': 'tests/mpi/test_mpirun_torch.py',
    r'python analysis/\w+\.py': 'tests/unit/test_analysis.py',
    r'python docs/making/\w+\.py': 'tests/unit/test_docs.py',
    r'python -m sphinx ': 'tests/unit/test_docs.py',
    r'python -m pytest ': 'it would run itself',
    r'python -m aspis_mpi doctor': 'tests/mpi/test_mpirun_doctor.py',
    r'python -m aspis_mpi list mine:': 'with the job that names the part',
    r'python -m aspis_mpi report ': 'tests/unit/test_report.py has logs',
    r'python -m aspis_mpi prepare ': 'tests/unit/test_prepare.py has files',
}
#: What is a command in the prose: the bare name of a program is none.
COMMAND = (r'(mpirun .*)?python (-m aspis_mpi \S|-m (?!aspis_mpi)|[a-z]+/)'
           r'|(\w+=\w+ )?(bash|sbatch|source|scancel|pip) \S')
#: Where the python blocks of a page are run.
ELSEWHERE = {'logs.md': 'tests/unit/test_other_tools.py',
             'tables.md': 'tests/unit/test_frames.py'}


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self):
        return f'{self.page.name}: {self.text.splitlines()[0]}'


BLOCKS = [Block(page, language, text) for page in PAGES
          for language, text in re.findall(
              r'^```(\S*)[^\n]*\n(.*?)^```$', page.read_text(encoding='utf-8'),
              re.DOTALL | re.MULTILINE)]


def blocks(language):
    found = [block for block in BLOCKS if block.language == language]
    assert found
    return pytest.mark.parametrize('block', found, ids=str)


def prose(page):
    """What stands between the blocks."""
    return re.sub(r'^```.*?^```$', '', page.read_text(encoding='utf-8'),
                  flags=re.DOTALL | re.MULTILINE)


def commands():
    """Every command with its page, without comments, each once."""
    found = []
    for block in BLOCKS:
        lines = block.text.replace('\\\n', ' ').splitlines()
        if block.language == 'console':
            lines = [line[2:] for line in lines if line.startswith('$ ')]
        elif block.language != 'sh':
            continue
        found += [(block.page.name, command.split(' #')[0].strip())
                  for line in lines for command in line.split('&&')]
    for page in PAGES:
        spans = (' '.join(span.split())
                 for span in re.findall(r'`([^`]+)`', prose(page)))
        found += [(page.name, span) for span in spans
                  if re.match(COMMAND, span)]
    return sorted({command: page for page, command in found
                   if command}.items())


def test_every_block_says_what_it_is():
    known = OTHER | {'toml', 'python', 'sh', 'console'}
    assert len(BLOCKS) > 30 and len(commands()) > 40
    assert not [str(block) for block in BLOCKS if block.language not in known]


# --- links --------------------------------------------------------------

def anchor(heading):
    """What a heading is called in a link."""
    return re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-')


@pytest.mark.parametrize('page', [
    page for page in PAGES if page.parent == ROOT], ids=lambda page: page.name)
def test_links_of_the_pages_that_sphinx_does_not_see(page):
    links = re.findall(r'\]\(([^)]+)\)', prose(page))
    assert links
    for link in links:
        if link.startswith('http'):
            continue
        path, _, heading = link.partition('#')
        assert (ROOT / path).exists(), link
        if heading:
            text = (ROOT / path).read_text(encoding='utf-8')
            headings = re.findall('^#+ (.*)$', text, re.MULTILINE)
            assert heading in map(anchor, headings), link


def test_readme_is_short():
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert len(text.splitlines()) <= 200


# --- jobs -----------------------------------------------------------------

@blocks('toml')
def test_a_job_is_one(block, tmp_path, monkeypatch):
    """A part of a job file fits into a small one."""
    rest = '' if '[scheme]' in block.text else JOB.format(
        'name = "quadratic"')
    (tmp_path / 'job.toml').write_text(rest + block.text)
    own_part(tmp_path, 'class Small' if 'Small' in block.text
             else 'class Clipped')
    own_images(tmp_path, block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'mine', raising=False)
    assert forecast(tmp_path / 'job.toml').files


def own_part(folder, word='class Clipped'):
    """A part of the user's own that the pages show, as mine.py."""
    (folder / 'mine.py').write_text(code(word))


def own_images(folder, block):
    """The prepared file that a block names, of made images."""
    if 'mnist.images' in block.text:
        pytest.importorskip('torch')
        prepared_in(folder, counts=(1000, 20))


# --- scripts ----------------------------------------------------------------

def code(word):
    """The one example that has a word in it."""
    found = [block.text for block in BLOCKS
             if block.language == 'python' and word in block.text]
    assert len(found) == 1
    return found[0]


def done(folder, *command):
    """What a command prints, which must end well."""
    ended = subprocess.run([sys.executable, *command], cwd=folder, text=True,
                           capture_output=True, timeout=HANGS)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@blocks('python')
def test_a_script_runs(block, tmp_path):
    """What runs under mpirun is simulated."""
    if block.page.name in ELSEWHERE:
        assert (ROOT / ELSEWHERE[block.page.name]).is_file()
        return
    (tmp_path / 'job.toml').write_text(JOB.format(''))
    own_images(tmp_path, block)
    (tmp_path / 'script.py').write_text(
        block.text.replace('= run(', '= simulate(')
        .replace(', run\n', ', simulate\n'))
    printed = done(tmp_path, 'script.py')
    if 'Circle' in block.text:
        assert float(printed.strip('[] \n').split()[-1]) < 1


def test_the_problem_named_in_a_job(tmp_path):
    (tmp_path / 'job.toml').write_text(JOB.format('name = "mine:Circle"'))
    (tmp_path / 'mine.py').write_text(
        code('Circle').partition('code, path')[0])
    done(tmp_path, '-m', 'aspis_mpi', 'simulate', 'job.toml')


def test_the_problem_that_draws_named_in_a_job(tmp_path):
    (tmp_path / 'job.toml').write_text(JOB.format('name = "mine:Masked"'))
    (tmp_path / 'mine.py').write_text(code('class Masked'))
    summary = done(tmp_path, '-m', 'aspis_mpi', 'simulate', 'job.toml',
                   '--separate')
    assert re.search(r'^warnings +none$', summary, re.MULTILINE)


def test_the_aggregation_named_in_a_job(tmp_path):
    (table,) = [block.text for block in BLOCKS if block.language == 'toml'
                and block.text.startswith('[aggregation]\nname = "mine:')]
    (tmp_path / 'job.toml').write_text(
        JOB.format('name = "quadratic"') + table)
    own_part(tmp_path)
    summary = done(tmp_path, '-m', 'aspis_mpi', 'simulate', 'job.toml')
    assert 'mine:Clipped' in summary
    listed = done(tmp_path, '-m', 'aspis_mpi', 'list', 'mine:Clipped')
    assert 'at most `bound`' in listed and 'bound: float = 1' in listed


def test_the_job_on_images(tmp_path):
    job, = [block for block in BLOCKS if 'mine:Small' in block.text
            and block.language == 'toml']
    own_part(tmp_path, 'class Small')
    own_images(tmp_path, job)
    (tmp_path / 'job.toml').write_text(job.text)
    summary = done(tmp_path, '-m', 'aspis_mpi', 'simulate', 'job.toml',
                   '--set', 'run.steps=3', '--out', 'RUN.h5')
    assert 'robust-partial on images' in summary
    with load_run(tmp_path / 'RUN.h5') as run:
        assert 'mnist, 1,000 images and 20 held out, not checked' in (
            run.attrs['inputs'])


def test_the_set_of_images_of_ones_own(tmp_path):
    own_part(tmp_path, 'class Letters')
    labels = np.repeat(np.arange(26, dtype=np.uint8), 1000)
    images = np.zeros((26_000, 1, 32, 32), np.uint8)
    np.savez(tmp_path / 'letters.npz', images=images, labels=labels,
             test_images=images[:5200], test_labels=np.sort(labels[::5]))
    told = done(tmp_path, '-m', 'aspis_mpi', 'prepare', 'mine:Letters',
                'letters.npz', '-o', 'letters.images')
    assert told.startswith('letters.images: letters, 26,000 images')


# --- commands ----------------------------------------------------------------

@pytest.fixture(scope='module')
def workplace(tmp_path_factory):
    """A folder with a job, the log of its run, and what the pages name."""
    folder = tmp_path_factory.mktemp('commands')
    for name in ('JOB.toml', 'job.toml'):
        (folder / name).write_text(JOB.format('name = "quadratic"'))
    shutil.copytree(ROOT / 'jobs', folder / 'jobs')
    assert simulate(folder / 'JOB.toml', out=folder / 'RUN.h5')[0] == 0
    (folder / 'runs').mkdir()
    shutil.copy(folder / 'RUN.h5', folder / 'runs')
    return folder


@pytest.mark.parametrize(('command', 'page'), commands())
def test_a_command_is_one(command, page, workplace, tmp_path, monkeypatch):
    """It runs, `run` in one process, or somebody else runs it."""
    for pattern in NOT_RUN:
        if re.match(pattern, command):
            scripts = re.findall(r'\S+\.(?:sh|sbatch|py)\b', command)
            scripts += [f'{module.replace(".", "/")}.py' for module in
                        re.findall(r'-m (experiments\.\S+)', command)]
            assert all((ROOT / script).is_file() for script in scripts)
            return
    ours = re.fullmatch(r'(?:mpirun [^;|]*)?python -m aspis_mpi (.*)', command)
    assert ours, f'{page}: neither ours nor in NOT_RUN'
    shutil.copytree(workplace, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert main(simulated(shlex.split(ours[1]))) == 0


def simulated(words):
    """The words of a command, so that it ends here and soon."""
    if words[0] == 'sweep':
        return [*words, '--list']
    if words[0] not in ('run', 'simulate'):
        return words
    over = [] if '--resume' in words else ['--overwrite']
    soon = ['--check'] if words[1].startswith('jobs/') else []
    return ['simulate', *words[1:], *over, *soon]


def test_whoever_runs_a_command_exists():
    for who in (*NOT_RUN.values(), *ELSEWHERE.values()):
        for path in re.findall(r'tests/\S+\.py', who):
            assert (ROOT / path).is_file()


def test_a_mistake_is_answered_as_the_pages_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('job.toml').write_text(JOB.format('name = "quadratic"') + (
        '[aggregation]\nname = "meen"\n'))
    with pytest.raises(JobError) as raised:
        loading.load('job.toml')
    told = [block.text.splitlines()[1] for block in BLOCKS
            if 'meen' in block.text]
    assert told
    assert set(told) == {f'aspis_mpi: {raised.value}'}
