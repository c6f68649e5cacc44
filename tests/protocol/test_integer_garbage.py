"""Integers that no honest worker sends: proof, before they are multiplied."""

import numpy as np
import pytest

from aspis_mpi.aggregation.rows import Rows
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.compression.integers import SteppedRows
from aspis_mpi.compression.kinds.integer import Integer
from aspis_mpi.errors import Malformed
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.schemes.transfer.replicas import Replicas
from aspis_mpi.schemes.transfer.sums import Sums

D, K = 5000, 5


@pytest.fixture
def compression():
    return Integer(D, 7)


@pytest.fixture
def codec(compression):
    return compression.at(0, bytes([250, 251]))


def gradient(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(D).astype(np.float32)


def buffer_of(values, pool):
    buffer = pool.take()
    buffer.values[:] = values.view(np.float32)
    return buffer


def spoilt(values, place, value):
    values = values.copy()
    values[place] = value
    return values


@pytest.mark.parametrize('place, value', [
    (0, -128), (D, -1), (D + 2, -128), (D + 3, -3)])
def test_a_replica_out_of_range_is_proof(place, value, compression, codec):
    table = Replicas(Cyclic(K, load=3)).begin()
    table.codec, pool = codec, Pool(compression.file_numbers)
    file = codec.encoded(0, gradient())
    table.accept(0, 0, buffer_of(file, pool))
    with pytest.raises(Malformed, match='an entry of'):
        table.accept(4, 0, buffer_of(spoilt(file, place, value), pool))
    # The buffer is free again.
    assert pool.made == 2 and pool.take() is not None and pool.made == 2


def test_a_file_that_is_not_finite_is_no_proof(compression, codec):
    table = Replicas(Cyclic(K, load=3)).begin()
    table.codec, pool = codec, Pool(compression.file_numbers)
    odd = gradient()
    odd[17] = np.nan
    for worker in 0, 3:
        table.accept(worker, 0, buffer_of(codec.encoded(0, odd), pool))
    table.accept(4, 0, buffer_of(codec.encoded(0, gradient()), pool))
    evidence = table.evidence()
    finite = dict(zip(evidence.holders[0].tolist(),
                      evidence.finite[0].tolist()))
    assert finite == {0: False, 3: False, 4: True}
    assert evidence.seen[0, 4] and not evidence.seen[0, 3]


@pytest.fixture
def asked(compression, codec):
    """A table that has asked for sums of all files, and what is right."""
    transfer = Sums(Cyclic(K, load=3))
    table = transfer.begin()
    table.codec = codec
    table.ask(np.ones((K, K), dtype=bool) & Cyclic(K, load=3).incidence)
    worker = int(table.state.owners[0])
    files = np.flatnonzero(table.state.owners == worker)
    numbers = np.empty(compression.numbers(transfer, files.size), np.float32)
    codec.combine(transfer, [codec.encoded(file, gradient(file))
                             .view(np.float32) for file in files.tolist()],
                  np.ones((files.size, 1)), numbers)
    return table, worker, numbers.view(np.int16), files.size


def test_a_right_sum_is_taken(asked):
    table, worker, total, _ = asked
    table.accept(worker, buffer_of(total, Pool(total.size // 2)))
    assert table.arrived[worker]


@pytest.mark.parametrize('place, most', [(0, 127), (D, 127), (D + 2, 127)])
def test_a_sum_out_of_range_is_proof(place, most, asked):
    table, worker, total, files = asked
    pool = Pool(total.size // 2)
    table.accept(worker, buffer_of(spoilt(total, place, most * files), pool))
    with pytest.raises(Malformed, match=f'of {most * files + 1}, which'):
        table.accept(worker, buffer_of(
            spoilt(total, place, most * files + 1), pool))
    with pytest.raises(Malformed, match='of -32768'):
        table.accept(worker, buffer_of(spoilt(total, place, -2 ** 15), pool))


def test_a_sum_of_the_wrong_width_is_proof(asked):
    table, worker, total, _ = asked
    wide = total.astype(np.int32)
    with pytest.raises(Malformed, match='entries, not 5004'):
        table.accept(worker, buffer_of(wide, Pool(wide.size)))


def test_a_sum_with_a_file_that_is_not_finite_is_not_used(codec, asked):
    table, worker, total, _ = asked
    gap = np.full_like(total, -2 ** 15)
    table.accept(worker, buffer_of(gap, Pool(total.size // 2)))
    out = np.empty(D, dtype=np.float32)
    codec.decode([total, gap], np.ones((1, 2)), out, 4.0, 2)
    assert np.isnan(out).all()


@pytest.mark.parametrize('keep', [1.0, 0.4])
def test_rows_of_integers_are_those_of_what_they_stand_for(keep):
    """Whatever rules ask of rows: blocks, combinations, samples, means."""
    compression = Integer(3 * 4096 + 50, 7, keep)
    codec = compression.at(3, bytes([250, 248, 251, 249]))
    rng = np.random.default_rng(2)
    files = [codec.encoded(i, rng.standard_normal(compression.d).astype('f4'))
             for i in range(6)]
    samples, kept = np.array([3, 4, 4, 5, 3, 1]), codec._kept
    dense = [kept.taken(codec.dense(file)) for file in files]
    plain = Rows(dense, samples, 1)
    ours = SteppedRows(files, samples, 2, kept, codec._steps)
    out = np.empty((2, kept.size), dtype=np.float32)
    weights = rng.random(6)
    weights[2] = 0
    for ask in (lambda rows, out: rows.combined(weights, out),
                lambda rows, out: rows.mean(out)):
        ask(plain, out[0])
        ask(ours, out[1])
        np.testing.assert_array_equal(*out)
    np.testing.assert_array_equal(plain.sample(40), ours.sample(40))
    found = ours.walk(lambda block, pieces, _: np.array(pieces), 3)
    np.testing.assert_array_equal(np.concatenate(found, axis=1), dense)
