"""Checkpoints: snapshots of the server in files beside the run log.

One file a snapshot, numpy's own format: every array by its name, and one of
bytes with the small facts as JSON.  Nothing in it is ever unpickled.  The
archive's checksums tell a damaged file, an older one is used then.  A file
gets its name when it is complete and on the disk, so no kill leaves half of
one.

Where exposures take a run back, what stays is what it may go back to.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.detection.equality import Equality
from aspis_mpi.detection.memory import Row
from aspis_mpi.detection.spot import ripe
from aspis_mpi.detection.spot.ripe import Kept
from aspis_mpi.errors import DamagedCheckpoint
from aspis_mpi.protocol.server.snapshot import (
    NO_GRID, Members, Snapshot)
from aspis_mpi.runlog import archive
from aspis_mpi.runlog.log_parts import beside

VERSION = 3
#: Without turns: no step was ever done again.
STEPS = 2
#: With strikes instead of accounts: who had some begins with nothing.
STRIKES = 1

#: What reading a damaged file raises.
DAMAGES = (OSError, ValueError, KeyError, TypeError, EOFError, SyntaxError,
           NotImplementedError, zipfile.BadZipFile, zlib.error)

_NAME = re.compile(r'step-(\d+)\.npz')
_OF_OPTIMIZER = 'optimizer.'

#: The arrays of a checkpoint, by name.
Arrays = dict[str, Array]


class Ripening(NamedTuple):
    """The checkpoints that a run may have to go back to.

    `ripe` are the turns until one is, H, and `spacing` is the most steps
    from one that stays to the next: see `aspis_mpi.detection.spot.ripe`.
    """

    ripe: int
    spacing: int


class Checkpoints:
    """The checkpoints of one run, of which the newest are kept.

    Parameters
    ----------
    log : Path
        The run log; the folder lies beside it.
    keep : int
        At least 1.
    ripening : Ripening, optional
        Where the run goes back; then more of them are kept.

    Attributes
    ----------
    folder : Path
        `RUN.checkpoints` for `RUN.h5`.
    """

    def __init__(self, log: Path, keep: int = 3,
                 ripening: Ripening | None = None):
        if keep < 1:
            raise ValueError(f'keep {keep} must be at least 1')
        self.folder = beside(log, '.checkpoints')
        self._keep = keep
        self._ripening = ripening

    def save(self, snapshot: Snapshot) -> Path:
        """Write a snapshot, and remove those that are not needed any more.

        Returns
        -------
        Path
        """
        path = self.write(snapshot)
        # Those of later steps are of a future that was given up.
        found = self.paths()
        place = found.index(path)
        stay = self._stay(found[place:], snapshot.members.age)
        for old in (*found, *self._unfinished()):
            if old not in stay:
                old.unlink(missing_ok=True)
        return path

    def write(self, snapshot: Snapshot) -> Path:
        """Write a snapshot, and remove none."""
        path = self.folder / f'step-{snapshot.step:08d}.npz'
        archive.save(path, _pack(snapshot))
        return path

    def _stay(self, found: list[Path], now: float) -> set[Path]:
        """Those that stay, of some, the newest first."""
        newest = set(found[:self._keep])
        if self._ripening is None:
            return newest
        ages = self._ages(found)
        return newest | {ages[it] for it in ripe.keep(
            ages, now, *self._ripening, self._keep)}

    def _ages(self, found: list[Path]) -> dict[Kept, Path]:
        """Files by step and age, without those that are damaged."""
        ages = {}
        for path in found:
            try:
                facts = facts_of(path)
            except DamagedCheckpoint:
                continue
            ages[Kept(facts['step'], facts['made'])] = path
        return ages

    def target(self, now: float, turns: int) -> Snapshot:
        """The checkpoint to which an exposure takes the run back.

        Parameters
        ----------
        now : float
            Age of the run, see `Members`.
        turns : int
            H: what was made so many turns ago has none of the lies.

        Returns
        -------
        Snapshot
            The newest ripe one that can be read.

        Raises
        ------
        DamagedCheckpoint
            There is none, not even that of the beginning.
        """
        ages, wrong = self._ages(self.paths()), ''
        while (one := ripe.target(ages, now, turns)) is not None:
            try:
                return load(ages.pop(one))
            except DamagedCheckpoint as error:
                wrong = wrong or f': {error}'
        raise DamagedCheckpoint(
            f'{self.folder} has no checkpoint to go back to{wrong}')

    def after(self, step: int) -> list[Path]:
        """Files of later steps, the newest first."""
        return [path for path in self.paths() if step_of(path) > step]

    def paths(self) -> list[Path]:
        """Files of the checkpoints, the newest first."""
        return sorted((path for path in self.folder.glob('step-*.npz')
                       if path.is_file() and _NAME.fullmatch(path.name)),
                      key=step_of, reverse=True)

    def remove(self) -> None:
        """Forget all of them: another run takes the place of theirs."""
        for path in (*self.paths(), *self._unfinished(), self.notice,
                     *self.undone.glob('step-*.npz')):
            path.unlink(missing_ok=True)
        linked = self.folder.is_symlink()
        for folder in (self.undone, *([] if linked else [self.folder])):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    @property
    def notice(self) -> Path:
        """The file that is there while the run goes back."""
        return self.folder / 'going-back.json'

    @property
    def undone(self) -> Path:
        """The folder of checkpoints that were undone by hand."""
        return self.folder / 'undone'

    def _unfinished(self) -> Iterator[Path]:
        """Files that kills have left."""
        return self.folder.glob('.*.unfinished')


def step_of(path: Path) -> int:
    """Number of steps of a checkpoint, by the name of its file.

    >>> step_of(Path('step-00000007.npz'))
    7
    """
    return int(path.stem.removeprefix('step-'))


def facts_of(path: Path) -> dict[str, Any]:
    """The small facts of a checkpoint, whose vectors are not read.

    Raises
    ------
    DamagedCheckpoint
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = _facts(file['facts'])
    except DAMAGES as error:
        raise _damaged(path, error) from error
    return found


def load(path: Path) -> Snapshot:
    """Read one checkpoint.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Snapshot

    Raises
    ------
    DamagedCheckpoint
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return _unpack({name: file[name] for name in file.files})
    except DAMAGES as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DamagedCheckpoint:
    return DamagedCheckpoint(f'{path} is no complete checkpoint: {error}')


def _pack(snapshot: Snapshot) -> Arrays:
    it = snapshot.members
    facts = {'version': VERSION, 'step': snapshot.step,
             'seconds': snapshot.seconds, 'floor': snapshot.floor,
             'failures': snapshot.failures, 'keys': it.keys,
             'evidence': it.evidence, 'equality': asdict(it.equality),
             'vouched': it.vouched, 'turn': it.turn,
             'age': it.age, 'made': snapshot.made, 'cleared': it.cleared,
             'watched': it.watched, 'diverged': snapshot.diverged}
    optimizer = {_OF_OPTIMIZER + name: values
                 for name, values in snapshot.optimizer.items()}
    text = json.dumps(facts).encode()
    return {'facts': np.frombuffer(text, dtype=np.uint8),
            'parameters': snapshot.parameters, **optimizer,
            'account': it.account, 'silent': it.silent,
            'resting': it.resting, 'speeds': it.speeds, 'order': it.order,
            'absent': it.absent, **{
                name: values for name, values in (
                    ('placement', it.placement),
                    ('layout', it.layout),
                    ('unworked', it.unworked),
                    ('usual', it.usual),
                    ('norms', it.norms)) if values is not None},
            **({'grid': snapshot.grid} if snapshot.grid.size else {})}


def _facts(stored: Array) -> dict[str, Any]:
    """The facts, those of turns also where an earlier version has none."""
    facts = json.loads(stored.tobytes())
    if facts['version'] not in (STRIKES, STEPS, VERSION):
        raise ValueError(f'it has version {facts["version"]}, not {VERSION}')
    done = float(facts['step'])
    return {'turn': facts['step'], 'age': done, 'made': done} | facts


def _unpack(arrays: Arrays) -> Snapshot:
    facts = _facts(arrays['facts'])
    n_workers = len(facts['keys'])
    if facts['version'] == STRIKES:
        arrays |= {'account': np.zeros(n_workers),
                   'silent': np.zeros(n_workers, dtype=bool)}
    # The first ones of version 2 do not say who had no work.
    arrays.setdefault('resting', np.zeros(n_workers, dtype=bool))
    members = Members(
        tuple(facts['keys']), [Row(*row) for row in facts['evidence']],
        arrays['account'], arrays['silent'], arrays['resting'],
        arrays['speeds'], arrays['order'], arrays['absent'],
        Equality(**facts['equality']), facts.get('vouched', False),
        facts['turn'], facts['age'],
        [tuple(row) for row in facts.get('cleared', [])],
        arrays.get('placement'), arrays.get('layout'),
        arrays.get('unworked'), arrays.get('usual'),
        facts.get('watched', -1), arrays.get('norms'))
    optimizer = {name.removeprefix(_OF_OPTIMIZER): values
                 for name, values in arrays.items()
                 if name.startswith(_OF_OPTIMIZER)}
    return Snapshot(facts['step'], facts['seconds'], arrays['parameters'],
                    optimizer, facts['floor'], facts['failures'], members,
                    facts['made'], arrays.get('grid', NO_GRID),
                    facts.get('diverged', -1))
