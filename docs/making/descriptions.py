"""Sentences about keys and columns, as the files beside this one have them."""

import tomllib
from pathlib import Path

HERE = Path(__file__).parent


def read(name):
    """The tables of one of the files.

    Parameters
    ----------
    name : str
        'job_file' or 'run_log'.

    Returns
    -------
    dict of str to dict of str to str
        In each table '_' is a sentence about the whole.
    """
    return tomllib.loads((HERE / f'{name}.toml').read_text(encoding='utf-8'))


def table(head, rows):
    """A Markdown table."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(map(_cell, line)) + ' |'
                     for line in lines)


def _cell(text):
    return text.replace('|', '\\|')
