"""How long liars get through spot checks, beside what is promised.

    python tests/bench/spot_liars.py [RUNS [ATTACK ...]]

K = 15 workers with 10 files each, half of the steps are checked; simulated,
with draws that can be repeated.  Liars are wrong on `all` files, on `one` of
their ten (the first, or drawn in each step), or load the whole error of a sum
onto the sketch of one file (`load-one`); they collude: whoever checks another
one bears it out.  They lie in every step after the first ones, or in half of
them.  For each: mean wrong payloads of a liar until it is exposed, the one
that exposes it included, its standard error, the bound c / (w rate kappa);
payloads that were wrong and used, a liar, and the bound c / (rate kappa);
honest workers exposed.  Exit code 1 where a figure is above its bound.
"""

import sys

import numpy as np

from tests.support.spot_cells import ATTACKS, Cell


def main(runs='300', *attacks):
    """Print the table; whether a figure is above its bound."""
    print('attack, share of steps, q; wrong payloads until exposed, standard '
          'error, bound; wrong and used, bound; honest workers exposed')
    right = True
    for attack in attacks or ATTACKS:
        for share in 1.0, 0.5:
            for q in 1, 3, 7:
                cell = Cell(attack, q, share, int(runs))
                right &= cell.right
                print(f'{attack:10} {share:4} {q:2} '
                      f'{np.mean(cell.until):7.2f} {cell.error:5.2f} '
                      f'{cell.most:6.2f} {np.mean(cell.used):7.2f} '
                      f'{cell.used_most:6.2f} {cell.accused:3}'
                      + ('' if cell.right else '  NOT as promised'),
                      flush=True)
    return not right


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
