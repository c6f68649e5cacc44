"""The same learning rate throughout."""

from aspis_mpi.learning.schedule import Schedule


class Constant(Schedule):
    """The same learning rate in every step."""

    name = 'constant'

    def factor(self, step):
        return 1.0
