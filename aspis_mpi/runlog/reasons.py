"""Nodes to leave out as a shell reads them, and the reasons for people."""

import json
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.exclusion import Answer, Question, Suspect, answer
from aspis_mpi.words import counted, few, printable

#: Columns of a line.
WIDTH = 79


def print_exclusion(paths: Iterable[str], question: Question,
                    exclude: bool = False, why: bool = False,
                    as_json: bool = False) -> None:
    """Print which nodes to leave out, and why.

    The list is alone on standard output where it is asked for, and reasons
    are on standard error then: a shell can use it as it is.

    Parameters
    ----------
    paths : iterable of str
        Logs, folders of logs, ledgers.
    question : Question
    exclude, why, as_json : bool
        The list, the evidence, all of it as JSON.

    Raises
    ------
    RunLogError
        A file cannot be read, or the list is asked for and no launcher has
        named any host.
    LedgerError
        A ledger is of another version.
    """
    paths = list(paths)
    found = answer(paths, question)
    for remark in found.remarks:
        _say(f'aspis_mpi: {remark}')
    if as_json:
        print(json.dumps(asdict(found) | {'suspects': [
            _plain(it) for it in found.suspects]}, indent=2))
    elif why:
        text = '\n'.join(describe(found, question))
        _say(text) if exclude else print(text)
    if not exclude:
        return
    if not found.known:
        raise RunLogError(
            f'{few(paths)}: no launcher has named a host, and a rank that '
            'lies about its own could have others left out: --why tells what '
            'ranks say; start them by srun, or by Open MPI')
    for line in _cautions(found):
        _say(f'aspis_mpi: {line}')
    if not as_json:
        print(found.exclude)


def describe(found: Answer, question: Question = Question()
             ) -> Iterator[str]:
    """The evidence host by host, in sentences; at last the list."""
    for suspect in found.suspects:
        yield _paragraph(_judgement(suspect, question))
        for it in suspect.evidence:
            device = it.device and f' on device {printable(it.device)}'
            yield _paragraph(f'Worker {it.worker} (rank {it.rank}){device} of '
                            f'{it.log} {it.text}.', '    ')
    for line in _cautions(found):
        yield _paragraph(f'{line}.')
    for log in found.staged:
        yield _paragraph(f'The job of {log} itself makes workers lie, slow or '
                        'silent: that says nothing about their nodes.')
    yield (f'To leave out: {found.exclude}' if found.exclude
           else 'Nobody is to be left out.')


def _judgement(it: Suspect, question: Question) -> str:
    host = printable(it.host)
    if not it.host:
        return 'A host that its log does not name counts for nothing:'
    if not it.vouched:
        return (f'{host} counts for nothing, as ranks gave this name '
                'themselves, which may lie:')
    of = (f'{counted(it.against, "run")} of {it.runs}' if it.runs > 1
          else counted(it.against, 'run'))
    if it.left_out:
        return f'{host} is to be left out, by {of}:'
    least = (f', less than {question.repeat}'
             if 0 < it.against < question.repeat else '')
    return f'{host} stays, with evidence that counts in {of}{least}:'


def _cautions(found: Answer) -> Iterator[str]:
    """Sentences to read before nodes are left out."""
    for it in found.suspects:
        if it.left_out and it.with_server:
            yield (f'{it.host} is left out although rank 0 of '
                   f'{few(it.with_server, 3)} ran there, too')
    if found.unknown and found.known:
        yield (f'no launcher has named the hosts of {few(found.unknown, 3)}, '
               'which therefore counts for nothing')


def _plain(suspect: Suspect) -> dict[str, object]:
    """A suspect as JSON can hold it, with kinds as words."""
    return asdict(suspect) | {'evidence': [
        asdict(it) | {'kind': it.kind.word} for it in suspect.evidence]}


def _paragraph(text: str, indent: str = '') -> str:
    """Lines of a terminal, in which a shell's words stay whole."""
    return textwrap.fill(text, WIDTH, initial_indent=indent,
                         subsequent_indent=indent, break_on_hyphens=False,
                         break_long_words=False)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
