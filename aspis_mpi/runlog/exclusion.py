"""Nodes to leave out, by the evidence of some runs.

A host counts where a launcher has named it: what ranks say of themselves
could have honest nodes left out.  *Exposed*, *dead* and *slow* leave a host
out, *silent* only where it was in two runs or more.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import ledger
from aspis_mpi.runlog.evidence import Evidence, Findings, Kind, Presence
from aspis_mpi.runlog.folder import may_be_log
from aspis_mpi.runlog.judging import findings
from aspis_mpi.runlog.node_lists import compressed
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.words import counted, reason

#: What leaves a host out, and what does from so many runs on.
ALWAYS, OFTEN, TWICE = {Kind.EXPOSED, Kind.DEAD, Kind.SLOW}, Kind.SILENT, 2


#: A host, and whether a launcher has named it.
Name = tuple[str, bool]


@dataclass(frozen=True)
class Question:
    """The part of what is known that is to count.

    Attributes
    ----------
    repeat : int
        Runs with evidence that it takes to leave a host out.
    since : datetime or None
        What began earlier does not count.
    """

    repeat: int = 1
    since: datetime | None = None


@dataclass(frozen=True)
class Suspect:
    """A host with evidence against it.

    Attributes
    ----------
    host : str
        Empty where it is not known.
    vouched : bool
        Whether a launcher has named it.
    left_out : bool
    with_server : tuple of str
        Logs of runs of which rank 0 was there.
    against, runs : int
        Runs with evidence that counts, and all that were there.
    evidence : tuple of Evidence
    """

    host: str
    vouched: bool
    left_out: bool
    with_server: tuple[str, ...]
    against: int
    runs: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Answer:
    """Nodes to leave out, and why.

    Attributes
    ----------
    exclude : str
        As SLURM writes a list of nodes; empty without any.
    suspects : tuple of Suspect
        Who has evidence in the most runs first.
    known : bool
        Whether a launcher has named the hosts of any run, or there is none.
    unknown : tuple of str
        Logs of runs of which none has.
    staged : tuple of str
        Logs of runs whose jobs make workers lie, slow or silent.
    remarks : tuple of str
        What could not be read, in sentences.
    """

    exclude: str
    suspects: tuple[Suspect, ...]
    known: bool
    unknown: tuple[str, ...]
    staged: tuple[str, ...]
    remarks: tuple[str, ...]


def answer(paths: Iterable[str], question: Question = Question()) -> Answer:
    """Nodes to leave out by some logs, folders of logs, and ledgers."""
    (presences, evidence), remarks = _gathered(paths, question)
    there: dict[Name, set[str]] = defaultdict(set)
    servers: dict[Name, dict[str, None]] = defaultdict(dict)
    logs: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for it in presences:
        logs[it.vouched][it.log] = None
        for host in filter(None, it.hosts):
            there[host, it.vouched].add(it.run)
        if it.hosts:
            servers[it.hosts[0], it.vouched][it.log] = None
    against: dict[Name, list[Evidence]] = defaultdict(list)
    for found in evidence:
        against[found.host, found.vouched].append(found)
    suspects = [_suspect(*name, tuple(its), question, tuple(servers[name]),
                         len(there[name])) for name, its in against.items()]
    suspects.sort(key=lambda it: (-it.against, not it.left_out, it.host))
    return Answer(
        compressed(it.host for it in suspects if it.left_out),
        tuple(suspects), bool(logs[True] or not presences),
        tuple(logs[False]), tuple(dict.fromkeys(
            it.log for it in presences if it.staged)), tuple(remarks))


def _suspect(host: str, vouched: bool, evidence: tuple[Evidence, ...],
             question: Question, server: tuple[str, ...],
             runs: int) -> Suspect:
    """The judgement on one host."""
    counting = {it.run for it in evidence if it.kind in ALWAYS}
    often = {it.run for it in evidence if it.kind is OFTEN}
    if len(often) >= TWICE:
        counting |= often
    return Suspect(
        host, vouched, vouched and len(counting) >= question.repeat, server,
        len(counting), runs, evidence)


def _gathered(paths: Iterable[str], question: Question
              ) -> tuple[Findings, list[str]]:
    """All that counts of some files, each thing once; and what is wrong."""
    presences: dict[object, Presence] = {}
    evidence: dict[object, Evidence] = {}
    remarks: list[str] = []
    least = question.since.timestamp() if question.since else 0.0
    for found in _files(paths, remarks):
        for start in found.presences:
            presences.setdefault(start.key, start)
        for it in found.evidence:
            evidence.setdefault(it.key, it)
    return Findings(
        [start for start in presences.values() if start.began >= least],
        [it for it in evidence.values() if it.began >= least]), remarks


def _files(paths: Iterable[str], remarks: list[str]) -> Iterator[Findings]:
    """The findings of each run, or of each ledger."""
    for path in map(Path, paths):
        try:
            if path.is_dir():
                yield from _folder(path, remarks)
            elif path.is_file() and (raw := ledger.raw_of(path)) is not None:
                yield from _of_ledger(raw, path, remarks)
            else:
                yield _of_log(path)
        except OSError as error:
            raise RunLogError(
                f'{path} cannot be read: {reason(error)}') from error


def _folder(folder: Path, remarks: list[str]) -> Iterator[Findings]:
    """The logs of a folder; what they have twice counts once."""
    logs = [path for path in sorted(folder.iterdir())
            if path.is_file() and may_be_log(path)]
    for path in logs:
        try:
            yield _of_log(path)
        except RunLogError as error:
            remarks.append(f'no run log: {error}')
    if not logs:
        raise RunLogError(f'there is no run log in the folder {folder}')


def _of_log(path: Path) -> Findings:
    with load_run(path) as run:
        return findings(run)


def _of_ledger(raw: bytes, path: Path,
               remarks: list[str]) -> Iterator[Findings]:
    if ledger.is_begun(raw):
        remarks.append(f'{path} is empty: no run has said anything there yet')
        return
    found = ledger.parsed(raw, path)
    if found.unreadable:
        remarks.append(f'{path}: {counted(found.unreadable, "line")} cannot '
                       'be read: a run may have been killed there')
    yield found.findings
