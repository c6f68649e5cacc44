"""Pages of an experiment: what must hold, and tables as Markdown."""

import textwrap
from dataclasses import dataclass

#: Columns of a paragraph.
WIDTH = 79


@dataclass(frozen=True)
class Condition:
    """Something that must hold, and whether it does."""

    holds: bool
    sentence: str


def judge(conditions):
    """Print whether each condition holds; 0 if all do, else 1."""
    conditions = list(conditions)
    for condition in conditions:
        print('PASS:' if condition.holds else 'FAIL:', condition.sentence)
    return 0 if all(condition.holds for condition in conditions) else 1


def paragraph(text):
    """The text in lines, broken at blanks alone."""
    return textwrap.fill(text, WIDTH, break_on_hyphens=False,
                         break_long_words=False)


def markdown(headings, rows):
    """A table as Markdown."""
    return markdown_rows([headings, ['---'] * len(headings), *rows])


def markdown_rows(rows):
    """Rows of a table that has its headings, as Markdown."""
    return '\n'.join(f'| {" | ".join(map(str, row))} |' for row in rows)
