"""Checkpoints: snapshots of the server in files beside the run log.

One file a snapshot, numpy's own format: every array by its name, and one of
bytes with the small facts as JSON.  Nothing in it is ever unpickled.  The
archive's checksums tell a damaged file, an older one is used then.  A file
gets its name when it is complete and on the disk, so no kill leaves half of
one.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.detection.equality import Equality
from aspis_mpi.detection.memory import Row
from aspis_mpi.errors import DamagedCheckpoint
from aspis_mpi.protocol.server.snapshot import Members, Snapshot
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


class Checkpoints:
    """The checkpoints of one run, of which the newest are kept.

    Parameters
    ----------
    log : Path
        The run log; the folder lies beside it.
    keep : int
        At least 1.

    Attributes
    ----------
    folder : Path
        `RUN.checkpoints` for `RUN.h5`.
    """

    def __init__(self, log: Path, keep: int = 3):
        if keep < 1:
            raise ValueError(f'keep {keep} must be at least 1')
        self.folder = beside(log, '.checkpoints')
        self._keep = keep

    def save(self, snapshot: Snapshot) -> Path:
        """Write a snapshot, and remove those that are too old.

        Returns
        -------
        Path
        """
        path = self.folder / f'step-{snapshot.step:08d}.npz'
        archive.save(path, _pack(snapshot))
        # Those of later steps are of a future that was given up.
        found = self.paths()
        place = found.index(path)
        for old in (*found[:place], *found[place + self._keep:],
                    *self._unfinished()):
            old.unlink(missing_ok=True)
        return path

    def paths(self) -> list[Path]:
        """Files of the checkpoints, the newest first."""
        steps = {path: int(match[1])
                 for path in self.folder.glob('step-*.npz') if path.is_file()
                 and (match := _NAME.fullmatch(path.name))}
        return sorted(steps, key=steps.__getitem__, reverse=True)

    def remove(self) -> None:
        """Forget all of them: another run takes the place of theirs."""
        for path in (*self.paths(), *self._unfinished()):
            path.unlink(missing_ok=True)
        linked = self.folder.is_symlink()
        if self.folder.is_dir() and not (linked
                                         or any(self.folder.iterdir())):
            self.folder.rmdir()

    def _unfinished(self) -> Iterator[Path]:
        """Files that kills have left."""
        return self.folder.glob('.step-*.npz.unfinished')


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
        raise DamagedCheckpoint(
            f'{path} is no complete checkpoint: {error}') from error


def _pack(snapshot: Snapshot) -> Arrays:
    it = snapshot.members
    facts = {'version': VERSION, 'step': snapshot.step,
             'seconds': snapshot.seconds, 'floor': snapshot.floor,
             'failures': snapshot.failures, 'keys': it.keys,
             'evidence': it.evidence, 'equality': asdict(it.equality),
             'vouched': it.vouched, 'turn': it.turn,
             'age': it.age, 'made': snapshot.made}
    optimizer = {_OF_OPTIMIZER + name: values
                 for name, values in snapshot.optimizer.items()}
    text = json.dumps(facts).encode()
    return {'facts': np.frombuffer(text, dtype=np.uint8),
            'parameters': snapshot.parameters, **optimizer,
            'account': it.account, 'silent': it.silent,
            'resting': it.resting, 'speeds': it.speeds, 'order': it.order,
            'absent': it.absent}


def _unpack(arrays: Arrays) -> Snapshot:
    facts = json.loads(arrays['facts'].tobytes())
    if facts['version'] not in (STRIKES, STEPS, VERSION):
        raise ValueError(f'it has version {facts["version"]}, not {VERSION}')
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
        facts.get('turn', facts['step']),
        facts.get('age', float(facts['step'])))
    optimizer = {name.removeprefix(_OF_OPTIMIZER): values
                 for name, values in arrays.items()
                 if name.startswith(_OF_OPTIMIZER)}
    return Snapshot(facts['step'], facts['seconds'], arrays['parameters'],
                    optimizer, facts['floor'], facts['failures'], members,
                    facts.get('made', float(facts['step'])))
