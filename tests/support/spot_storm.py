"""Random hostile runs under spot checks: lies, silence, deaths, stale words.

Honest workers say what is right, sooner or later: some of what they send is
under way for so long that its turn is over, or undone.  Liars do anything.
"""

from collections import Counter

import numpy as np

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.protocol.messages import (
    CodedGradient, Compute, Progress, Purpose, Replica, Sketch, Sum,
    pack_positions)
from aspis_mpi.protocol.server.states import State
from aspis_mpi.schemes.record import Outcome
from tests.support.coded_jobs import distance
from tests.support.forgery import LIES, pick
from tests.support.spot_bench import SpotBench

#: Of one turn, at most.
EVENTS = 3000
#: Of a run: each exposure takes it back, each alarm repeats nothing.
TURNS = 150
#: What liars say in a turn, and how.
LYING = ('honest', 'honest', 'crooked', 'crooked', 'added', 'huge', 'framing',
         'forging')
MANNERS = ('prompt', 'prompt', 'refusing', 'shirking', 'mute', 'loud',
           'tease', 'tease')
#: No parameter is ever as large where nothing above a screen is used.
LARGEST = 1e4


def some_job(rng):
    """Sections of a small job, and who its liars are, a list of int."""
    q = int(rng.integers(1, 4))
    workers = int(rng.integers(2 * q + 1, 2 * q + 5))
    rollback = 4 * q >= workers or rng.random() < 0.7
    sections = {
        'run': {'steps': int(rng.integers(4, 12)), 'evaluate_every': 0,
                'seed': int(rng.integers(1 << 30)),
                'checkpoint_every': int(rng.integers(1, 6))},
        'scheme': {'workers': workers, 'adversaries': q},
        'assignment': {'load': int(rng.integers(1, 4))},
        'transfer': {'sketch_type': str(rng.choice(['float64', 'float32']))},
        'optimizer': {'momentum': 0.0},
        'problem': {'parameters': int(rng.integers(2, 40)),
                    'batch_size': 4 * workers * 3},
        'detection': {
            'rate': float(rng.choice([1e-6, 0.2, 0.6, 1.0])),
            'first': int(rng.integers(3)),
            'outlier': float(rng.choice([1.0, 1.5, 3.0])),
            'rollback': bool(rollback),
            'rollback_risk': float(rng.choice([0.01, 0.5])),
            'audits': str(rng.choice(['contested', 'none']))},
        'faults': {'tolerate': workers - 1, 'grace': 0.05,
                   'patience': float(rng.choice([0.0, 0.01]))}}
    liars = rng.permutation(workers)[:pick(rng, [1, q, q])]
    return sections, sorted(liars.tolist())


class Storm(SpotBench):
    """One run.

    Attributes
    ----------
    liars : list of int
    sent : Counter of str to int
        What liars did, by kind of act.
    """

    #: Whether nothing that is far too large is ever used.
    screened = True
    #: Draws the job and its liars.
    some_job = staticmethod(some_job)

    def __init__(self, rng):
        sections, self.liars = self.some_job(rng)
        self.rng, self.sent = rng, Counter()
        super().__init__(int(rng.integers(1 << 30)), goes_back=True,
                         **sections)
        job = self.assembly.job
        self._reference = Assembly(job)
        self._lives = set(range(job.n_workers))
        # Mostly honest ones, until nobody could check the liars any more.
        self._deaths = int(rng.integers(job.n_workers - job.q))
        self._dying = rng.choice([2e-4, 5e-3, 2e-2])
        self._kills = int(rng.choice([0, 0, 2]))
        self._under_way, self._old = [], []
        self._seen, self._at = -1, {}
        self._judged = self._went_back = 0
        self._slow = rng.choice([0.0, 0.01, 0.1])
        self._hostile = rng.choice([0.05, 0.3])

    def run(self):
        """Drive the run to its end; the exit code."""
        while self.server.exit_code is None:
            if self.turn != self._seen:
                self._begin()
            self._count += 1
            assert self._count < EVENTS, f'turn {self.turn} goes on'
            self._event()
        self._judge()
        assert self.server.exit_code in (DONE, FAILED)
        return self.server.exit_code

    # -- what happens

    def _event(self):
        rng = self.rng
        if rng.random() < self._hostile:
            return self._noise(pick(rng, self.liars))
        if self._under_way and rng.random() < 0.1:
            worker, message = self._under_way.pop(
                int(rng.integers(len(self._under_way))))
            return worker in self._lives and self.send(worker, message)
        if rng.random() < self._dying and self._deaths:
            self._deaths -= 1
            honest = self._lives - set(self.liars)
            worker = pick(rng, sorted(
                honest if rng.random() < 0.7 else self._lives))
            self._lives.discard(worker)
            return self.lose(worker)
        if rng.random() < 5e-3 and self._kills and not self._keeper.empty:
            return self._go_on()
        owing = sorted(it for it in (self._sums | set(self.orders))
                       if it in self._lives
                       and not self._keeps_silent(it))
        if not owing:
            return self.wait()
        if rng.random() < self._slow:
            self.clock.now += rng.exponential(0.05)
            return self._note(self.server.tick())
        return self._do(pick(rng, owing))

    def _keeps_silent(self, worker):
        """True if a liar leaves out what it owes."""
        manner, order = self._manner.get(worker), self.orders.get(worker)
        return manner == 'mute' or worker not in self._sums and (
            manner == 'refusing'
            or manner == 'shirking' and isinstance(order, Compute))

    def _go_on(self):
        """All ranks are killed, and start again."""
        self._kills -= 1
        self.resume()
        self._lives = set(range(self.assembly.job.n_workers))
        self._under_way.clear()
        self._judged = self._went_back = 0
        self._at[self.server.step] = self.server.values.tobytes()
        self._open()

    def _do(self, worker):
        """Whoever owes something sends it, or it is long under way."""
        if worker in self._sums:
            self._sums.discard(worker)
            message = self.a_sum(worker)
            self._lied |= {worker} if self._wrong(worker) else set()
        else:
            files, order = self.asked(worker), self.orders.pop(worker)
            if isinstance(order, Compute) and (
                    order.position != Purpose.CHECK):
                message = self.a_sum(worker, files, order.epoch)
                self._lied |= {worker} if self._wrong(worker) else set()
            else:
                message = self.sketch(worker, files, order.seed, order.epoch)
        if self._mood.get(worker) == 'forging' and self.rng.random() < 0.5:
            self._forge(worker, message)
        self._old = self._old[-40:] + [(
            type(message), message.turn, message.epoch)]
        if worker not in self.liars and self.rng.random() < 0.02:
            self._under_way.append((worker, message))
            return None
        out = self.send(worker, message)
        if self._manner.get(worker) == 'tease' and (
                self.state is State.CHECKING) and isinstance(message, Sketch):
            # It has said what it wanted to say of others.
            self._note(self.server.malformed(worker, 'nonsense', self.turn))
        return out

    def _wrong(self, worker):
        return worker in self.added or any(
            worker == one for one, _ in self.lies)

    def _forge(self, worker, message):
        name = pick(self.rng, list(LIES))
        values = message.buffer.values
        if isinstance(message, Sketch):
            values = self.assembly.transfer.rows(values)
        with np.errstate(all='ignore'):
            values[:] = LIES[name](self.rng, values.ravel()).reshape(
                values.shape).astype(values.dtype)
        self._lied.add(worker)
        self.sent[name] += 1

    def _noise(self, worker):
        """What is not due; proof where no honest one could send it."""
        rng = self.rng
        acts = ['again', 'other turn', 'other epoch', 'report', 'replica']
        if self._manner.get(worker) == 'loud':
            acts += ['nonsense', 'coded']
        name = pick(rng, acts)
        self.sent[name] += 1
        if worker not in self._lives:
            return None
        if name == 'nonsense':
            return self._note(self.server.malformed(
                worker, 'nonsense',
                pick(rng, [None, self.turn, self.turn - 1])))
        if name == 'report':
            return self.send(worker, Progress(
                self.turn, 0, 1, pack_positions(1, 1)))
        if name in ('coded', 'replica'):
            cls = CodedGradient if name == 'coded' else Replica
            return self.send(worker, cls(
                self.turn, int(rng.integers(3)), 0, self.a_sum(worker).buffer))
        kind, turn, epoch = pick(rng, self._old or [(Sum, self.turn, 0)])
        if name == 'other epoch':
            turn, epoch = self.turn, int(rng.integers(1, 9))
        elif name == 'again':
            turn, epoch = self.turn, 0
        else:
            turn = int(rng.integers(-2, self.turn + 3))
        files = self.owned(worker)[:1] if epoch else None
        if turn == self.turn:
            # It may be what is due after all.
            self._lied.add(worker)
        if kind is Sum:
            return self.send(worker, self.a_sum(worker, files, epoch, turn))
        return self.send(worker, self.sketch(
            worker, self.owned(worker), rng.bytes(16), epoch, turn))

    # -- turns

    def _begin(self):
        """A turn is over: judge it, and draw what liars do in the next."""
        self._judge()
        assert self.turn < TURNS, 'the run goes on for ever'
        self._open()

    def _open(self):
        self._seen, self._count = self.turn, 0
        self._before, self._number = (self.server.values.copy(),
                                      self.server.step)
        self._sums, self._lied = set(self.present), set()
        self.lies, self.added = {}, {}
        rng = self.rng
        together = rng.random() < 0.6
        mood = pick(rng, LYING)
        self._mood = {liar: mood if together else pick(rng, LYING)
                      for liar in self.liars}
        self._manner = {liar: pick(rng, MANNERS) for liar in self.liars}
        files = range(self.assignment.n_files)
        of_liars = sorted(sum(map(self.owned, self.liars), []))
        size = pick(rng, [1e-3, 1.0, 10.0, 1e6])
        some = [file for file in of_liars if rng.random() < 0.6]
        for liar, mood in self._mood.items():
            if mood == 'crooked':
                self.lies |= {(liar, file): size * (1 + file)
                              for file in some}
            elif mood == 'framing':
                self.lies |= {(liar, file): size for file in files
                              if file not in of_liars}
            elif mood == 'huge':
                self.lies |= {(liar, file): pick(rng, [1e30, np.nan, np.inf])
                              for file in of_liars}
            elif mood == 'added':
                self.added[liar] = size

    def _judge(self):
        """What must hold of each turn that is over."""
        notes, honest = self.server.notes, [
            worker for worker in range(self.assembly.job.n_workers)
            if worker not in self.liars]
        exposed = [row.worker for row in notes.exposures]
        assert not set(exposed) & set(honest), notes.exposures
        pairs = self.server.server._membership._memory._pairs
        assert all({it.worker, it.other} & set(self.liars) for it in pairs)
        assert np.isfinite(self.server.values).all()
        if self.screened:
            assert np.abs(self.server.values).max() < LARGEST
        records = self.server.records[self._judged:]
        self._judged += len(records)
        for record in records:
            back = len(notes.rollbacks) > self._went_back
            self._went_back = len(notes.rollbacks)
            if back:
                to = self.server.step
                assert self._at[to] == self.server.values.tobytes()
                continue
            self._at[record.step] = self._before.tobytes()
            self._compare(record)
        if self.server.exit_code is None:
            self._at[self.server.step] = self.server.values.tobytes()

    def _compare(self, record):
        """Where no lie was used, parameters are those of right files."""
        used = record.source >= 0
        if self._lied & set(record.source[used].tolist()):
            return
        fresh, wanted = self._reference, self._before.copy()
        if record.verdict > Outcome.SKIPPED:
            total = np.zeros(self.assembly.d)
            for file in np.flatnonzero(used).tolist():
                out = np.zeros(self.assembly.d, dtype=np.float32)
                fresh.problem.gradient(self._before, fresh.batches.samples(
                    record.step, file), out)
                total += out
            mean = total / float(used @ fresh.batches.counts)
            fresh.optimizer.update(record.step, self._before,
                                   mean.astype(np.float32), wanted)
        assert distance(self.server.values, wanted) < 1e-5
