"""Sentences about the keys of a job file, and tables of such sentences."""

import tomllib
from pathlib import Path

HERE = Path(__file__).parent


def read():
    """The sentences of job_file.toml.

    Returns
    -------
    dict of str to dict of str to str
        By section; in each '_' is a sentence about the whole.
    """
    return tomllib.loads((HERE / 'job_file.toml').read_text(encoding='utf-8'))


def table(head, rows):
    """A Markdown table."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(map(_cell, line)) + ' |'
                     for line in lines)


def _cell(text):
    return text.replace('|', '\\|')
