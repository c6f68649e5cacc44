"""Going back to a checkpoint, in an order that no kill can break.

    1. A notice beside the checkpoints names the target and the turn.
    2. The target is written again, with what is known of workers by then.
       From here on the run has gone back, before it has not: the notice
       alone says nothing.
    3. Later checkpoints are removed, or put away.
    4. Their rows are cut out of the log.
    5. The notice is removed.

Whoever finds a notice of a turn that its target has reached goes on with 3.
Nothing removes the target.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aspis_mpi.errors import DamagedCheckpoint
from aspis_mpi.protocol.server.snapshot import Snapshot
from aspis_mpi.runlog import archive
from aspis_mpi.runlog.checkpoints import Checkpoints, facts_of, step_of
from aspis_mpi.schemes.record import Cause, Rollback

#: Times that a run goes back, the last of which names the target.
Rollbacks = tuple[Rollback, ...]

#: Raised for a notice that no run has written.
SENSELESS = ValueError, KeyError, TypeError, IndexError, RecursionError


def begin(kept: Checkpoints, rollbacks: Rollbacks,
          snapshot: Snapshot) -> None:
    """Go back to a snapshot, which is written as a checkpoint.

    Raises
    ------
    OSError
        It cannot be written: the run has not gone back.
    """
    rows = [asdict(it) for it in rollbacks]
    archive.replace(kept.notice, lambda file: file.write(
        json.dumps(rows).encode()))
    kept.write(snapshot)


def begun(kept: Checkpoints) -> Rollbacks:
    """Times that the run has gone back, without having come to the end."""
    try:
        rows = json.loads(kept.notice.read_bytes())
        found = tuple(map(_rollback, rows))
        target, = [path for path in kept.paths()
                   if step_of(path) == found[-1].end]
        reached = facts_of(target)['turn'] >= found[-1].turn
    except (FileNotFoundError, DamagedCheckpoint, *SENSELESS):
        return ()
    return found if reached else ()


def _rollback(row: dict[str, Any]) -> Rollback:
    """A row of a notice; raises if it is of something else."""
    found = Rollback(**row | {'cause': Cause.numbered(row['cause'])})
    if not all(isinstance(it, int)
               for it in (found.turn, found.start, found.end)):
        raise TypeError('turns and steps are numbers')
    return found


def drop(kept: Checkpoints, rollback: Rollback) -> None:
    """Remove the checkpoints that are undone, or put them away.

    Those that a person wants to be undone are put away.
    """
    for path in kept.after(rollback.end):
        if rollback.cause is Cause.HAND:
            kept.undone.mkdir(exist_ok=True)
            path.rename(_free(kept.undone / path.name))
        else:
            path.unlink()
    if kept.folder.is_dir():
        archive.sync(kept.folder)


def end(kept: Checkpoints) -> None:
    """Say that all is done."""
    if kept.notice.exists():
        kept.notice.unlink()
        archive.sync(kept.folder)


def _free(path: Path) -> Path:
    """The path, or one like it that nothing has."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_stem(f'{path.stem}.{number}')
    return found
