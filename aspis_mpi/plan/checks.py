"""The numbers of checks by chance, of spot and of reactive redundancy."""

from aspis_mpi.detection.spot.copies import Copies
from aspis_mpi.detection.spot.forecast import Spot
from aspis_mpi.protocol.messages import Parameters, Sketch


def spot(design, server, worker, checkpoint):
    """Numbers of spot checks, None without any.

    Parameters
    ----------
    design : Design
    server, worker : int
        Bytes of the server, and of a worker but for what it sends.
    checkpoint : int
        Bytes of one.
    """
    rule, job = design.detector, design.job
    if not rule.spot_checks or rule.recomputes:
        return None
    vector = design.wire().size(Parameters)
    return Spot(
        workers=job.n_workers, adversaries=job.q,
        load=design.assignment.load, vector=vector, rate=rule.rate,
        first=rule.first, steps=job.run.steps, rollback=rule.rollback,
        risk=rule.rollback_risk, every=job.run.checkpoint_every,
        keep=job.run.keep, checkpoint=checkpoint, server_memory=server,
        worker_memory=worker + beside_sums(design),
        keeps=rule.keep_gradients, tolerates=job.faults.tolerate,
        largest=design.most_files)


def reactive(design):
    """Numbers of reactive redundancy, None without any."""
    rule = design.detector
    return Copies(design.job.q, rule.rate) if rule.recomputes else None


def beside_sums(design):
    """Bytes of a worker's sketches, where it has to show any."""
    return design.wire().size(Sketch) * bool(design.job.transfer.challenge)
