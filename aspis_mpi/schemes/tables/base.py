"""What every transfer is: how gradients come to the server, and how it keeps
what has come.

A transfer that pushes sends each file as soon as it is finished; the others
send one vector a worker when they are asked, by a signal that says of what.
`protocol.step` takes the messages and calls the table of the step.
"""

from aspis_mpi.detection.equality import BITS


class Transfer:
    """How gradients travel; made of an assignment, copies, thinning, a code.

    Whatever sends when it is asked derives from `combined.Combined`.
    """

    #: Whether files are sent when they are finished, and nothing is asked for.
    pushes = False
    #: Whether the server can compare what several workers have of one file.
    compares = False
    #: Whether files of excluded workers can go to others.
    movable = False
    #: What a signal carries besides the owners of files.
    signal_bytes = 0

    def payload_size(self, d):
        """Numbers in one message."""
        raise NotImplementedError

    def begin(self, equality=BITS, floor=0.0, step=0, known=None):
        """The empty table of a new step.

        Parameters
        ----------
        equality : Equality
        floor : float
            Norms below it count as this one; NaN is none.
        step : int
        known : ndarray of bool, shape (K, K), optional
            Disagreements of earlier steps.

        Returns
        -------
        Table
        """
        raise NotImplementedError


class Table:
    """What has come in one step.

    One that is pushed takes `accept(worker, file, buffer)`.  One that is
    asked for has `ask`, `signal`, `senders`, `arrived`, `whole` and takes
    `accept(worker, buffer)`, see `combined.PayloadTable`; one whose vectors
    are challenged has besides what `verified.VerifiedTable` shows.

    Attributes
    ----------
    challenged : bool
        Whether vectors are checked before they count.
    odd : ndarray of bool, shape (K,)
        Workers whose copies do not count for the rest of the step.
    later : ndarray of bool, shape (f,), or False
        Files whose vectors came after the step's first challenge.
    """

    challenged = False
    odd = later = False

    def lose(self, worker):
        """Go on without what a worker still owes."""
        raise NotImplementedError

    def resolve(self, scheme, believed, samples, out, threads, clock,
                audit=None):
        """Make the mean gradient of what has come.

        Parameters
        ----------
        scheme : Scheme
        believed : ndarray of bool, shape (K,)
            Workers that no proof stands against.
        samples : ndarray of int, shape (f,)
        out : ndarray of float32, shape (d,)
        threads : int
        clock : callable
            Seconds.
        audit : callable, optional
            Given a file, its gradient as the server computes it, float32
            (d,).

        Returns
        -------
        Resolution
        """
        raise NotImplementedError

    def release(self):
        """Give every buffer back; the values must not be used any more."""
        raise NotImplementedError
