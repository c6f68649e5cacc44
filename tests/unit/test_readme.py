"""The code of README runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / 'README.md'

JOB = """
[run]
steps = 3
[problem]
{}
[scheme]
name = "aspis"
workers = 5
adversaries = 1
"""


def code(word):
    """The example of README that has a word in it."""
    found = [block for block in re.findall(
        '```python\n(.*?)```', README.read_text(encoding='utf-8'), re.DOTALL)
        if word in block]
    assert len(found) == 1
    return found[0]


def done(folder, *command):
    """What a command prints, which must end well."""
    ended = subprocess.run([sys.executable, *command], cwd=folder, text=True,
                           capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_problem_from_a_script(tmp_path):
    (tmp_path / 'job.toml').write_text(JOB.format(''))
    (tmp_path / 'script.py').write_text(
        code('Circle').replace('= run(', '= simulate(')
        .replace(', run\n', ', simulate\n'))
    losses = done(tmp_path, 'script.py')
    assert float(losses.strip('[] \n').split()[-1]) < 1


def test_the_problem_named_in_a_job(tmp_path):
    (tmp_path / 'job.toml').write_text(JOB.format('name = "mine:Circle"'))
    (tmp_path / 'mine.py').write_text(
        code('Circle').partition('code, path')[0])
    done(tmp_path, '-m', 'aspis_mpi', 'simulate', 'job.toml')


def test_the_aggregation_named_in_a_job(tmp_path):
    (table,) = re.findall('```toml\n(\\[aggregation\\].*?)```',
                          README.read_text(encoding='utf-8'), re.DOTALL)
    (tmp_path / 'job.toml').write_text(
        JOB.format('name = "quadratic"') + table)
    (tmp_path / 'mine.py').write_text(code('class Clipped'))
    summary = done(tmp_path, '-m', 'aspis_mpi', 'simulate', 'job.toml')
    assert 'mine:Clipped' in summary
