"""What a person sees of a run while it goes on."""

import io
import logging

import pytest

from aspis_mpi.assembly.display import ALIKE, Display
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Event


@pytest.fixture
def tell():
    """Reports texts as warnings of a code; gives the lines shown."""
    stream = io.StringIO()
    report = Display(10, 20, stream=stream)

    def run(texts, level=logging.WARNING, code=EventCode.SILENT):
        stream.truncate(stream.seek(0))
        for text in texts:
            report.event(Event(0.0, level, 0, text, code))
        return stream.getvalue().splitlines()
    yield run
    report.close()


def test_the_first_of_a_kind_are_shown_then_ever_fewer(tell):
    lines = tell(f'worker {n % 7} was silent in step {n}'
                 for n in range(1, 1001))
    assert lines[:ALIKE] == [
        f'warning: worker {n % 7} was silent in step {n}'
        for n in range(1, ALIKE + 1)]
    assert lines[ALIKE:] == [
        f'warning number {n:,} of its kind (all are in the log): '
        f'worker {n % 7} was silent in step {n}'
        for n in (32, 64, 128, 256, 512)]


def test_another_kind_is_shown_beside_many_alike(tell):
    tell(f'worker {n} was silent' for n in range(1000))
    assert not tell(['worker 3 was silent, in other words'])
    assert tell(['worker 3 has died'], code=EventCode.LOST) == [
        'warning: worker 3 has died']
    assert tell(['worker 3 was silent'], logging.ERROR) == [
        'error: worker 3 was silent']


def test_notes_are_for_the_log_alone(tell):
    assert not tell(['all is well'], logging.INFO)


def test_a_text_does_not_command_the_terminal(tell):
    assert tell(['a\x1b[2Jb\rc']) == ['warning: a [2Jb c']
