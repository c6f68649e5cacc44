"""A step in which others may send the same sums, to be compared.

    Computing   sums arrive.
    Checking    `Compute` is out: others send the sum of one worker's files
                once more, or, where sums are missing or not believed, in
                another's place.
"""

from aspis_mpi.protocol.messages import CodedGradient, Purpose, Sum
from aspis_mpi.protocol.server.spot_step import SpotStep
from aspis_mpi.protocol.server.step import drop
from aspis_mpi.schemes.record import ArrivalKind


class ReactiveStep(SpotStep):
    """One step of the server under reactive redundancy.

    Parameters are those of `SpotStep`; its table is a `ComparedTable`.
    """

    checking = Purpose.AGAIN

    def _payload(self, worker, message):
        """A worker's own sum, or one that others have as well."""
        again = message.epoch and isinstance(message, Sum) and (
            self._is_due(worker, message, Purpose.AGAIN))
        if not again:
            return super()._payload(worker, message)
        self.table.answer(worker, message.buffer.values)
        self._settle(worker, message, ArrivalKind.PAYLOAD)
        return drop(message)


#: Who takes which message.
ReactiveStep.handlers = SpotStep.handlers | {
    CodedGradient: ReactiveStep._payload, Sum: ReactiveStep._payload}
