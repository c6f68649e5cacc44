"""A learning rate that rises and then falls, once in a run."""

from math import cos, pi
from typing import Literal

from aspis_mpi.learning.schedule import Schedule


class OneCycle(Schedule):
    """One cycle: rise from `lr` / div_factor to `lr`, then fall to almost 0.

    The rate of `torch.optim.lr_scheduler.OneCycleLR` with `max_lr` = `lr`
    and as many steps as the run has.  Momentum is not cycled.

    Parameters
    ----------
    steps : int
        Steps of the run.
    pct_start : float
        Share of the steps in which the rate rises; above 0, below 1.
    anneal_strategy : str
        Along half a cosine, `cos`, or a line, `linear`.
    div_factor : float
        The first rate is `lr` over it; at least 1.
    final_div_factor : float
        The last rate is the first one over it; at least 1.
    three_phase : bool
        Fall as fast as the rate rose, to the first rate, and then on.

    References
    ----------
    Smith, Topin, arXiv 1708.07120.
    """

    name = 'one-cycle'

    def __init__(self, steps, *, pct_start: float = 0.3,
                 anneal_strategy: Literal['cos', 'linear'] = 'cos',
                 div_factor: float = 25.0, final_div_factor: float = 1e4,
                 three_phase: bool = False):
        super().__init__(steps)
        most = 0.5 if three_phase else 1
        if not 0 < pct_start < most:
            raise ValueError(f'pct_start {pct_start} must be above 0 and '
                             f'below {most}')
        if anneal_strategy not in ('cos', 'linear'):
            raise ValueError(f'anneal_strategy {anneal_strategy} must be cos '
                             'or linear')
        for key, value in {'div_factor': div_factor,
                           'final_div_factor': final_div_factor}.items():
            if not 1 <= value < float('inf'):
                raise ValueError(f'{key} {value} must be at least 1 and '
                                 'finite')
        self.anneal_strategy = anneal_strategy
        first = 1 / div_factor
        last, top = first / final_div_factor, pct_start * steps - 1
        # Where a phase ends, and the factor there.
        self._phases = [(0.0, first), (top, 1.0)]
        if three_phase:
            self._phases.append((2 * top, first))
        self._phases.append((steps - 1, last))

    def factor(self, step):
        begin, before = self._phases[0]
        for end, after in self._phases[1:]:
            if step <= end:
                # A phase that begins where it ends is over.
                done = (step - begin) / (end - begin) if end > begin else 1.0
                return self._between(before, after, done)
            begin, before = max(begin, end), after
        return after

    def _between(self, before, after, done):
        if self.anneal_strategy == 'linear':
            return before + (after - before) * done
        return after + (before - after) / 2 * (cos(pi * done) + 1)
