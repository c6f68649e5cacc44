"""Demands of a run on its server, whatever the scheme."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """The length of a run, and the faults that it puts up with on the way.

    Attributes
    ----------
    steps : int
        How many to take.
    silence : float
        Seconds after which a worker that owes something is given up.
    approximate : bool
        Whether a step goes on without the files that no living worker can
        finish; else the run ends.
    tolerate : int
        Workers that may be lost for good; one more ends the run.
    q : int
        Workers that may say anything, also that they were asked to end.
    threads : int
        For the aggregation.
    arrivals : bool
        Whether every arrival is noted for the run log.
    checkpoint_every : int
        Steps between two snapshots; 0 leaves one only where the run ends.
    grace : float
        Seconds that a worker may take for an answer, however fast others
        are.
    presses : bool
        Whether late workers are not waited for; else only silent ones.
    """

    steps: int
    silence: float = 60.0
    approximate: bool = False
    tolerate: int = 0
    q: int = 0
    threads: int = 1
    arrivals: bool = False
    checkpoint_every: int = 0
    grace: float = 0.05
    presses: bool = False

    def is_checkpoint(self, done):
        """Tell whether a snapshot is due after `done` steps."""
        every = self.checkpoint_every
        return done == self.steps or bool(every) and done % every == 0
