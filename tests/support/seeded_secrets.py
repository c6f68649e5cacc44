"""What the server draws in secret, seeded: a test ends as it did before."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from aspis_mpi import streams


@contextmanager
def seeded_secrets(*names):
    """Draw what the operating system is asked for from a stream instead.

    In this process, until the end of the block.
    """
    drawn = streams.generator(7, 'secrets', *names).bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, 'os', SimpleNamespace(urandom=drawn))
        yield
