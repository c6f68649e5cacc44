"""Whole runs in which the server computes contested files itself."""

from math import comb

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Outcome

ATTACKS = ('all', 'fixed-disagreement', 'majorities', 'framing', 'sacrifice')


@pytest.fixture
def simulated(tables, tmp_path):
    """Runs K = 15, r = 3 with `certified`; its log."""
    logs = []

    def run(q, files, problem=None, **sections):
        job = tables(run={'steps': 2}, problem={'parameters': 4},
                     scheme={'workers': 15, 'adversaries': q},
                     detection={'name': 'certified'},
                     adversary={'count': q, 'files': files})
        for name, keys in sections.items():
            job[name] = job[name] | keys
        code, path = simulate(loading.from_tables(job), problem,
                              out=tmp_path / f'{len(logs)}.h5')
        assert code == DONE
        logs.append(load_run(path))
        return logs[-1]
    yield run
    for log in logs:
        log.close()


@pytest.mark.parametrize('q', range(2, 8))
@pytest.mark.parametrize('files', ATTACKS)
def test_audits_settle_every_dispute_with_at_most_q_of_them(simulated, files,
                                                            q):
    run = simulated(q, files)
    assert run.steps['audits'].max() <= q
    assert not run.wrong_files.any()
    assert not (run.exposed & ~run.adversaries).any()
    # Whatever an honest worker holds is in use: nothing is left contested.
    honest = (run.incidence & ~run.adversaries[0]).any(axis=1)
    dropped = (run.source < 0) & honest
    assert not dropped.any() or not run.steps['files_certified'].any()


def test_without_audits_contested_files_are_dropped(simulated):
    with_, without = (simulated(4, 'framing', detection={'audits': audits})
                      for audits in ('contested', 'none'))
    assert without.steps['audits'].tolist() == [0, 0]
    assert not without.wrong_files.any()
    assert (without.steps['files_dropped'] > 0).all()
    assert with_.steps['files_dropped'].sum() < without.steps[
        'files_dropped'].sum()


@pytest.mark.parametrize('q', [3, 5, 7])
def test_who_is_quiet_is_not_found_by_audits_of_contested_files(simulated,
                                                                q):
    run = simulated(q, 'quiet')
    assert not run.steps['audits'].any() and not run.exposed.any()
    assert run.wrong_files.max() <= comb(q, 3)


def test_an_audit_names_whom_it_exposes(simulated):
    run = simulated(7, 'fixed-disagreement')
    assert run.steps['audits'].all()
    texts = [event.text for event in run.events
             if 'the server, computing it, does not find' in event.text]
    assert texts and len(texts) == len(set(texts))


def test_an_audit_that_nobody_supports_settles_nothing(simulated,
                                                       monkeypatch):
    """Unequal hardware: the server's own bits are nobody's."""
    from aspis_mpi.assembly.wiring import Assembly

    class Other:
        def __init__(self, assembly):
            self._auditor = assembly.auditor()

        def gradient(self, *file):
            return np.nextafter(self._auditor.gradient(*file),
                                np.float32(np.inf))
    # Only of the audits: the start-up probe would not let it begin.
    monkeypatch.setattr(Assembly, '_audits', lambda it: Other(it))
    run = simulated(7, 'fixed-disagreement')
    assert run.steps['audits'].tolist() == [7, 7]
    assert not (run.exposed & ~run.adversaries).any()
    assert not run.wrong_files.any()
    remarks = [event.text for event in run.events
               if 'settles nothing' in event.text]
    assert len(remarks) == 14


def test_more_liars_than_assumed_end_as_a_contradiction(simulated):
    """Never two values of one file, and nobody honest is exposed."""
    run = simulated(2, 'all', adversary={'count': 5})
    assert (run.steps['verdict'] == Outcome.CONTRADICTION).all()
    assert not run.exposed.any() and not run.contributors.any()
