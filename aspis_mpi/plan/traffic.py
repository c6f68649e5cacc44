"""The traffic of a step, and what of it a rank keeps."""

from typing import NamedTuple

from aspis_mpi.detection.spot.forecast import expected
from aspis_mpi.plan import checks
from aspis_mpi.protocol.buffers import AHEAD, HEADER_BYTES
from aspis_mpi.protocol.messages import (
    Challenge, CodedGradient, Commit, Compute, Encode, Model, Parameters,
    Progress, Replica, Sketch, Sum)


class Traffic(NamedTuple):
    """Traffic of a step without failures, and what a worker keeps."""

    vectors: int
    vector: int                 # bytes of one
    up: int
    down: int
    kept: int
    at_once: int                # vectors that the server has, at most


def traffic_of(design):
    """The Traffic of a design."""
    assignment, k = design.assignment, design.job.n_workers
    replicas, size = int(assignment.loads.sum()), design.wire().size
    vector = size(Parameters)
    model = k * (size(Model) + vector)
    if design.transfer.sends_at_once:
        file = size(Replica)
        return Traffic(replicas, file, replicas * file, model,
                       min(AHEAD, design.most_files) * file, replicas)
    if design.transfer.sends_unasked:
        return _unasked(design, model)
    # Every file is reported.
    reports, payload = replicas * size(Progress), size(CodedGradient)
    signal = size(Encode) + size(Commit)
    file = HEADER_BYTES + 4 * design.compression.file_numbers
    if not design.job.transfer.challenge:
        return Traffic(k, payload, k * payload + reports, model + k * signal,
                       design.most_files * file + payload, k)
    # Without an attack one epoch is enough, unless files are only presumed:
    # then the largest are left out in a second one.
    epochs = 1 if design.worst_case == 0 else 2
    answer = size(Sketch)
    return Traffic(
        epochs * k, payload, epochs * k * (payload + answer) + reports,
        model + epochs * k * (signal + size(Challenge)),
        design.most_files * file + payload + answer, epochs * k)


def _unasked(design, model):
    """Traffic of sums that nobody asks for, the mean over all steps."""
    k, size, load = (design.job.n_workers, design.wire().size,
                     design.most_files)
    total, vector, share = size(Sum), size(Parameters), 0.0
    # The sum is float64; gradients are kept, or one after the other is made.
    held = load if load == 1 or design.transfer.keeps_gradients else 1
    held += 2 * (load > 1)
    again = checks.reactive(design)
    if again is not None:
        # Others send the sum of each worker, too: one of each on its way,
        # of which its sender has the only gradient, or adds up the others.
        sums, held = k * again.expected, held + 1 + (load > 1)
        return Traffic(
            round(sums), total, round(sums * total),
            model + k * size(Commit) + round((sums - k) * size(Compute)),
            held * vector + total, 2 * k)
    if design.detector.spot_checks:
        share = _checked_share(design)
    # A checked step: owners sketch their files, and each worker one more.
    up = share * 2 * size(Sketch) if share else 0
    down = share * (size(Challenge) + size(Compute))
    return Traffic(k, total, k * total + round(k * up),
                   model + k * size(Commit) + round(k * down),
                   held * vector + total + checks.beside_sums(design), k)


def _checked_share(design):
    """Share of the steps that are checked, expected."""
    return expected(checks.spot(design, 0, 0, 0)).checked_share
