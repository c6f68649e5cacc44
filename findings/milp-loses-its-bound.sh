#!/usr/bin/env bash
# scipy.optimize.milp withholds what HiGHS has proven where it has no solution.
#
# scipy 1.17.1 (HiGHS 1.12), numpy 2.4.6, Python 3.11: a programme that stops
# at its limit (of nodes here, so that nothing depends on time; the limit of
# time does the same) without a feasible point answers mip_dual_bound None.
# HiGHS itself prints the bound.  With one more binary that switches the
# constraints off, for a price that no solution has, zeros are feasible, and
# the bound comes back.  Seen:
#
#     HiGHS: Dual bound -1213
#     scipy: status 4, x is None, mip_dual_bound None
#     with a way out: x is zeros, mip_dual_bound -1215.0 (or 0.0: solved)
#
# Ends with 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -qq scipy==1.17.1 \
    numpy==2.4.6 2> /dev/null
cat > "$folder/programme.py" <<'PY'
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

rng = np.random.default_rng(1)
rows = rng.integers(0, 100, (4, 30)).astype(float)      # a market split
half = rows.sum(axis=1) // 2
cost = -rng.integers(1, 100, 30).astype(float)
options = {'node_limit': 1, 'disp': True}

bare = milp(cost, integrality=1, bounds=Bounds(0, 1), options=options,
            constraints=LinearConstraint(rows, half, half))
print('bare', bare.status, bare.x is None, bare.mip_dual_bound)

# rows x - half z = 0 and x <= z: for z = 1 as above, for z = 0 nothing.
wide = np.hstack([rows, -half[:, None]])
under = np.hstack([np.eye(30), -np.ones((30, 1))])
out = milp(np.append(cost, 0.0), integrality=1, bounds=Bounds(0, 1),
           options=options, constraints=[LinearConstraint(wide, 0, 0),
                                         LinearConstraint(under, -1, 0)])
print('out', out.status, out.x is None, out.mip_dual_bound)
PY
said=$("$folder/env/bin/python" "$folder/programme.py")
grep -E 'Dual bound|^bare|^out' <<< "$said"
grep -q '^bare 4 True None$' <<< "$said"
grep -qE '^  Dual bound +-[0-9]+' <<< "$said"
grep -qE '^out [0-9] False -?[0-9.]+$' <<< "$said"
