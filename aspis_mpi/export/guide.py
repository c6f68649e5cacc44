"""The guide to exported tables: what each file, column and name means."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from aspis_mpi import __version__
from aspis_mpi.export.as_csv import quoted
from aspis_mpi.runlog.columns import TEXT, Column
from aspis_mpi.runlog.plain_tables import TABLES, Table
from aspis_mpi.runlog.view import View
from aspis_mpi.words import printable

README, COLUMNS, JOB = FILES = 'README.md', 'columns.csv', 'job.toml'

#: Attributes of a log that the guide leaves out: the job has its own file.
ELSEWHERE = 'config', 'inputs'


def write(folder: Path, run: View, counts: Mapping[str, int],
          suffix: str) -> None:
    """Write the guide, its columns as a table, and the complete job.

    Parameters
    ----------
    folder : Path
    run : View
    counts : mapping of str to int
        Rows of each table.
    suffix : str
        Of the files of tables.
    """
    lines = [f'# Tables of {printable(run.path.name)}', '', _made(run), '',
             '| attribute | value |', '| --- | --- |',
             *(f'| {name} | {_cell(value)} |'
               for name, value in run.attrs.items()
               if name not in ELSEWHERE), '', READING]
    for name, count in counts.items():
        lines += _section(TABLES[name], count, suffix)
    _write(folder / README, lines)
    _write(folder / COLUMNS, [
        'table,column,type,unit,meaning,names', *(','.join(map(quoted, (
            table.name, it.name, _type(it), it.unit, it.meaning,
            ' '.join(it.names))))
            for table in TABLES.values() for it in table.columns)])
    (folder / JOB).write_text(run.attrs['config'], encoding='utf-8')


def write_contents(folder: Path, runs: Mapping[str, View]) -> None:
    """Write which run is in which folder."""
    _write(folder / README, [
        '# Tables of runs', '', '| folder | log | steps |',
        '| --- | --- | --- |', *(
            f'| [{name}]({name}/{README}) | {_cell(run.path)} | '
            f'{run.n_steps} |' for name, run in runs.items())])


READING = f'''
Each table is a file. `{COLUMNS}` has its columns, as below, and `{JOB}` is
the complete job. In CSV a float has all digits that it needs, what is no
number is `NaN`, `Inf` or `-Inf`, true is 1, and a text may be in quotes and
have line ends. Seconds are those of the attribute `clock`. Numbers of workers,
files, steps and turns begin with 0.
'''.strip()


def _made(run: View) -> str:
    now = datetime.now().astimezone().isoformat(' ', 'minutes')
    return (f'{run.n_steps} of {run.option("run", "steps")} steps, by '
            f'aspis_mpi {__version__} on {now}.')


def _section(table: Table, count: int, suffix: str) -> list[str]:
    rows = '1 row' if count == 1 else f'{count:,} rows'
    lines = ['', f'## {table.name}{suffix}', '',
             f'{rows}. {table.row}', '',
             '| column | type | unit | meaning |', '| --- | --- | --- | --- |',
             *(f'| {it.name} | {_type(it)} | {it.unit} | {_cell(it.meaning)} |'
               for it in table.columns)]
    for column in table.columns:
        if column.words:
            lines += ['', f'Names in `{column.name}`:', '',
                      *(f'- `{word}`: {text}' for word, text in column.words)]
    return lines


def _type(column: Column) -> str:
    if column.words:
        return 'name'
    return 'text' if column.dtype == TEXT else str(column.dtype)


def _cell(value: object) -> str:
    """A value in a cell of Markdown; hosts are named by the ranks."""
    return printable(str(value)).replace('|', '\\|')


def _write(path: Path, lines: list[str]) -> None:
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
