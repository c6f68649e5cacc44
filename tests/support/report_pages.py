"""Reports taken apart, of logs with made-up rows."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.report import making
from aspis_mpi.report.library import Library
from aspis_mpi.schemes.record import Evaluation, Event, ExposureRecord
from tests.support.made_up_logs import a_record, create

DESIGN = Subset(7, replication=3)
K = DESIGN.n_workers
NOBODY, NO_LIE = np.zeros(K, dtype=bool), np.zeros_like(DESIGN.incidence)
#: A text that a browser would obey.
HOSTILE = '</script><script>alert("x")</script><img src=x onerror=y>'


class Page(HTMLParser):
    """A page, taken apart.

    Attributes
    ----------
    tags : list of (str, dict)
        Each beginning tag with its attributes.
    texts : dict of str to list of str
        Texts within elements, by the element's name.
    charts : list of dict
    """

    def __init__(self, path):
        super().__init__()
        self.tags, self.texts, self._open = [], {}, []
        self.source = path.read_text(encoding='utf-8')
        self.feed(self.source)
        self.charts = json.loads(re.search(
            r'id="charts">(.*?)</script>', self.source, re.DOTALL)[1])

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ('meta', 'img', 'br'):
            self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.setdefault(self._open[-1] if self._open else '',
                              []).append(data)

    def chart(self, title, run=''):
        found = [it for it in self.charts
                 if it['title'].startswith(title) and run in it['run']]
        assert found, title
        return found[0]

    @property
    def told(self):
        """All sentences."""
        return '\n'.join(self.texts['p'])


def write(path, steps=12, liars=2, **changed):
    """A log in which liars are flagged but for steps 4 and 5."""
    blank, adversaries = a_record(DESIGN), np.arange(K) < liars
    with create(path, DESIGN, **changed) as log:
        for step in range(steps):
            rng = np.random.default_rng(step)
            flagged = adversaries & (step not in (4, 5))
            log.append(replace(
                blank, step=step, turn=step, flagged=flagged,
                loss=rng.random(), seconds_step=rng.random(),
                bytes_in=1000 + step, files_certified=step, files_checked=2,
                last_report=rng.random(K), first_report=rng.random(K)),
                adversaries, DESIGN.incidence & adversaries, NOBODY, NOBODY)
            log.evaluation(Evaluation(step + 1, step, 2.0 / (step + 1), 0.5))
        log.exposure(ExposureRecord(3, 3, 1, ProofKind.AUDIT,
                                    f'step 3: worker 1 {HOSTILE}', turn=3))
        log.event(Event(1.5, 30, 0, f'be warned {HOSTILE}'))
    return path


def draw_nothing(patch):
    """Have pages carry a short text in the place of the library."""
    patch.setattr(making, 'library',
                  lambda: Library('/* drawing */', '/* style */'))
