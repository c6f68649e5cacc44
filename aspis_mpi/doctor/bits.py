"""The ranks that compute the same bits, and how far apart the others are."""

from dataclasses import dataclass

from aspis_mpi.doctor import memory
from aspis_mpi.doctor.finding import Finding, Level, alike, listed, who
from aspis_mpi.words import size

TOPIC = 'bits'

#: All ranks sketch alike; nobody lies to a doctor.
SECRET = b'aspis_mpi doctor'
#: Bytes a parameter while a gradient is computed: parameters, gradient,
#: and as much again for what the problem needs on the way.
BYTES = 16
#: Side of the matrices that are multiplied without a job.
SIDE = 256


@dataclass(frozen=True)
class Bits:
    """The results of a rank: `detection.probe.ANSWER`s in hexadecimal."""

    answer: str

    @property
    def digests(self):
        """The digests, alike where bits are; sketches say how far apart."""
        return _answers(self)['digest'].tobytes()


def look(case):
    """The `Bits` of this rank, None where it computes no gradients.

    Raises
    ------
    MemoryError
        The gradients of all ranks of this host do not fit.
    """
    from aspis_mpi.detection.probe import answer, trials
    assembly = case.assembly
    if assembly is None:
        return Bits(answer(_product(), SECRET).tobytes().hex())
    if not case.here.rank and not assembly.problem.on_server:
        return None
    _check_room(case)
    auditor, initial = assembly.auditor(), assembly.initial()
    gradients = (auditor.gradient(step, file, initial) for step, file
                 in trials(assembly.batches.kinds(
                     assembly.job.problem.micro_batch)))
    return Bits(answer(gradients, SECRET).tobytes().hex())


def _check_room(case):
    """Raise a MemoryError where the host would die of computing."""
    it = case.assembly
    need = (BYTES * it.d + it.problem.data_bytes
            + it.problem.gradient_bytes(it.micro_batch))
    left = memory.left_on([memory.look(case)] * case.local)
    if need * case.local > left:
        raise MemoryError(f'{size(need)} a rank for gradients are more than '
                          'the host has, so none were computed')


def _product():
    """Vectors that depend on BLAS, on vector instructions and on libm."""
    import numpy as np
    from aspis_mpi import streams
    drawn = streams.generator(0, 'doctor').standard_normal(
        (2, SIDE, SIDE), dtype='f4')
    product = drawn[0] @ drawn[1]
    yield product.reshape(-1)
    yield product.sum(axis=0)
    yield np.exp(-np.abs(product) / SIDE).reshape(-1)


def findings(ranks, job=None):
    """One line: all alike, or who differs from the majority.

    Parameters
    ----------
    ranks : iterable of Rank
    job : Job, optional
        Whose gradients these are.
    """
    ranks = [rank for rank in ranks if rank.bits is not None]
    what = ('a matrix product' if job is None else
            'the probed files of the job')
    groups = alike(ranks, lambda rank: rank.bits.digests)
    if len(ranks) < 2:
        return
    if len(groups) == 1:
        yield Finding(Level.OK, TOPIC, f'All {len(ranks)} ranks compute the '
                      f'same bits in {what}.')
        return
    others = [rank for group in groups[1:] for rank in group]
    verb = 'computes' if len(others) == 1 else 'compute'
    text = (f'{who(others)} {verb} other bits in {what} than '
            f'the other {len(groups[0])}, {_apart(groups):.1g} apart'
            f'{_processors(groups[0], others)}')
    if job is None or job.detection.equality == 'bits':
        yield Finding(Level.PROBLEM, TOPIC, f'{text}: use hosts of one kind '
                      "and one environment, or detection.equality = "
                      "'tolerance'.")
        return
    yield Finding(Level.NOTE, TOPIC, f'{text}; the job compares with a '
                  'tolerance.')


def _apart(groups):
    """The largest relative distance of a rank to the majority."""
    import numpy as np
    from aspis_mpi.detection.probe import examine
    answers = [_answers(group[0].bits) for group in groups]
    return examine(answers[0], np.stack(answers[1:]), 0).largest


def _answers(bits):
    """The results of a rank, ndarray of `detection.probe.ANSWER`."""
    import numpy as np
    from aspis_mpi.detection.probe import ANSWER
    return np.frombuffer(bytes.fromhex(bits.answer), ANSWER)


def _processors(most, others):
    """The models of the CPUs, where they may be the reason."""
    def models(ranks):
        return dict.fromkeys(rank.software.processor for rank in ranks
                             if rank.software is not None)
    here, there = models(most), models(others)
    if set(here) == set(there):
        return ''
    return f' ({listed(there)} against {listed(here)})'
