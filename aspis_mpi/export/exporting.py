"""Exporting logs: their tables in a folder, whole, or one sentence and none.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from aspis_mpi.errors import ExportError
from aspis_mpi.export import as_csv, as_mat, as_parquet, guide
from aspis_mpi.export.place import Place
from aspis_mpi.parts import extras
from aspis_mpi.registry import nearest
from aspis_mpi.runlog.log_parts import beside
from aspis_mpi.runlog.plain_tables import TABLES
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.view import View
from aspis_mpi.words import reason

FORMATS = {'csv': as_csv, 'mat': as_mat, 'parquet': as_parquet}


def export(logs: Sequence[str | Path], out: str | Path, kind: str = 'csv',
           overwrite: bool = False) -> Path:
    """Write the tables of some runs, a file for each.

    Parameters
    ----------
    logs : sequence of str or Path
        Run logs, also while they are written.
    out : str or Path
        The folder to be.  That of several runs has a folder for each, which
        is named as its log.
    kind : str
        One of `FORMATS`.
    overwrite : bool
        Whether a folder that an export has made is replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RunLogError
        A log cannot be read.
    ExportError
        The folder is there, or cannot be written, or a library is missing.
    InUse
        Another export makes the same folder.
    """
    paths, out = [*map(Path, logs)], Path(out)
    _check_format(kind)
    names = _names(paths)
    with ExitStack() as opened:
        runs = [opened.enter_context(load_run(path)) for path in paths]
        try:
            place = opened.enter_context(Place(out, overwrite, _foreign))
            for run, name in zip(runs, names):
                _write(run, place.folder / name, kind)
            if len(runs) > 1:
                guide.write_contents(place.folder, dict(zip(names, runs)))
            place.finish()
        except OSError as error:
            raise ExportError(
                f'{out} cannot be written: {reason(error)}') from error
    return out


def _check_format(kind: str) -> None:
    if kind not in FORMATS:
        raise ExportError(f"no format is called '{kind}'; "
                          f'{nearest(kind, FORMATS)}')
    for library in FORMATS[kind].NEEDS.split():
        if not extras.is_here(library):
            raise ExportError(
                f'{kind} needs {library}, which is not installed; install '
                f'the extra `{kind}`, or {library} with: '
                f'{extras.command(library)}')


def _names(paths: Sequence[Path]) -> list[str]:
    """Folders of runs within that of all; '' of a single run."""
    if len(paths) == 1:
        return ['']
    names = [beside(path, '').name for path in paths]
    count = Counter(names)
    told = [name if count[name] == 1 else f'{path.resolve().parent.name}-'
            f'{name}' for name, path in zip(names, paths)]
    (often, times), = Counter(told).most_common(1)
    if times > 1:
        raise ExportError(f'{times} of the logs would be exported as {often}; '
                          'give each a name of its own')
    return told


def _write(run: View, folder: Path, kind: str) -> None:
    """Write the tables of a run, and what they are."""
    folder.mkdir(exist_ok=True)
    files, counts = FORMATS[kind], {}
    for name, table in TABLES.items():
        counts[name] = files.write(folder / f'{name}{files.SUFFIX}', table,
                                   table.batches(run))
    guide.write(folder, run, counts, files.SUFFIX)


def _foreign(folder: Path) -> Path | None:
    """Something in a folder that no export has made, where there is such."""
    own = {f'{name}{files.SUFFIX}' for name in TABLES
           for files in FORMATS.values()} | {*guide.FILES}
    inside = sorted(folder.iterdir())
    folders = [path for path in inside if path.is_dir()
               and not path.is_symlink()]
    for path in (it for within in (folder, *folders)
                 for it in sorted(within.iterdir()) if it not in folders):
        if path.name not in own or not path.is_file() or path.is_symlink():
            return path
    # A README alone is nobody's in particular.
    return next((path for path in folders or [folder] if inside
                 and not (path / guide.COLUMNS).is_file()), None)
