"""Published figures beside ours: attacks, partial stragglers, both at once.

Each experiment is started from the root of the repository, as
`python -m experiments.attacks.table`.
"""

import os

# Before numpy loads its BLAS: the number of threads decides the bits.
os.environ['OMP_NUM_THREADS'] = '1'
