"""The forecast of reactive redundancy: its price, and what liars get in.

In a step that is looked at each of the files is computed by q + 1 workers
where they agree, and by up to 2q + 1 where they do not; in another step by
one.  Whoever lies in a step that is looked at is exposed in it, so that a
lie is used with probability 1 - rate, and the first that is not is the last.
"""

from dataclasses import dataclass

from aspis_mpi.checks import check_share
from aspis_mpi.words import counted


@dataclass(frozen=True)
class Copies:
    """Numbers of a job with reactive redundancy.

    Parameters
    ----------
    adversaries : int
        q, at least 1.
    rate : float
        Share of the steps that are looked at, above 0.
    """

    adversaries: int
    rate: float

    def __post_init__(self) -> None:
        check_share('rate', self.rate)
        if not self.rate:
            raise ValueError('rate 0 must be above 0')

    @property
    def expected(self) -> float:
        """Workers that compute a file, the mean while nobody lies.

        >>> Copies(2, 1.0).expected, Copies(2, 0.1).expected
        (3.0, 1.2)
        """
        return 1 + self.rate * self.adversaries

    @property
    def efficiency(self) -> float:
        """Gradients that are used over those computed, at least.

        That is 1 - 2 rate q / (2q + 1), the mean over steps in which all
        files of a step that is looked at have 2q + 1 copies.

        >>> Copies(1, 0.3).efficiency
        0.8
        """
        doubled = 2 * self.adversaries
        return 1 - self.rate * doubled / (doubled + 1)

    @property
    def wrong_steps(self) -> float:
        """Steps in which a liar gets in before it is exposed, on average.

        However it spaces its lies, the mean of a geometric distribution:
        (1 - rate) / rate.

        >>> Copies(2, 0.25).wrong_steps, Copies(2, 1.0).wrong_steps
        (3.0, 0.0)
        """
        return (1 - self.rate) / self.rate

    def described(self) -> list[str]:
        """Sentences of `plan`, for a person."""
        q = self.adversaries
        which = ('Every step is looked at' if self.rate == 1 else
                 f'A step is looked at with probability {self.rate:g}')
        others = counted(q, 'other worker computes', 'other workers compute')
        lines = [
            f'{which}: {others} what each has sent, and further ones where '
            f'somebody differs, up to {2 * q + 1} in all. Without lies each '
            f'file is computed {self.expected:g} times on average; at worst '
            f'{100 * self.efficiency:.3g} % of all gradients are used.']
        if self.rate == 1:
            return [*lines, 'Who lies is exposed in the same step, and q '
                    'falls.']
        return [*lines, 'Who lies in a step that is looked at is exposed in '
                f'it; until then a liar gets into {self.wrong_steps:.3g} '
                'steps on average, and what it has got in stays.']
