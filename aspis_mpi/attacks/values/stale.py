"""Honest work on parameters of long ago."""

from collections import deque

from aspis_mpi.arrays import line_copy
from aspis_mpi.attacks.misled import Misled

#: Steps that are remembered at most: each of them costs a vector.
MOST = 1000


class Stale(Misled):
    """The gradient of the file at the parameters of `age` steps ago.

    What a worker sends that does not keep up.  A step that is done again
    counts as another one, and before there are so many, the oldest
    parameters count that the worker has seen since the run began or went
    on.

    Parameters
    ----------
    seed
        See `Value`.
    age : int
        From 1 to 1,000; every worker keeps so many vectors of parameters.

    Notes
    -----
    Liars agree as long as all of them have work: who had none for some
    steps has not seen their parameters, and takes older ones.
    """

    name = 'stale'

    def __init__(self, seed, *, age: int = 10):
        super().__init__(seed)
        if not 1 <= age <= MOST:
            raise ValueError(f'age {age} must be between 1 and {MOST}')
        self.age = age
        # Turns and their parameters, the oldest first.
        self._seen = deque()

    def see(self, turn, parameters):
        """Keep the parameters of a turn, and none that are too old."""
        seen = self._seen
        if seen and seen[-1][0] >= turn:
            return
        # The second has come of age: nobody will ask for the first.
        while len(seen) > 1 and seen[1][0] <= turn - self.age:
            seen.popleft()
        seen.append((turn, line_copy(parameters)))

    def parameters(self, turn, parameters):
        """The newest that are old enough; the oldest where none are."""
        chosen = self._seen[0][1] if self._seen else parameters
        for seen, older in self._seen:
            if seen <= turn - self.age:
                chosen = older
        return chosen
